"""Ellipsoids: their projection by brute force, volume, orientations and published axis ratios."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import kstest

from szmass_cli.physics.profiles import pressure_shape, projected_shape
from szmass_cli.sky.shapes import draw_ellipsoid, draw_halo_axis_ratios, gas_axis_ratios


def ellipsoid(seed, ratio=0.7, nu=3.0):
    return draw_ellipsoid(np.random.default_rng(seed), nu, ratio)


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_volume_and_flux_are_those_of_the_sphere(seed):
    shape = ellipsoid(seed, ratio=1.0)
    assert np.prod(shape.axes) == pytest.approx(1)
    assert np.all(np.diff(shape.axes) >= 0)
    np.testing.assert_allclose(shape.rotation @ shape.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(shape.rotation) == pytest.approx(1)
    metric, depth = shape.projection()
    # the integral over the sky of depth S(sqrt(R M R)) is depth / sqrt(det M) times that of S(R)
    assert depth / np.sqrt(np.linalg.det(metric)) == pytest.approx(1)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("place", [(0.05, 0.1), (0.8, -0.5), (-2.0, 1.0)])
def test_projection_is_the_integral_along_the_line_of_sight(seed, place):
    shape = ellipsoid(seed)
    west, north = place

    def pressure(los):
        along_axes = shape.rotation @ np.array([west, north, los])
        zeta = np.linalg.norm(along_axes / shape.axes)
        return pressure_shape(zeta) if zeta < 5 else 0.0

    brute = quad(pressure, -8, 8, points=[-0.5, -0.1, 0, 0.1, 0.5], limit=2000)[0]
    metric, depth = shape.projection()
    radius = np.sqrt(np.array(place) @ metric @ np.array(place))
    assert depth * projected_shape(radius) == pytest.approx(brute, rel=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_y_within_five_r500_is_that_of_the_sphere(seed):
    """A sphere of 5 R500 cuts the tips of the ellipsoid off: under 1 per cent of Y for the gas."""
    shape = ellipsoid(seed)
    radii = np.linspace(0, 5, 4001)[1:]
    inside = np.cumsum(pressure_shape(radii - 0.5 * radii[0]) * (radii - 0.5 * radii[0]) ** 2) * radii[0]
    directions = np.random.default_rng(0).standard_normal((40_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    stretch = np.sqrt(np.einsum("ni,ij,nj->n", directions, shape.metric, directions))
    y = np.mean(np.interp(5 * np.minimum(stretch, 1.0), radii, inside) / stretch**3)
    assert y == pytest.approx(inside[-1], rel=0.01)


def test_orientations_are_isotropic():
    rng = np.random.default_rng(3)
    rotations = np.array([draw_ellipsoid(rng, 3.0, 0.7).rotation for _ in range(4000)])
    for axis in range(3):
        for direction in range(3):
            # each component of a random unit vector is uniform between -1 and 1
            assert kstest(rotations[:, axis, direction], "uniform", (-1, 2)).pvalue > 1e-3
    position_angle = np.arctan2(rotations[:, 2, 1], rotations[:, 2, 0])
    assert kstest(position_angle, "uniform", (-np.pi, 2 * np.pi)).pvalue > 1e-3


def test_minor_axes_are_those_of_bonamigo_et_al():
    """c/a nu^0.255 is log-normal: median exp(-0.49) = 0.613, 0.20 wide."""
    minor, _ = draw_halo_axis_ratios(np.random.default_rng(1), 2.5, 40_000)
    scaled = np.log(minor * 2.5**0.255)
    assert np.median(scaled) == pytest.approx(-0.49, abs=0.005)
    assert np.std(scaled) == pytest.approx(0.20, abs=0.005)


def test_intermediate_axes_are_those_of_jing_and_suto():
    """Eq. 19, given c/a: p(c/b) = 3 / (2 (1 - m)) (1 - ((2 c/b - 1 - m) / (1 - m))^2), m = max(c/a, 0.5)."""
    minor, intermediate = draw_halo_axis_ratios(np.random.default_rng(1), 3.0, 40_000)
    assert np.all((minor <= intermediate) & (intermediate <= 1))
    lowest = np.maximum(minor, 0.5)
    t = (2 * minor / intermediate - 1 - lowest) / (1 - lowest)
    assert kstest(t, lambda x: 0.5 + 0.75 * (x - x**3 / 3)).pvalue > 1e-3


def test_gas_is_rounder_and_a_ratio_of_zero_makes_spheres():
    minor, intermediate = gas_axis_ratios(0.46, 0.61, 0.7)
    assert minor == pytest.approx(np.sqrt(1 - 0.49 * (1 - 0.46**2)))
    assert 0.46 < minor < intermediate and intermediate > 0.61
    np.testing.assert_allclose(ellipsoid(4, ratio=0.0).axes, 1.0)
    metric, depth = ellipsoid(4, ratio=0.0).projection()
    np.testing.assert_allclose(metric, np.eye(2), atol=1e-12)
    assert depth == pytest.approx(1)


def test_images_are_as_elongated_as_published():
    """Wang & Fan (2004, astro-ph/0409145): over 1e14 Msun/h the mean axis ratio of SZ images is 0.84."""
    rng = np.random.default_rng(5)
    eigenvalues = [np.linalg.eigvalsh(draw_ellipsoid(rng, 2.5, 0.7).projection()[0]) for _ in range(2000)]
    ratio = np.sqrt([low / high for low, high in eigenvalues])
    assert ratio.mean() == pytest.approx(0.84, abs=0.04)
