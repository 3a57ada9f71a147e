"""The one column schema: which columns come in, under which names, and which columns go out."""

import enum
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, Table

from szmass_cli.errors import InputError, UsageError
from szmass_cli.files import check_writable
from szmass_cli.tables.csvtable import FLOAT
from szmass_cli.tables.formats import output_files, read_table, write_table

#: Names under which a column is recognised, whatever their case.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "ra": ("ra", "RADeg", "RAJ2000", "RA_deg"),
    "dec": ("dec", "decDeg", "DEJ2000"),
    "glon": ("glon",),
    "glat": ("glat",),
    "redshift": ("redshift", "z", "z_cl", "photz"),
    "redshift_err": ("redshift_err", "redshiftErr", "zErr", "dz", "REDSHIFT_UNC"),
    "name": ("name", "SPT_ID", "ID"),
    "m200c": ("M200c_true", "M200c", "M200"),
    "m500c": ("M500c_true", "M500c", "M500"),
}
#: Roles that no mass estimate depends on: several candidates are no error, the first alias wins; for
#: masses they are one as soon as they are asked for.
LENIENT_ROLES = frozenset({"name", "redshift_err", "m200c", "m500c"})
#: Cells of a text column that hold no number.
BLANKS = frozenset({"", "nan", "na", "n/a", "null", "none", "--"})
#: Unit of every mass column.
MASS_UNIT = u.Unit("1e14 solMass")
MASKED_COLUMN = "sz_masked_fraction"
FLAGS_COLUMN = "szmass_flags"


class Flag(enum.IntFlag):
    """What is to be said about a row; 0 means nothing to say.

    ====  ============================  ==============================================================
    bit   name                          meaning
    ====  ============================  ==============================================================
    1     BAD_COORDINATES               right ascension or declination is missing or impossible; no mass
    2     OFF_MAP                       the map has no data anywhere near; no mass
    4     CUT_BY_EDGE                   the cutout reaches over the edge of the map
    8     MASKED                        the core, or too much of the cutout, has no data; no mass
    16    NONFINITE                     what has no data is NaN, or the network's answer is; no mass
    32    NO_REDSHIFT                   no redshift given; the model's own was assumed
    64    REDSHIFT_OUTSIDE_TRAINING     the network was not trained there, only calibrated
    128   REDSHIFT_OUTSIDE_CALIBRATION  redshift beyond the calibration; no mass
    256   MASS_OUTSIDE_TRAINING         the mass lies outside the training range
    512   NOISE_MISMATCH                the map's noise, measured or stated, differs from the training noise
    1024  INPAINTED                     holes in the cutout were filled from the sky around them
    2048  BEAM_MISMATCH                 the map's beam is wider than the model's and was sharpened
    4096  UNLIKE_TRAINING               more is left than training skies have: a bright source, a neighbour
    ====  ============================  ==============================================================
    """

    BAD_COORDINATES = 1
    OFF_MAP = 2
    CUT_BY_EDGE = 4
    MASKED = 8
    NONFINITE = 16
    NO_REDSHIFT = 32
    REDSHIFT_OUTSIDE_TRAINING = 64
    REDSHIFT_OUTSIDE_CALIBRATION = 128
    MASS_OUTSIDE_TRAINING = 256
    NOISE_MISMATCH = 512
    INPAINTED = 1024
    BEAM_MISMATCH = 2048
    UNLIKE_TRAINING = 4096


_MEANINGS = {
    Flag.BAD_COORDINATES: "right ascension or declination is missing or impossible; no mass",
    Flag.OFF_MAP: "the map has no data anywhere near; no mass",
    Flag.CUT_BY_EDGE: "the cutout reaches over the edge of the map",
    Flag.MASKED: "the core, or too much of the cutout, has no data; no mass",
    Flag.NONFINITE: "what has no data is NaN, or the network's answer is; no mass",
    Flag.NO_REDSHIFT: "no redshift given; the model's own was assumed",
    Flag.REDSHIFT_OUTSIDE_TRAINING: "the network was not trained there, only calibrated",
    Flag.REDSHIFT_OUTSIDE_CALIBRATION: "redshift beyond the calibration; no mass",
    Flag.MASS_OUTSIDE_TRAINING: "the mass lies outside the training range",
    Flag.NOISE_MISMATCH: "the map's noise, measured or stated, differs from the training noise",
    Flag.INPAINTED: "holes in the cutout were filled from the sky around them",
    Flag.BEAM_MISMATCH: "the map's beam is wider than the model's and was sharpened",
    Flag.UNLIKE_TRAINING: "more is left than training skies have: a bright source, a neighbour",
}


