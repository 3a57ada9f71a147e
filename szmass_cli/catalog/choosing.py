"""From names and cells to roles: which column is used for what, and why."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from szmass_cli.catalog.cells import is_a_number, numbers
from szmass_cli.catalog.quantities import is_redshift_unit, stated_unit
from szmass_cli.catalog.roles import (
    ALIASES,
    LENIENT_ROLES,
    PARTED,
    ambiguous,
    by_alias,
    first_choice,
    listed,
    matching,
    no_position,
    picked_column,
    plain,
    second_choice,
)
from szmass_cli.errors import InputError, UsageError

_POSITIONS = ("ra", "dec", "glon", "glat")
_HIGHEST_REDSHIFT = 10.0
_ERROR_ENDINGS = ("err", "error", "e", "unc", "uncertainty", "sigma", "std", "stddev", "sd", "rms")
_ERROR_BEGINNINGS = ("e", "err", "error", "d", "delta", "sigma", "sig", "unc", "u")
_LIKE_A_REDSHIFT = re.compile(
    r"redshift|^z(?![a-z]{6})|(?<!h)z$|(?:spec|phot|photo)z|_z_|_z\d*$", re.IGNORECASE
)


def choose_roles(
    path: Path, table: Table, picked: Mapping[str, str], stated: Mapping[str, str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Decide which column plays which role.

    Parameters
    ----------
    path : Path
        The catalogue's file, named in messages.
    table : astropy.table.Table
        The columns to choose from: names, units and, where names do not settle it, cells.
    picked : mapping of str to str
        Role -> column that the user named; they come first.
    stated : mapping of str to str
        Role -> column that the file itself names; they come before the aliases.

    Returns
    -------
    roles : dict of str to str
        Role -> column, in the order of `ALIASES`. A position in parts has all of its columns, with blanks
        between them.
    notes : tuple of str
        What was left out, and what else would fit.

    Raises
    ------
    UsageError
        The user named an unknown role, or a column that is not there or no redshift.
    InputError
        There are no coordinates, or two columns for one role.
    """
    names = list(table.colnames)
    known = {role: picked_column(path, names, role, name) for role, name in picked.items()}
    for role, name in stated.items():
        if name in names and not (known.keys() & set(_POSITIONS)):
            known.setdefault(role, name)
    found = {role: [known[role]] if role in known else by_alias(names, role) for role in ALIASES}
    notes: list[str] = []
    if "redshift" not in known:
        found["redshift"] = _redshift_columns(table, notes)
    elif not is_redshift_unit(stated_unit(table[known["redshift"]])):
        raise _no_redshift(path, known["redshift"], stated_unit(table[known["redshift"]]))
    if "redshift_err" not in known:
        found["redshift_err"] = _error_columns(table, found["redshift"], notes)
    position = _position(path, names, found, known, notes)
    roles = {}
    for role in ALIASES:
        if role in position:
            roles[role] = position[role]
        elif role not in _POSITIONS and found[role]:
            if len(found[role]) > 1 and role not in LENIENT_ROLES:
                raise ambiguous(path, role, found[role])
            roles[role] = found[role][0]
    if not found["redshift"]:
        notes += _likely_redshifts(table, set(roles.values()))
    return roles, tuple(notes)


def _position(
    path: Path, names: list[str], found: dict[str, list[str]], known: Mapping[str, str], notes: list[str]
) -> dict[str, str]:
    """Return the columns of the position.

    They are the first complete pair, in parts or not, equatorial before Galactic.
    """
    galactic = _is_galactic(found, known)
    wanted = ("glon", "glat") if galactic else ("ra", "dec")
    if not all(found[role] for role in wanted):
        parts = _parted(names)
        if parts is None or known.keys() & set(_POSITIONS):
            raise no_position(path, names)
        return parts
    for role in wanted:
        if len(found[role]) > 1 and first_choice(found[role], role):
            raise ambiguous(path, role, found[role])
    chosen = {role: found[role][0] for role in wanted}
    others = [name for role in wanted for name in found[role][1:]]
    if others:
        notes.append(
            f"Positions are those of {' and '.join(chosen.values())}; {', '.join(others)} would fit, too."
        )
    if len(set(chosen.values())) == 1:
        raise UsageError(f"{path}: {chosen[wanted[0]]!r} is used for both coordinates", "Check --column.")
    return chosen


def _is_galactic(found: dict[str, list[str]], known: Mapping[str, str]) -> bool:
    """Return whether the position is Galactic: if asked for, or if there is no complete equatorial pair."""
    if known.keys() & {"ra", "dec"}:
        return False
    if known.keys() & {"glon", "glat"}:
        return True
    return not (found["ra"] and found["dec"]) and bool(found["glon"] and found["glat"])


