"""Fluctuations made by pitszi: their statistics, their seeds, and that its traps are avoided."""

import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from scipy.stats import skew

from szmass_cli.errors import SzmassError
from szmass_cli.physics.cosmology import Cosmology, m200c_from_m500c
from szmass_cli.physics.profiles import SzModel, compton_y, projected_shape
from szmass_cli.sky.fluctuations import FluctuationSpectrum, PressureFluctuations
from szmass_cli.sky.shapes import Ellipsoid, draw_ellipsoid

SPHERE = Ellipsoid(np.ones(3), np.eye(3))
SPECTRUM = FluctuationSpectrum(rms=0.2, peak_r500=0.4)


def test_without_pitszi_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pitszi", None)
    with pytest.raises(SzmassError, match="pitszi") as caught:
        PressureFluctuations(SPECTRUM, 32)
    assert "pip install 'szmass[irregular]'" in caught.value.hint


@pytest.fixture(scope="module")
def pitszi():
    return pytest.importorskip("pitszi", reason="the optional extra [irregular] is not installed")


@pytest.fixture(scope="module")
def maker(pitszi):
    return PressureFluctuations(SPECTRUM, 48)


def test_the_amplitude_is_largest_where_asked():
    cutoff = SPECTRUM.cutoff_r500
    k = np.geomspace(0.1, 30, 20_000)
    amplitude = k**3 * k**SPECTRUM.slope * np.exp(-1 / (k * cutoff) ** 2)
    assert 1 / k[np.argmax(amplitude)] == pytest.approx(0.4, rel=0.001)


def test_the_same_seed_gives_the_same_bytes_whatever_was_drawn_before(maker):
    shape = draw_ellipsoid(np.random.default_rng(1), 3.0, 0.7)
    first = maker.image(shape, 0.13, np.random.default_rng(9))
    maker.image(SPHERE, 0.2, np.random.default_rng(10))
    np.random.seed(77)  # noqa: NPY002
    again = maker.image(shape, 0.13, np.random.default_rng(9))
    other_maker = PressureFluctuations(SPECTRUM, 48).image(shape, 0.13, np.random.default_rng(9))
    assert first.tobytes() == again.tobytes() == other_maker.tobytes()
    assert not np.any(first == maker.image(shape, 0.13, np.random.default_rng(11)))


def test_the_global_generator_is_left_alone(maker):
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random(4)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    PressureFluctuations(SPECTRUM, 16).image(SPHERE, 0.3, np.random.default_rng(1))
    maker.image(SPHERE, 0.13, np.random.default_rng(1))
    np.testing.assert_array_equal(np.random.random(4), expected)  # noqa: NPY002


def cubes(maker, n, pixel_r500=0.1):
    """n cubes of dP / P."""
    maker.image(SPHERE, pixel_r500, np.random.default_rng(0))
    model = maker._model
    for seed in range(n):
        model.model_seed_fluctuation = seed
        yield model.get_pressure_cube_fluctuation()


def expected_rms(spectrum, cells, steps_r500):
    """Root of the power summed over the wave numbers of a box, the whole being rms^2."""
    cutoff = spectrum.cutoff_r500

    def power(k):
        return k**spectrum.slope * np.exp(-1 / (k * cutoff) ** 2)

    k = np.geomspace(0.01 / cutoff, 1e4 / cutoff, 200_000)
    whole = np.trapezoid(4 * np.pi * k**3 * power(k), np.log(k))
    axes = [np.fft.fftfreq(n, step) for n, step in zip(cells, steps_r500, strict=True)]
    k = np.sqrt(sum(grid**2 for grid in np.meshgrid(*axes, indexing="ij", sparse=True)))
    k[0, 0, 0] = np.inf
    volume = np.prod([n * step for n, step in zip(cells, steps_r500, strict=True)])
    return spectrum.rms * np.sqrt(np.sum(power(k)) / volume / whole)


