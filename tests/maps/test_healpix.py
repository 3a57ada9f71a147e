"""Cutouts from HEALPix maps against the sky they were painted from."""

import mmap

import healpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skies import SmoothSource, healpix_partial, worst_fraction_of_peak, write_healpix_table

from szmass_cli.errors import InputError
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.healpixplane import angles_of, charts_of, lattice_of, pixels_of


def cut(path, source):
    return extract_cutouts(open_map(path), [source.ra_deg], [source.dec_deg])


def assert_exact(cutouts, source, tolerance):
    assert cutouts.bad_fraction[0] == 0 and not cutouts.off_map[0] and not cutouts.cut_by_edge[0]
    assert worst_fraction_of_peak(cutouts.images[0], source) < tolerance


def write_partial(path, source, nside, coord="C", nested=False, radius_deg=0.4, **cards):
    numbers, values = healpix_partial(source, nside, radius_deg, coord)
    if nested:
        numbers = healpy.ring2nest(nside, numbers)  # not in ascending order
    columns = [("PIXEL", "K", numbers), ("TEMPERATURE", "E", values)]
    cards = {
        "NSIDE": nside,
        "ORDERING": "NESTED" if nested else "RING",
        "COORDSYS": coord,
        "INDXSCHM": "EXPLICIT",
        "TUNIT2": "uK_CMB",
        **cards,
    }
    return write_healpix_table(path, columns, **cards)


# Equator, mid latitude, the foot of the polar caps, their meridians and corners, and both poles.
PLACES = [
    (10.0, 0.0),
    (45.0, 2.0),
    (200.0, -33.0),
    (10.0, 41.81),
    (90.0, 41.81),
    (90.01, 60.0),
    (359.99, -70.0),
]
POLES = [(123.0, 89.0), (45.0, 89.97), (200.0, -89.99)]


@pytest.mark.parametrize(("ra_deg", "dec_deg"), PLACES + POLES)
def test_nside_8192_anywhere(tmp_path, ra_deg, dec_deg):
    source = SmoothSource(ra_deg, dec_deg)
    assert_exact(cut(write_partial(tmp_path / "m.fits", source, 8192), source), source, 0.005)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("coord", ["C", "G", "E"])
def test_nside_4096_in_any_frame_and_order(tmp_path, coord, nested):
    source = SmoothSource(30.0, -10.0, widen=1.5)
    path = write_partial(tmp_path / "m.fits", source, 4096, coord, nested)
    assert open_map(path).assumptions == ()
    assert_exact(cut(path, source), source, 0.02)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("coord", ["C", "G"])
def test_full_sky_written_by_healpy(tmp_path, coord, nested):
    source = SmoothSource(266.0, -29.0, widen=32.0)
    numbers, values = healpix_partial(source, 256, 8.0, coord)
    sky = np.full(healpy.nside2npix(256), 1e-3)
    sky[numbers] = values
    if nested:
        sky = healpy.reorder(sky, r2n=True)
    path = tmp_path / "m.fits"
    healpy.write_map(
        path, [sky, sky * 0 + 5, sky], nest=nested, coord=coord, column_units="uK", dtype=np.float32
    )
    sky_map = open_map(path)
    assert sky_map.units.source == "header" and sky_map.assumptions == ()
    assert ("NESTED" if nested else "RING") in sky_map.description and "full sky" in sky_map.description
    assert sky_map.pixel_arcmin == pytest.approx(13.74, abs=0.01)
    assert_exact(cut(path, source), source, 0.01)


@pytest.mark.parametrize(
    ("coordsys", "word"),
    [("EQUATORIAL", "ICRS"), ("celestial", "ICRS"), ("GALACTIC", "galactic"), ("Ecliptic", "ecliptic")],
)
def test_frame_names(tmp_path, coordsys, word):
    source = SmoothSource(0.0, 0.0, widen=8.0)
    path = write_partial(tmp_path / "m.fits", source, 512, COORDSYS=coordsys, radius_deg=2.0)
    assert word in open_map(path).description


def test_unsaid_frame_order_and_unit_are_assumptions(tmp_path):
    columns = [("T", "1024E", np.ones((12, 1024)))]
    sky_map = open_map(write_healpix_table(tmp_path / "m.fits", columns, NSIDE=32))
    said = " ".join(sky_map.assumptions)
    assert "frame" in said and "ordering" in said and "unit" in said
    assert sky_map.units.source == "assumed"


