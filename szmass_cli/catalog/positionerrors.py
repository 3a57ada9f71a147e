"""Errors of positions, as catalogues state them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.catalog.cells import numbers
from szmass_cli.catalog.quantities import degrees_per_unit, stated_unit
from szmass_cli.errors import InputError


def position_errors_arcmin(path: Path, table: Table, roles: Mapping[str, str]) -> np.ndarray:
    """Return the standard deviations of positions along each axis (n,) [arcmin], NaN where there is none.

    Parameters
    ----------
    path : Path
        For messages.
    table : astropy.table.Table
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
