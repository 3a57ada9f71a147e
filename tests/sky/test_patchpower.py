"""Power of patches under their window, and noise from measured power, against skies of known power."""

import numpy as np
import pytest
from mocknoise import ARCMIN, drawn, plane

from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.planenoise import PlaneNoise
from szmass_cli.physics.transfers import PlaneTransfer
from szmass_cli.sky.lags import red_noise_lags_uk2
from szmass_cli.sky.noisefit import BinnedPower, NoiseShape, fitted_noise
from szmass_cli.sky.patchpower import PlaneModes, apodised, broad_window, discs
from szmass_cli.sky.planeratio import PlaneModel, PlaneRatio, measured_noise_plane, plane_nodes
from szmass_cli.sky.power import SkyPower, tabulated_ell

N = 120
WHITE = np.array([(10.0 * ARCMIN) ** 2])


def knee_power(ell_x, ell_y, stripes=0.0):
    """10 µK-arcmin, knee at 3000, slope -3; stripes have more of it along declination."""
    ell, angle = np.hypot(ell_x, ell_y), np.arctan2(ell_y, ell_x)
    rise = (np.maximum(ell, 100.0) / 3000.0) ** -3.0 * (1.0 - stripes * np.cos(2.0 * angle))
    return WHITE[0] * (1.0 + rise)


@pytest.mark.parametrize(("holes", "tolerance"), [([], 0.03), ([-20.0, -5.0, 5.0, 12.0], 0.05)])
def test_the_expectation_under_a_window_is_the_mean_over_skies(holes, tolerance):
    """Holes in the window, which would spread the power of long waves, hardly matter."""
    modes = PlaneModes(N, 0.5, (600.0, 12_000.0))
    bad = discs(holes, holes, (np.arange(N) - 59.5) * 0.5, 4.0)
    window, broad = apodised(bad, 0.5, 3.0), broad_window(bad, 0.5)
    assert window[bad].max(initial=0.0) == 0.0 and window.max() > 0.9
    lags = modes.lags(knee_power(*np.broadcast_arrays(*modes.box()), 0.8)[None, None])
    expected = modes.expected(lags, window, broad)[:, 0, 0]
    rng, power = np.random.default_rng(1), knee_power(*plane(2 * N), 0.8)
    found = np.zeros(expected.size)
    for _ in range(60):
        sky = drawn(power, rng)
        for patch in (sky[:N, :N], sky[N:, N:]):
            found += np.abs(modes.transform(patch[None], window, broad)[:, 0]) ** 2 / 120
    for across in (np.abs(modes.ell_x) < 400.0, np.abs(modes.ell_y) < 400.0):
        ratio = (found / expected)[across & (modes.ell > 1000.0)]
        assert ratio.mean() == pytest.approx(1.0, abs=tolerance)


def test_noise_with_stripes_is_found_by_a_model_without_them():
    """To 15 per cent along both axes, where a patch of 1 degree tells directions; the model has none."""
    modes = PlaneModes(N, 0.5, (600.0, 12_000.0))
    window = apodised(np.zeros((N, N), bool), 0.5, 3.0)
    ratio = PlaneRatio(modes.ell_x, modes.ell_y, 1)
    model = PlaneModel(
        lambda x, y: np.zeros((1, 1, *np.shape(x))),
        lambda ell: knee_power(ell, 0.0)[None, None],
        WHITE,
        (None,),
    )
    lags = modes.lags(model.filtered_noise(*np.broadcast_arrays(*modes.box())))
    expected = modes.expected(lags, window, window)
    none, white = np.zeros_like(expected), np.full((modes.where.size, 1), WHITE[0])
    rng, power = np.random.default_rng(2), knee_power(*plane(N), 0.8)
    for _ in range(60):
        ratio.add(modes.transform(drawn(power, rng)[None], window, window), none, expected, white)
    noise = measured_noise_plane(ratio, model, 15_000.0)
    assert noise.mirror_symmetric
    for ell in (3000.0, 5000.0):
        for x, y in ((ell, 0.0), (0.0, ell), (-ell, 0.0)):
            assert noise.total_uk2_sr(x, y)[0, 0] == pytest.approx(knee_power(x, y, 0.8), rel=0.15)
    assert noise.total_uk2_sr(0.0, 1500.0)[0, 0] > 2.0 * noise.total_uk2_sr(1500.0, 0.0)[0, 0]


