"""A catalogue that came in: its table as it is, and the numbers that are used."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from szmass_cli.catalog.angles import degrees, suspicions
from szmass_cli.catalog.cells import numbers, position_errors_arcmin, redshift_errors, redshifts, texts_of
from szmass_cli.catalog.choosing import choose_roles
from szmass_cli.catalog.frames import frame_of, to_icrs
from szmass_cli.catalog.inmemory import own_copy
from szmass_cli.catalog.quantities import mass_unit, stated_unit
from szmass_cli.catalog.roles import ALIASES, ambiguous, by_alias, has_positions
from szmass_cli.catalog.tables.common import ReadTable
from szmass_cli.catalog.tables.formats import read_source
from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import PLANCK18

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
    position_err_arcmin : ndarray of float64
        Standard deviation of the position along each axis; NaN where missing, masked or not positive.
    roles : dict
        Which column was used for what, e.g. ``{"ra": "RADeg"}``.
    source : object
        The original FITS table or Arrow table, so that the same format out loses nothing.
    picked : frozenset of str
        Roles whose column the user named.
    notes : tuple of str
        What was assumed of it, left out or converted.
    digest : str
        SHA-256 of the bytes that were read; empty for a table in memory.
    """

    table: Table
    path: Path
    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    position_err_arcmin: np.ndarray
    roles: dict[str, str]
    source: Any = field(default=None, repr=False)
    picked: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    digest: str = ""

    def __len__(self) -> int:
        return len(self.table)

    def sha256(self) -> str:
        """Return the SHA-256 of the file or, for a table in memory, of the numbers that are used."""
        if self.digest:
            return self.digest
        errors = [self.redshift_err, self.position_err_arcmin]
        used = np.stack([self.ra_deg, self.dec_deg, self.redshift, *errors])
        return sha256(used.tobytes()).hexdigest()

    def columns_in_words(self) -> str:
        """Return which column plays which role, such as ``ra=RADeg, dec=decDeg``; masses are left out."""
        shown = {role: name for role, name in self.roles.items() if not role.startswith("m")}
        return ", ".join(f"{role}={name}" for role, name in shown.items())

    @property
    def names(self) -> np.ndarray:
        """Return the cluster names, or ``row-1``, ``row-2`` ... where the catalogue has none."""
        if "name" not in self.roles:
            return np.array([f"row-{number}" for number in range(1, len(self) + 1)])
        return np.array(texts_of(self.table[self.roles["name"]]), dtype=str)

    @property
    def m200c_msun(self) -> np.ndarray:
        """Return the M200c that the catalogue came with [Msun]; see `masses_msun`."""
        return self.masses_msun("m200c")

    @property
    def m500c_msun(self) -> np.ndarray:
        """Return the M500c that the catalogue came with [Msun]; see `masses_msun`."""
        return self.masses_msun("m500c")

    def masses_msun(self, role: str, h: float = PLANCK18.h0_km_s_mpc / 100.0) -> np.ndarray:
        """Return the masses the catalogue came with [Msun], NaN where missing or not positive.

        Parameters
        ----------
        role : str
            Mass definition to read: ``m200c`` or ``m500c``.
        h : float
            Hubble constant over 100 km/s/Mpc, for units such as Msun/h.

        Raises
        ------
        InputError
            There is no such mass column, or several; it holds something that is no number, or its unit is no
            mass. Without a unit numbers are in 1e14 Msun.
        """
        fitting = by_alias(self.table.colnames, role)
        if len(fitting) > 1 and role not in self.picked:
            raise ambiguous(self.path, role, fitting)
        if role not in self.roles:
            raise InputError(
                f"{self.path}: no mass column among {', '.join(self.table.colnames)}",
                f"Looked for {', '.join(ALIASES[role])} [1e14 Msun]; name yours with --column {role}=NAME.",
            )
        column = self.table[self.roles[role]]
        unit = stated_unit(column)
        known = mass_unit(unit, h) if unit else (1e14, False)
        if known is None:
            raise InputError(
                f"{self.path}: column {column.info.name!r} has the unit {unit!r}, which is not a mass",
                "Units such as 1e14 solMass, Msun/h and log10(Msun) are understood; no unit is 1e14 Msun.",
            )
        msun, is_log = known
        values = numbers(self.path, column)
        with np.errstate(over="ignore"):
            masses = (10.0**values if is_log else values) * msun
        return np.where(masses > 0, masses, np.nan)


def read_catalog(source: str | os.PathLike[str] | Table, columns: Mapping[str, str] | None = None) -> Catalog:
    """Read a catalogue: CSV, ECSV, FITS, VOTable, Parquet or another text table, or a table in memory.

    Parameters
    ----------
    source : path or astropy.table.Table
        The catalogue. A file's format follows from the content, else from the suffix. ``file.fits[2]`` is an
        extension of a FITS file; without it the first one with rows and positions is taken.
    columns : mapping, optional
        Role -> column name, for columns the aliases do not find or find twice.

    Raises
    ------
    UsageError
        `columns` names an unknown role or a column that is not there.
    InputError
        The file cannot be read, has no rows, lacks coordinates, has two columns for one role, is in a frame
        that is not known, or holds something that is no number, or mostly impossible ones, as a coordinate,
        redshift or its error (the message says in which row).
    """
    picked = dict(columns or {})
    if isinstance(source, Table):
        path, found = IN_MEMORY, ReadTable(own_copy(source, IN_MEMORY))
    else:
        path = Path(source)
        found = read_source(path, lambda names: has_positions([*names, *_as_if(names, picked)]))
    table = found.table
    roles, notes = choose_roles(path, table, picked, found.roles)
    frame, frame_notes = frame_of(path, table, roles, found.frames)
    lon_role, lat_role = ("glon", "glat") if "glon" in roles else ("ra", "dec")
    lon, lon_notes = degrees(path, table, lon_role, roles[lon_role])
    lat, lat_notes = degrees(path, table, lat_role, roles[lat_role])
    ra_deg, dec_deg = to_icrs(frame, lon, lat)
    return Catalog(
        table,
        path,
        ra_deg,
        dec_deg,
        redshifts(path, table, roles),
        redshift_errors(path, table, roles),
        position_errors_arcmin(path, table, roles),
        roles,
        found.source,
        frozenset(picked),
        (*found.notes, *frame_notes, *lon_notes, *lat_notes, *suspicions(table, roles, lon, lat), *notes),
        found.sha256,
    )


def _as_if(names: list[str], picked: Mapping[str, str]) -> list[str]:
    """Return the roles of those columns named by the user that are there.

    Put beside column names, they are recognised like these.
    """
    there = {name.lower() for name in names}
    return [role for role, name in picked.items() if name.strip().lower() in there]
