"""Cutouts from WCS images against the sky they were painted from."""

import mmap

import numpy as np
import pytest
from astropy.coordinates import FK4, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from scipy import ndimage
from skies import (
    SmoothSource,
    car_around,
    cutout_positions,
    make_wcs,
    paint,
    worst_fraction_of_peak,
    write_image,
)

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.cutoutpixels import lay_cutouts
from szmass_cli.maps.tangent import tangent_directions

TOLERANCE = 0.003  # of the peak; a 0.5' map behind a 1' beam


def cut(path, source, **options):
    return extract_cutouts(open_map(path, **options), [source.ra_deg], [source.dec_deg])


def assert_exact(cutouts, source, tolerance=TOLERANCE):
    assert cutouts.bad_fraction[0] == 0 and not cutouts.off_map[0] and not cutouts.cut_by_edge[0]
    assert worst_fraction_of_peak(cutouts.images[0], source) < tolerance


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("dec_deg", [0.0, -55.0, 85.0, -89.0])
def test_car_at_any_declination_and_either_direction(tmp_path, dec_deg, direction):
    source = SmoothSource(10.123, dec_deg + 0.0123)
    half_lon = 0.4 / np.cos(np.radians(dec_deg))
    wcs, shape = car_around(10.1, dec_deg, half_lon, 0.4, direction=direction)
    assert_exact(cut(write_image(tmp_path / "m.fits", paint(wcs, shape, source), wcs), source), source)


@pytest.mark.parametrize("projection", ["SFL", "TAN", "ZEA", "CEA", "SIN", "ARC"])
def test_other_projections(tmp_path, projection):
    source = SmoothSource(352.53, -55.02)
    lat = 0.0 if projection in ("SFL", "CEA") else -55.0
    north_step = 0.5 * np.cos(np.radians(55)) if projection == "CEA" else 0.5  # CEA squeezes latitude
    wcs = make_wcs(projection, 352.5, lat, (50.5, 50.5), (-0.5, north_step))
    column, row = wcs.wcs_world2pix(352.5, -55.0, 1)
    wcs.wcs.crpix = [101 - column, 101 - row]  # the middle of the image is at declination -55
    assert_exact(cut(write_image(tmp_path / "m.fits", paint(wcs, (100, 100), source), wcs), source), source)


@pytest.mark.parametrize("rotation_deg", [30.0, 180.0])
def test_rotated_image(tmp_path, rotation_deg):
    source = SmoothSource(352.53, -55.02)
    wcs = make_wcs("TAN", 352.5, -55.0, (50.5, 50.5), (-0.5, 0.5))
    c, s = np.cos(np.radians(rotation_deg)), np.sin(np.radians(rotation_deg))
    wcs.wcs.pc = [[c, -s], [s, c]]
    assert_exact(cut(write_image(tmp_path / "m.fits", paint(wcs, (100, 100), source), wcs), source), source)


def test_latitude_axis_first(tmp_path):
    source = SmoothSource(30.0, 20.0)
    wcs = make_wcs("TAN", 30.0, 20.0, (50.5, 50.5), (-0.5, 0.5))
    path = write_image(tmp_path / "m.fits", paint(wcs, (100, 100), source).T, None)
    swapped = wcs.to_header()
    for key in ("CTYPE", "CRVAL", "CRPIX", "CDELT"):
        swapped[f"{key}1"], swapped[f"{key}2"] = swapped[f"{key}2"], swapped[f"{key}1"]
    with fits.open(path, mode="update") as hdus:
        hdus[0].header.update(swapped)
    assert_exact(cut(path, source), source)


@pytest.mark.parametrize("frame", ["GAL", "ECL"])
def test_galactic_and_ecliptic_car(tmp_path, frame):
    source = SmoothSource(10.68, 41.27)
    sky = SkyCoord(source.ra_deg, source.dec_deg, unit="deg")
    sky = sky.galactic if frame == "GAL" else sky.barycentricmeanecliptic
    lon, lat = sky.spherical.lon.deg, sky.spherical.lat.deg
    wcs, shape = car_around(lon + 0.01, round(lat), 0.6, 0.5 + abs(lat - round(lat)), frame=frame)
    column, row = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    lon, lat = wcs.wcs_pix2world(column, row, 0)
    icrs = SkyCoord(
        lon, lat, unit="deg", frame="galactic" if frame == "GAL" else "barycentricmeanecliptic"
    ).icrs
    path = write_image(tmp_path / "m.fits", source.at(icrs.ra.deg, icrs.dec.deg), wcs)
    assert_exact(cut(path, source), source)