def flag_table() -> list[tuple[int, str, str]]:
    """Return (bit, name, meaning) of every flag, lowest bit first."""
    return [(flag.value, str(flag.name), _MEANINGS[flag]) for flag in Flag]


def flags_column(flags: np.ndarray) -> Column:
    """Return the flags as an output column whose description explains the bits."""
    bits = [f"{bit} {name}" for bit, name, _ in flag_table()]
    description = "; ".join(["0 nothing to say", *bits])
    return Column(np.asarray(flags, dtype=np.int32), name=FLAGS_COLUMN, description=description)


def percentile_column(base: str, percentile: float) -> str:
    """Name the column of one percentile: ('M200c', 16) -> 'M200c_p16', 2.5 -> 'M200c_p2p5'."""
    text = np.format_float_positional(float(percentile), trim="-")
    return f"{base}_p{text.replace('.', 'p')}"


@dataclass(eq=False)
class Catalog:
    """A cluster catalogue: the table as it was read and, beside it, the numbers that are used.

    Attributes
    ----------
    table : astropy.table.Table
        Every input column, untouched; a CSV's cells are kept as text.
    path : pathlib.Path
        Where it came from, for messages.
    ra_deg, dec_deg : ndarray of float64
        ICRS position in degrees, 0 <= ra < 360; both NaN where either is missing.
    redshift : ndarray of float64
        NaN where missing, masked or not positive (catalogues write 0 or -99 for "unconfirmed").
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
    roles: dict[str, str]
    source: Any = field(default=None, repr=False)
    picked: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.table)

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
        fitting = _by_alias(self.table.colnames, role)
        if len(fitting) > 1 and role not in self.picked:
            raise _ambiguous(self.path, role, fitting)
        if role not in self.roles:
            raise InputError(
                f"{self.path}: no mass column among {', '.join(self.table.colnames)}",
                f"Looked for {', '.join(ALIASES[role])} [1e14 Msun]; name yours with --column {role}=NAME.",
            )
        column = self.table[self.roles[role]]
        unit = column.unit if column.unit and column.unit.is_equivalent(u.Msun) else MASS_UNIT
        values = _numbers(self.path, column)
        return np.where(values > 0, values, np.nan) * unit.to(u.Msun)


def read_catalog(path: str | os.PathLike[str], columns: Mapping[str, str] | None = None) -> Catalog:
    """Read a catalogue: CSV, ECSV, FITS, VOTable or Parquet.

    Parameters
    ----------
    path : path
        The catalogue. Its format follows from the content, else from the suffix.
    columns : mapping, optional
        Role -> column name, for columns the aliases do not find or find twice.

    Raises
    ------
    UsageError
        `columns` names an unknown role or a column that is not there.
    InputError
        The file cannot be read, has no rows, lacks coordinates, has two columns for one role, or holds
        something that is no number, or mostly impossible ones, as a coordinate or redshift (the message says
        in which row).
    """
    path = Path(path)
    table, source = read_table(path)
    roles = _resolve_roles(path, table.colnames, dict(columns or {}))
    ra_deg, dec_deg = _positions(path, table, roles)
    redshift = _redshifts(path, table, roles)
    return Catalog(table, path, ra_deg, dec_deg, redshift, roles, source, frozenset(columns or ()))


def check_output(path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Make sure, before the long work, that a catalogue can be written to `path`.

    Raises
    ------
    UsageError
        The suffix stands for no format.
    OutputError
        The file (or the sidecar of a CSV) is already there or cannot be written.
    """
    for file in output_files(Path(path)):
        check_writable(file, overwrite)


def check_output_columns(catalog: Catalog, new_names: Iterable[str]) -> None:
    """Make sure that the catalogue has none of the columns that are to be added, whatever their case.

    Raises
    ------
    InputError
        Some are there already, as in a catalogue szmass wrote itself.
    """
    new = {name.lower() for name in new_names}
    clashes = [name for name in catalog.table.colnames if name.strip().lower() in new]
    if clashes:
        raise InputError(
            f"{catalog.path}: already has what szmass would add: {_listed(clashes)}",
            "Drop or rename these columns, or start from the original catalogue.",
        )


