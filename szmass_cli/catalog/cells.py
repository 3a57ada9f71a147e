"""From a table's cells to numbers: positions in degrees, redshifts, NaN for what is not known."""

from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table

from szmass_cli.catalog.tables.csvtable import FLOAT
from szmass_cli.errors import InputError

#: Cells of a text column that hold no number.
BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "--"})


def positions(path: Path, table: Table, roles: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """ICRS right ascension and declination [deg] of every row."""
    galactic = "glon" in roles
    lon_role, lat_role = ("glon", "glat") if galactic else ("ra", "dec")
    lon = _angle(path, table[roles[lon_role]], limit_deg=360.0)
    lat = _angle(path, table[roles[lat_role]], limit_deg=90.0)
    known = np.isfinite(lon) & np.isfinite(lat)
    ra_deg, dec_deg = (np.where(known, values, np.nan) for values in (lon, lat))
    if galactic and known.any():
        sky = SkyCoord(l=lon[known], b=lat[known], unit="deg", frame="galactic").icrs
        ra_deg[known], dec_deg[known] = sky.ra.deg, sky.dec.deg
    ra_deg %= 360.0
    ra_deg[ra_deg == 360.0] = 0.0  # what the modulo makes of -1e-20
    return ra_deg, dec_deg


def _angle(path: Path, column: Column, limit_deg: float) -> np.ndarray:
    """A coordinate column in degrees, NaN where a cell is empty or, here and there, impossible."""
    values_deg = _to_degrees(path, column, numbers(path, column))
    outside = np.abs(values_deg) > limit_deg
    if _are_the_rule(outside, values_deg):
        _reject(path, column, outside, f"is not within -{limit_deg:g} to {limit_deg:g} degrees")
    return np.where(outside, np.nan, values_deg)


def _are_the_rule(wrong: np.ndarray, values: np.ndarray) -> bool:
    """Whether most of the filled cells are wrong: then the column or its unit is, not the rows."""
    return bool(2 * wrong.sum() > np.sum(~np.isnan(values)))


def redshifts(path: Path, table: Table, roles: dict[str, str]) -> np.ndarray:
    """Redshift of every row, NaN where it is unknown or not positive."""
    if "redshift" not in roles:
        return np.full(len(table), np.nan)
    column = table[roles["redshift"]]
    values = numbers(path, column)
    if _are_the_rule(np.isinf(values), values):
        _reject(path, column, np.isinf(values), "is not finite")
    return np.where(values > 0, values, np.nan)


def redshift_errors(path: Path, table: Table, roles: dict[str, str]) -> np.ndarray:
    """Standard deviation of every redshift, NaN where it is unknown, not finite or not positive."""
    if "redshift_err" not in roles:
        return np.full(len(table), np.nan)
    values = numbers(path, table[roles["redshift_err"]])
    return np.where((values > 0) & np.isfinite(values), values, np.nan)


def numbers(path: Path, column: Column) -> np.ndarray:
    """A column as float64, NaN where it is masked or blank; anything but a number is an error."""
    if column.ndim > 1:
        raise InputError(
            f"{path}: column {column.info.name!r} holds arrays, one number a row is needed",
            "Pick another column with --column ROLE=NAME.",
        )
    if column.dtype.kind in "iuf":
        values = np.ma.asarray(getattr(column, "value", column))
        return np.ma.filled(values.astype(np.float64), np.nan)
    texts = [str(cell).strip() for cell in np.ma.filled(np.ma.asarray(column).astype(object), "")]
    blank = np.array([text.lower() in BLANKS for text in texts])
    good = np.array([FLOAT.fullmatch(text) is not None for text in texts])
    _reject(path, column, ~(blank | good), "is not a number (decimal degrees and plain redshifts are)")
    return np.array([float("nan" if void else text) for text, void in zip(texts, blank, strict=True)])


def _to_degrees(path: Path, column: Column, values: np.ndarray) -> np.ndarray:
    """Convert by the column's unit; a column without a unit is in degrees."""
    unit = column.unit
    if unit is None or unit == u.dimensionless_unscaled:
        return values
    try:
        return u.Unit(str(unit)).to(u.deg, values)
    except (ValueError, u.UnitConversionError) as error:
        if isinstance(unit, u.UnrecognizedUnit) and "deg" in str(unit).lower():  # "degrees", "decimal deg"
            return values
        raise InputError(
            f"{path}: column {column.info.name!r} has the unit {str(unit)!r}, which is not an angle",
            "Give the coordinates in degrees, radians or hour angles, and say so in the unit.",
        ) from error


def _reject(path: Path, column: Column, wrong: np.ndarray, complaint: str) -> None:
    """Raise an error about the first wrong cell, if there is one."""
    rows = np.flatnonzero(wrong)
    if not rows.size:
        return
    row = int(rows[0])
    others = f"; {rows.size} rows are wrong" if rows.size > 1 else ""
    raise InputError(
        f"{path}: column {column.info.name!r}, row {row + 1}: {str(column[row])!r} {complaint}{others}",
        "Rows count from 1, the first row of data. Correct the cell, or leave it empty if it is unknown.",
    )
