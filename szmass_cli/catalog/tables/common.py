"""What several table formats need."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table, represent_mixins_as_columns

from szmass_cli.errors import InputError

Wanted = Callable[[list[str]], bool]
"""Tells by its column names whether a table is the one that is looked for among several."""


@dataclass(frozen=True)
class StatedFrame:
    """What a file says of the frame of its positions, in its own words.

    Parameters
    ----------
    system : str
        Such as ``FK4``, ``eq_FK5``, ``ICRS``; empty where only an equinox is stated.
    equinox : str
        Such as ``B1950`` or ``2000.0``; empty where none is stated.
    where : str
        The keyword or element that says so, for messages.
    """

    system: str
    equinox: str
    where: str


@dataclass
class ReadTable:
    """A table as a file holds it, and what the file says beside it.

    Parameters
    ----------
    table : astropy.table.Table
        The columns, a row for each row of the file; cells of text tables are text.
    source : object
        What `write_table` needs to write the same format without loss.
    notes : tuple of str
        What the user should know of how the file was read.
    frames : mapping of str to StatedFrame
        By column; under the empty name that of all columns.
    roles : mapping of str to str
        Columns that the file itself names for a role, as HATS catalogues do.
    sha256 : str
        Of the bytes that were read.
    """

    table: Table
    source: Any = None
    notes: tuple[str, ...] = ()
    frames: Mapping[str, StatedFrame] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""


def stated_by_cards(header: Mapping[str, Any]) -> StatedFrame | None:
    """Return the frame and equinox that a header states; None where it states neither.

    EPOCH is the old name of EQUINOX, but also that of the epoch of observation: only 1950 and 2000 are taken
    for equinoxes.
    """
    system = next((key for key in ("RADESYS", "RADECSYS") if str(header.get(key, "")).strip()), "")
    equinox = "EQUINOX" if str(header.get("EQUINOX", "")).strip() else ""
    if not equinox and re.fullmatch(r"\s*[BJ]?(1950|2000)(\.0*)?\s*", str(header.get("EPOCH", ""))):
        equinox = "EPOCH"
    if not system and not equinox:
        return None
    where = "/".join(filter(None, (system, equinox)))
    return StatedFrame(_card_text(header, system), _card_text(header, equinox), where)


def _card_text(header: Mapping[str, Any], key: str) -> str:
    return str(header[key]).strip() if key else ""


def checked_names(header: list[str], path: Path) -> list[str]:
    """Return the names of columns; refuse two of one name.

    A nameless column, such as pandas' index, is given a number.
    """
    names = [name or f"col{i}" for i, name in enumerate(header, 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(map(repr, twice))
        raise InputError(f"{path}: more than one column is called {listed}", "Rename all but one.")
    return names


def joined(table: Table, new: Table, meta: dict[str, Any]) -> Table:
    """Return the columns of both tables and all metadata; of equal names the later one is kept."""
    out = table.copy(copy_data=False)
    for name in new.colnames:
        out[name] = new[name]
    out.meta = {**table.meta, **new.meta, **meta}
    return out


def flattened(table: Table) -> Table:
    """Return times and sky positions as plain columns, for the formats that cannot express them."""
    out = represent_mixins_as_columns(table, exclude_classes=(Column,)).copy(copy_data=False)
    out.meta.pop("__serialized_columns__", None)
    return out


def changed(table: Table, change: Callable[[Column], Column]) -> Table:
    """Return a table with each plain column changed; times and sky positions stay as they are.

    All columns are changed at once, as astropy's `replace_column` looks at every column each time.
    """
    columns = [change(column) if isinstance(column, Column) else column for column in table.itercols()]
    out = Table(columns, names=table.colnames, copy=False, copy_indices=False)
    out.meta = table.meta
    return out


def plain_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """Return metadata that YAML and JSON can hold."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in meta.items()}
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


def widened(column: Column, wider: dict[str, str]) -> Column:
    """Return the same values in a type that the format has."""
    if column.dtype.kind in "Mm":
        return column.astype(str)
    new_type = wider.get(column.dtype.str[1:])
    if new_type is None:
        return column
    if column.dtype == np.uint64 and np.any(np.ma.filled(column, 0) >= np.uint64(2**63)):
        raise ValueError(f"column {column.name!r} holds integers beyond 2**63")
    return column.astype(new_type)


def text_of(cell: Any) -> str:
    """Return a cell of any kind as text: words as they are, bytes decoded, nothing empty, others as JSON."""
    if isinstance(cell, bytes):
        return decoded(cell)
    if isinstance(cell, str):
        return str(cell)
    if is_missing(cell):
        return ""
    if isinstance(cell, np.ndarray | list | tuple | dict):
        return json.dumps(cell.tolist() if isinstance(cell, np.ndarray) else cell, default=str)
    return str(cell)


def is_missing(cell: Any) -> bool:
    """Return whether an object stands for a missing value: None, numpy's masked, or pandas' NA and NaT."""
    return cell is None or cell is np.ma.masked or type(cell).__name__ in ("NAType", "NaTType")


def decoded(cell: bytes) -> str:
    """Return bytes as text: UTF-8, else Latin-1, which never fails."""
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("latin-1")


def as_text(column: Column) -> Column:
    """Return a column of objects as one of text, masked where there is nothing, with unit and description."""
    cells = np.ma.getdata(column)
    missing = np.ma.getmaskarray(column) | np.array([is_missing(cell) for cell in cells])
    texts = np.array(
        ["" if void else text_of(cell) for cell, void in zip(cells, missing, strict=True)], dtype=str
    )
    labels = {"name": column.name, "unit": column.unit, "description": column.description}
    return MaskedColumn(texts, mask=missing, **labels) if missing.any() else Column(texts, **labels)


def holds_text(column: Column) -> bool:
    """Return whether a column of objects holds nothing but text, bytes and gaps."""
    cells = np.ma.getdata(column)
    return column.ndim == 1 and all(isinstance(cell, str | bytes) or is_missing(cell) for cell in cells)