def write_catalog(
    catalog: Catalog,
    new_columns: Table,
    path: str | os.PathLike[str],
    meta: Mapping[str, str | float],
    overwrite: bool = False,
) -> None:
    """Write the input columns followed by the new ones, rows in the input's order.

    Parameters
    ----------
    catalog : Catalog
        As read by `read_catalog`.
    new_columns : astropy.table.Table
        One row per catalogue row; units and descriptions are kept where the format has room for them.
    path : path
        The output; its suffix chooses the format. It appears only when it is complete.
    meta : mapping
        Provenance, under keys of at most 8 characters: FITS header cards, ECSV, VOTable and Parquet
        metadata, or for CSV the sidecar ``<path>.meta.json``. The input's own metadata are kept.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    UsageError
        The suffix stands for no format.
    InputError
        The catalogue already has one of the new columns.
    OutputError, SzmassError
        The file cannot be written, or its format cannot hold one of the columns.
    """
    if len(new_columns) != len(catalog):
        raise ValueError(f"{len(new_columns)} new rows for {len(catalog)} catalogue rows")
    check_output_columns(catalog, new_columns.colnames)
    write_table(Path(path), catalog.table, catalog.source, new_columns, dict(meta), overwrite)


# --- which column is what -----------------------------------------------------------------------------------


def _resolve_roles(path: Path, names: list[str], picked: dict[str, str]) -> dict[str, str]:
    """Decide which column plays which role; `picked` comes before the aliases."""
    found = {role: [_pick(path, names, role, name)] for role, name in picked.items()}
    for role in ALIASES.keys() - found.keys():
        found[role] = _by_alias(names, role)
    unused = {"ra", "dec"} if _is_galactic(found, picked) else {"glon", "glat"}
    wanted = {"ra", "dec", "glon", "glat"} - unused
    if not all(found[role] for role in wanted):
        raise _no_position(path, names)
    roles = {}
    for role in (role for role in ALIASES if role not in unused and found[role]):
        if len(found[role]) > 1 and role not in LENIENT_ROLES:
            raise _ambiguous(path, role, found[role])
        roles[role] = found[role][0]
    if len({roles[role] for role in wanted}) == 1:
        raise UsageError(f"{path}: {roles[wanted.pop()]!r} is used for both coordinates", "Check --column.")
    return roles


def _ambiguous(path: Path, role: str, names: list[str]) -> InputError:
    return InputError(
        f"{path}: {_listed(names)} could each be the {role}", f"Say which: --column {role}={names[0]}"
    )


def _is_galactic(found: dict[str, list[str]], picked: dict[str, str]) -> bool:
    """Galactic when asked for, or when there is no complete equatorial pair; equatorial otherwise."""
    if picked.keys() & {"ra", "dec"}:
        return False
    if picked.keys() & {"glon", "glat"}:
        return True
    return not (found["ra"] and found["dec"]) and bool(found["glon"] and found["glat"])


def _pick(path: Path, names: list[str], role: str, name: str) -> str:
    """The column a user asked for: the exact name, else the one name that differs only in case."""
    if role not in ALIASES:
        raise UsageError(f"--column {role}={name}: no role {role!r}", f"Roles are {', '.join(ALIASES)}.")
    if name in names:
        return name
    close = [other for other in names if other.strip().lower() == name.strip().lower()]
    if len(close) == 1:
        return close[0]
    problem = f"{_listed(close)} differ only in case" if close else f"no column {name!r}"
    raise UsageError(f"--column {role}={name}: {problem} in {path}", f"Its columns are {', '.join(names)}.")


def _by_alias(names: list[str], role: str) -> list[str]:
    """Every column that fits a role, in the order of its aliases."""
    aliases = [alias.lower() for alias in ALIASES[role]]
    fitting = [name for name in names if name.strip().lower() in aliases]
    return sorted(fitting, key=lambda name: aliases.index(name.strip().lower()))


def _no_position(path: Path, names: list[str]) -> InputError:
    looked_for = "; ".join(f"{role}: {', '.join(ALIASES[role])}" for role in ("ra", "dec", "glon", "glat"))
    return InputError(
        f"{path}: no pair of coordinate columns among {', '.join(names)}",
        f"Looked for, in any case, {looked_for}. Name yours with --column ra=NAME --column dec=NAME. The "
        "first line of a CSV names its columns, without a leading # and with commas between them.",
    )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)


