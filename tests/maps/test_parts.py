"""Which HDU or column of a file is read: the right one, or the one that is chosen."""

import numpy as np
import pytest
from astropy.io import fits
from skies import (
    SmoothSource,
    car_around,
    healpix_partial,
    paint,
    worst_fraction_of_peak,
    write_healpix_table,
)

from szmass_cli.errors import InputError
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.reader import open_ivar, open_mask
from szmass_cli.system.fileparts import file_of, split_part

SOURCE = SmoothSource(200.0, -33.0)
WCS, SHAPE = car_around(200.0, -33.0, 0.5, 0.5)
SKY_UK = paint(WCS, SHAPE, SOURCE)


def image(values, **cards):
    return fits.ImageHDU(values, fits.Header({**WCS.to_header(), "BUNIT": "uK", **cards}))


def write(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def is_the_sky(sky_map):
    cutouts = extract_cutouts(sky_map, [SOURCE.ra_deg], [SOURCE.dec_deg])
    return worst_fraction_of_peak(cutouts.images[0], SOURCE) < 0.02


# --- HDUs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "others",
    [
        {"EXTNAME": "WEIGHT"},
        {"EXTNAME": "ivar_map"},
        {"EXTNAME": "NHITS"},
        {"ISWEIGHT": True, "WTYPE": "TT"},
        {"BUNIT": "uK^-2"},
        {"POLTYPE": "Q"},
        {"EXTNAME": "MASK"},
    ],
    ids=str,
)
def test_the_temperature_is_found_behind_other_things(tmp_path, others):
    path = write(tmp_path / "m.fits", image(np.full(SHAPE, 3.0), **others), image(SKY_UK, POLTYPE="T"))
    sky_map = open_map(path)
    assert is_the_sky(sky_map) and sky_map.assumptions == ()


def test_weights_alone_are_refused_with_the_reason(tmp_path):
    path = write(tmp_path / "m.fits", image(np.full(SHAPE, 3.0), EXTNAME="IVAR"))
    with pytest.raises(InputError, match=r"no temperature.*IVAR") as caught:
        open_map(path)
    assert "m.fits[1]" in caught.value.hint
    assert open_map(f"{path}[1]").pixel_arcmin == pytest.approx(0.5, rel=0.2)


def test_what_says_that_it_is_weights_is_refused_even_if_chosen(tmp_path):
    path = write(tmp_path / "m.fits", image(SKY_UK), image(SKY_UK, ISWEIGHT=True))
    with pytest.raises(InputError, match="ISWEIGHT"):
        open_map(f"{path}[2]")


def test_two_maps_are_a_note(tmp_path):
    path = write(tmp_path / "m.fits", image(SKY_UK), image(2 * SKY_UK))
    sky_map = open_map(path)
    assert is_the_sky(sky_map)
    assert "m.fits[2]" in sky_map.assumptions[0]


@pytest.mark.parametrize("part", ["2", "f150", "F150"])
def test_an_hdu_is_chosen_by_number_or_name(tmp_path, part):
    path = write(tmp_path / "m.fits", image(3 * SKY_UK), image(SKY_UK, EXTNAME="F150"))
    sky_map = open_map(f"{path}[{part}]")
    assert is_the_sky(sky_map) and sky_map.path == path and sky_map.assumptions == ()


@pytest.mark.parametrize(
    ("part", "words"), [("0", "HDU 0"), ("7", "no HDU"), ("sky", "no HDU or column sky")]
)
def test_a_part_that_is_not_there(tmp_path, part, words):
    path = write(tmp_path / "m.fits", image(SKY_UK, EXTNAME="TEMP"))
    with pytest.raises(InputError, match=words) as caught:
        open_map(f"{path}[{part}]")
    assert "1 TEMP" in caught.value.hint


def test_a_file_that_is_called_so_is_that_file(tmp_path):
    path = write(tmp_path / "m[2].fits[1]", image(SKY_UK))
    assert split_part(path) == (path, None)
    assert is_the_sky(open_map(path))
    assert file_of(tmp_path / "other.fits[3]") == tmp_path / "other.fits"


