"""ECSV, by astropy."""

import warnings
from pathlib import Path
from typing import Any

import yaml
from astropy.table import Column, Table

from szmass_cli.catalog.tables.common import (
    ReadTable,
    Wanted,
    as_text,
    changed,
    flattened,
    joined,
    plain_meta,
)
from szmass_cli.errors import InputError

_MOST_ALIASES = 50


def read_ecsv(data: bytes, path: Path, wanted: Wanted | None = None) -> ReadTable:
    text = data.decode("utf-8-sig")
    _check_header(text, path)
    return ReadTable(Table.read(text.splitlines(), format="ascii.ecsv"))


def _check_header(text: str, path: Path) -> None:
    """Refuse a header whose aliases of aliases would fill the memory as soon as it is printed.

    Raises
    ------
    InputError
    """
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line[2:])
    events = yaml.parse("\n".join(lines[1:]), Loader=yaml.SafeLoader)
    if sum(isinstance(event, yaml.AliasEvent) for event in events) > _MOST_ALIASES:
        raise InputError(f"{path}: its header refers to itself again and again", "Give a plain ECSV file.")


def write_ecsv(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = joined(table, new, meta)
    out.meta = plain_meta(out.meta)
    try:
        # durations would be written, but not read
        _write(
            changed(out, lambda column: column.astype(str) if column.dtype.kind == "m" else column), parts[0]
        )
    except Exception:  # what YAML has no word for: objects, times of odd kinds
        _write(changed(flattened(out), _plain), parts[0])


def _plain(column: Column) -> Column:
    """Return objects and times as text."""
    if column.dtype.kind == "O":
        return as_text(column)
    return column.astype(str) if column.dtype.kind in "Mm" else column


def _write(table: Table, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.write(path, format="ascii.ecsv", overwrite=True)
