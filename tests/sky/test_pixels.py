"""Pixels of survey fields against astropy and healpy: where they are, how large, and which are near."""

import healpy
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from szmass_cli.config import FieldConfig
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import blocks
from szmass_cli.sky.survey import pixels_of

FIELDS = {
    "CAR": {
        "center_ra_deg": 0.0,
        "center_dec_deg": -55.0,
        "width_deg": 3.0,
        "height_deg": 2.0,
        "pixel_arcmin": 2.0,
    },
    "CAR across RA 0": {"center_ra_deg": 358.0, "center_dec_deg": 20.0, "width_deg": 40.0, "height_deg": 4.0},
    "CAR all round": {"center_ra_deg": 77.0, "center_dec_deg": 85.0, "width_deg": 360.0, "height_deg": 4.0},
    "RING": {"pixelisation": "healpix", "center_ra_deg": 1.0, "center_dec_deg": 84.0, "width_deg": 90.0},
    "NESTED galactic": {"pixelisation": "healpix", "frame": "galactic", "order": "nested", "width_deg": 30.0},
    "around the pole": {
        "pixelisation": "healpix",
        "center_dec_deg": -80.0,
        "height_deg": 20.0,
        "width_deg": 360.0,
    },
    "full sky": {"pixelisation": "healpix", "width_deg": 360.0, "height_deg": 180.0, "frame": "galactic"},
}


@pytest.fixture(params=FIELDS, scope="module")
def field(request):
    extra = {"pixel_arcmin": 4.0, "nside": 128} | FIELDS[request.param]
    return FieldConfig(**extra)


@pytest.fixture(scope="module")
def pixels(field):
    return pixels_of(field)


@pytest.fixture(scope="module")
def positions(pixels):
    """RA and Dec by astropy: from the WCS, or from healpy's angles in the frame."""
    if hasattr(pixels, "wcs"):
        row, column = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
        return WCS(pixels.wcs.to_header()).pixel_to_world(column.ravel(), row.ravel())
    numbers = np.arange(pixels.size) if pixels.numbers is None else pixels.numbers
    lon, lat = healpy.pix2ang(pixels.nside, numbers, lonlat=True)
    return SkyCoord(lon, lat, unit="deg", frame="galactic" if pixels.galactic else "icrs").icrs


def test_positions_are_astropys(pixels, positions):
    found = [pixels.ra_dec_deg(part) for part in blocks(pixels.size)]
    ra, dec = (np.concatenate(axis) for axis in zip(*found, strict=True))
    separation = positions.separation(SkyCoord(ra, dec, unit="deg"))
    assert separation.arcsec.max() < 0.01
    some = np.array([0, pixels.size // 3, pixels.size - 1])
    np.testing.assert_array_equal(pixels.ra_dec_deg(some)[1], dec[some])


def test_they_cover_the_patch_and_no_more(field, pixels, positions):
    patch = Patch.of(field)
    half = 0.6 * pixels.pixel_arcmin / 60
    assert (
        positions.dec.deg.min() > patch.south_deg - half and positions.dec.deg.max() < patch.north_deg + half
    )
    offset = np.abs((positions.ra.deg - field.center_ra_deg + 180) % 360 - 180)
    assert offset.max() < field.width_deg / 2 + half
    total = np.sum(pixels.area_arcmin2(slice(0, pixels.size)))
    assert total == pytest.approx(patch.area_sr / (np.pi / 10800) ** 2, rel=0.04)


@pytest.mark.parametrize("name", ["RING", "NESTED galactic", "around the pole", "full sky"])
def test_healpix_pixels_are_those_whose_centres_lie_inside(name):
    """Also the other way round: none of the sphere's pixels is missing."""
    field = FieldConfig(**{"nside": 128} | FIELDS[name])
    numbers = np.arange(healpy.nside2npix(128))
    lon, lat = healpy.pix2ang(128, numbers, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg", frame="galactic" if field.frame == "galactic" else "icrs").icrs
    patch, pixels = Patch.of(field), pixels_of(field)
    offset = np.abs((sky.ra.deg - field.center_ra_deg + 180) % 360 - 180)
    inside = (offset <= field.width_deg / 2) & (sky.dec.deg >= patch.south_deg)
    expected = numbers[inside & (sky.dec.deg <= patch.north_deg)]
    found = numbers if pixels.numbers is None else pixels.numbers
    # astropy's and our rotation differ in the last digits, so that pixels on the very edge may differ
    assert len(np.setxor1d(found, expected)) <= 2


@pytest.mark.parametrize("where", ["middle", "edge", "beyond"])
def test_pixels_within_a_circle_are_all_found(field, pixels, positions, where):
    patch = Patch.of(field)
    dec = {
        "middle": (patch.south_deg + patch.north_deg) / 2,
        "edge": patch.north_deg,
        "beyond": patch.north_deg,
    }
    ra = field.center_ra_deg + (field.width_deg / 2 if where != "middle" else 0.0)
    ra += 0.3 if where == "beyond" else 0.0
    radius_deg = 1.3
    numbers, distance = pixels.within(
        *(float(x) for x in pixels.to_frame(ra, dec[where])), np.radians(radius_deg)
    )
    separation = positions.separation(SkyCoord(ra, dec[where], unit="deg")).deg
    np.testing.assert_array_equal(np.sort(numbers), np.flatnonzero(separation <= radius_deg))
    np.testing.assert_allclose(np.degrees(distance), separation[numbers], atol=1e-6)


def test_every_pixel_lies_on_its_ring(pixels):
    lon, lat = pixels.lon_lat(slice(0, pixels.size))
    seen = np.zeros(pixels.size, int)
    for index, ring in enumerate(pixels.rings()):
        here, of_circle = pixels.on_ring(index)
        circle = ring.first_longitude + 2 * np.pi / ring.n * np.arange(ring.n)
        seen[here] += 1
        np.testing.assert_allclose(lat[here], np.pi / 2 - ring.colatitude, atol=1e-9)
        np.testing.assert_allclose(np.cos(lon[here] - circle[of_circle]), 1.0, atol=1e-12)
    np.testing.assert_array_equal(seen, 1)


@pytest.mark.parametrize("pixel_arcmin", [0.5, 0.7, 1.3])
def test_maps_of_one_step_are_pieces_of_one_whole_sky_map(pixel_arcmin):
    """Centres at whole numbers of steps from RA 0, Dec 0: what harmonic transforms of CAR maps ask for."""
    field = FieldConfig(
        center_ra_deg=33.3, center_dec_deg=-12.3, width_deg=2, height_deg=1, pixel_arcmin=pixel_arcmin
    )
    pixels = pixels_of(field)
    ra, dec = pixels.ra_dec_deg(slice(0, pixels.size))
    step = 360 / pixels.per_turn
    assert step * 60 == pytest.approx(pixel_arcmin, rel=1e-4)
    np.testing.assert_allclose(dec / step, np.round(dec / step), atol=1e-6)
    np.testing.assert_allclose(ra / step, np.round(ra / step), atol=1e-6)


def test_the_bounding_circle_holds_the_patch():
    for center, height, width, expected in [(0, 10, 20, 11.17), (-80, 20, 360, 20.0), (0, 180, 360, 180.0)]:
        patch = Patch.of(
            FieldConfig(center_dec_deg=center, height_deg=height, width_deg=width, pixelisation="healpix")
        )
        assert patch.bounding_circle_deg()[2] == pytest.approx(expected, abs=0.02)
