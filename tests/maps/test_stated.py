"""What an image's header states of its values is used, refused or noted."""

import gzip

import numpy as np
import pytest
from astropy.io import fits
from skies import SmoothSource, car_around, paint, worst_fraction_of_peak, write_image

from szmass_cli.errors import InputError
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.weights import Weights

SOURCE = SmoothSource(10.0, 5.0)
WCS, SHAPE = car_around(10.0, 5.0, 0.4, 0.4)
SKY_UK = paint(WCS, SHAPE, SOURCE)


def cut(path, **options):
    return extract_cutouts(open_map(path, **options), [SOURCE.ra_deg], [SOURCE.dec_deg])


def assert_whole(path):
    cutouts = cut(path)
    assert cutouts.bad_fraction[0] == 0.0
    assert worst_fraction_of_peak(cutouts.images[0], SOURCE) < 0.02


# --- weights ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cards",
    [{"WEIGHTED": "T"}, {"WEIGHTED": 1}, {"WGHTED": True}, {"MAPTYPE": "weighted temperature"}],
    ids=str,
)
def test_a_map_that_was_multiplied_by_its_weights_is_refused(tmp_path, cards):
    path = write_image(tmp_path / "m.fits", SKY_UK, WCS, **cards)
    with pytest.raises(InputError, match="multiplied by its weights") as caught:
        open_map(path)
    assert next(iter(cards)) in caught.value.message


@pytest.mark.parametrize(
    "cards", [{"WEIGHTED": False}, {"WEIGHTED": "F"}, {"MAPTYPE": "unweighted"}], ids=str
)
def test_a_map_that_says_it_is_not_weighted_is_read(tmp_path, cards):
    assert_whole(write_image(tmp_path / "m.fits", SKY_UK, WCS, **cards))


def test_the_primary_header_speaks_for_a_map_that_says_nothing_itself(tmp_path):
    path = write_image(tmp_path / "m.fits", SKY_UK, WCS, hdu_type=fits.ImageHDU)
    fits.setval(path, "WEIGHTED", value=True, ext=0)
    with pytest.raises(InputError, match="multiplied by its weights"):
        open_map(path)
    fits.setval(path, "WEIGHTED", value=False, ext=1)
    assert_whole(path)


# --- pixels without data ------------------------------------------------------------------------------------