def test_fk4_positions_are_precessed(tmp_path):
    source = SmoothSource(180.0, 30.0)
    old = SkyCoord(180.0, 30.0, unit="deg").transform_to(FK4(equinox="B1950"))
    assert abs(old.ra.deg - 180) > 0.5
    wcs = make_wcs("TAN", old.ra.deg, old.dec.deg, (50.5, 50.5), (-0.5, 0.5))
    wcs.wcs.radesys, wcs.wcs.equinox = "FK4", 1950.0
    column, row = np.meshgrid(np.arange(100), np.arange(100))
    icrs = SkyCoord(*wcs.wcs_pix2world(column, row, 0), unit="deg", frame=FK4(equinox="B1950")).icrs
    path = write_image(tmp_path / "m.fits", source.at(icrs.ra.deg, icrs.dec.deg), wcs)
    assert_exact(cut(path, source), source)


@pytest.mark.parametrize("direction", [-1, 1])
@pytest.mark.parametrize("ra_deg", [179.99, 180.0, -180.02, 0.0, 360.0, 359.99])
def test_full_circle_car_has_no_seam(tmp_path, ra_deg, direction):
    source = SmoothSource(ra_deg % 360, -55.0)
    wcs, shape = car_around(0.0, -55.0, 180.0, 0.35, direction=direction)
    path = write_image(tmp_path / "m.fits", paint(wcs, shape, source).astype("f4"), wcs)
    assert_exact(extract_cutouts(open_map(path), [ra_deg], [-55.0]), source)


@pytest.mark.parametrize("crval", [0.0, 180.0, 340.0, 700.0, -20.0])
def test_map_whose_reference_is_turns_away(tmp_path, crval):
    """The same piece of sky around RA 340, with its reference point anywhere on the equator."""
    source = SmoothSource(340.02, 5.01)
    wcs, shape = car_around(340.0, 5.0, 0.4, 0.4)
    near, _ = car_around(340.0, 5.0, 0.4, 0.4)
    wcs.wcs.crval = [crval, 0.0]
    wcs.wcs.crpix = [wcs.wcs.crpix[0] + (340.0 - crval) * 120, wcs.wcs.crpix[1]]
    assert_exact(cut(write_image(tmp_path / "m.fits", paint(near, shape, source), wcs), source), source)


def test_cutout_over_the_pole_of_a_car_map(tmp_path):
    source = SmoothSource(123.0, 89.95)
    wcs = make_wcs("CAR", 0.0, 0.0, (1080.5, -10699.0), (-10.0, 0.5))  # rows to the pole
    assert wcs.wcs_pix2world(0, 0, 0)[1] > 89
    rows = round(float(wcs.wcs_world2pix(0, 90, 0)[1]))
    path = write_image(tmp_path / "m.fits", paint(wcs, (rows + 1, 2160), source), wcs)
    assert_exact(cut(path, source), source, 0.01)


def test_cube_takes_intensity(tmp_path):
    source = SmoothSource(10.0, 5.0)
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    sky = paint(wcs, shape, source)
    path = tmp_path / "m.fits"
    for cube in (np.stack([sky, sky * 0 + 7, sky * 0 - 7]), sky[None], sky[None, None]):
        write_image(path, cube, wcs)
        assert open_map(path).assumptions == ()
        assert_exact(cut(path, source), source)
    write_image(path, np.stack([sky * 0 + 7, sky]), wcs, CTYPE3="STOKES", CRVAL3=2.0, CRPIX3=1.0, CDELT3=-1.0)
    assert_exact(cut(path, source), source)
    write_image(path, np.stack([sky, sky * 0 + 7]), wcs, CTYPE3="FREQ", CRVAL3=1.5e11)
    assert "2 planes" in open_map(path).assumptions[0]


