"""Shapes of clusters: what they are drawn from, and that Y500 is what it is to be."""

import numpy as np
import pytest
from scipy.integrate import quad

from szmass_cli.config import ClusterConfig, EllipticalShape, SecondPeak
from szmass_cli.physics.gnfw import PROFILES
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.sky.clusters import draw_amplitudes
from szmass_cli.sky.clustershapes import draw_shapes, peaks_of, second_share
from szmass_cli.sky.mergers import draw_second_peaks
from szmass_cli.sky.shapes import draw_ellipsoid, project

MODEL = SzModel(relativistic=False)
EVERYTHING = ClusterConfig(
    profiles={"a10": 0.4, "cool_core": 0.2, "disturbed": 0.2, "battaglia2012": 0.2},
    outer_slope_scatter=0.5,
    concentration_amplitude_correlation=0.4,
    outer_slope_amplitude_correlation=-0.6,
    second_peak={"fraction": 0.3},
    shape={"kind": "elliptical"},
)


def drawn(config, n=20_000, seed=1):
    rng = np.random.default_rng(seed)
    mass, z = np.exp(rng.uniform(np.log(1e14), np.log(2e15), n)), rng.uniform(0.1, 1.5, n)
    scales = cluster_scales(mass, z, MODEL)
    ln_amplitude = np.log(draw_amplitudes(config.sz_scatter_ln, rng, n))
    return mass, z, scales, ln_amplitude, draw_shapes(config, mass, z, ln_amplitude, scales, MODEL, rng)


def y500_arcmin2(peaks, index, stretch_of_mean):
    """4 pi y theta^2 int_0^(1 / q) p(x) x^2 dx, q the stretch: the sphere of R500."""
    profile = list(PROFILES.values())[peaks.ellipses.profile[index]].gnfw
    beta = peaks.ellipses.outer_slope[index]

    def pressure(x):
        u = profile.c500 * x
        bend = (1 + u**profile.alpha) ** ((profile.gamma - beta) / profile.alpha)
        return profile.p0 * u**-profile.gamma * bend

    within = quad(lambda x: pressure(x) * x**2, 0, 1 / stretch_of_mean, limit=200)[0]
    return 4 * np.pi * peaks.y_scale[index] * peaks.ellipses.size_arcmin[index] ** 2 * within


def test_all_profiles_have_the_y500_of_the_universal_one():
    """Whatever stretch and slope: by adaptive quadrature over each cluster's own pressure."""
    config = EVERYTHING.model_copy(update={"second_peak": SecondPeak()})
    mass, z, scales, _, shapes = drawn(config, 40)
    main, second, _ = peaks_of(shapes, mass, z, scales, MODEL)
    assert len(second) == 0 and set(shapes.profile) == {0, 1, 2, 3}
    stretch = main.ellipses.size_arcmin * np.sqrt(shapes.elongation) / scales.theta500_arcmin
    got = np.array([y500_arcmin2(main, index, stretch[index]) for index in range(40)])
    # the ellipse's area and its depth leave y_scale size^2 as it is
    np.testing.assert_allclose(got, scales.y500_arcmin2, rtol=2e-4)


def test_shapes_scatter_and_go_with_the_amplitude_as_told():
    _, _, _, ln_amplitude, shapes = drawn(EVERYTHING)
    assert ln_amplitude.std() == pytest.approx(0.2, rel=0.02)  # all of the scatter of Y500
    assert np.log(shapes.stretch).std() == pytest.approx(0.2, rel=0.02)
    assert np.corrcoef(-np.log(shapes.stretch), ln_amplitude)[0, 1] == pytest.approx(0.4, abs=0.03)
    universal = shapes.profile == 0
    slope = shapes.outer_slope[universal]
    assert slope.mean() == pytest.approx(5.4905, abs=0.02) and slope.std() == pytest.approx(0.5, rel=0.04)
    assert np.corrcoef(slope, ln_amplitude[universal])[0, 1] == pytest.approx(-0.6, abs=0.04)
    shares = np.bincount(shapes.profile, minlength=4) / len(shapes.profile)
    np.testing.assert_allclose(shares, [0.4, 0.2, 0.2, 0.2], atol=0.015)


