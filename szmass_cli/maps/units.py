"""What one unit of a map is worth in µK_CMB, and who said so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from szmass_cli.errors import InputError
from szmass_cli.physics.spectra import tsz_uk_per_y

UNITS = ("K", "mK", "uK", "y")

_TEMPERATURES_UK = {"K": 1e6, "mK": 1e3, "uK": 1.0}
_COMPTON_Y = {"y", "compton", "comptony", "comptonyparameter", "ysz"}
# What people append to say "thermodynamic": it is what we mean anyway.
_THERMODYNAMIC = re.compile(r"(cmb|thermodynamic|thermo)$", re.IGNORECASE)
_SPELT_OUT = {"kelvin": "K", "millikelvin": "mK", "microkelvin": "uK", "microk": "uK", "muk": "uK"}
_UNSAID = {"", "unknown", "none", "undefined"}
# "per unit squared", as inverse variances are: 1/uK^2, uK^-2, (uK_CMB)^-2, K**(-2)
_INVERSE_SQUARE = re.compile(
    r"1\.?0?\s*/\s*\(?(?P<below>[^()/]+?)\)?(?:\^|\*\*)?2\)?|\(?(?P<raised>[^()/]+?)\)?(?:\^|\*\*)?\(?-2\)?"
)
_SQUARE = re.compile(r"\(?(?P<unit>[^()/-]+?)\)?(?:\^|\*\*)?2")


@dataclass(frozen=True)
class MapUnits:
    """The unit of a map's values.

    Attributes
    ----------
    label : str
        'K', 'mK', 'uK' (CMB thermodynamic temperature) or 'y' (Compton parameter).
    to_uk : float
        Factor from map values to µK_CMB.
    source : str
        Who said so: 'option', 'header', 'survey' or 'assumed'.
    """

    label: str
    to_uk: float
    source: str


def unit_label(text: str) -> str | None:
    """Return the one of `UNITS` that a unit string means, or None.

    Another case is accepted where only one reading is left: 'UK' is µK, but 'MK' is neither mK nor
    megakelvin.
    """
    bare = re.sub(r"[\s_\-{}(),.^]", "", text).replace("µ", "u").replace("μ", "u")
    if bare.lower() in _COMPTON_Y:
        return "y"
    bare = _THERMODYNAMIC.sub("", bare)
    bare = _SPELT_OUT.get(bare.lower(), bare)
    if bare in _TEMPERATURES_UK:
        return bare
    return {"k": "K", "mk": "mK", "UK": "uK", "Uk": "uK", "uk": "uK"}.get(bare)


def resolve_units(
    option: str | None, header: str | None, frequency_ghz: float, where: str, survey: str | None = None
) -> MapUnits:
    """Decide a map's units: the user's option, else its header, else its survey's, else µK_CMB is assumed.

    Parameters
    ----------
    option, header : str or None
        What the user and the map's BUNIT or TUNIT say.
    frequency_ghz : float
        Observing frequency, which turns Compton y into temperature.
    where : str
        File name for messages.
    survey : str, optional
        One of `UNITS`, in which the map's survey writes maps.

    Raises
    ------
    InputError
        A unit that is neither a CMB temperature nor Compton y, such as 'MJy/sr' or 'K_RJ'.
    """
    if option is not None:
        label = unit_label(option)
        if label is None:
            raise InputError(f"Unknown units {option!r} for {where}.", f"Choose one of {', '.join(UNITS)}.")
        return MapUnits(label, _factor_uk(label, frequency_ghz), "option")
    said = (header or "").strip()
    if said.lower() in _UNSAID:
        if survey is not None:
            return MapUnits(survey, _factor_uk(survey, frequency_ghz), "survey")
        return MapUnits("uK", 1.0, "assumed")
    label = unit_label(said)
    if label is None:
        raise InputError(
            f"{where} says its unit is {said!r}, which is neither a CMB temperature nor Compton y.",
            f"Convert the map to µK_CMB, or say --units ({', '.join(UNITS)}) if its header is wrong.",
        )
    return MapUnits(label, _factor_uk(label, frequency_ghz), "header")


def is_inverse_square(text: str) -> bool:
    """Return whether a unit is one per temperature squared, as those of weights are."""
    return _unit_below(text) is not None


def _unit_below(text: str) -> str | None:
    match = _INVERSE_SQUARE.fullmatch(text.strip())
    return None if match is None else unit_label(match["below"] or match["raised"])


def ivar_units(stated: str | None, of_map: MapUnits | None, where: str) -> tuple[MapUnits, str]:
    """Return the unit whose inverse square inverse variances are in, and a note.

    Parameters
    ----------
    stated : str or None
        What the header says.
    of_map : MapUnits or None
        Those of the map that they go with: they hold where nothing else is said.
    where : str
        File name for messages.

    Raises
    ------
    InputError
        The header says that they are variances.
    """
    own = of_map or MapUnits("uK", 1.0, "assumed")
    said = (stated or "").strip()
    label = _unit_below(said)
    if label is not None:
        if label == own.label:
            return own, ""
        known = label in _TEMPERATURES_UK
        if known and own.label in _TEMPERATURES_UK:
            return MapUnits(label, _TEMPERATURES_UK[label], "header"), ""
        raise InputError(
            f"{where} is in {said!r}, and its map in {own.label}.", "Give inverse variances of the same map."
        )
    square = _SQUARE.fullmatch(said)
    if square is not None and unit_label(square["unit"]) is not None:
        raise InputError(
            f"{where} is in {said!r}: these are variances, not inverse variances.", "Give 1 / variance."
        )
    # map makers copy the map's own unit into its weights
    copied = unit_label(said) == own.label
    if said.lower() in _UNSAID or copied:
        return own, ""
    return own, f"The inverse variances say {said!r} for their unit: taken for 1/{own.label}^2."


def _factor_uk(label: str, frequency_ghz: float) -> float:
    return float(tsz_uk_per_y(frequency_ghz)) if label == "y" else _TEMPERATURES_UK[label]
