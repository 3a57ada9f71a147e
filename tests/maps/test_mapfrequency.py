"""Bands are found in headers as surveys write them."""

import numpy as np
import pytest
from astropy.io import fits
from skies import car_around, write_image

from szmass_cli.maps import open_map
from szmass_cli.maps.mapfrequency import StatedBand, stated_band


@pytest.mark.parametrize(
    ("cards", "card", "text"),
    [
        ({"FREQ": "f150"}, "FREQ", "f150"),
        ({"FREQ": "f090"}, "FREQ", "f090"),
        ({"FREQ": 150.0}, "FREQ", "150.0"),
        ({"FREQ": (148, "[GHz] effective")}, "FREQ", "148 GHz"),
        ({"FREQ": (1.48e11, "Hz")}, "FREQ", "148000000000.0 Hz"),
        ({"FREQUENCY": "90 GHz"}, "FREQUENCY", "90 GHz"),
        ({"BAND": "150GHz"}, "BAND", "150GHz"),
        ({"BANDNAME": "SPT220"}, "BANDNAME", "SPT220"),
        ({"RESTFRQ": 9.5e10}, "RESTFRQ", "95000000000.0 Hz"),
        ({"CTYPE3": "FREQ", "CRVAL3": 2.2e11, "NAXIS3": 1, "NAXIS": 3}, "CRVAL3", "220000000000.0 Hz"),
        ({"EXTNAME": "150GHz"}, "EXTNAME", "150GHz"),
        ({"EXTNAME": "f090"}, "EXTNAME", "f090"),
        ({"FREQ": "", "BAND": "f220"}, "BAND", "f220"),
    ],
    ids=str,
)
def test_a_band_is_found_with_its_card(cards, card, text):
    header = fits.Header()
    header.update(cards)
    assert stated_band(header) == StatedBand(card, text)


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"EXTNAME": "FREQ-MAP"},
        {"FREQ": "unknown"},
        {"RESTFRQ": 0.0},
        {"CTYPE3": "FREQ", "CRVAL3": 9e10, "NAXIS3": 4, "NAXIS": 3},
    ],
    ids=str,
)
def test_nothing_is_made_up(cards):
    assert stated_band(fits.Header(cards)) is None


def test_a_map_carries_what_it_states_be_it_in_the_primary_header(tmp_path):
    wcs, shape = car_around(10.0, 5.0, 0.4, 0.4)
    path = write_image(tmp_path / "m.fits", np.ones(shape), wcs, hdu_type=fits.ImageHDU)
    assert open_map(path).instrument.band is None
    fits.setval(path, "FREQ", value="f150", ext=0)
    assert open_map(path).instrument.band == StatedBand("FREQ", "f150")
    fits.setval(path, "BAND", value="f090", ext=1)
    assert open_map(path).instrument.band == StatedBand("BAND", "f090")