# --- cells to numbers ---------------------------------------------------------------------------------------


def _positions(path: Path, table: Table, roles: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """ICRS right ascension and declination [deg] of every row."""
    galactic = "glon" in roles
    lon_role, lat_role = ("glon", "glat") if galactic else ("ra", "dec")
    lon = _angle(path, table[roles[lon_role]], limit_deg=360.0)
    lat = _angle(path, table[roles[lat_role]], limit_deg=90.0)
    known = np.isfinite(lon) & np.isfinite(lat)
    ra_deg, dec_deg = (np.where(known, values, np.nan) for values in (lon, lat))
    if galactic and known.any():
        sky = SkyCoord(l=lon[known], b=lat[known], unit="deg", frame="galactic").icrs
        ra_deg[known], dec_deg[known] = sky.ra.deg, sky.dec.deg
    ra_deg %= 360.0
    ra_deg[ra_deg == 360.0] = 0.0  # what the modulo makes of -1e-20
    return ra_deg, dec_deg


def _angle(path: Path, column: Column, limit_deg: float) -> np.ndarray:
    """A coordinate column in degrees, NaN where a cell is empty or, here and there, impossible."""
    values_deg = _to_degrees(path, column, _numbers(path, column))
    outside = np.abs(values_deg) > limit_deg
    if _are_the_rule(outside, values_deg):
        _reject(path, column, outside, f"is not within -{limit_deg:g} to {limit_deg:g} degrees")
    return np.where(outside, np.nan, values_deg)


def _are_the_rule(wrong: np.ndarray, values: np.ndarray) -> bool:
    """Whether most of the filled cells are wrong: then the column or its unit is, not the rows."""
    return bool(2 * wrong.sum() > np.sum(~np.isnan(values)))


def _redshifts(path: Path, table: Table, roles: dict[str, str]) -> np.ndarray:
    if "redshift" not in roles:
        return np.full(len(table), np.nan)
    column = table[roles["redshift"]]
    values = _numbers(path, column)
    if _are_the_rule(np.isinf(values), values):
        _reject(path, column, np.isinf(values), "is not finite")
    return np.where(values > 0, values, np.nan)


def _numbers(path: Path, column: Column) -> np.ndarray:
    """A column as float64, NaN where it is masked or blank; anything but a number is an error."""
    if column.ndim > 1:
        raise InputError(
            f"{path}: column {column.info.name!r} holds arrays, one number a row is needed",
            "Pick another column with --column ROLE=NAME.",
        )
    if column.dtype.kind in "iuf":
        values = np.ma.asarray(getattr(column, "value", column))
        return np.ma.filled(values.astype(np.float64), np.nan)
    texts = [str(cell).strip() for cell in np.ma.filled(np.ma.asarray(column).astype(object), "")]
    blank = np.array([text.lower() in BLANKS for text in texts])
    good = np.array([FLOAT.fullmatch(text) is not None for text in texts])
    _reject(path, column, ~(blank | good), "is not a number (decimal degrees and plain redshifts are)")
    return np.array([float("nan" if void else text) for text, void in zip(texts, blank, strict=True)])


def _to_degrees(path: Path, column: Column, values: np.ndarray) -> np.ndarray:
    """Convert by the column's unit; a column without a unit is in degrees."""
    unit = column.unit
    if unit is None or unit == u.dimensionless_unscaled:
        return values
    try:
        return u.Unit(str(unit)).to(u.deg, values)
    except (ValueError, u.UnitConversionError) as error:
        if isinstance(unit, u.UnrecognizedUnit) and "deg" in str(unit).lower():  # "degrees", "decimal deg"
            return values
        raise InputError(
            f"{path}: column {column.info.name!r} has the unit {str(unit)!r}, which is not an angle",
            "Give the coordinates in degrees, radians or hour angles, and say so in the unit.",
        ) from error


def _reject(path: Path, column: Column, wrong: np.ndarray, complaint: str) -> None:
    """Raise an error about the first wrong cell, if there is one."""
    rows = np.flatnonzero(wrong)
    if not rows.size:
        return
    row = int(rows[0])
    others = f"; {rows.size} rows are wrong" if rows.size > 1 else ""
    raise InputError(
        f"{path}: column {column.info.name!r}, row {row + 1}: {str(column[row])!r} {complaint}{others}",
        "Rows count from 1, the first row of data. Correct the cell, or leave it empty if it is unknown.",
    )
