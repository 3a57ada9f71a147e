"""The frame of a catalogue's positions, as the file states it, and their way to ICRS."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.coordinates import FK4, FK5, ICRS, FK4NoETerms, Galactic, SkyCoord
from astropy.coordinates.baseframe import BaseCoordinateFrame
from astropy.table import Table
from astropy.time import Time

from szmass_cli.catalog.tables.common import StatedFrame, stated_by_cards
from szmass_cli.errors import InputError

_SYSTEMS = {"ICRS": ICRS, "ICRF": ICRS, "FK5": FK5, "FK4": FK4, "FK4NOE": FK4NoETerms}
_FIRST_JULIAN = 1984.0
"""Equinoxes before are Besselian, and of FK4, unless the file says otherwise (FITS WCS paper II, 3.1)."""
_OLD = re.compile(r"(?<!\d)B?1950(?!\d)|FK4", re.IGNORECASE)
_NEW = re.compile(r"(?<!\d)J?2000(?!\d)|ICRS|FK5", re.IGNORECASE)


def frame_of(
    path: Path, table: Table, roles: Mapping[str, str], stated: Mapping[str, StatedFrame]
) -> tuple[BaseCoordinateFrame, tuple[str, ...]]:
    """Find the frame of the positions.

    Parameters
    ----------
    path : Path
        The catalogue's file, named in messages.
    table : astropy.table.Table
        Its metadata, and the names and descriptions of the position's columns, may state the frame.
    roles : mapping of str to str
        Role -> column, of the positions at least.
    stated : mapping of str to StatedFrame
        What the file says of its columns; under the empty name, of all.

    Returns
    -------
    frame : astropy.coordinates.BaseCoordinateFrame
        Frame of the positions, without data.
    notes : tuple of str
        What is done where it is neither ICRS nor J2000.

    Raises
    ------
    InputError
        The frame is not known, or the file contradicts itself.
    """
    if "glon" in roles:
        return Galactic(), ()
    general = dict(stated) if "" in stated else {**stated, **_of_metadata(table)}
    found = [_of_column(path, table, roles[role], general) for role in ("ra", "dec")]
    said = [one for one in found if one is not None]
    if not said:
        return ICRS(), ()
    (frame, where), (other, other_where) = said[0], said[-1]
    if _are_apart(frame, other):
        raise InputError(
            f"{path}: {roles['ra']!r} is in {_in_words(frame)} {where}, {roles['dec']!r} in "
            f"{_in_words(other)} {other_where}",
            "Name a pair with --column ra=NAME --column dec=NAME.",
        )
    if _is_j2000(frame):
        return frame, ()
    return frame, (f"Positions are in {_in_words(frame)} {where}, and were brought to ICRS.",)


def _is_j2000(frame: BaseCoordinateFrame) -> bool:
    """Return whether a frame is ICRS, or differs from it by 0.02"."""
    return isinstance(frame, ICRS) or bool(frame.is_equivalent_frame(FK5(equinox="J2000")))


def _are_apart(one: BaseCoordinateFrame, other: BaseCoordinateFrame) -> bool:
    return not (_is_j2000(one) and _is_j2000(other)) and not one.is_equivalent_frame(other)