CORNER = np.s_[: SHAPE[0] // 2 - 4, :]  # south of the cluster, inside its cutout


def with_corner(value, dtype=float):
    values = SKY_UK.astype(dtype)
    values[CORNER] = value
    return values


def assert_corner_is_bad(path):
    cutouts = cut(path)
    bad = cutouts.bad[0]
    assert bad[:8].all() and not bad[20:].any()
    assert not cutouts.cut_by_edge[0] and cutouts.nonfinite_fraction[0] == bad.mean() > 0.2
    assert np.abs(cutouts.images[0] - SOURCE.cutout())[24:].max() < 2.0


@pytest.mark.parametrize(
    "card", ["BAD_DATA", "BADVAL", "MISSVAL", "FILLVAL", "NODATA", "BLANK"], ids=lambda card: card
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_stated_bad_value_is_no_data(tmp_path, card, dtype):
    assert_corner_is_bad(write_image(tmp_path / "m.fits", with_corner(-999.7, dtype), WCS, **{card: -999.7}))


def test_the_same_value_is_data_where_nobody_says_otherwise(tmp_path):
    cutouts = cut(write_image(tmp_path / "m.fits", with_corner(-999.7), WCS))
    assert not cutouts.bad.any()


@pytest.mark.parametrize("hdu_type", [fits.PrimaryHDU, fits.CompImageHDU])
def test_blank_of_a_scaled_integer_image_is_compared_before_scaling(tmp_path, hdu_type):
    stored = np.round((SKY_UK - 5.003) / 0.01).astype(np.int32)
    stored[CORNER] = -2_000_000
    path = tmp_path / "m.fits"
    if hdu_type is fits.PrimaryHDU:
        hdu = fits.PrimaryHDU(stored, WCS.to_header())
        hdus = [hdu]
    else:
        hdu = fits.CompImageHDU(stored, WCS.to_header())
        hdus = [fits.PrimaryHDU(), hdu]
    hdu.header.update({"BUNIT": "uK", "BLANK": -2_000_000})
    fits.HDUList(hdus).writeto(path)
    number = len(hdus) - 1
    with fits.open(path, mode="update", do_not_scale_image_data=True, disable_image_compression=True) as file:
        file[number].header["BSCALE"], file[number].header["BZERO"] = 0.01, 5.003
    assert_corner_is_bad(path)


@pytest.mark.parametrize("unit", ["uK", "K"])
@pytest.mark.parametrize("absurd", [1e30, -1e30, 3.4e38, 1e20, -1.6375e30, np.inf])
def test_absurd_values_are_no_data(tmp_path, absurd, unit):
    values = SKY_UK * {"uK": 1.0, "K": 1e-6}[unit]
    values[CORNER] = absurd
    assert_corner_is_bad(write_image(tmp_path / "m.fits", values, WCS, unit=unit))


@pytest.mark.parametrize("bad", [{}, {"BAD_DATA": 7.0}])
def test_bad_values_of_a_mask_mask(tmp_path, bad):
    mask = np.ones(SHAPE)
    mask[CORNER] = 7.0 if bad else 1e30
    path = write_image(tmp_path / "mask.fits", mask, WCS, unit=None, **bad)
    masked = Weights.open(path, None).bad(np.array([10.0]), np.array([5.0]))[0]
    assert masked[:8].all() and not masked[20:].any()


@pytest.mark.parametrize("cards", [{"CRPIX2": 1e30}, {"CRPIX1": -1e25}, {"CDELT2": 1e-25}], ids=str)
def test_a_map_that_lies_beyond_all_numbers_is_off_everything(tmp_path, cards):
    path = write_image(tmp_path / "m.fits", np.ones(SHAPE) + SKY_UK, WCS, **cards)
    cutouts = cut(path)
    assert cutouts.off_map.all() and cutouts.bad.all()
    assert Weights.open(path, None).bad(np.array([10.0]), np.array([5.0])).all()
    assert np.isnan(Weights.open(None, path).noise_per_arcmin(np.array([10.0]), np.array([5.0]))).all()


# --- Stokes axes --------------------------------------------------------------------------------------------

PLANES = np.stack([SKY_UK, SKY_UK * 0 + 5.0, SKY_UK * 0 - 5.0])


def stokes(value, step, reference=1.0, axis=3):
    return {
        f"CTYPE{axis}": "STOKES",
        f"CRVAL{axis}": value,
        f"CRPIX{axis}": reference,
        f"CDELT{axis}": step,
    }


@pytest.mark.parametrize(
    ("order", "cards", "noted"),
    [
        ([0, 1, 2], stokes(1.0, 1.0), False),
        ([2, 1, 0], stokes(3.0, -1.0), False),
        ([0, 1, 2], stokes(2.0, 1.0, reference=2.0), False),
        ([0, 1, 2], stokes(0.0, 1.0), True),  # counted from 0
        ([0, 1, 2], stokes(1.0, 0.0), True),
        ([0, 1, 2], stokes(0.0, 0.0), True),
        ([0, 1], stokes(0.0, 1.0), True),
        ([0, 1, 2], {"CTYPE3": "STOKES"}, True),
        ([1, 0], stokes(1.0, 1.0, reference=2.0), False),
        ([0, 1, 2], {}, False),  # unnamed: I, Q, U
        ([0, 1], {}, True),
        ([0], stokes(0.0, 0.0), False),
    ],
    ids=str,
)
def test_intensity_is_found_among_stokes_planes(tmp_path, order, cards, noted):
    path = write_image(tmp_path / "m.fits", PLANES[order], WCS, **cards)
    assert_whole(path)
    assert any("first" in note for note in open_map(path).assumptions) is noted


def test_steps_of_a_cd_matrix(tmp_path):
    wcs = WCS.deepcopy()
    header = wcs.to_header()
    for axis in (1, 2):
        header[f"CD{axis}_{axis}"] = header.pop(f"CDELT{axis}")
    header.update({"CTYPE3": "STOKES", "CRVAL3": 3.0, "CRPIX3": 1.0, "CD3_3": -1.0, "BUNIT": "uK"})
    fits.PrimaryHDU(PLANES[[2, 1, 0]], header).writeto(tmp_path / "m.fits")
    assert_whole(tmp_path / "m.fits")


def test_stokes_as_the_fourth_axis(tmp_path):
    path = write_image(tmp_path / "m.fits", PLANES[[1, 0, 2]][:, None], WCS, **stokes(1.0, 1.0, 2.0, axis=4))
    assert_whole(path)


@pytest.mark.parametrize(
    "cards",
    [
        stokes(2.0, 0.0),
        stokes(1.0, 1.0, reference=0.0),
        stokes(0.5, 1.0),
        stokes(-1.0, -1.0),
        stokes(0.0, 2.0),
    ],
    ids=str,
)
def test_stokes_axes_that_pass_by_the_intensity_are_refused(tmp_path, cards):
    path = write_image(tmp_path / "m.fits", PLANES, WCS, **cards)
    with pytest.raises(InputError, match="no I plane") as caught:
        open_map(path)
    assert "CRVAL3" in caught.value.hint


# --- units --------------------------------------------------------------------------------------------------


def test_the_unit_may_stand_in_other_cards(tmp_path):
    path = write_image(tmp_path / "m.fits", SKY_UK * 1e-3, WCS, unit=None, UNITS="mK_CMB")
    assert open_map(path).units.label == "mK"
    assert_whole(path)


def test_a_word_that_spt3g_writes_into_any_map_is_named_but_not_believed(tmp_path):
    path = write_image(tmp_path / "m.fits", SKY_UK, WCS, unit=None, UNITS="Tcmb")
    (note,) = open_map(path).assumptions
    assert "Tcmb" in note and open_map(path).units.source == "assumed"


# --- files that unpack to more than there is ----------------------------------------------------------------


def test_a_small_file_that_unpacks_to_a_huge_image_is_refused(tmp_path):
    header = fits.PrimaryHDU(np.zeros((2, 2), np.float32), WCS.to_header()).header
    header["NAXIS1"], header["NAXIS2"] = 2_000_000, 2_000_000
    path = tmp_path / "m.fits.gz"
    path.write_bytes(gzip.compress(header.tostring().encode() + bytes(2880)))
    with pytest.raises(InputError, match=r"16,000 GB|cannot be read") as caught:
        open_map(path)
    assert str(path) in caught.value.message


def test_a_compressed_image_of_huge_tiles_is_refused(tmp_path):
    path = write_image(tmp_path / "m.fits", SKY_UK, WCS, hdu_type=fits.CompImageHDU)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["ZNAXIS1"] = hdus[1].header["ZNAXIS2"] = 3_000_000
    with pytest.raises(InputError) as caught:
        open_map(path)
    assert str(path) in caught.value.message
