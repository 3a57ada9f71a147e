"""Coordinate columns in degrees: numbers in the stated unit, sexagesimal text, and columns of parts."""

import re
import warnings
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle
from astropy.table import Column, Table

from szmass_cli.catalog.cells import BLANKS, are_the_rule, numbers, reject, texts_of
from szmass_cli.catalog.quantities import degrees_per_unit, stated_unit
from szmass_cli.errors import InputError

_LIMIT_DEG = {"ra": 360.0, "glon": 360.0, "dec": 90.0, "glat": 90.0}
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-]?)\s*(?P<first>\d{1,3})(?:\s*[:hd°]\s*|\s+)\d{1,2}"
    r"(?:\.\d*\s*[m'′]?|(?:\s*[:m'′]\s*|\s+)\d{1,2}(?:\.\d*)?\s*(?:s|\"|″|'')?|\s*[m'′])?",
    re.IGNORECASE,
)


def degrees(path: Path, table: Table, role: str, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a coordinate.

    Parameters
    ----------
    path : Path
        The catalogue's file, named in messages.
    table : astropy.table.Table
        The catalogue's columns as they were read.
    role : str
        ``ra``, ``dec``, ``glon`` or ``glat``.
    name : str
        Of the column; several, with blanks between them, are its parts.

    Returns
    -------
    values_deg : numpy.ndarray, shape (n,)
        Degrees, NaN where a cell is empty or, here and there, impossible.
    notes : tuple of str
        Notes on units or formats that had to be assumed.

    Raises
    ------
    InputError
        A cell is no number, most of them are impossible, or the unit is no angle.
    """
    limit = _LIMIT_DEG[role]
    if name not in table.colnames:
        values_deg = _of_parts(path, table, role, name.split(" "))
        return np.where(np.abs(values_deg) > limit, np.nan, values_deg), ()
    column = table[name]
    texts = texts_of(column) if column.dtype.kind not in "iuf" and column.ndim == 1 else []
    filled = [text for text in texts if text.lower() not in BLANKS]
    notes: tuple[str, ...] = ()
    if filled and all(_SEXAGESIMAL.fullmatch(_with_ascii_minus(text)) for text in filled):
        values_deg, notes = _of_sexagesimal(path, column, role, texts)
    else:
        values_deg = _scaled(path, column, numbers(path, column))
    outside = np.abs(values_deg) > limit
    if are_the_rule(outside, values_deg):
        reject(path, column, outside, f"is not within -{limit:g} to {limit:g} degrees")
    return np.where(outside, np.nan, values_deg), notes


def _of_sexagesimal(
    path: Path, column: Column, role: str, texts: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return sexagesimal text in degrees; right ascensions are in hours unless they seem to be in degrees."""
    places = [place for place, text in enumerate(texts) if text.lower() not in BLANKS]
    cells = [_with_ascii_minus(texts[place]) for place in places]
    in_hours = role == "ra" and not _is_in_degrees(column, cells)
    unit = u.hourangle if in_hours else u.deg
    values_deg = np.full(len(texts), np.nan)
    try:
        values_deg[places] = _angles_deg(cells, unit)
    except ValueError:
        for place, cell in zip(places, cells, strict=True):
            try:
                values_deg[place] = _angles_deg([cell], unit)[0]
            except ValueError:
                reject(path, column, np.arange(len(texts)) == place, "is no sexagesimal angle")
    words = "hours, minutes and seconds" if in_hours else "degrees, minutes and seconds"
    return values_deg, (f"Column {column.info.name} was read as {words}.",)


def _angles_deg(cells: list[str], unit: u.UnitBase) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 60 seconds are the next minute
        return Angle(cells, unit=unit).deg


def _is_in_degrees(column: Column, cells: list[str]) -> bool:
    """Return whether sexagesimal right ascensions are degrees: by their unit or signs, or one beyond 24."""
    stated = stated_unit(column).lower()
    if stated.startswith(("h", "hour")):
        return False
    if re.match(r"d(eg|:|m|\b)", stated) or any(re.search(r"[d°]", cell) for cell in cells):
        return True
    return any(float(_first(cell)) >= 24.0 for cell in cells)


def _first(cell: str) -> str:
    match = _SEXAGESIMAL.fullmatch(cell)
    return match["first"] if match else "0"


def _with_ascii_minus(text: str) -> str:
    return text.replace("−", "-").replace("–", "-")


def _of_parts(path: Path, table: Table, role: str, parts: list[str]) -> np.ndarray:
    """Return degrees from columns of hours or degrees, minutes and seconds; declinations also have a sign."""
    sign = np.ones(len(table))
    if role == "dec":
        sign = np.where([text.startswith("-") for text in texts_of(table[parts[0]])], -1.0, 1.0)
        parts = parts[1:]
    whole = sum(numbers(path, table[part]) / 60.0**place for place, part in enumerate(parts))
    return sign * whole * (15.0 if role == "ra" else 1.0)


def _scaled(path: Path, column: Column, values: np.ndarray) -> np.ndarray:
    """Convert by the column's unit; a column without a unit is in degrees."""
    unit = stated_unit(column)
    factor = degrees_per_unit(unit)
    if factor is None:
        raise InputError(
            f"{path}: column {column.info.name!r} has the unit {unit!r}, which is not an angle",
            "Give the coordinates in degrees, radians or hour angles, and say so in the unit.",
        )
    return values if factor == 1.0 else values * factor


def suspicions(table: Table, roles: dict[str, str], lon: np.ndarray, lat: np.ndarray) -> tuple[str, ...]:
    """Return notes about coordinates without a unit that look like hours or radians.

    Parameters
    ----------
    table : astropy.table.Table
        The catalogue's columns as they were read, for their names and units.
    roles : dict of str to str
        Role -> column; only ``ra`` and ``dec`` are looked at.
    lon, lat : numpy.ndarray, shape (n,)
        Right ascensions and declinations as they were read [deg].

    Notes
    -----
    Fields are about as wide as they are high: hours taken for degrees make them 15 times too narrow.
    """
    names = [roles.get("ra", ""), roles.get("dec", "")]
    known = np.isfinite(lon) & np.isfinite(lat)
    if not all(name in table.colnames for name in names) or not known.any():
        return ()
    if any(stated_unit(table[name]) or table[name].dtype.kind == "O" for name in names):
        return ()
    x, y = lon[known], lat[known]
    if x.min() < 0:
        return ()
    both = f"{names[0]} of {x.min():.4g} to {x.max():.4g}, {names[1]} of {y.min():.4g} to {y.max():.4g}"
    if x.max() <= 2 * np.pi and np.abs(y).max() <= np.pi / 2 and (x.any() or y.any()):
        return (f"Positions ({both}) were taken for degrees, but look like radians: state their unit.",)
    wide, high = np.ptp(x) * np.cos(np.radians(y.mean())), np.ptp(y)
    is_narrow = len(x) >= 3 and high > 4.0 * wide
    goes_round = x.min() < 4.0 and x.max() > 20.0
    if x.max() <= 24.0 and (is_narrow or goes_round):
        return (f"Right ascensions ({both}) were taken for degrees, but look like hours: state their unit.",)
    return ()