def to_icrs(frame: BaseCoordinateFrame, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ICRS right ascensions, 0 to 360, and declinations [deg]; NaN where either is NaN.

    J2000 is taken for ICRS: they differ by 0.02".
    """
    known = np.isfinite(lon) & np.isfinite(lat)
    ra_deg, dec_deg = (np.where(known, values, np.nan) for values in (lon, lat))
    if not _is_j2000(frame) and known.any():
        sky = SkyCoord(lon[known], lat[known], unit="deg", frame=frame).icrs
        ra_deg[known], dec_deg[known] = sky.ra.deg, sky.dec.deg
    ra_deg %= 360.0
    ra_deg[ra_deg == 360.0] = 0.0  # what the modulo makes of -1e-20
    return ra_deg, dec_deg


def _of_metadata(table: Table) -> dict[str, StatedFrame]:
    """Return the frame that metadata state under the keys of FITS, for formats that have no keys for it."""
    there = {
        str(key).upper(): value for key, value in table.meta.items() if isinstance(value, str | int | float)
    }
    found = stated_by_cards(there)
    return {"": found} if found else {}


def _of_column(
    path: Path, table: Table, name: str, stated: Mapping[str, StatedFrame]
) -> tuple[BaseCoordinateFrame, str] | None:
    """Return the frame of one column, and what states it: the column, the table, or the column's name."""
    one = stated.get(name) or stated.get("")
    by_file = _parsed(path, name, one) if one else None
    by_name = _by_name(table, name)
    if one is None or by_file is None:
        return None if by_name is None else (by_name, f"by the name or description of {name}")
    if by_name is not None and _are_apart(by_file, by_name):
        raise InputError(
            f"{path}: {name!r} is in {_in_words(by_name)} by its name or description, and in "
            f"{_in_words(by_file)} by {one.where}",
            "Correct the one that is wrong.",
        )
    return by_file, f"by {one.where}"


def _by_name(table: Table, name: str) -> BaseCoordinateFrame | None:
    """Return the frame that a name such as RAB1950, or a description such as "(J2000)", states."""
    words = " ".join(
        [name, *(str(getattr(table[part], "description", "") or "") for part in _parts(table, name))]
    )
    if _NEW.search(words):
        return FK5(equinox="J2000")
    return FK4(equinox="B1950") if _OLD.search(words) else None


def _parts(table: Table, name: str) -> list[str]:
    return [name] if name in table.colnames else name.split(" ")


def _parsed(path: Path, name: str, stated: StatedFrame) -> BaseCoordinateFrame | None:
    """Return the frame that a statement means; None where it says nothing of the frame.

    Raises
    ------
    InputError
        The statement names a frame that is not known, or an equinox that is not valid.
    """
    word = re.sub(r"^(EQ|EQUATORIAL)[_ ]", "", stated.system.strip().upper())
    word = re.sub(r"[-_ ]", "", word)
    equinox = _equinox(path, stated)
    if not word:
        if equinox is None:
            return None
        is_old = equinox.format == "byear" or equinox.jyear < _FIRST_JULIAN
        return FK4(equinox=equinox) if is_old else FK5(equinox=equinox)
    if word == "J2000":
        return FK5(equinox="J2000")
    if word == "B1950":
        return FK4(equinox="B1950")
    kind = _SYSTEMS.get(word)
    if kind is None:
        raise InputError(
            f"{path}: {name!r} is in the frame {stated.system!r} ({stated.where}), which is not known here",
            "Give positions in ICRS, FK5, FK4 or Galactic coordinates (glon, glat).",
        )
    if kind is not ICRS:
        return kind(equinox=equinox) if equinox is not None else kind()
    if equinox is not None and abs(equinox.jyear - 2000.0) > 0.1:
        raise InputError(
            f"{path}: {stated.where} says ICRS and equinox {stated.equinox}; ICRS has none but 2000",
            "Correct the one that is wrong.",
        )
    return ICRS()


def _equinox(path: Path, stated: StatedFrame) -> Time | None:
    """Return an equinox such as 1950.0, B1950 or J2000; None where none is stated."""
    text = stated.equinox.strip().upper().strip("'\"")
    if text in ("", "0", "0.0", "NAN", "NONE"):
        return None
    match = re.fullmatch(r"([BJ]?)\s*(1[89]\d\d|20\d\d)(\.\d*)?", text)
    if match is None:
        raise InputError(
            f"{path}: the equinox {stated.equinox!r} ({stated.where}) is none",
            "Write 2000.0, J2000 or B1950.",
        )
    year = float(match[2] + (match[3] or ""))
    word = stated.system.upper()
    is_besselian = match[1] == "B" or (not match[1] and "FK5" not in word and year < _FIRST_JULIAN)
    return Time(year, format="byear" if is_besselian else "jyear")


def _in_words(frame: BaseCoordinateFrame) -> str:
    if isinstance(frame, ICRS):
        return "ICRS"
    equinox = frame.equinox
    year = f"B{equinox.byear:.6g}" if isinstance(frame, FK4 | FK4NoETerms) else f"J{equinox.jyear:.6g}"
    return f"{type(frame).__name__.upper()} {year}"
