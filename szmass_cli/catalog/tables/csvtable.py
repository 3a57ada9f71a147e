"""CSV: cells are text, kept as they are until a format with types wants them."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from szmass_cli.catalog.tables.common import flattened, joined, plain_meta
from szmass_cli.errors import InputError

FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf|nan", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DIGITS = re.compile(r"[+-]?[0-9]+")


def read_csv(path: Path) -> tuple[Table, str]:
    data = path.read_bytes()
    if b"\0" in data:
        raise ValueError("it holds binary data")
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    filled = [row for row in rows if row]
    header, body = (filled[0], filled[1:]) if filled else ([], [])
    names = [name or f"col{i}" for i, name in enumerate(header, 1)]  # pandas leaves its index nameless
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(map(repr, twice))
        raise InputError(f"{path}: more than one column is called {listed}", "Rename all but one.")
    for number, row in enumerate(body, 1):
        if len(row) != len(names):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(names)} (rows count from 1)",
                "Put a cell that contains a comma in double quotes.",
            )
    return Table({name: np.array([row[i] for row in body], dtype=str) for i, name in enumerate(names)}), "csv"


def typed(table: Table) -> Table:
    """The text of a CSV as numbers, column by column, where every cell is one."""
    out = Table({name: _typed_column(table[name]) for name in table.colnames})
    out.meta = dict(table.meta)
    return out


def _typed_column(column: Column) -> Column:
    """Integers or floats with the blanks masked; text as soon as a number would lose something.

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
    """Cells as text: shortest digits that give the number back, lists as JSON, masked cells empty."""
    if column.ndim > 1 or column.dtype.kind == "O":
        return [cell if isinstance(cell, str) else json.dumps(_listing(cell), default=str) for cell in column]
    texts = np.ma.getdata(column).astype(str)
    return np.where(np.ma.getmaskarray(column), "", texts).tolist()


def _listing(cell: Any) -> Any:
    return cell.tolist() if hasattr(cell, "tolist") else cell


def _quoted(cell: str) -> str:
    # Python's csv writer leaves a lone carriage return bare and quotes more than it must.
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(c in cell for c in ',"\r\n') else cell
