"""The fast way to interpolate against the slow one."""

import numpy as np
import pytest
from scipy import ndimage

from szmass_cli.maps.neargrid import MAX_DEPARTURE_PIXELS, NearGrid, spline_coefficients

AXIS = np.arange(40.0)


def points(departure):
    """40 x 40 points half a pixel apart, up to `departure` pixels off a grid, as on a CAR map."""
    row, column = 14.3 + 0.5 * AXIS, 13.9 + 0.93 * AXIS
    middle = (AXIS - 19.5) / 19.5
    bent = row[:, None] + departure * (1.5 * middle**2 - 0.5)
    sheared = column + departure * np.outer(middle, middle)
    return np.stack([bent, sheared], axis=-1)


def slowly(window, local):
    return ndimage.map_coordinates(window, np.moveaxis(local, -1, 0), order=5, mode="mirror")


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(1).standard_normal((47, 65))


def test_on_a_grid_it_is_the_same_spline(noise):
    local = points(0.0)
    np.testing.assert_allclose(NearGrid.of(local).interpolate(noise), slowly(noise, local), atol=1e-10)


def test_a_quadratic_surface_is_met_off_the_grid_too(noise):
    """Its third derivatives are zero, so nothing is left out, far enough from the window's edges."""
    local = points(0.4)

    def surface(row, column):
        return 1.0 + row - 0.3 * column + 0.02 * row * column - 0.01 * column**2 + 0.03 * row**2

    window = surface(*np.mgrid[:47.0, :65.0])
    got = NearGrid.of(local).interpolate(window)
    np.testing.assert_allclose(got, surface(local[..., 0], local[..., 1]), atol=1e-4)


def test_departures_are_counted():
    assert NearGrid.of(points(0.08)).departure == pytest.approx(0.08, rel=0.05)


@pytest.mark.parametrize(("fwhm_pixels", "tolerance"), [(2.0, 5e-4), (4.0, 1e-4)])
def test_at_the_largest_departure_a_beamed_sky_is_right(noise, fwhm_pixels, tolerance):
    sky = ndimage.gaussian_filter(noise, fwhm_pixels / np.sqrt(8 * np.log(2)), mode="mirror")
    local = points(MAX_DEPARTURE_PIXELS)
    got, exact = NearGrid.of(local).interpolate(sky), slowly(sky, local)
    assert np.std(got - exact) < tolerance * sky.std()


def test_a_turned_lattice_is_seen_at_its_corners():
    turned = np.stack([40.0 + AXIS[:, None] - AXIS, AXIS[:, None] + AXIS], axis=-1)
    assert NearGrid.is_out_of_question(turned)
    assert not NearGrid.is_out_of_question(points(0.99 * MAX_DEPARTURE_PIXELS))


@pytest.mark.parametrize("shape", [(47, 65), (30, 300)])
def test_spline_coefficients_of_small_and_large_windows(shape):
    window = np.random.default_rng(2).standard_normal(shape)
    np.testing.assert_allclose(
        spline_coefficients(window), ndimage.spline_filter(window, 5, mode="mirror"), atol=1e-10
    )