def test_unseen_and_nan_are_not_interpolated(tmp_path):
    source = SmoothSource(30.0, -10.0)
    numbers, values = healpix_partial(source, 8192, 0.4)
    theta = (
        np.degrees(
            healpy.rotator.angdist(healpy.pix2ang(8192, numbers, lonlat=True), (30.05, -10.0), lonlat=True)
        )
        * 60
    )
    clean = write_healpix_table(
        tmp_path / "clean.fits", [("PIXEL", "K", numbers), ("T", "E", values)], NSIDE=8192, ORDERING="RING"
    )
    whole = cut(clean, source)
    for hole in (healpy.UNSEEN, np.nan, np.inf, 0.0):
        columns = [("PIXEL", "K", numbers), ("T", "E", np.where(theta < 1.2, hole, values))]
        path = write_healpix_table(tmp_path / "m.fits", columns, NSIDE=8192, ORDERING="RING")
        cutouts = cut(path, source)
        bad = cutouts.bad[0]
        assert 0.02 < bad.mean() < 0.15
        assert not cutouts.off_map[0] and not cutouts.cut_by_edge[0]
        assert cutouts.nonfinite_fraction[0] == (0.0 if hole == 0.0 else bad.mean())
        assert np.isfinite(cutouts.images).all()
        assert np.abs(cutouts.images[0] - whole.images[0])[~bad].max() < 2.0
        # The hole lies to the east, which is the left.
        assert np.argwhere(bad)[:, 1].mean() < 15


def test_wmap_s_own_word_for_the_frame_is_understood(tmp_path):
    source = SmoothSource(30.0, -10.0)
    numbers, values = healpix_partial(source, 8192, 0.3, coord="G")
    columns = [("PIXEL", "K", numbers), ("T", "E", values)]
    path = write_healpix_table(tmp_path / "m.fits", columns, NSIDE=8192, ORDERING="RING", SKYCOORD="Galactic")
    sky_map = open_map(path)
    assert "galactic" in sky_map.description
    assert worst_fraction_of_peak(cut(path, source).images[0], source) < 0.02


def test_a_hole_of_unlisted_pixels_is_not_off_the_map(tmp_path):
    source = SmoothSource(30.0, -10.0)
    numbers, values = healpix_partial(source, 8192, 0.3)
    place = np.array(healpy.pix2vec(8192, numbers))
    listed = np.degrees(np.arccos(healpy.ang2vec(30.0, -10.0, lonlat=True) @ place)) * 60 > 1.5
    columns = [("PIXEL", "K", numbers[listed]), ("T", "E", values[listed])]
    cutouts = cut(write_healpix_table(tmp_path / "m.fits", columns, NSIDE=8192, ORDERING="RING"), source)
    assert not cutouts.off_map[0] and cutouts.cut_by_edge[0]
    assert 0.05 < cutouts.bad_fraction[0] < 0.2


def test_edge_of_a_partial_map(tmp_path):
    source = SmoothSource(30.0, -10.0)
    path = write_partial(tmp_path / "m.fits", source, 8192)
    cutouts = extract_cutouts(open_map(path), [30.0, 30.0, 30.0], [-10.0, -9.6, 40.0])
    assert cutouts.cut_by_edge.tolist() == [False, True, True]
    assert cutouts.off_map.tolist()[::2] == [False, True]
    assert 0.2 < cutouts.bad_fraction[1] < 0.8 and cutouts.bad_fraction[2] == 1
    assert cutouts.nonfinite_fraction.tolist() == [0, 0, 0]


@given(
    st.sampled_from([1, 2, 3, 33, 64, 1024, 8192]),
    st.floats(0, 2 * np.pi, exclude_max=True),
    st.floats(-1, 1),
    st.sampled_from([0.0, 0.3, -0.8]),
)
def test_every_pixel_centre_is_on_the_lattice_and_comes_back(nside, phi, z, turn):
    number = healpy.ang2pix(nside, np.arccos(z), phi)
    vector = np.array(healpy.pix2vec(nside, number))
    chart = charts_of(vector[None])
    row, column = lattice_of(vector[None, None], chart, nside)[0, 0]
    assert abs(row - round(row)) < 1e-6 and abs(column - round(column)) < 1e-6
    back = angles_of(np.array([[round(row)]]), np.array([[round(column)]]), chart[0], nside)
    assert healpy.ang2pix(nside, *back)[0, 0] == number