def test_inverse_variances_and_masks_are_found_in_the_file_of_the_map(tmp_path):
    ivar, mask = np.full(SHAPE, 4.0), np.ones(SHAPE)
    path = write(
        tmp_path / "m.fits",
        image(SKY_UK, EXTNAME="MAP"),
        image(mask, EXTNAME="MASK"),
        image(ivar, EXTNAME="IVAR"),
    )
    assert open_ivar(path).raw[3, 3] == 4.0
    assert open_mask(path).raw[3, 3] == 1.0
    assert is_the_sky(open_map(path))


# --- HEALPix columns ----------------------------------------------------------------------------------------

NSIDE = 4096
HPX = SmoothSource(30.0, -10.0, widen=1.5)
NUMBERS, VALUES = healpix_partial(HPX, NSIDE, 0.4)
CARDS = {"NSIDE": NSIDE, "ORDERING": "RING", "COORDSYS": "C", "INDXSCHM": "EXPLICIT"}


def table(path, *columns, **cards):
    return write_healpix_table(path, columns, **{**CARDS, **cards})


def hpx_error(sky_map):
    cutouts = extract_cutouts(sky_map, [HPX.ra_deg], [HPX.dec_deg])
    return worst_fraction_of_peak(cutouts.images[0], HPX)


@pytest.mark.parametrize(
    "names",
    [
        ("U_STOKES", "Q_STOKES", "I_STOKES"),
        ("Q_POLARISATION", "U_POLARISATION", "TEMPERATURE"),
        ("Q", "U", "I"),
        ("HITS", "II_COV", "T"),
        ("N_OBS", "SIGMA", "TEMPERATURE"),
        ("TT", "Q", "T"),
    ],
    ids=str,
)
def test_intensity_is_found_whatever_the_order_of_columns(tmp_path, names):
    other = np.full(len(VALUES), 7.0)
    columns = [(name, "E", other) for name in names[:2]] + [(names[2], "E", VALUES)]
    sky_map = open_map(table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), *columns))
    assert hpx_error(sky_map) < 0.02


def test_units_are_those_of_the_column_that_is_read(tmp_path):
    columns = [("Q_STOKES", "E", VALUES), ("PIXEL", "K", NUMBERS), ("I_STOKES", "D", VALUES * 1e-6)]
    path = table(tmp_path / "m.fits", *columns, TUNIT1="uK_CMB", TUNIT3="K_CMB")
    sky_map = open_map(path)
    assert sky_map.units.label == "K" and hpx_error(sky_map) < 0.02


def test_polarisation_alone_is_refused(tmp_path):
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), ("Q_STOKES", "E", VALUES), ("U", "E", VALUES))
    with pytest.raises(InputError, match="intensity"):
        open_map(path)


def test_columns_of_unknown_names_are_a_note_and_can_be_chosen(tmp_path):
    columns = [("FOO", "E", 3 * VALUES), ("BAR", "E", VALUES)]
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), *columns)
    assert "m.fits[BAR]" in " ".join(open_map(path).assumptions)
    assert hpx_error(open_map(f"{path}[bar]")) < 0.02


@pytest.mark.parametrize("name", ["HPX_PIXEL", "ipix", "healpix_index", "foo", "pixel_id"])
@pytest.mark.parametrize("last", [False, True])
def test_pixel_numbers_under_another_name(tmp_path, name, last):
    columns = [(name, "K", NUMBERS[::-1]), ("I", "E", VALUES[::-1])]
    sky_map = open_map(table(tmp_path / "m.fits", *(columns[::-1] if last else columns)))
    assert hpx_error(sky_map) < 0.02
    assert any("foo" in note for note in sky_map.assumptions) is (name == "foo")


def test_pixel_numbers_in_floating_point(tmp_path):
    path = table(tmp_path / "m.fits", ("PIXEL", "D", NUMBERS.astype(float)), ("T", "E", VALUES))
    assert hpx_error(open_map(path)) < 0.02
    path = table(tmp_path / "m.fits", ("PIXEL", "D", NUMBERS + 0.5), ("T", "E", VALUES))
    with pytest.raises(InputError, match="not whole"):
        open_map(path)


