import pytest
from hypothesis import given
from hypothesis import strategies as st

from szmass_cli.errors import InputError
from szmass_cli.maps.units import UNITS, resolve_units, unit_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        *[(unit, unit) for unit in UNITS],
        *[
            (text, "uK")
            for text in ("µK", "μK", "uK_CMB", "uKcmb", "muK", "microK", "micro-Kelvin", "UK", "uK CMB")
        ],
        *[(text, "mK") for text in ("mK_CMB", "mK,thermodynamic", "mk", "milliKelvin")],
        *[(text, "K") for text in ("K_CMB", "Kcmb", "K_{CMB}", "kelvin", "k")],
        *[(text, "y") for text in ("Y", "Compton y", "compton-y", "y_sz")],
        *[(text, None) for text in ("Jy/beam", "MJy/sr", "K_RJ", "K (RJ)", "MK", "Tcmb", "K km/s", "1")],
    ],
)
def test_reading_of_unit_strings(text, label):
    assert unit_label(text) == label


@given(st.text(max_size=12))
def test_any_text_is_a_known_unit_or_none(text):
    assert unit_label(text) in (*UNITS, None)


def test_option_wins_over_header_and_header_over_assumption():
    assert resolve_units("mK", "K", 150.0, "m.fits").to_uk == 1e3
    assert resolve_units("mK", "Jy/beam", 150.0, "m.fits").source == "option"
    header = resolve_units(None, "K", 150.0, "m.fits")
    assert (header.label, header.to_uk, header.source) == ("K", 1e6, "header")
    for unsaid in (None, "", "  ", "unknown"):
        assumed = resolve_units(None, unsaid, 150.0, "m.fits")
        assert (assumed.label, assumed.to_uk, assumed.source) == ("uK", 1.0, "assumed")


def test_compton_y_at_150_ghz_is_a_decrement():
    assert resolve_units("y", None, 150.0, "m.fits").to_uk == pytest.approx(-2.598e6, rel=1e-3)
    assert resolve_units("y", None, 353.0, "m.fits").to_uk > 0


def test_a_unit_that_is_no_temperature_is_refused():
    with pytest.raises(InputError, match="Jy/beam") as caught:
        resolve_units(None, "Jy/beam", 150.0, "m.fits")
    assert "--units" in caught.value.hint
    with pytest.raises(InputError, match="furlong") as caught:
        resolve_units("furlong", None, 150.0, "m.fits")
    assert "mK" in caught.value.hint
