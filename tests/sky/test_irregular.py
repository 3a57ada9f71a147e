"""Irregular clusters as a whole: round ones are their limit, Y(M) is kept, seeds and scatter as stated."""

import dataclasses
import math

import numpy as np
import pytest

from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.sky.irregular import IrregularClusters, IrregularSettings, draw_irregular_population
from szmass_cli.sky.ygrid import YGrid
from szmass_cli.sky.ystamps import beamed_stamps

ROUND = IrregularSettings(
    gas_eccentricity_ratio=0.0, fluctuation_rms=0.0, halo_min_m200c_msun=math.inf, scatter_ln=0.0
)
TRIAXIAL = dataclasses.replace(ROUND, gas_eccentricity_ratio=0.7)
SMOOTH = dataclasses.replace(IrregularSettings(), fluctuation_rms=0.0)


def rng(seed):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def full():
    """Every ingredient, as by default."""
    pytest.importorskip("pitszi", reason="the optional extra [irregular] is not installed")
    return IrregularClusters(IrregularSettings())


@pytest.mark.parametrize("fwhm", [0.9, 1.0, 2.2])
@pytest.mark.parametrize(("m200c", "redshift"), [(2e14, 0.73), (5e14, 0.7), (1e15, 0.25)])
def test_with_everything_off_stamps_are_the_analytic_profile(fwhm, m200c, redshift):
    cluster = IrregularClusters(ROUND).draw(m200c, redshift, rng(1))
    got = beamed_stamps(cluster.y[None], 0.125, Beam(fwhm))[0]
    scales = cluster_scales(m200c, redshift)
    expected = scales.y_scale * BeamedProfile(Beam(fwhm))(scales.theta500_arcmin, pixel_radii_arcmin())
    bright = expected > 0.01 * expected.max()
    if redshift < 0.5:  # 5 R500 are beyond the map, and the widest beam brings some of it to the stamp's rim
        bright &= pixel_radii_arcmin() < 4.5
    np.testing.assert_allclose(got[bright], expected[bright], rtol=0.002)
    assert cluster.amplitude == 1.0
    np.testing.assert_array_equal(cluster.y, cluster.own_y)


def test_design_table_is_met():
    """-122.4, -94.9, -50.7 µK at 0, 0.5, 1 arcmin for 5e14 Msun at z = 0.7 behind 1 arcmin (design, 3)."""
    stamp = beamed_stamps(IrregularClusters(ROUND).draw(5e14, 0.7, rng(1)).y[None], 0.125, Beam(1.0))[0]
    near = pixel_radii_arcmin() < 2.6
    squared = pixel_radii_arcmin()[near] ** 2
    fit = np.polynomial.Polynomial.fit(squared, -2.598e6 * stamp[near], 9)
    assert [fit(x) for x in (0.0, 0.25, 1.0)] == pytest.approx([-122.4, -94.9, -50.7], rel=0.005)


@pytest.mark.parametrize("seed", range(5))
def test_the_integrated_y_of_a_triaxial_cluster_is_that_of_the_round_one(seed):
    grid = YGrid(192, 0.125)  # 24 arcmin hold 5 R500 and the longest axis
    y = IrregularClusters(TRIAXIAL, grid=grid).draw(3e14, 0.7, rng(seed)).y
    sphere = IrregularClusters(ROUND, grid=grid).draw(3e14, 0.7, rng(seed)).y
    assert y.sum() == pytest.approx(sphere.sum(), rel=2e-3)
    assert np.abs(y - sphere).max() > 0.02 * sphere.max()


def test_fluctuations_keep_the_mean_of_y():
    pytest.importorskip("pitszi", reason="the optional extra [irregular] is not installed")
    maker = IrregularClusters(dataclasses.replace(ROUND, fluctuation_rms=0.2))
    sphere = IrregularClusters(ROUND).draw(5e14, 0.7, rng(0)).y.sum()
    ratio = np.array([maker.draw(5e14, 0.7, rng(seed)).y.sum() / sphere for seed in range(40)])
    assert 0.001 < ratio.std() < 0.05
    assert ratio.mean() == pytest.approx(1.0, abs=3.5 * ratio.std() / np.sqrt(40))


