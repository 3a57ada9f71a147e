"""Tables that scripts give, as if they had been read from a file."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, Table

from szmass_cli.catalog.tables.common import as_text, changed, holds_text, is_missing
from szmass_cli.catalog.tables.fitstable import native
from szmass_cli.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame


def own_copy(table: Table, path: Path) -> Table:
    """Return a copy without quantities, indices and bytes for text.

    Raises
    ------
    InputError
        It has no rows.
    """
    if not len(table):
        raise InputError(f"{path}: the catalogue has no rows", "Give at least one cluster.")
    # made of single columns, as copy_indices=False has no say in a copy of a whole table
    columns = [table[name] for name in table.colnames]
    copy = Table(columns, names=table.colnames, meta=deepcopy(table.meta), copy_indices=False)
    return changed(copy, _as_read)


def _as_read(column: Column) -> Column:
    is_text = column.dtype.kind == "O" and holds_text(column)
    return as_text(column) if is_text else native(column)


def table_from_positions(positions: Any) -> Table:
    """Return positions, with or without more columns, as a table.

    Parameters
    ----------
    positions : astropy.coordinates.SkyCoord, mapping or numpy.ndarray, shape (n, 2) or (n, 3)
        Positions in any frame; a mapping of names to arrays, quantities or such positions; or right
        ascensions, declinations [deg, ICRS] and redshifts.

    Raises
    ------
    InputError
        An array has another shape, or a mapping's columns are not of one length.
    """
    if isinstance(positions, SkyCoord):
        return Table(_icrs(positions))
    if isinstance(positions, Mapping):
        columns: dict[str, Any] = {}
        for name, values in positions.items():
            columns |= _icrs(values) if isinstance(values, SkyCoord) else {str(name): np.atleast_1d(values)}
        try:
            return Table(columns)
        except ValueError as error:
            raise InputError(f"the table: {error}", "Give as many values in each column.") from error
    values = np.asarray(positions)
    if values.ndim != 2 or values.shape[1] not in (2, 3) or values.dtype.kind not in "fiu":
        raise InputError(
            f"the table: an array of {values.dtype} and shape {values.shape} holds no positions.",
            "Give right ascension and declination [deg], and redshift if known, as (n, 2) or (n, 3).",
        )
    return Table(dict(zip(("ra", "dec", "redshift"), values.T, strict=False)))


def _icrs(positions: SkyCoord) -> dict[str, np.ndarray]:
    icrs = positions.icrs
    return {"ra": np.atleast_1d(icrs.ra.deg), "dec": np.atleast_1d(icrs.dec.deg)}


def table_from_frame(frame: "DataFrame") -> Table:
    """Return a pandas DataFrame as a table, with its index where that is more than a count of rows.

    Names of several levels are joined by _, and numbers become text.

    Raises
    ------
    InputError
        Two columns, or a column and the index, have one name.
    """
    import pandas as pd

    index = frame.index
    is_count = (
        isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 and index.name is None
    )
    names = [_joined(name) for name in frame.columns]
    columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
    if not is_count:
        levels = [index.get_level_values(level).to_series() for level in range(index.nlevels)]
        labels = [_index_name(label, level, index.nlevels, names) for level, label in enumerate(index.names)]
        names, columns = labels + names, levels + columns
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(
            f"the table: more than one column is called {', '.join(map(repr, twice))}", "Rename all but one."
        )
    return Table({name: _column(series) for name, series in zip(names, columns, strict=True)})


def _joined(name: Any) -> str:
    """Return a column's name; for a name of several levels, those that are not empty."""
    if isinstance(name, tuple):
        return "_".join(str(level) for level in name if str(level))
    return str(name)


def _index_name(label: Any, level: int, n_levels: int, names: Iterable[str]) -> str:
    """Return the name of one level of an index or, for a nameless one, a name that no column has."""
    if label is not None:
        return _joined(label)
    name = "index" if n_levels == 1 else f"index_{level}"
    while name in names:
        name += "_"
    return name


def _column(series: Any) -> Column:
    """Return a pandas column as an astropy one.

    Numbers and text with gaps are masked, times with zones become text, anything else becomes objects.
    """
    missing = series.isna().to_numpy()
    kind = getattr(series.dtype, "kind", "O")
    if isinstance(series.dtype, np.dtype) and kind in "iufcb":
        return Column(series.to_numpy())
    if kind in "iufb":  # pandas' own, with gaps
        plain_type = getattr(series.dtype, "numpy_dtype", np.dtype(float))
        values = series.to_numpy(dtype=plain_type, na_value=plain_type.type(0))
        return MaskedColumn(values, mask=missing) if missing.any() else Column(values)
    if isinstance(series.dtype, np.dtype) and kind == "M":
        return Column(series.to_numpy())
    if kind == "M":  # with a time zone
        cells = np.array(["" if void else str(cell) for cell, void in zip(series, missing, strict=True)])
        return MaskedColumn(cells, mask=missing) if missing.any() else Column(cells)
    cells = np.empty(len(series), dtype=object)
    cells[:] = [None if _is_void(cell) else cell for cell in series]
    column = Column(cells)
    return as_text(column) if holds_text(column) else column


def _is_void(cell: Any) -> bool:
    return is_missing(cell) or (isinstance(cell, float) and np.isnan(cell))
