"""ECSV, by astropy."""

from pathlib import Path
from typing import Any

from astropy.table import Table

from szmass_cli.catalog.tables.common import joined, plain_meta


def read_ecsv(path: Path) -> tuple[Table, None]:
    return Table.read(path, format="ascii.ecsv"), None


def write_ecsv(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = joined(table, new, meta)
    out.meta = plain_meta(out.meta)
    out.write(parts[0], format="ascii.ecsv", overwrite=True)