@pytest.mark.parametrize("dec_deg", [41.8, 60.0, 89.9, -60.0, -89.9])
def test_lattice_neighbours_are_sky_neighbours_across_the_cuts(dec_deg):
    nside = 1024
    for ra_deg in (89.9, 90.1, 179.95, 269.9, 0.05):
        vector = healpy.ang2vec(ra_deg, dec_deg, lonlat=True)
        chart = charts_of(vector[None])
        row, column = np.round(lattice_of(vector[None, None], chart, nside)[0, 0])
        rows, columns = np.mgrid[-4:5, -4:5] + np.array([row, column])[:, None, None]
        numbers = healpy.ang2pix(nside, *angles_of(rows, columns, chart[0], nside))
        if len(np.unique(numbers)) < numbers.size:
            assert dec_deg == 41.8  # a corner of three triangles
            continue
        neighbours = healpy.get_all_neighbours(nside, numbers[4, 4])
        assert set(np.delete(numbers[3:6, 3:6].ravel(), 4)) == set(neighbours)


@pytest.mark.parametrize(
    ("cards", "match"),
    [
        ({"NSIDE": 33, "ORDERING": "RING"}, "13,068"),
        ({"NSIDE": 33, "ORDERING": "NESTED"}, "33 is not"),
        ({"NSIDE": 64, "ORDERING": "RING"}, "49,152"),
        ({"NSIDE": 32, "ORDERING": "SPIRAL"}, "SPIRAL"),
        ({"NSIDE": 32, "ORDERING": "RING", "COORDSYS": "MARS"}, "MARS"),
        ({"NSIDE": 32, "ORDERING": "RING", "INDXSCHM": "EXPLICIT"}, "EXPLICIT"),
        ({"NSIDE": 32, "ORDERING": "RING", "TUNIT1": "MJy/sr"}, "MJy/sr"),
    ],
)
def test_headers_that_make_no_sense(tmp_path, cards, match):
    path = write_healpix_table(tmp_path / "m.fits", [("T", "1024E", np.ones((12, 1024)))], **cards)
    with pytest.raises(InputError, match=match) as caught:
        open_map(path)
    assert str(path) in caught.value.message and caught.value.hint


def test_pixel_numbers_beyond_nside(tmp_path):
    columns = [("PIXEL", "K", np.array([1, 99999])), ("T", "E", np.ones(2))]
    path = write_healpix_table(tmp_path / "m.fits", columns, NSIDE=32, ORDERING="RING")
    with pytest.raises(InputError, match="nside 32"):
        open_map(path)


@pytest.mark.parametrize("fill", [healpy.UNSEEN, np.nan, 0.0])
def test_empty_sky_is_refused(tmp_path, fill):
    path = write_healpix_table(tmp_path / "m.fits", [("T", "1024E", np.full((12, 1024), fill))], NSIDE=32)
    with pytest.raises(InputError, match="no data"):
        open_map(path)


def test_full_sky_table_stays_on_disk(tmp_path):
    path = write_healpix_table(tmp_path / "m.fits", [("T", "1024E", np.ones((12, 1024)))], NSIDE=32)
    base = open_map(path).raw
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)


@given(
    st.sampled_from([64, 1024, 4096, 8192]),
    st.floats(0, 2 * np.pi, exclude_max=True),
    st.one_of(st.floats(-1, 1), st.floats(0.99999, 1), st.floats(-1, -0.99999), st.floats(0.65, 0.68)),
    st.booleans(),
)
def test_pixel_numbers_of_a_window_are_those_of_its_angles(nside, phi, z, nested):
    """By base pixels, as windows are read, and by angles, which is slower."""
    vector = np.array([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z])
    chart = charts_of(vector[None])
    row, column = np.round(lattice_of(vector[None, None], chart, nside)[0, 0]).astype(int)
    rows, columns = (row - 20, row + 21), (column - 25, column + 24)
    numbers = pixels_of(rows, columns, chart[0], nside, nested)
    grid = np.mgrid[slice(*rows), slice(*columns)]
    expected = healpy.ang2pix(nside, *angles_of(*grid, chart[0], nside), nest=nested)
    if numbers is None:
        assert nside == 64
    else:
        np.testing.assert_array_equal(numbers, expected)
