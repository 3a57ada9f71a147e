"""CSV and its kin: cells are text, kept as they are until a format with types wants them."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.units import Unit

from szmass_cli.catalog.tables.common import checked_names, flattened, joined, plain_meta, text_of
from szmass_cli.catalog.tables.headlines import Heading
from szmass_cli.errors import InputError

TEXT = "csv"
"""The source of a table whose cells are text, whatever divided them."""
FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf|nan", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DIGITS = re.compile(r"[+-]?[0-9]+")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")


def read_delimited(heading: Heading, path: Path) -> tuple[Table, tuple[str, ...]]:
    """Read a table whose cells are divided by a character, with notes of what was read in another sense.

    astropy's and pandas' readers make numbers of the cells, and 007 and 1.50 would not come out as they
    were; Python's own keeps the text.

    Raises
    ------
    InputError
        Two columns have one name, or a row has more or fewer cells than there are names.
    """
    names = checked_names(heading.names, path)
    delimiter = heading.delimiter or ","
    quoting: Literal[0, 3] = csv.QUOTE_NONE if heading.is_ruled else csv.QUOTE_MINIMAL
    with _cells_of_any_length(len(heading.body)):
        lines = io.StringIO(heading.body, newline="")
        body = [row for row in csv.reader(lines, delimiter=delimiter, quoting=quoting, strict=True) if row]
    if heading.is_ruled:
        body = [[cell.strip() for cell in row] for row in body]
    for number, row in enumerate(body, 1):
        if len(row) != len(names):
            raise _ragged(path, number, row, names, delimiter)
    notes: tuple[str, ...] = ()
    columns = {name: [row[i] for row in body] for i, name in enumerate(names)}
    if delimiter != ",":
        notes = _with_decimal_points(columns)
    table = Table({name: np.array(cells, dtype=str) for name, cells in columns.items()})
    for name, unit in zip(names, heading.units, strict=False):
        if unit:
            table[name].unit = Unit(unit, parse_strict="silent")
    return table, notes


@contextmanager
def _cells_of_any_length(length: int) -> Iterator[None]:
    """Lift for the moment the limit of 131,072 characters that Python's reader has for all its users."""
    before = csv.field_size_limit(max(length, 1 << 17))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _ragged(path: Path, number: int, row: list[str], names: list[str], delimiter: str) -> InputError:
    """Return the error about a row with too many or too few cells."""
    hint = f"Put a cell that contains {delimiter!r} in double quotes."
    if delimiter == "," and len(row) > len(names):
        hint = (
            "Put a cell that contains a comma in double quotes; where commas are decimal signs, divide cells "
            "by semicolons."
        )
    return InputError(
        f"{path}: row {number} has {len(row)} cells, the header has {len(names)} (rows count from 1)", hint
    )


def _with_decimal_points(columns: dict[str, list[str]]) -> tuple[str, ...]:
    """Write points for decimal commas, in place, where whole columns have them and no cell has a point."""
    filled = {name: [cell.strip() for cell in cells if cell.strip()] for name, cells in columns.items()}
    if any("." in cell and FLOAT.fullmatch(cell) for cells in filled.values() for cell in cells):
        return ()
    changed = []
    for name, cells in filled.items():
        has_commas = any("," in cell for cell in cells)
        if has_commas and all(_DECIMAL_COMMA.fullmatch(cell) or FLOAT.fullmatch(cell) for cell in cells):
            columns[name] = [cell.replace(",", ".") for cell in columns[name]]
            changed.append(name)
    return (
        (f"Decimal commas were read, and are written, as points: {', '.join(changed)}.",) if changed else ()
    )


def typed(table: Table) -> Table:
    """Return the text of a CSV as numbers, column by column, where every cell is one."""
    out = Table({name: _typed_column(table[name]) for name in table.colnames})
    for name in table.colnames:
        out[name].unit, out[name].description = table[name].unit, table[name].description
    out.meta = dict(table.meta)
    return out


def _typed_column(column: Column) -> Column:
    """Return integers or floats with the blanks masked, or text as soon as a number would lose something.

    Identifiers such as 007 stay text, and so do whole numbers too long for int64 or, among decimals,
    for float64.
    """
    cells = [str(cell).strip() for cell in column]
    blank = np.array([not cell for cell in cells])
    filled = [cell for cell in cells if cell]
    if not filled:
        return column
    if all(_INTEGER.fullmatch(cell) and -(2**63) <= int(cell) < 2**63 for cell in filled):
        numbers = np.array([int(cell or 0) for cell in cells], dtype=np.int64)
        return MaskedColumn(numbers, mask=blank) if blank.any() else Column(numbers)
    if not all(FLOAT.fullmatch(cell) for cell in filled):
        return column
    if any(_DIGITS.fullmatch(cell) and not (_INTEGER.fullmatch(cell) and len(cell) <= 15) for cell in filled):
        return column
    return Column([float(cell or "nan") for cell in cells], dtype=np.float64)


def write_csv(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = flattened(joined(table, new, meta))
    columns = [[name, *_texts(out[name])] for name in out.colnames]
    with open(parts[0], "w", encoding="utf-8", newline="") as stream:
        stream.writelines(",".join(map(_quoted, row)) + "\n" for row in zip(*columns, strict=True))
    units = {name: str(out[name].unit) for name in out.colnames if out[name].unit is not None}
    sidecar = {"meta": plain_meta(out.meta), "units": units}
    text = json.dumps(sidecar, indent=2, ensure_ascii=False, default=str)
    parts[1].write_text(f"{text}\n", encoding="utf-8")


def _texts(column: Column) -> list[str]:
    """Return cells as text: shortest digits that give the number back, lists as JSON, masked cells empty."""
    if column.ndim > 1 or column.dtype.kind == "O":
        return [text_of(cell) for cell in column]
    texts = np.ma.getdata(column).astype(str)
    return np.where(np.ma.getmaskarray(column), "", texts).tolist()


def _quoted(cell: str) -> str:
    # Python's csv writer leaves a lone carriage return bare and quotes more than it must.
    # A cell that begins with # would be read as a comment.
    is_special = any(c in cell for c in ',"\r\n') or cell.lstrip(" ").startswith("#")
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if is_special else cell
