"""What several table formats need."""

import math
from typing import Any

import numpy as np
from astropy.table import Column, Table, represent_mixins_as_columns

GZIP = b"\x1f\x8b"


def joined(table: Table, new: Table, meta: dict[str, Any]) -> Table:
    """The columns of both tables, and all metadata; later ones win."""
    out = table.copy(copy_data=False)
    for name in new.colnames:
        out[name] = new[name]
    out.meta = {**table.meta, **new.meta, **meta}
    return out


def flattened(table: Table) -> Table:
    """Times and sky positions as plain columns, for the formats that have no word for them."""
    out = represent_mixins_as_columns(table, exclude_classes=(Column,)).copy(copy_data=False)
    out.meta.pop("__serialized_columns__", None)
    return out


def plain_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata that YAML and JSON can hold."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in meta.items()}
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


def widened(column: Column, wider: dict[str, str]) -> Column:
    """The same values in a type the format has."""
    if column.dtype.kind in "Mm":
        return column.astype(str)
    new_type = wider.get(column.dtype.str[1:])
    if new_type is None:
        return column
    if column.dtype == np.uint64 and np.any(np.ma.filled(column, 0) >= np.uint64(2**63)):
        raise ValueError(f"column {column.name!r} holds integers beyond 2**63")
    return column.astype(new_type)