def test_stripes_at_an_angle_are_not_taken_to_be_mirrored():
    modes = PlaneModes(N, 0.5, (600.0, 12_000.0))
    window = apodised(np.zeros((N, N), bool), 0.5, 3.0)
    expected = np.ones((modes.where.size, 1, 1))
    turned = np.arctan2(modes.ell_y, modes.ell_x) - np.radians(45.0)
    rng = np.random.default_rng(3)
    verdicts = []
    for strength in (0.0, 0.8):
        ratio = PlaneRatio(modes.ell_x, modes.ell_y, 1)
        # white modes, which the window makes as alike as those of a map
        for _ in range(30):
            white = modes.transform(drawn(np.ones((N, N)), rng)[None], window, window)
            striped = white * np.sqrt(1.0 + strength * np.cos(2.0 * turned))[:, None]
            ratio.add(striped, 0.0 * expected, expected, expected[..., 0])
        verdicts.append(ratio.is_mirrored())
    assert verdicts == [True, False]


def test_a_fit_finds_the_noise_that_the_power_was_drawn_from():
    """Three bands below a CMB a hundred times stronger, which they share."""
    truth = NoiseShape(
        np.array([6.0, 8.0, 20.0]), np.array([1500.0, 2500.0, 3500.0]), np.array([-3.5, -3.0, -4.0]), 0.7
    )
    ell = np.geomspace(400.0, 12_000.0, 30)
    cmb = 3e-3 * (ell / 500.0) ** -4
    sky = np.ones((3, 3, 1)) * cmb
    expected = np.moveaxis(sky + truth.power_uk2_sr(ell), -1, 0)
    rng, n_modes = np.random.default_rng(4), np.full(30, 400.0)
    lower = np.linalg.cholesky(expected)
    drawn_modes = rng.standard_normal((800, 30, 3)) @ np.eye(3)
    modes = np.einsum("bij,nbj->nbi", lower, drawn_modes)
    measured = np.einsum("nbi,nbj->bij", modes, modes) / 800
    sky = np.moveaxis(sky, -1, 0)[None]
    power = BinnedPower(ell, n_modes, measured[None], sky, np.zeros_like(sky), np.ones((1, 3)))
    found = fitted_noise(power).shape
    np.testing.assert_allclose(found.white_uk_arcmin, truth.white_uk_arcmin, rtol=0.03)
    np.testing.assert_allclose(found.ell_knee, truth.ell_knee, rtol=0.1)
    np.testing.assert_allclose(found.slope, truth.slope, atol=0.4)
    assert found.correlation == pytest.approx(0.7, abs=0.08)
    assert not any(found.at_an_end())


def test_noise_of_a_plane_has_the_covariance_of_the_same_noise_in_rings():
    """Lags by integrals over the plane against the sum over multipoles of noise that has no direction."""
    knee = KneeNoise(10.0, 3000.0, -3.0)
    nodes = plane_nodes(15_000.0)
    across = np.concatenate([-nodes[:0:-1], nodes])
    power = knee_power(*np.meshgrid(across, nodes))[None, None]
    plain = Instrument((Band(150.0, Beam(1.4), 10.0, knee),))
    measured = Instrument(
        (Band(150.0, Beam(1.4), 10.0),), plane_noise=PlaneNoise(across, nodes, power, WHITE, (None,))
    )
    ell = tabulated_ell(20_000.0)
    sky = SkyPower(ell, np.zeros((1, 1, ell.size)))
    one, other = red_noise_lags_uk2(sky, plain), red_noise_lags_uk2(sky, measured)
    # offsets of a whole cutout aside, which the longest waves make
    one, other = (lags[0, 0] - lags[0, 0, 0, 0] for lags in (one, other))
    np.testing.assert_allclose(other[39, 39:], one[39, 39:], atol=0.03 * one[39, 39])


def test_noise_of_some_bands_and_behind_a_filter():
    """Filters act on large scales, and are the same for a mode and its opposite."""
    ell = np.array([-20_000.0, -310.0, -290.0, 290.0, 310.0, 20_000.0])
    step = PlaneTransfer(ell, ell, np.tile([1.0, 1.0, 0.0, 0.0, 1.0, 1.0], (6, 1)))
    nodes = np.array([0.0, 15_000.0])
    between = np.array([[2.0, 0.5], [0.5, 1.0]])[:, :, None, None] * np.ones((2, 3))
    noise = PlaneNoise(np.array([-15_000.0, 0.0, 15_000.0]), nodes, between, np.ones(2), (step, None))
    assert noise.total_uk2_sr(100.0, 2000.0)[0, 0] == pytest.approx(2.0 * 0.15**2)
    np.testing.assert_allclose(noise.total_uk2_sr(1000.0, -2000.0), between[..., 0, 0])
    np.testing.assert_array_equal(noise.only((1,)).total_uk2_sr(100.0, 2000.0), [[1.0]])
    assert np.all(noise.correlated_uk2_sr(20_000.0, 0.0) == 0.0)
