"""Which column is what: the names under which columns come in."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from szmass_cli.errors import InputError, UsageError

_FIRST: Mapping[str, tuple[str, ...]] = {
    "ra": ("ra", "RADeg", "RAJ2000", "RA_deg"),
    "dec": ("dec", "decDeg", "DEdeg", "DEJ2000", "DECJ2000"),
    "glon": ("glon",),
    "glat": ("glat",),
    "redshift": ("redshift", "z", "z_cl", "photz", "z_best", "best_z", "best_redshift", "z_cluster"),
    "redshift_err": (
        "redshift_err", "redshiftErr", "zErr", "dz", "REDSHIFT_UNC", "redshift_error", "e_redshift", "e_z",
        "z_unc", "sigma_z",
    ),
    "position_err": (
        "position_err", "position_error", "position_err_arcmin", "pos_err", "pos_error", "pos_err_arcmin",
    ),
    "name": (
        "name", "SPT_ID", "ID", "cluster", "cluster_name", "MCXC", "PSZ2", "WHL", "DETUID", "cluster_id",
        "MEM_MATCH_ID", "obj_id",
    ),
    "m200c": ("M200c_true", "M200c", "M200"),
    "m500c": ("M500c_true", "M500c", "M500"),
}  # fmt: skip
# looked for where those above are not there; positions pair by pair
_SECOND: Mapping[str, tuple[str, ...]] = {
    "ra": (
        "RA_ICRS", "RA_ICRS", "RA2000", "RA2000", "ALPHA_J2000", "RightAscension", "_RAJ2000", "_RA_ICRS",
        "_RA", "RAB1950", "RAB1950", "RA1950", "RA1950", "ALPHA_B1950", "_RAB1950",
    ),
    "dec": (
        "DE_ICRS", "DEC_ICRS", "DE2000", "DEC2000", "DELTA_J2000", "Declination", "_DEJ2000", "_DE_ICRS",
        "_DE", "DEB1950", "DECB1950", "DE1950", "DEC1950", "DELTA_B1950", "_DEB1950",
    ),
    "glon": ("l", "gal_lon", "gal_l", "lii"),
    "glat": ("b", "gal_lat", "gal_b", "bii"),
    "redshift": (
        "z_spec", "zsp", "spec_z", "z_specz", "redshift_spec", "spec_redshift", "z_lambda", "z_phot", "zph",
        "photo_z", "z_photo", "z_photz", "photoz_best", "redshift_phot", "phot_redshift", "z_red", "z_opt",
        "z_xray", "z_sz", "z_lit", "lit_z", "z_helio", "z_hel", "z_cmb",
    ),
}  # fmt: skip
#: Names under which a column is recognised, whatever their case and without regard to signs such as _ and -.
ALIASES: Mapping[str, tuple[str, ...]] = {
    role: tuple(dict.fromkeys((*first, *_SECOND.get(role, ())))) for role, first in _FIRST.items()
}
#: Roles that a mass estimate can do without: several candidates are no error, the first alias wins; for
#: masses they are one as soon as they are asked for.
LENIENT_ROLES = frozenset({"name", "redshift_err", "position_err", "m200c", "m500c"})
#: Columns of hours, minutes and seconds, degrees and their parts, as CDS and the journals have them.
PARTED = {"ra": ("RAh", "RAm", "RAs"), "dec": ("DE-", "DEd", "DEm", "DEs")}
_UNIT_IN_NAME = re.compile(r"(.*?)\s*(?:\[(.*)\]|\((.*)\))\s*")


def plain(name: str) -> str:
    """Return a name as names are compared: small letters and figures only, and no unit in brackets.

    A leading _ stays: VizieR marks with it the columns that VizieR computes.
    """
    bare, _ = without_unit(name.strip())
    letters = "".join(sign for sign in bare.lower() if sign.isalnum())
    return f"_{letters}" if bare.startswith("_") else letters


def without_unit(name: str) -> tuple[str, str]:
    """Take ``ra [deg]`` apart into ``ra`` and ``deg``; the latter is empty where there is none."""
    match = _UNIT_IN_NAME.fullmatch(name)
    return (match[1], (match[2] or match[3] or "").strip()) if match and match[1] else (name, "")


def matching(names: Iterable[str], aliases: Iterable[str]) -> list[str]:
    """Return the names that are among the aliases, in the order of these."""
    places: dict[str, int] = {}
    for place, alias in enumerate(aliases):
        places.setdefault(plain(alias), place)
    fitting = [name for name in names if plain(name) in places]
    return sorted(fitting, key=lambda name: places[plain(name)])


def by_alias(names: Iterable[str], role: str) -> list[str]:
    """Return every column that fits a role: by its first aliases, or else by its second ones."""
    names = list(names)
    return first_choice(names, role) or second_choice(names, role)


def first_choice(names: Iterable[str], role: str) -> list[str]:
    """Return the columns that are named as the role itself."""
    return matching(names, _FIRST[role])


def second_choice(names: Iterable[str], role: str) -> list[str]:
    """Return the columns with names that are tried where the first choice has none, best first."""
    return matching(names, _SECOND.get(role, ()))


def has_positions(names: list[str]) -> bool:
    """Return whether a table of such columns can be a catalogue."""
    parts = [part.lower() for role in ("ra", "dec") for part in PARTED[role][:3]]
    return (
        all(by_alias(names, role) for role in ("ra", "dec"))
        or all(by_alias(names, role) for role in ("glon", "glat"))
        or set(parts) <= {name.lower() for name in names}
    )


def picked_column(path: Path, names: list[str], role: str, name: str) -> str:
    """Return the column a user asked for: the exact name, else the one name that differs only in case."""
    if role not in ALIASES:
        raise UsageError(f"--column {role}={name}: no role {role!r}", f"Roles are {', '.join(ALIASES)}.")
    if name in names:
        return name
    close = [other for other in names if other.strip().lower() == name.strip().lower()]
    if len(close) == 1:
        return close[0]
    problem = f"{listed(close)} differ only in case" if close else f"no column {name!r}"
    raise UsageError(f"--column {role}={name}: {problem} in {path}", f"Its columns are {', '.join(names)}.")


def ambiguous(path: Path, role: str, names: list[str]) -> InputError:
    """Return the error about several columns for one role."""
    return InputError(
        f"{path}: {listed(names)} could each be the {role}", f"Say which: --column {role}={names[0]}"
    )


def no_position(path: Path, names: list[str]) -> InputError:
    """Return the error about a table without coordinates."""
    looked_for = "; ".join(f"{role}: {', '.join(ALIASES[role])}" for role in ("ra", "dec", "glon", "glat"))
    return InputError(
        f"{path}: no pair of coordinate columns among {', '.join(names)}",
        f"Looked for, in any case, {looked_for}. Name yours with --column ra=NAME --column dec=NAME. The "
        "first line of a text table names its columns.",
    )


def listed(names: Iterable[str]) -> str:
    """Return names in quotes with "and" between them."""
    return " and ".join(repr(name) for name in names)
