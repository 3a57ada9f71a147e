"""What a map's header says of its band: the words, and the card they come from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from szmass_cli.maps.cards import number_of, text_of

_KEYS = (
    *(
        "FREQ",
        "FREQUENCY",
        "FREQUENC",
        "FREQ_GHZ",
        "FREQGHZ",
        "FREQEFF",
        "EFF_FREQ",
        "EFFFREQ",
        "NU",
        "NU_GHZ",
    ),
    *(
        "BAND",
        "BANDNAME",
        "BAND_NAM",
        "BANDID",
        "PASSBAND",
        "BANDPASS",
        "FILTER",
        "CHANNEL",
        "CHAN",
        "DETSET",
    ),
    *("OBSFREQ", "CENTFREQ", "CENFREQ", "BANDCENT", "BANDCTR", "NOMFREQ"),
)
_HERTZ_KEYS = ("RESTFRQ", "RESTFREQ")
"""In Hz, by the FITS standard."""

_NAME_OF_A_BAND = re.compile(r"f?\d{2,3}(\.\d+)?\s*ghz|f\d{3}", re.IGNORECASE)
_UNIT_IN_COMMENT = re.compile(r"\b([GMk]?Hz)\b", re.IGNORECASE)


@dataclass(frozen=True)
class StatedBand:
    """A band as a header states it.

    Parameters
    ----------
    card : str
        Keyword of the card.
    text : str
        Its value as it stands there, with the unit of its comment or axis behind a bare number:
        ``f090``, ``150GHz``, ``150.0``, ``1.48e+11 Hz``.
    """

    card: str
    text: str


def stated_band(*headers) -> StatedBand | None:
    """Return what a map's headers say of its band or frequency, None where they say nothing.

    Parameters
    ----------
    *headers : astropy.io.fits.Header
        Of the map's HDU and, behind it, of the file's primary HDU: the first that says something counts.
    """
    found = (_stated_in(header) for header in headers)
    return next((band for band in found if band is not None), None)


def _stated_in(header) -> StatedBand | None:
    for key in _KEYS:
        text = text_of(header, key)
        if text and text.lower() not in ("none", "unknown", "n/a", "undefined"):
            return StatedBand(key, _with_unit(header, key, text))
    for key in _HERTZ_KEYS:
        if (number_of(header, key) or 0.0) > 0.0:
            return StatedBand(key, f"{text_of(header, key)} Hz")
    return _band_of_axis(header) or _band_of_name(header)


def _with_unit(header, key: str, text: str) -> str:
    """Put the unit of the card's comment behind a number that has none."""
    if number_of(header, key) is None:
        return text
    unit = _UNIT_IN_COMMENT.search(header.comments[key])
    return f"{text} {unit[1]}" if unit else text


def _band_of_axis(header) -> StatedBand | None:
    """Return the frequency of an axis of one plane."""
    for axis in range(3, int(header.get("NAXIS", 0)) + 1):
        is_frequency = text_of(header, f"CTYPE{axis}").upper().startswith("FREQ")
        if is_frequency and header.get(f"NAXIS{axis}") == 1 and number_of(header, f"CRVAL{axis}"):
            unit = text_of(header, f"CUNIT{axis}") or "Hz"
            return StatedBand(f"CRVAL{axis}", f"{text_of(header, f'CRVAL{axis}')} {unit}")
    return None


def _band_of_name(header) -> StatedBand | None:
    """Return the band that the HDU is called after, if it looks like nothing else."""
    name = text_of(header, "EXTNAME")
    return StatedBand("EXTNAME", name) if _NAME_OF_A_BAND.fullmatch(name) else None