def test_a_cluster_is_a_function_of_the_generator_alone(full):
    first = full.draw(4e14, 0.7, rng(3))
    full.draw(2e14, 0.3, rng(4))
    np.random.seed(1)  # noqa: NPY002
    again = full.draw(4e14, 0.7, rng(3))
    anew = IrregularClusters(IrregularSettings()).draw(4e14, 0.7, rng(3))
    assert first.y.tobytes() == again.y.tobytes() == anew.y.tobytes()
    assert not np.any(first.y == full.draw(4e14, 0.7, rng(5)).y)


def test_drawing_leaves_the_global_generator_alone(full):
    np.random.seed(8)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(8)  # noqa: NPY002
    full.draw(4e14, 0.7, rng(3))
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002


def test_halos_may_be_so_rare_that_there_are_none():
    maker = IrregularClusters(dataclasses.replace(ROUND, halo_min_m200c_msun=4e15))
    cluster = maker.draw(4e14, 0.7, rng(3))
    np.testing.assert_array_equal(cluster.y, cluster.own_y)


def test_a_generator_goes_on_to_another_cluster(full):
    one = rng(3)
    first, second = full.draw(4e14, 0.7, one), full.draw(4e14, 0.7, one)
    assert first.amplitude != second.amplitude and not np.any(first.y == second.y)


def test_switching_one_ingredient_off_leaves_the_others_as_they_were(full):
    whole = full.draw(4e14, 0.7, rng(6))
    smooth = IrregularClusters(SMOOTH).draw(4e14, 0.7, rng(6))
    assert smooth.amplitude == whole.amplitude
    np.testing.assert_array_equal(smooth.shape.metric, whole.shape.metric)
    np.testing.assert_allclose(smooth.y - smooth.own_y, whole.y - whole.own_y, atol=1e-18)
    alone = IrregularClusters(dataclasses.replace(SMOOTH, halo_min_m200c_msun=math.inf)).draw(
        4e14, 0.7, rng(6)
    )
    np.testing.assert_array_equal(alone.y, smooth.own_y)
    unscattered = IrregularClusters(dataclasses.replace(SMOOTH, scatter_ln=0.0)).draw(4e14, 0.7, rng(6))
    np.testing.assert_allclose(unscattered.own_y * smooth.amplitude, smooth.own_y)


def test_the_population_is_that_of_the_paper():
    mass, redshift = draw_irregular_population(4001, rng(1))
    assert sorted(set(redshift)) == [0.67, 0.73]
    assert abs(np.sum(redshift == 0.67) - 2000.5) == 0.5
    assert mass.min() >= 2e14 and mass.max() <= 7e14
    assert mass.mean() == pytest.approx(4.5e14, abs=3.5 * 5e14 / np.sqrt(12 * 4001))
    assert abs(np.corrcoef(mass, redshift)[0, 1]) < 0.06
    assert np.any(redshift[:10] != redshift[0])


def own_y500_over_mean(maker, n):
    """ln of the y within a projected R500, the clusters' own, over that of a round one of the same mass."""
    mass, redshift = draw_irregular_population(n, rng(2))
    sphere = IrregularClusters(ROUND)
    offsets = maker.grid.offsets()
    ratio = np.empty(n)
    for i in range(n):
        size = cluster_scales(mass[i], redshift[i]).theta500_arcmin
        inside = np.hypot(offsets[:, None], offsets) < size
        own = maker.draw(mass[i], redshift[i], rng(100 + i)).own_y
        ratio[i] = own[inside].sum() / sphere.draw(mass[i], redshift[i], rng(0)).y[inside].sum()
    return np.log(ratio)


def test_shapes_scatter_y_by_a_little():
    """2 per cent from their orientation; the mean within a projected R500 stays within 1 per cent."""
    ln_ratio = own_y500_over_mean(IrregularClusters(TRIAXIAL), 300)
    assert 0.012 < ln_ratio.std() < 0.03
    assert abs(ln_ratio.mean()) < 0.01


@pytest.mark.slow
def test_the_scatter_of_y_is_sixteen_per_cent_and_what_shapes_add(full):
    """Gupta & Reichardt (2020): 0.16 in Y500c - M500c of the light cones."""
    ln_ratio = own_y500_over_mean(full, 400)
    expected = np.sqrt(0.16**2 + 0.02**2 + 0.008**2)
    assert ln_ratio.std() == pytest.approx(expected, abs=3.5 * expected / np.sqrt(800))
    assert ln_ratio.mean() == pytest.approx(0.0, abs=3.5 * expected / np.sqrt(400) + 0.01)
