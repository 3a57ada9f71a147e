"""What a cutout says about itself: orientation, edges, holes, units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skies import SmoothSource, car_around, make_wcs, paint, write_image

from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.cutouts import robust_rms
from szmass_cli.maps.tangent import tangent_directions, tangent_offsets_arcmin


@pytest.fixture
def noise_map(tmp_path):
    """A small CAR map of white noise around RA 10, Dec 5, to be spoilt."""
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    data = np.random.default_rng(1).normal(0.0, 30.0, shape)
    return lambda **spoil: write_image(tmp_path / "m.fits", spoil.get("data", data), wcs), data, wcs


def test_north_is_up_and_east_is_left(tmp_path):
    source = SmoothSource(10.0, 5.0)
    # One bright pixel's worth of sky 2' north and 3' east of the position.
    east = 10.0 + 3 / 60 / np.cos(np.radians(5))
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    for place, quadrant in (((east, 5.0), (20, 8)), ((10.0, 5.0 + 2 / 60), (28, 20))):
        blob = SmoothSource(*place)
        blob.parts = blob.parts[:2]
        image = extract_cutouts(
            open_map(write_image(tmp_path / "m.fits", paint(wcs, shape, blob), wcs)),
            [source.ra_deg],
            [source.dec_deg],
        ).images[0]
        row, column = np.unravel_index(np.argmin(image), image.shape)
        assert abs(row + 0.5 - quadrant[0]) <= 1 and abs(column + 0.5 - quadrant[1]) <= 1


def test_units_reach_the_images(tmp_path):
    source = SmoothSource(10.0, 5.0)
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    sky_uk = paint(wcs, shape, source)
    expected = source.cutout()
    for unit, per_uk in (("K", 1e-6), ("mK", 1e-3), ("uK", 1.0), ("y", 1 / -2.598e6)):
        path = write_image(tmp_path / "m.fits", sky_uk * per_uk, wcs, unit=unit)
        image = extract_cutouts(open_map(path), [10.0], [5.0]).images[0]
        assert np.abs(image - expected).max() < 0.5
        assert image.dtype == np.float32


def test_a_spoilt_pixel_spoils_only_its_neighbourhood(noise_map):
    write, data, _ = noise_map
    whole = extract_cutouts(open_map(write()), [10.0], [5.0])
    assert whole.bad_fraction[0] == 0
    for bad_value in (np.nan, np.inf, -1.6375e30):
        holed = data.copy()
        holed[52, 45] = bad_value
        cutouts = extract_cutouts(open_map(write(data=holed)), [10.0], [5.0])
        assert 9 <= cutouts.bad.sum() <= 25
        assert cutouts.nonfinite_fraction[0] == cutouts.bad_fraction[0]
        assert np.isfinite(cutouts.images).all() and np.abs(cutouts.images).max() < 200
        assert not cutouts.off_map[0] and not cutouts.cut_by_edge[0]
        far = np.ones((40, 40), bool)
        rows, columns = np.nonzero(cutouts.bad[0])
        far[max(rows.min() - 12, 0) : rows.max() + 13, max(columns.min() - 12, 0) : columns.max() + 13] = (
            False
        )
        assert np.abs(cutouts.images - whole.images)[0][far].max() < 1.0


def test_bad_pixels_hold_the_mean_of_the_good_ones(noise_map):
    write, data, _ = noise_map
    holed = data.copy()
    holed[:, :45] = np.nan
    cutouts = extract_cutouts(open_map(write(data=holed + 500)), [10.0], [5.0])
    image, bad = cutouts.images[0], cutouts.bad[0]
    assert 0.2 < bad.mean() < 0.5
    assert image[bad] == pytest.approx(image[~bad].mean(), rel=1e-4)


def test_zeros_in_blocks_are_no_data_and_lone_zeros_are(noise_map):
    write, data, _ = noise_map
    holed = data.copy()
    holed[:, :45] = 0.0
    half = extract_cutouts(open_map(write(data=holed)), [10.0], [5.0])
    assert 0.2 < half.bad_fraction[0] < 0.5 and half.nonfinite_fraction[0] == 0 and not half.cut_by_edge[0]
    lone = data.copy()
    lone[50, 45] = 0.0
    assert extract_cutouts(open_map(write(data=lone)), [10.0], [5.0]).bad_fraction[0] == 0


def test_edges_and_places_off_the_map(noise_map):
    write, _, _ = noise_map
    ra = [10.0, 10.38, 10.55, 190.0, 10.0, np.nan, 10.0, 10.0]
    dec = [5.0, 5.0, 5.0, 5.0, -85.0, 5.0, np.nan, 91.0]
    cutouts = extract_cutouts(open_map(write()), ra, dec)
    assert cutouts.off_map.tolist() == [False, False] + [True] * 6
    assert cutouts.cut_by_edge.tolist() == [False] + [True] * 7
    assert 0.2 < cutouts.bad_fraction[1] < 0.5
    assert cutouts.bad_fraction[2:].tolist() == [1.0] * 6
    assert (cutouts.images[2:] == 0).all() and np.isfinite(cutouts.images).all()


@pytest.mark.parametrize("projection", ["TAN", "SIN", "ZEA", "STG"])
def test_the_other_side_of_the_sky_is_off_the_map(tmp_path, projection):
    wcs = make_wcs(projection, 10.0, 30.0, (50.5, 50.5), (-0.5, 0.5))
    sky_map = open_map(write_image(tmp_path / "m.fits", np.ones((100, 100)), wcs))
    cutouts = extract_cutouts(sky_map, [10.0, 190.0, 190.01, 100.0], [30.0, -30.0, -29.99, 0.0])
    assert cutouts.off_map.tolist() == [False, True, True, True]


def test_blocks_do_not_change_the_answer(noise_map):
    write, _, _ = noise_map
    sky_map = open_map(write())
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(9.6, 10.4, 20), rng.uniform(4.6, 5.4, 20)
    together = extract_cutouts(sky_map, ra, dec)
    for i in range(20):
        assert np.array_equal(together.images[i], extract_cutouts(sky_map, ra[i], dec[i]).images[0])
    assert len(extract_cutouts(sky_map, [], []).images) == 0


@given(st.floats(0, 360), st.floats(-90, 90), st.floats(-5, 5), st.floats(-5, 5))
def test_tangent_plane_there_and_back(ra_deg, dec_deg, north, west):
    direction = tangent_directions(np.array([ra_deg]), np.array([dec_deg]), np.array(north), np.array(west))[
        0
    ]
    assert np.linalg.norm(direction) == pytest.approx(1)
    assert tangent_offsets_arcmin(ra_deg, dec_deg, direction) == pytest.approx((north, west), abs=1e-6)


def test_robust_rms_shows_a_wrong_unit(noise_map):
    write, data, _ = noise_map
    assert 15 < robust_rms(extract_cutouts(open_map(write()), [10.0], [5.0]).images) < 40
    assert robust_rms(extract_cutouts(open_map(write(data=data * 1e-6)), [10.0], [5.0]).images) < 1e-4
