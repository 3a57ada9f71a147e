"""Parquet, by Arrow; units and metadata where astropy looks for them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from astropy.table.meta import get_header_from_yaml, get_yaml_from_table

from szmass_cli.catalog.tables.common import (
    ReadTable,
    Wanted,
    as_text,
    decoded,
    flattened,
    joined,
    plain_meta,
)

_YAML_KEY = b"table_meta_yaml"  # where astropy looks for units and metadata in a Parquet file


def read_parquet(data: bytes, path: Path, wanted: Wanted | None = None) -> ReadTable:
    import pyarrow as pa  # half a second that a FITS user need not wait for
    import pyarrow.parquet as pq

    arrow = pq.ParquetFile(pa.BufferReader(data)).read()
    if "__serialized_columns__" in _header_of(arrow).get("meta", {}):  # astropy's own mixins
        return ReadTable(Table.read(io.BytesIO(data), format="parquet"))
    return ReadTable(table_from_arrow(arrow), arrow)


def _header_of(arrow: Any) -> dict[str, Any]:
    """Return what astropy wrote of units and metadata; empty where it wrote nothing."""
    yaml = (arrow.schema.metadata or {}).get(_YAML_KEY)
    return get_header_from_yaml(yaml.decode().split("\n")) if yaml else {}


def table_from_arrow(arrow: Any) -> Table:
    """Return the columns of an Arrow table, with the units and metadata that astropy put into its schema."""
    header = _header_of(arrow)
    table = Table({name: _from_arrow(arrow[name]) for name in arrow.column_names})
    table.meta.update(header.get("meta", {}))
    for entry in header.get("datatype", []):
        if entry["name"] in table.colnames:
            column = table[entry["name"]]
            column.unit, column.description = entry.get("unit"), entry.get("description")
    return table


def _from_arrow(cells: Any) -> Column:
    """Return an Arrow column as numpy, nulls masked; what numpy has no type for becomes text or objects."""
    import pyarrow as pa

    kind, mask = cells.type, cells.is_null().to_numpy()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        empty = False if pa.types.is_boolean(kind) else 0
        values = (cells.fill_null(empty) if mask.any() else cells).to_numpy()
    elif pa.types.is_fixed_size_list(kind) and not mask.any():
        values = np.array(cells.to_pylist(), dtype=kind.value_type.to_pandas_dtype())
    elif pa.types.is_list(kind):
        values = np.array([*cells.to_pylist(), None], dtype=object)[:-1]  # None keeps numpy from stacking
    else:
        values = np.array([_as_text(cell) for cell in cells.to_pylist()], dtype=str)
    return MaskedColumn(values, mask=mask) if mask.any() else Column(values)


def _as_text(cell: Any) -> str:
    if cell is None:
        return ""
    return decoded(cell) if isinstance(cell, bytes) else str(cell)


def write_parquet(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain, new = flattened(table), flattened(new)
    out = joined(plain, new, meta)
    out.meta = plain_meta(out.meta)
    columns = {name: _to_arrow(new[name]) for name in new.colnames}
    if source is None:
        columns = {name: _to_arrow(plain[name]) for name in plain.colnames} | columns
    arrow = source if source is not None else pa.table({})
    for name, column in columns.items():
        arrow = arrow.append_column(name, column) if arrow.num_columns else pa.table({name: column})
    notes = {**(arrow.schema.metadata or {}), _YAML_KEY: "\n".join(get_yaml_from_table(out)).encode()}
    for name in out.colnames:
        if out[name].dtype.kind == "U":  # astropy asks for the length of text columns
            notes[f"table::len::{name}".encode()] = str(out[name].dtype.itemsize // 4).encode()
    pq.write_table(arrow.replace_schema_metadata(notes), parts[0])


def _to_arrow(column: Column) -> Any:
    import pyarrow as pa

    values, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "O" and values.ndim == 1:
        try:
            return pa.array(values.tolist(), mask=mask)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):  # of several kinds
            column = as_text(column)
            values, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind in "Mm":
        mask = mask | np.isnat(values)
    if values.dtype == np.longdouble:
        values = values.astype(np.float64)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype.kind in "UO" else values, mask=mask)
    flat = pa.array(np.ascontiguousarray(values).ravel(), mask=mask.ravel())
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))
