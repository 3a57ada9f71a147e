"""From a table's cells to numbers: redshifts, errors of positions, NaN for what is not known."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from szmass_cli.catalog.quantities import degrees_per_unit, stated_unit
from szmass_cli.catalog.tables.common import is_missing, text_of
from szmass_cli.catalog.tables.csvtable import FLOAT
from szmass_cli.errors import InputError

#: Cells of a text column that hold no number.
BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "--", "-", "---", "...", "<na>", "nat", "\\n"})


_FIGURES = frozenset("0123456789+-.eE")


def redshifts(path: Path, table: Table, roles: dict[str, str]) -> np.ndarray:
    """Return the redshift of every row, NaN where it is unknown or not positive; it may be infinite."""
    if "redshift" not in roles:
        return np.full(len(table), np.nan)
    column = table[roles["redshift"]]
    values = numbers(path, column)
    if are_the_rule(np.isinf(values), values):
        reject(path, column, np.isinf(values), "is not finite")
    return np.where(values > 0, values, np.nan)


def redshift_errors(path: Path, table: Table, roles: dict[str, str]) -> np.ndarray:
    """Return the standard deviation of every redshift, NaN where unknown, not finite or not positive."""
    if "redshift_err" not in roles:
        return np.full(len(table), np.nan)
    values = numbers(path, table[roles["redshift_err"]])
    return np.where((values > 0) & np.isfinite(values), values, np.nan)


def position_errors_arcmin(path: Path, table: Table, roles: Mapping[str, str]) -> np.ndarray:
    """Return the standard deviations of positions along each axis (n,) [arcmin], NaN where there is none.

    Parameters
    ----------
    path : Path
        The catalogue's file, named in messages.
    table : astropy.table.Table
        The catalogue's columns as they were read.
    roles : mapping of str to str
        Role -> column; the column of ``position_err`` is in its own unit, or in arcmin.

    Raises
    ------
    InputError
        The column's unit is no angle, or it holds something that is no number.
    """
    if "position_err" not in roles:
        return np.full(len(table), np.nan)
    column = table[roles["position_err"]]
    unit = stated_unit(column)
    degrees = degrees_per_unit(unit) if unit else 1.0 / 60.0
    if degrees is None:
        raise InputError(
            f"{path}: column {column.info.name!r} has the unit {unit!r}, which is no angle",
            "Errors of positions are in arcmin, or in the column's own unit.",
        )
    values = numbers(path, column) * degrees * 60.0
    return np.where((values > 0) & np.isfinite(values), values, np.nan)


def are_the_rule(wrong: np.ndarray, values: np.ndarray) -> bool:
    """Return whether most of the filled cells are wrong: then the column or its unit is, not the rows."""
    return bool(2 * wrong.sum() > np.sum(~np.isnan(values)))


def numbers(path: Path, column: Column) -> np.ndarray:
    """Return a column as float64, NaN where it is masked or blank; anything but a number is an error."""
    if column.ndim > 1:
        raise InputError(
            f"{path}: column {column.info.name!r} holds arrays, one number a row is needed",
            "Pick another column with --column ROLE=NAME.",
        )
    if column.dtype.kind in "iuf":
        values = np.ma.asarray(getattr(column, "value", column))
        return np.ma.filled(values.astype(np.float64), np.nan)
    texts = texts_of(column)
    plain = _plain_numbers(texts)
    if plain is not None:
        return plain
    blank = np.array([text.lower() in BLANKS for text in texts])
    good = np.array([FLOAT.fullmatch(text) is not None for text in texts])
    reject(path, column, ~(blank | good), "is not a number (decimal degrees and plain redshifts are)")
    return np.array([float("nan" if void else text) for text, void in zip(texts, blank, strict=True)])


def is_a_number(column: Column) -> bool:
    """Return whether every cell of a column is a number or blank."""
    if column.dtype.kind in "iuf":
        return True
    texts = texts_of(column)
    if _plain_numbers(texts) is not None:
        return True
    return all(text.lower() in BLANKS or FLOAT.fullmatch(text) is not None for text in texts)


def _plain_numbers(texts: list[str]) -> np.ndarray | None:
    """Return the numbers of cells with figures only, NaN for empty ones; None, early, for other cells."""
    if not set("".join(texts)) <= _FIGURES:
        return None
    try:
        return np.array([text or "nan" for text in texts], dtype=str).astype(np.float64)
    except ValueError:
        return None


def texts_of(column: Column) -> list[str]:
    """Return the cells of a column as text without blanks around it: bytes decoded, masked cells empty."""
    if column.dtype.kind == "U":
        return np.char.strip(np.ma.filled(np.ma.asarray(column), "")).tolist()
    cells = np.ma.filled(np.ma.asarray(column).astype(object), "")
    return ["" if is_missing(cell) else text_of(cell).strip() for cell in cells]


def reject(path: Path, column: Column, wrong: np.ndarray, complaint: str) -> None:
    """Raise an error about the first wrong cell, if there is one."""
    rows = np.flatnonzero(wrong)
    if not rows.size:
        return
    row = int(rows[0])
    others = f"; {rows.size} rows are wrong" if rows.size > 1 else ""
    raise InputError(
        f"{path}: column {column.info.name!r}, row {row + 1}: {str(column[row])[:80]!r} {complaint}{others}",
        "Rows count from 1, the first row of data. Correct the cell, or leave it empty if it is unknown.",
    )
