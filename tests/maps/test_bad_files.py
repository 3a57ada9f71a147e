"""Every file that is not a map is refused by name, with something to do about it."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from skies import car_around, write_image

from szmass_cli.errors import InputError
from szmass_cli.maps import open_map

WCS, SHAPE = car_around(10.0, 5.0, 0.4, 0.4)


def assert_refused(path, match=None):
    with pytest.raises(InputError, match=match) as caught:
        open_map(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def image(tmp_path, data=None, **options):
    return write_image(
        tmp_path / "m.fits",
        np.random.default_rng(0).normal(size=SHAPE) if data is None else data,
        WCS,
        **options,
    )


def test_missing_and_directory(tmp_path):
    assert_refused(tmp_path / "nowhere.fits", "not found")
    assert_refused(tmp_path, "not found")


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(256)) * 50, b"SIMPLE  = nonsense" * 300])
def test_not_fits(tmp_path, content):
    path = tmp_path / "m.fits"
    path.write_bytes(content)
    assert_refused(path)


@pytest.mark.parametrize("keep", [100, 2880, 4000, -1, -3000, -5760])
def test_truncated(tmp_path, keep):
    path = image(tmp_path, np.random.default_rng(0).normal(size=(96, 120)))  # 92160 bytes: whole blocks
    content = path.read_bytes()
    path.write_bytes(content[:keep])
    assert_refused(path)


def test_missing_padding_is_forgiven(tmp_path):
    path = image(tmp_path)
    content = path.read_bytes()
    used = SHAPE[0] * SHAPE[1] * 8
    header = len(content) - -(-used // 2880) * 2880
    path.write_bytes(content[: header + used])
    open_map(path)


def test_truncated_gzip(tmp_path):
    path = tmp_path / "m.fits.gz"
    packed = gzip.compress(image(tmp_path).read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    assert_refused(path)


def test_truncated_table(tmp_path):
    path = tmp_path / "m.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("T", "1024E", array=np.ones((12, 1024)))])
    table.header["PIXTYPE"], table.header["NSIDE"] = "HEALPIX", 32
    table.writeto(path)
    path.write_bytes(path.read_bytes()[:-9000])
    assert_refused(path, "truncated")


def test_corrupt_tile_compression(tmp_path):
    path = image(tmp_path, np.random.default_rng(0).normal(size=SHAPE), hdu_type=fits.CompImageHDU)
    content = bytearray(path.read_bytes())
    middle = len(content) - 6000
    content[middle : middle + 2000] = b"\xff" * 2000
    path.write_bytes(bytes(content))
    try:
        sky_map = open_map(path)
    except InputError as error:
        assert str(path) in error.message
    else:  # a codec may not notice; then the damage must at least not be all there is
        assert sky_map.pixel_arcmin == pytest.approx(0.5, rel=0.01)
    path.write_bytes(bytes(content[:-9000]))
    assert_refused(path)


@pytest.mark.parametrize("fill", [np.nan, 0.0, -1.6375e30])
def test_nothing_in_it(tmp_path, fill):
    assert_refused(image(tmp_path, np.full(SHAPE, fill)), "no data")


def test_a_little_data_is_enough(tmp_path):
    data = np.full(SHAPE, np.nan)
    data[-1, -1] = 1.0
    open_map(image(tmp_path, data))


def test_no_sky_coordinates(tmp_path):
    assert_refused(write_image(tmp_path / "m.fits", np.ones((5, 5)), None), "no celestial WCS")


def test_one_axis(tmp_path):
    assert_refused(write_image(tmp_path / "m.fits", np.ones(5), None), "one axis")


def test_no_image_at_all(tmp_path):
    path = tmp_path / "m.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    assert_refused(path, "neither")


def test_a_catalogue_is_not_a_map(tmp_path):
    path = tmp_path / "m.fits"
    fits.BinTableHDU.from_columns([fits.Column("RA", "D", array=np.arange(5.0))]).writeto(path)
    assert_refused(path, "neither")


def test_unknown_header_unit(tmp_path):
    assert_refused(image(tmp_path, unit="Jy/beam"), "Jy/beam")
    assert open_map(image(tmp_path, unit="Jy/beam"), units="uK").units.source == "option"


def test_unsaid_unit_is_an_assumption(tmp_path):
    sky_map = open_map(image(tmp_path, unit=None))
    assert sky_map.units.source == "assumed" and "µK" in sky_map.assumptions[0]


def test_stokes_without_intensity(tmp_path):
    cards = {"CTYPE3": "STOKES", "CRVAL3": 2.0, "CRPIX3": 1.0, "CDELT3": 1.0}
    assert_refused(image(tmp_path, np.ones((2, *SHAPE)), **cards), "Stokes")