def test_integer_image_with_scale_offset_and_blank(tmp_path):
    source = SmoothSource(10.0, 5.0)
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    sky = paint(wcs, shape, source)
    raw = np.round((sky - 3.005) / 0.01).astype(np.int16)
    raw[5, 5] = -32768
    header = wcs.to_header()
    header["BUNIT"] = "uK"
    for name, kind in (("m.fits", fits.PrimaryHDU), ("c.fits", fits.CompImageHDU)):
        hdu = kind(raw, header)
        hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.01, 3.005, -32768
        first = [] if kind is fits.PrimaryHDU else [fits.PrimaryHDU()]
        fits.HDUList([*first, hdu]).writeto(tmp_path / name)
        sky_map = open_map(tmp_path / name)
        assert_exact(cut(tmp_path / name, source), source)
        assert np.isnan(sky_map.plane[5:6, 5:6]) if kind is fits.PrimaryHDU else True


@pytest.mark.parametrize("name", ["second.fits", "tiles.fits", "zipped.fits.gz"])
def test_containers(tmp_path, name):
    source = SmoothSource(10.0, 5.0)
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    kind = {"s": fits.ImageHDU, "t": fits.CompImageHDU, "z": fits.PrimaryHDU}[name[0]]
    path = write_image(tmp_path / name, paint(wcs, shape, source).astype("f4"), wcs, kind)
    assert_exact(cut(path, source), source, 0.01 if name[0] == "t" else TOLERANCE)


def test_plain_images_stay_on_disk(tmp_path):
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    sky_map = open_map(write_image(tmp_path / "m.fits", np.ones((3, *shape)), wcs))
    base = sky_map.plane.raw
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base, mmap.mmap)


@pytest.mark.parametrize("dec_deg", [0.0, 60.0, -85.0])
def test_expanded_pixel_positions_equal_direct_ones(tmp_path, dec_deg):
    wcs, shape = car_around(10.0, dec_deg, 0.4 / np.cos(np.radians(dec_deg)), 0.4)
    sky_map = open_map(write_image(tmp_path / "m.fits", np.ones(shape), wcs))
    position = np.array([10.05]), np.array([dec_deg + 0.03])
    laid = lay_cutouts(sky_map, *position)
    offsets = pixel_offsets_arcmin()
    directions = tangent_directions(*position, offsets[:, None], offsets[None, :]).reshape(1, -1, 3)
    direct = sky_map.to_pixels(directions, laid.charts).reshape(laid.pixels.shape)
    assert not laid.rough[0]
    assert np.abs(laid.pixels - direct).max() < 1e-3
    ra, dec = cutout_positions(10.05, dec_deg + 0.03)
    column, row = wcs.wcs_world2pix(ra, dec, 0)
    assert np.abs(laid.pixels[0] - np.stack([row, column], axis=-1)).max() < 1e-3


def test_pixell_thumbnails_agree(tmp_path):
    from pixell import enmap, reproject

    source = SmoothSource(10.0, -40.0)
    wcs, shape = car_around(10.0, -40.0, 1.0, 1.0)
    sky = paint(wcs, shape, source)
    mine = cut(write_image(tmp_path / "m.fits", sky, wcs), source).images[0]
    arcmin = np.pi / 180 / 60
    thumbnail = reproject.thumbnails(
        enmap.enmap(sky, wcs),
        np.radians([[-40.0, 10.0]]),
        r=5.1 * arcmin,
        res=0.25 * arcmin,
        proj="tan",
        apod=0,
        oversample=4,
    )[0]
    # Its 41 x 41 grid has a pixel on the cluster, ours straddles it: half a pixel between them.
    assert thumbnail.shape == (41, 41)
    half_way = ndimage.map_coordinates(np.asarray(thumbnail), np.mgrid[0:40, 0:40] + 0.5, order=5)
    assert np.abs(mine - half_way).max() < 0.005 * np.abs(mine).max()


def test_distortions_are_followed(tmp_path):
    """A SIP term of 2 pixels at the edge of a map moves what lies there."""
    source = SmoothSource(30.0, -10.0)
    wcs = make_wcs("TAN", 30.0 + 0.9, -10.0, (150.5, 150.5), (-0.5, 0.5))
    header = wcs.to_header()
    header.update({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2})
    header.update({"A_2_0": 1e-4, "B_0_2": 1e-4, "BUNIT": "uK"})
    column, row = np.meshgrid(np.arange(300), np.arange(300))
    values = source.at(*WCS(header).all_pix2world(column, row, 0))
    fits.writeto(tmp_path / "map.fits", values, header)
    image = extract_cutouts(open_map(tmp_path / "map.fits"), [30.0], [-10.0]).images[0]
    assert worst_fraction_of_peak(image, source) < 0.02
