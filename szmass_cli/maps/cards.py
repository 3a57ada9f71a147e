"""What the cards of a map's header say, in the spellings that are about."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

_TRUE = {"t", "true", "yes", "y", "1", "on"}
_WEIGHTED_KEYS = ("WEIGHTED", "ISWGHTED", "ISWEIGHTD", "WGHTED", "WEIGHTD", "WTED", "IS_WGT", "IVARWGT")
_WEIGHT_KEYS = ("ISWEIGHT", "ISWGT", "IS_WEIGH")
_KIND_KEYS = ("MAPTYPE", "MAPKIND", "CONTENT", "DATATYPE", "DTYPE")
_BAD_KEYS = (
    *("BAD_DATA", "BADDATA", "BAD_VAL", "BADVAL", "BADVALUE", "BAD_VALU", "MISSVAL", "MISS_VAL", "NODATA"),
    *("NO_DATA", "FILLVAL", "FILL_VAL", "_FILLVAL", "UNSEEN", "NULLVAL", "NULL_VAL", "UNDEFVAL"),
)
SPT3G_UNITS = "Tcmb"
_UNIT_KEYS = ("BUNIT", "UNITS", "UNIT", "TUNIT")


def text_of(header, key: str) -> str:
    """Return a card's value as bare text, empty where the card is missing or has no value."""
    value = header.get(key)
    return "" if value is None or not isinstance(value, str | int | float) else str(value).strip()


def number_of(header, key: str) -> float | None:
    """Return a card's value as a finite number, None where it is none."""
    try:
        number = float(text_of(header, key))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def is_true(header, key: str) -> bool:
    """Return whether a card says yes: a logical T, a number other than 0, or a word for it."""
    value = header.get(key)
    if isinstance(value, bool | int | float):
        return bool(value)
    return text_of(header, key).lower() in _TRUE


def weighted_card(header) -> str | None:
    """Return the card that says that the map was multiplied by its weights, None where none does."""
    for key in _WEIGHTED_KEYS:
        if is_true(header, key):
            return f"{key} = {header[key]!r}"
    for key in _KIND_KEYS:
        words = text_of(header, key).lower()
        if "weighted" in words and "unweighted" not in words and "non-weighted" not in words:
            return f"{key} = {header[key]!r}"
    return None


def weight_card(header) -> str | None:
    """Return the card that says that these are weights and no map, None where none does."""
    for key in _WEIGHT_KEYS:
        if is_true(header, key):
            return f"{key} = {header[key]!r}"
    return f"WTYPE = {header['WTYPE']!r}" if text_of(header, "WTYPE") else None


def bad_values(header, *more_keys: str) -> tuple[float, ...]:
    """Return the values that the header gives to pixels without data."""
    numbers: Iterable[Any] = (number_of(header, key) for key in (*_BAD_KEYS, *more_keys))
    return tuple(sorted({number for number in numbers if number is not None}))


def stated_unit(header, *keys: str) -> str | None:
    """Return the unit of the values by the first of `keys`, else of the usual ones, that is there."""
    found = (text_of(header, key) for key in (*keys, *_UNIT_KEYS))
    # spt3g writes UNITS = 'Tcmb' into maps of kelvin and of Compton y alike
    return next((text for text in found if text and text != SPT3G_UNITS), None)
