"""A catalogue that came in: its table as it is, and the numbers that are used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from szmass_cli.catalog.cells import numbers, positions, redshift_errors, redshifts
from szmass_cli.catalog.columns import MASS_UNIT
from szmass_cli.catalog.roles import ALIASES, ambiguous, by_alias, resolve_roles
from szmass_cli.catalog.tables.fitstable import native
from szmass_cli.catalog.tables.formats import read_table
from szmass_cli.errors import InputError
from szmass_cli.system.files import sha256_of

IN_MEMORY = Path("the table")
"""What is said in place of a file's name of a table that was never in one."""


@dataclass(eq=False)
class Catalog:
    """A cluster catalogue: the table as it was read and, beside it, the numbers that are used.

    Attributes
    ----------
    table : astropy.table.Table
        Every input column, untouched; a CSV's cells are kept as text.
    path : pathlib.Path
        Where it came from, for messages; `IN_MEMORY` for a table that a script gave.
    ra_deg, dec_deg : ndarray of float64
        ICRS position in degrees, 0 <= ra < 360; both NaN where either is missing.
    redshift : ndarray of float64
        NaN where missing, masked or not positive (catalogues write 0 or -99 for "unconfirmed").
    redshift_err : ndarray of float64
        Its standard deviation; NaN where missing, masked or not positive.
    roles : dict
        Which column was used for what, e.g. ``{"ra": "RADeg"}``.
    source : object
        The original FITS table or Arrow table, so that the same format out loses nothing.
    picked : frozenset of str
        Roles whose column the user named.
    """

    table: Table
    path: Path
    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    roles: dict[str, str]
    source: Any = field(default=None, repr=False)
    picked: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.table)

    def sha256(self) -> str:
        """Of the file; of a table in memory, of the numbers that are used."""
        if self.path is not IN_MEMORY:
            return sha256_of(self.path)
        used = np.stack([self.ra_deg, self.dec_deg, self.redshift, self.redshift_err])
        return sha256(used.tobytes()).hexdigest()

    @property
    def names(self) -> np.ndarray:
        """Cluster names, or ``row-1``, ``row-2`` ... where the catalogue has none."""
        if "name" not in self.roles:
            return np.array([f"row-{number}" for number in range(1, len(self) + 1)])
        return np.array([str(cell).strip() for cell in self.table[self.roles["name"]]])

    @property
    def m200c_msun(self) -> np.ndarray:
        """Masses the catalogue came with [Msun], NaN where missing or not positive; 1e14 Msun if unitless.

        Raises
        ------
        InputError
            There is no mass column, or it holds something that is no number.
        """
        return self._masses_msun("m200c")

    @property
    def m500c_msun(self) -> np.ndarray:
        """The same for masses within 500 times the critical density [Msun]; see `m200c_msun`."""
        return self._masses_msun("m500c")

    def _masses_msun(self, role: str) -> np.ndarray:
        fitting = by_alias(self.table.colnames, role)
        if len(fitting) > 1 and role not in self.picked:
            raise ambiguous(self.path, role, fitting)
        if role not in self.roles:
            raise InputError(
                f"{self.path}: no mass column among {', '.join(self.table.colnames)}",
                f"Looked for {', '.join(ALIASES[role])} [1e14 Msun]; name yours with --column {role}=NAME.",
            )
        column = self.table[self.roles[role]]
        stated = u.Unit(
            str(column.unit or ""), parse_strict="silent"
        )  # FITS readers do not know "1e14 solMass"
        unit = stated if stated.is_equivalent(u.Msun) else MASS_UNIT
        values = numbers(self.path, column)
        return np.where(values > 0, values, np.nan) * unit.to(u.Msun)


def read_catalog(source: str | os.PathLike[str] | Table, columns: Mapping[str, str] | None = None) -> Catalog:
    """Read a catalogue: CSV, ECSV, FITS, VOTable or Parquet, or a table in memory.

    Parameters
    ----------
    source : path or astropy.table.Table
        The catalogue. A file's format follows from the content, else from the suffix.
    columns : mapping, optional
        Role -> column name, for columns the aliases do not find or find twice.

    Raises
    ------
    UsageError
        `columns` names an unknown role or a column that is not there.
    InputError
        The file cannot be read, has no rows, lacks coordinates, has two columns for one role, or holds
        something that is no number, or mostly impossible ones, as a coordinate, redshift or its error (the
        message says in which row).
    """
    if isinstance(source, Table):
        path, table, original = IN_MEMORY, _own_copy(source), None
    else:
        path = Path(source)
        table, original = read_table(path)
    roles = resolve_roles(path, table.colnames, dict(columns or {}))
    ra_deg, dec_deg = positions(path, table, roles)
    redshift = redshifts(path, table, roles)
    redshift_err = redshift_errors(path, table, roles)
    picked = frozenset(columns or ())
    return Catalog(table, path, ra_deg, dec_deg, redshift, redshift_err, roles, original, picked)


def _own_copy(table: Table) -> Table:
    """A table in memory as `read_table` would give it: no quantities, no bytes for text."""
    if not len(table):
        raise InputError(f"{IN_MEMORY}: the catalogue has no rows", "Give at least one cluster.")
    copy = Table(table)
    for name in copy.colnames:
        if isinstance(copy[name], Column):
            copy.replace_column(name, native(copy[name]))
    return copy
