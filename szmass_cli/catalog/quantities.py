"""Units as catalogues write them: of angles, redshifts and masses."""

import re
from typing import Any

from astropy import units as u

from szmass_cli.catalog.roles import without_unit

_NO_UNIT = frozenset(
    ("", "-", "--", "---", "none", "n/a", "unitless", "dimensionless", "redshift", "z", "1", "[-]")
)
_SUN = re.compile(
    r"(?:solmass|msolar|m_?\{?\\?(?:sun|sol|solar|odot|⊙|☉)\}?|m⊙|m☉|sol(?:ar)?[ _]?mass(?:es)?|msun)",
    re.IGNORECASE,
)
_LOG = re.compile(
    r"\[(?P<a>.*)\]|(?:log_?\{?(?:10)?\}?|lg|dex)\s*(?:\((?P<b>.*)\)|\[(?P<c>.*)\]|\s(?P<d>.*))",
    re.IGNORECASE,
)
_H = re.compile(
    r"(?P<over>/\s*)?\bh_?\{?(?P<reference>50|70|75|100)?\}?(?P<power>\s*(?:\^|\*\*)?\s*[({]?[+-]1[)}]?)?(?![a-z])",
    re.IGNORECASE,
)
_OVER_SUNS = re.compile(r"^[({\[]?M_?\{?\w*\}?\s*/\s*(?=[({\[]?\s*solMass)")
_EPOCH = re.compile(r"[JB]\d{4}(\.\d*)?")
_POWER_OF_TEN = re.compile(r"(?<![\d.])(?:[x×]\s*)?10\s*(?:\^|\*\*|(?=\+))\s*[({]?\+?(\d+)[)}]?\^?")
_NUMBER = r"(?P<number>\d*\.?\d+(?:e[+-]?\d+)?|e\+?\d+)?"


def stated_unit(column: Any) -> str:
    """Return the unit of a column in its own words: its unit, or what stands in brackets in its name."""
    unit = getattr(column, "unit", None)
    if unit is not None and str(unit).strip(" \"'"):
        return str(unit).strip(" \"'")
    text = without_unit(str(column.info.name))[1]
    is_known = not isinstance(u.Unit(text, parse_strict="silent"), u.UnrecognizedUnit)
    if _EPOCH.fullmatch(text) or not (is_known or degrees_per_unit(text) or mass_unit(text, 1.0)):
        return ""
    return text


def is_redshift_unit(text: str) -> bool:
    """Return whether a unit can be that of a redshift, which has none."""
    if text.lower() in _NO_UNIT:
        return True
    unit = u.Unit(text, parse_strict="silent")
    return unit == u.dimensionless_unscaled


def degrees_per_unit(text: str) -> float | None:
    """Return the degrees in a unit of angle, 1 where none is stated; None where it is no angle."""
    if text.lower() in _NO_UNIT or re.search(r"\bdeg", text, re.IGNORECASE):
        unit = u.Unit(text, parse_strict="silent")
        if isinstance(unit, u.UnrecognizedUnit) or unit == u.dimensionless_unscaled:
            return 1.0  # "degrees", "decimal deg"
    try:
        return float(u.Unit(text, parse_strict="silent").to(u.deg))
    except (u.UnitConversionError, u.UnitTypeError, TypeError, ValueError, AttributeError):
        return None


def mass_unit(text: str, h: float) -> tuple[float, bool] | None:
    """Read the unit of masses.

    Parameters
    ----------
    text : str
        Such as ``1e14 solMass``, ``[solMass]`` and ``log10(Msun/h)`` (logarithms to the base of 10),
        ``10^14 h70^-1 M_sun`` or ``Msol``.
    h : float
        Hubble constant over 100 km/s/Mpc, for masses over h.

    Returns
    -------
    (float, bool) or None
        Solar masses in the unit, and whether numbers are logarithms; None for what is no mass.
    """
    text = text.strip()
    log = _LOG.fullmatch(text)
    if log is not None:
        text = next((group for group in log.groupdict().values() if group is not None), "").strip()
        if not text:
            return None
    h_factor = 1.0

    def taken(match: re.Match) -> str:
        nonlocal h_factor
        is_below = (match["over"] is not None) ^ ("-1" in (match["power"] or ""))
        power = -1 if is_below else 1
        h_factor *= (h / (int(match["reference"] or 100) / 100.0)) ** power
        return " "

    text = _POWER_OF_TEN.sub(r" 1e\1 ", text)
    text = _SUN.sub(" solMass ", text)
    text = _OVER_SUNS.sub("", text.strip()).strip("[](){} ")
    text = _H.sub(taken, text)
    text = re.sub(r"[\s.*·×]*solMass[\s.*·×]*", " solMass", text).strip()
    match = re.fullmatch(_NUMBER + r"\s*solMass", text, re.IGNORECASE)
    if match is not None:
        number = match["number"] or "1"
        return float(f"1{number}" if number[0] in "eE" else number) * h_factor, log is not None
    try:
        return float(u.Unit(text, parse_strict="silent").to(u.Msun)) * h_factor, log is not None
    except (u.UnitConversionError, u.UnitTypeError, TypeError, ValueError, AttributeError):
        return None