def test_nothing_switched_on_leaves_round_universal_clusters():
    _, _, _, _, shapes = drawn(ClusterConfig(concentration_scatter_ln=0.0), 50)
    for values, plain in (
        (shapes.profile, 0),
        (shapes.stretch, 1.0),
        (shapes.outer_slope, 5.4905),
        (shapes.axis_ratio, 1.0),
        (shapes.elongation, 1.0),
        (shapes.second_mass_ratio, 0.0),
    ):
        np.testing.assert_array_equal(values, plain)


def test_mass_ratios_are_those_of_mergers():
    """Fakhouri et al. (2010), eq. 1: fractions between ratios by adaptive quadrature."""

    def rate(xi):
        return xi**-1.995 * np.exp((xi / 9.72e-3) ** 0.263)

    second = draw_second_peaks(SecondPeak(fraction=0.3, min_mass_ratio=0.1), np.random.default_rng(2), 40_000)
    there = second.mass_ratio > 0
    assert there.mean() == pytest.approx(0.3, abs=0.01)
    expected = quad(rate, 0.1, 0.3)[0] / quad(rate, 0.1, 1.0)[0]
    assert np.mean(second.mass_ratio[there] < 0.3) == pytest.approx(expected, abs=0.015)
    assert second.mass_ratio[there].min() >= 0.1 and second.mass_ratio.max() <= 1.0


def test_second_peaks_lie_at_all_distances_from_all_directions():
    second = draw_second_peaks(
        SecondPeak(fraction=1.0, max_distance_r500=1.5), np.random.default_rng(3), 20_000
    )
    distance = np.hypot(*second.offset_r500.T)
    # the mean of r sin(i): half the largest, times pi / 4
    assert distance.mean() == pytest.approx(1.5 / 2 * np.pi / 4, rel=0.02) and distance.max() <= 1.5
    np.testing.assert_allclose(second.offset_r500.mean(axis=0), 0.0, atol=0.02)


def test_two_peaks_share_the_signal_of_one_cluster():
    config = ClusterConfig(second_peak={"fraction": 1.0}, concentration_scatter_ln=0.0)
    mass, z, scales, _, shapes = drawn(config, 30)
    main, second, whose = peaks_of(shapes, mass, z, scales, MODEL)
    np.testing.assert_array_equal(whose, np.arange(30))
    total = (peaks.y_scale * peaks.ellipses.size_arcmin**2 for peaks in (main, second))
    np.testing.assert_allclose(sum(total), scales.y_scale * scales.theta500_arcmin**2, rtol=1e-9)
    ratio = shapes.second_mass_ratio
    np.testing.assert_allclose(
        (second.ellipses.size_arcmin / main.ellipses.size_arcmin) ** 3, ratio, rtol=1e-9
    )
    share = second_share(ratio, MODEL.slope)
    np.testing.assert_allclose(share / (1 - share), ratio**MODEL.slope, rtol=1e-9)


def test_projections_of_many_are_those_of_each():
    """Axis ratio, depth and direction, by the eigenvectors of each projected metric."""
    rng = np.random.default_rng(5)
    shapes = [draw_ellipsoid(rng, 3.0, 0.9) for _ in range(20)]
    seen = project(np.array([one.axes for one in shapes]), np.array([one.rotation for one in shapes]))
    for index, shape in enumerate(shapes):
        metric, depth = shape.projection()
        values, vectors = np.linalg.eigh(metric)
        assert seen.elongation[index] == pytest.approx(depth)
        assert seen.axis_ratio[index] == pytest.approx(np.sqrt(values[0] / values[1]))
        west, north = vectors[:, 0]
        expected = np.degrees(np.arctan2(-west, north)) % 180.0
        apart = (np.degrees(seen.position_angle_rad[index]) - expected + 90.0) % 180.0 - 90.0
        assert apart == pytest.approx(0.0, abs=1e-6)


def test_gas_is_rounder_than_its_halo_and_points_anywhere():
    """Halos of Bonamigo et al. (2015) and Jing & Suto (2002) in projection; gas follows the potential."""
    gas, halo = (
        drawn(ClusterConfig(shape=EllipticalShape(gas_eccentricity_ratio=ratio)), 5000)[-1]
        for ratio in (0.7, 1.0)
    )
    assert 0.6 < halo.axis_ratio.mean() < gas.axis_ratio.mean() - 0.1 < 0.8
    assert np.log(gas.elongation).mean() == pytest.approx(0.0, abs=0.02)
    twice = np.radians(2 * gas.position_angle_deg)
    assert np.hypot(np.cos(twice).mean(), np.sin(twice).mean()) < 0.05