def _parted(names: list[str]) -> dict[str, str] | None:
    """Return the columns RAh, RAm, RAs and DE-, DEd, DEm, DEs, joined by blanks; None without them.

    Seconds may be missing.
    """
    there = {name.lower(): name for name in names}
    joined = {}
    for role, parts in PARTED.items():
        columns = [there.get(part.lower(), "") for part in parts]
        if not all(columns[:-1]):
            return None
        joined[role] = " ".join(filter(None, columns))
    return joined


def _redshift_columns(table: Table, notes: list[str]) -> list[str]:
    """Return the columns that can be the redshift, in the order of preference.

    Notes say which were left out, and why. Of columns that are named after a method, such as z_spec and
    z_lambda, the one with redshifts for most rows is used; where these are equally many, a spectroscopic one.
    """
    fitting = [name for name in first_choice(table.colnames, "redshift") if _can_be(table[name], notes)]
    if fitting:
        return fitting
    fitting = [name for name in second_choice(table.colnames, "redshift") if _can_be(table[name], notes)]
    if len(fitting) < 2:
        return fitting
    best = max(fitting, key=lambda name: _n_known(table[name]))  # the first of equals
    others = [name for name in fitting if name != best]
    notes.append(
        f"Redshifts are those of {best}, which has most; {' and '.join(others)} would fit, too "
        f"(--column redshift={others[0]})."
    )
    return [best]


def _can_be(column: Column, notes: list[str]) -> bool:
    """Return whether the unit and numbers of a column can be those of redshifts; add a note if not."""
    unit, name = stated_unit(column), column.info.name
    if not is_redshift_unit(unit):
        notes.append(f"Column {name} is in {unit}, which is no redshift: it was not used.")
        return False
    values = _numbers_if_any(column)
    filled = values[(values > 0) & np.isfinite(values)]
    if plain(name) == "z" and len(filled) and np.median(filled) > _HIGHEST_REDSHIFT:
        notes.append(
            f"Column {name} has numbers such as {np.median(filled):.4g}, which is no redshift (a magnitude "
            "or a velocity?): it was not used."
        )
        return False
    return True


def _n_known(column: Column) -> int:
    values = _numbers_if_any(column)
    return int(np.sum((values > 0) & np.isfinite(values)))


def _numbers_if_any(column: Column) -> np.ndarray:
    """Return the numbers of a column, NaN where a cell is not a number."""
    if getattr(column, "ndim", 1) > 1 or not is_a_number(column):
        return np.full(len(column), np.nan)
    return numbers(Path("."), column)


def _no_redshift(path: Path, name: str, unit: str) -> InputError:
    return UsageError(
        f"{path}: column {name!r} has the unit {unit!r}, which is no redshift",
        "Name another column with --column redshift=NAME, or correct the unit.",
    )


def _error_columns(table: Table, redshift: list[str], notes: list[str]) -> list[str]:
    """Return the columns that can be the redshift's error.

    They are named after the redshift's column or, where that is the only redshift, have a general name.
    """
    others = {plain(name) for name in table.colnames if name not in redshift}
    fitting: list[str] = []
    if redshift:
        base = plain(redshift[0])
        words = {base + ending for ending in _ERROR_ENDINGS} | {first + base for first in _ERROR_BEGINNINGS}
        fitting = [name for name in table.colnames if name not in redshift and plain(name) in words]
    general = by_alias([name for name in table.colnames if name not in redshift], "redshift_err")
    rivals = others & {plain(alias) for alias in ALIASES["redshift"]}
    if not rivals:
        fitting = list(dict.fromkeys([*matching(fitting, ALIASES["redshift_err"]), *fitting, *general]))
    kept = []
    for name in fitting:
        unit = stated_unit(table[name])
        if is_redshift_unit(unit):
            kept.append(name)
        else:
            notes.append(f"Column {name} is in {unit}, which is no error of a redshift: it was not used.")
    return kept


def _likely_redshifts(table: Table, used: set[str]) -> list[str]:
    """Return a note that names columns which look like redshifts, or none."""
    likely = []
    for name in table.colnames:
        column = table[name]
        if name in used or not _LIKE_A_REDSHIFT.search(name) or not isinstance(column, Column):
            continue
        values = _numbers_if_any(column)
        filled = values[values > 0]
        if filled.size and np.all(filled < _HIGHEST_REDSHIFT) and is_redshift_unit(stated_unit(column)):
            likely.append(name)
    if not likely:
        return []
    return [f"No redshift column was found; {listed(likely[:5])} may be one: --column redshift={likely[0]}."]
