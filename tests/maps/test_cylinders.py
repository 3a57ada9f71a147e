"""Cylindrical maps with an odd reference latitude, and full circles that do not quite close."""

import numpy as np
import pytest
from astropy.io import fits
from skies import SmoothSource, car_around, paint, worst_fraction_of_peak, write_image

from szmass_cli.errors import InputError
from szmass_cli.maps import extract_cutouts, open_map
from szmass_cli.maps.reader import open_ivar, open_mask


def linear(path, projection="CAR", dec_deg=52.0, **cards):
    """A map whose rows are declinations, with its middle for its reference point."""
    source = SmoothSource(120.0, dec_deg)
    wcs, shape = car_around(120.0, dec_deg, 0.6, 0.4)
    header = fits.Header(
        {
            "CTYPE1": f"RA---{projection}",
            "CTYPE2": f"DEC--{projection}",
            "CRVAL1": 120.0,
            "CRVAL2": dec_deg,
            "CRPIX1": shape[1] / 2 + 0.5,
            "CRPIX2": shape[0] / 2 + 0.5,
            "CDELT1": -0.5 / 60,
            "CDELT2": 0.5 / 60,
            "BUNIT": "uK",
            **cards,
        }
    )
    fits.PrimaryHDU(paint(wcs, shape, source), header).writeto(path, overwrite=True)
    return path, source, shape


@pytest.mark.parametrize("poles", [{}, {"LONPOLE": 0.0, "LATPOLE": 90.0}], ids=str)
@pytest.mark.parametrize("opened", [open_map, open_mask, open_ivar])
def test_a_reference_latitude_that_can_be_read_in_two_ways_is_refused(tmp_path, poles, opened):
    path, _, _ = linear(tmp_path / "m.fits", **poles)
    with pytest.raises(InputError, match="CRVAL2 = 52 in a CAR map"):
        opened(path)


@pytest.mark.parametrize("projection", ["CAR", "CEA", "MER", "SFL"])
@pytest.mark.parametrize("dec_deg", [52.0, -8.0])
def test_the_advice_is_right(tmp_path, projection, dec_deg):
    path, source, shape = linear(tmp_path / "m.fits", projection, dec_deg)
    with pytest.raises(InputError) as caught:
        open_map(path)
    advised = float(caught.value.hint.split("CRPIX2 = ")[1].split(",")[0])
    fits.setval(path, "CRVAL2", value=0.0)
    fits.setval(path, "CRPIX2", value=advised)
    row = (shape[0] - 1) / 2
    lon, lat = open_map(path).wcs.wcs_pix2world([[(shape[1] - 1) / 2, row]], 0)[0]
    assert (lon, lat) == pytest.approx((120.0, dec_deg), abs=1e-6)
    if projection == "CAR":
        cutouts = extract_cutouts(open_map(path), [source.ra_deg], [source.dec_deg])
        assert worst_fraction_of_peak(cutouts.images[0], source) < 0.02


def test_a_projection_that_is_turned_on_purpose_can_say_so(tmp_path):
    path, _, _ = linear(tmp_path / "m.fits", PV1_1=0.0, PV1_2=0.0)
    assert open_map(path).assumptions == ()


def test_a_reference_latitude_that_changes_nothing_is_accepted(tmp_path):
    path, _, _ = linear(tmp_path / "m.fits", dec_deg=1e-5)
    open_map(path)


# --- full circles -------------------------------------------------------------------------------------------


def ring(path, columns, step, first=0.0, direction=1, sources=((359.98, 0.0),)):
    """A narrow map all the way round, drawn with the exact step and written with `step`."""
    exact = 360.0 / columns
    ra = first + direction * exact * np.arange(columns)
    rows = 60
    dec = exact * (np.arange(rows) - 29.5)
    sky = SmoothSource(*sources[0], widen=3.0)
    values = sky.at(*np.meshgrid(ra % 360.0, dec)).astype(np.float32)
    header = fits.Header(
        {
            "CTYPE1": "RA---CAR",
            "CTYPE2": "DEC--CAR",
            "CRVAL1": first + direction * exact * (columns // 2),
            "CRVAL2": 0.0,
            "CRPIX1": columns // 2 + 1,
            "CRPIX2": 30.5,
            "CDELT1": direction * step,
            "CDELT2": step,
            "BUNIT": "uK",
        }
    )
    fits.PrimaryHDU(values, header).writeto(path, overwrite=True)
    return path, sky


@pytest.mark.parametrize(
    ("columns", "step"),
    [(10800, 0.033333), (10800, 0.0333), (10800, 0.0333333333), (10799, 0.0333364), (21600, 0.016667)],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_full_circle_whose_step_was_rounded_closes(tmp_path, columns, step, direction):
    path, sky = ring(tmp_path / "m.fits", columns, step, direction=direction)
    sky_map = open_map(path)
    assert sky_map.full_circle == columns
    assert any(f"360/{columns}" in note for note in sky_map.assumptions) is (step != 0.0333333333)
    cutouts = extract_cutouts(sky_map, [sky.ra_deg, 0.0], [sky.dec_deg, 0.0])
    assert not cutouts.bad.any() and not cutouts.cut_by_edge.any()
    assert worst_fraction_of_peak(cutouts.images[0], sky) < 0.03


def test_columns_that_are_there_twice_do_no_harm(tmp_path):
    path, sky = ring(tmp_path / "m.fits", 10800, 1 / 30)
    with fits.open(path) as hdus:
        values = np.concatenate([hdus[0].data, hdus[0].data[:, :1]], axis=1)
        fits.writeto(path, values, hdus[0].header, overwrite=True)
    cutouts = extract_cutouts(open_map(path), [sky.ra_deg], [sky.dec_deg])
    assert not cutouts.bad.any() and worst_fraction_of_peak(cutouts.images[0], sky) < 0.03


@pytest.mark.parametrize(("columns", "step"), [(10700, 1 / 30), (719, 0.5), (35900, 0.01), (3590, 0.1)])
def test_a_map_that_leaves_a_gap_is_not_closed(tmp_path, columns, step):
    wcs, _ = car_around(0.0, 0.0, 1.0)
    wcs.wcs.cdelt, wcs.wcs.crpix = [-step, step], [columns / 2, 2.5]
    path = write_image(tmp_path / "m.fits", np.ones((4, columns), np.float32), wcs)
    assert open_map(path).full_circle is None and open_map(path).assumptions == ()
