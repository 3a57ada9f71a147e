"""Masks and inverse variances: what their files leave unsaid, and their units."""

import healpy
import numpy as np
import pytest
from skies import car_around, write_healpix_table, write_image

from szmass_cli.errors import InputError
from szmass_cli.maps.units import MapUnits, is_inverse_square
from szmass_cli.maps.weights import Weights

WCS, SHAPE = car_around(10.0, 5.0, 0.4, 0.4)
RA, DEC = np.array([10.0]), np.array([5.0])
KELVIN, MICROKELVIN = MapUnits("K", 1e6, "header"), MapUnits("uK", 1.0, "header")


def ivar(path, unit, value):
    return write_image(path, np.full(SHAPE, value), WCS, unit=unit)


def galactic_mask(path, **cards):
    """HEALPix of nside 64 with a hole of 6 degrees around the place of the tests."""
    lon, lat = healpy.Rotator(coord=["C", "G"])(RA[0], DEC[0], lonlat=True)
    mask = np.ones(healpy.nside2npix(64), np.uint8)
    mask[healpy.query_disc(64, healpy.ang2vec(lon, lat, lonlat=True), np.radians(6.0))] = 0
    cards = {"NSIDE": 64, "ORDERING": "RING", **cards}
    return write_healpix_table(path, [("MASK", "B", mask)], **cards)


@pytest.mark.parametrize(
    "cards", [{"COORDSYS": "GALACTIC"}, {"SKYCOORD": "G"}, {"COORDREF": "Galactic"}], ids=str
)
def test_the_frame_of_a_mask_is_used(tmp_path, cards):
    weights = Weights.open(galactic_mask(tmp_path / "m.fits", **cards), None)
    assert weights.bad(RA, DEC).all() and weights.notes == ()


def test_an_unsaid_frame_of_a_mask_is_a_note(tmp_path):
    weights = Weights.open(galactic_mask(tmp_path / "m.fits"), None)
    (note,) = weights.notes
    assert "mask does not state its frame" in note and not weights.bad(RA, DEC).any()


def test_an_unsaid_order_of_inverse_variances_is_a_note(tmp_path):
    columns = [("IVAR", "1024E", np.ones((48, 1024)))]
    path = write_healpix_table(tmp_path / "m.fits", columns, NSIDE=64, COORDSYS="C")
    (note,) = Weights.open(None, path).notes
    assert "inverse variances does not state its pixel ordering" in note


@pytest.mark.parametrize(
    ("unit", "value", "of_map"),
    [
        (None, 2.5e-3, MICROKELVIN),
        ("uK", 2.5e-3, MICROKELVIN),
        ("uK^-2", 2.5e-3, MICROKELVIN),
        ("1/uK_CMB^2", 2.5e-3, KELVIN),
        ("K_CMB^-2", 2.5e9, MICROKELVIN),
        ("1/(mK)^2", 2.5e3, MICROKELVIN),
        (None, 2.5e9, KELVIN),
    ],
)
def test_noise_of_inverse_variances_in_any_unit(tmp_path, unit, value, of_map):
    """20 uK a pixel of 0.5' are 10 uK-arcmin; pixels of a CAR map at 5 degrees are narrower by its cosine."""
    weights = Weights.open(None, ivar(tmp_path / "m.fits", unit, value), of_map)
    noise_uk_arcmin = weights.noise_per_arcmin(RA, DEC) * of_map.to_uk
    assert noise_uk_arcmin[0] == pytest.approx(10.0 * np.sqrt(np.cos(np.radians(5.0))), rel=2e-3)
    assert weights.notes == ()


def test_an_odd_unit_of_inverse_variances_is_a_note(tmp_path):
    weights = Weights.open(None, ivar(tmp_path / "m.fits", "counts", 2.5e-3), MICROKELVIN)
    assert "'counts'" in weights.notes[0]


@pytest.mark.parametrize("unit", ["uK^2", "K_CMB2", "(mK)**2"])
def test_variances_are_refused(tmp_path, unit):
    with pytest.raises(InputError, match="variances, not inverse"):
        Weights.open(None, ivar(tmp_path / "m.fits", unit, 400.0), MICROKELVIN)


@pytest.mark.parametrize("text", ["uK^-2", "1/K^2", "K-2", "(uK_CMB)^-2", "1 / (mK**2)"])
def test_inverse_squares_are_recognised(text):
    assert is_inverse_square(text)


@pytest.mark.parametrize("text", ["uK", "K^2", "1/K", "counts", "", "2", "-2", "Jy^-2", "s-2"])
def test_other_units_are_not_taken_for_inverse_squares(text):
    assert not is_inverse_square(text)