def test_a_pixel_that_is_there_twice_is_refused(tmp_path):
    path = table(
        tmp_path / "m.fits", ("PIXEL", "K", np.r_[NUMBERS, NUMBERS[:1]]), ("T", "E", np.r_[VALUES, 99.0])
    )
    with pytest.raises(InputError, match="more than once"):
        open_map(path)


def test_explicit_without_any_numbers_is_refused(tmp_path):
    with pytest.raises(InputError, match="no column holds pixel numbers"):
        open_map(table(tmp_path / "m.fits", ("T", "E", VALUES), ("X", "E", VALUES)))


def test_a_range_of_pixels_in_the_header(tmp_path):
    first, last = int(NUMBERS.min()), int(NUMBERS.max())
    values = np.full(last - first + 1, np.nan)
    values[NUMBERS - first] = VALUES
    path = table(tmp_path / "m.fits", ("T", "E", values), INDXSCHM="IMPLICIT", FIRSTPIX=first, LASTPIX=last)
    assert hpx_error(open_map(path)) < 0.02


@pytest.mark.parametrize("card", ["BAD_DATA", "BADVAL"])
def test_stated_bad_values_of_healpix(tmp_path, card):
    north = np.median(NUMBERS) > NUMBERS  # RING counts from the north
    columns = [("PIXEL", "K", NUMBERS), ("T", "E", np.where(north, -77.7, VALUES))]
    path = table(tmp_path / "m.fits", *columns, **{card: -77.7})
    bad = extract_cutouts(open_map(path), [HPX.ra_deg], [HPX.dec_deg]).bad[0]
    assert bad[24:].all() and not bad[:16].any()


def test_null_of_a_scaled_integer_column_is_compared_before_scaling(tmp_path):
    stored = np.round((VALUES - 0.303) / 0.01).astype(np.int32)
    stored[np.median(NUMBERS) > NUMBERS] = 99_999
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), ("T", "J", stored))
    # astropy would scale what it is given to write
    content = path.read_bytes()
    place = content.index(b"END" + b" " * 77, content.index(b"XTENSION"))
    cards = [fits.Card(*card) for card in (("TSCAL2", 0.01), ("TZERO2", 0.303), ("TNULL2", 99_999))]
    more = "".join(map(str, cards)).encode() + b"END" + b" " * 77
    assert content[place + 80 : place + len(more)].strip() == b""
    path.write_bytes(content[:place] + more + content[place + len(more) :])
    cutouts = extract_cutouts(open_map(path), [HPX.ra_deg], [HPX.dec_deg])
    assert cutouts.bad[0][24:].all() and not cutouts.bad[0][:16].any()
    assert np.abs(cutouts.images[0] - HPX.cutout())[:14].max() < 2.0


def test_a_logical_mask(tmp_path):
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), ("MASK", "L", NUMBERS % 2 == 0))
    sky_map = open_mask(path)
    assert set(np.ravel(sky_map._values_of(NUMBERS)[0])) == {0.0, 1.0}


def test_of_many_masks_the_first_is_a_note(tmp_path):
    ones = np.ones(len(NUMBERS), np.uint8)
    columns = [("GAL020", "B", ones), ("GAL040", "B", 0 * ones)]
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), *columns)
    assert "m.fits[GAL040]" in " ".join(open_mask(path).assumptions)


def test_covariances_are_no_inverse_variances(tmp_path):
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), ("II_COV", "E", VALUES**2))
    with pytest.raises(InputError, match="inverse variance"):
        open_ivar(path)


def test_an_old_equinox_is_refused(tmp_path):
    path = table(tmp_path / "m.fits", ("PIXEL", "K", NUMBERS), ("T", "E", VALUES), EQUINOX=1950.0)
    with pytest.raises(InputError, match="equinox 1950"):
        open_map(path)