def test_fluctuations_are_log_normal_of_mean_one_and_of_the_rms_asked_for(maker):
    cube = np.array(list(cubes(maker, 6)))
    expected = expected_rms(SPECTRUM, (72, 48, 48), (1 / 12, 0.1, 0.1))
    assert 0.6 * 0.2 < expected < 0.95 * 0.2  # cells cannot hold the smallest scales
    assert cube.std() == pytest.approx(expected, rel=0.05)
    assert cube.mean() == pytest.approx(0.0, abs=0.003)
    assert cube.min() > -1
    ln = np.log1p(cube)
    assert ln.mean() == pytest.approx(-0.5 * ln.var(), rel=0.1)
    assert abs(skew(ln.ravel())) < 0.1 < skew(cube.ravel())


def test_images_have_no_mean(maker):
    images = np.array([maker.image(SPHERE, 0.13, np.random.default_rng(seed)) for seed in range(60)])
    totals = images.sum(axis=(1, 2))
    smooth = projected_shape(np.hypot(*np.meshgrid(*2 * [(np.arange(48) - 23.5) * 0.13]))).sum()
    assert 0.001 < totals.std() / smooth < 0.05
    assert abs(totals.mean()) < 3.5 * totals.std() / np.sqrt(60)


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_pitszi_has_the_ellipsoid_that_we_project(maker, seed):
    """Where its cells resolve it, the sum of its smooth pressure is our projection: axes, scale, cells."""
    shape = SPHERE if seed is None else draw_ellipsoid(np.random.default_rng(seed), 4.0, 1.0)
    maker.image(shape, 0.1, np.random.default_rng(0))
    summed = maker._model.get_pressure_cube_profile().value.sum(axis=0) / 12
    offsets = (np.arange(48) - 23.5) * 0.1
    west, north = np.meshgrid(offsets, offsets)
    metric, depth = shape.projection()
    radius = np.sqrt(metric[0, 0] * west**2 + 2 * metric[0, 1] * west * north + metric[1, 1] * north**2)
    resolved = (radius > 0.3) & (radius < 0.8)  # further out, what lies beyond 3 R500 is missed
    np.testing.assert_allclose(summed[resolved], depth * projected_shape(radius)[resolved], rtol=0.02)


def test_pitszi_agrees_on_compton_y(pitszi):
    """Its A10UPP on cells of 25 kpc, with H0 = 70 km/s/Mpc and the gas fraction of Arnaud et al. (2010).

    With other values it departs from them: it leaves out the h70^-3/2 of P0 and follows the gas fraction.
    """
    cosmology = FlatLambdaCDM(H0=70.0, Om0=0.3, Ob0=0.175 * 0.3)
    state = np.random.get_state()  # noqa: NPY002
    model = pitszi.Model(redshift=0.7, M500=3.4e14 * u.Msun, cosmology=cosmology, silent=True)
    np.random.set_state(state)  # noqa: NPY002
    model.R_truncation = 5 * model.R500
    model.los_size, model.los_reso = 10 * model.R500, 25 * u.kpc
    model.map_reso, model.map_fov = 0.2 * u.arcmin, 6.2 * u.arcmin
    model.set_pressure_profile_universal_param("A10UPP")
    y = model.get_sz_map(no_fluctuations=True)
    n = len(y)
    # its pixels are spread from edge to edge, and its cells along the line of sight counted one apart
    theta = np.abs(np.linspace(-n * 0.1, n * 0.1, n))
    cells = model.get_3dgrid()[2]
    universe = Cosmology(h0_km_s_mpc=70.0, omega_m=0.3, omega_b=0.0525)
    ours = compton_y(m200c_from_m500c(3.4e14, 0.7, universe), 0.7, theta, SzModel(cosmology=universe))
    at = (theta > 0.5) & (theta < 2.5)
    # 2 per cent: its molecular weights are not those of Arnaud et al.
    np.testing.assert_allclose(y[n // 2][at] * cells / (cells - 1), ours[at], rtol=0.02)
