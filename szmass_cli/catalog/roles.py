"""Which column is what: the names under which columns come in."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from szmass_cli.errors import InputError, UsageError

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
#: Roles that a mass estimate can do without: several candidates are no error, the first alias wins; for
#: masses they are one as soon as they are asked for.
LENIENT_ROLES = frozenset({"name", "redshift_err", "m200c", "m500c"})


def resolve_roles(path: Path, names: list[str], picked: dict[str, str]) -> dict[str, str]:
    """Decide which column plays which role; `picked` comes before the aliases."""
    found = {role: [_pick(path, names, role, name)] for role, name in picked.items()}
    for role in ALIASES.keys() - found.keys():
        found[role] = by_alias(names, role)
    unused = {"ra", "dec"} if _is_galactic(found, picked) else {"glon", "glat"}
    wanted = {"ra", "dec", "glon", "glat"} - unused
    if not all(found[role] for role in wanted):
        raise _no_position(path, names)
    roles = {}
    for role in (role for role in ALIASES if role not in unused and found[role]):
        if len(found[role]) > 1 and role not in LENIENT_ROLES:
            raise ambiguous(path, role, found[role])
        roles[role] = found[role][0]
    if len({roles[role] for role in wanted}) == 1:
        raise UsageError(f"{path}: {roles[wanted.pop()]!r} is used for both coordinates", "Check --column.")
    return roles


def ambiguous(path: Path, role: str, names: list[str]) -> InputError:
    return InputError(
        f"{path}: {listed(names)} could each be the {role}", f"Say which: --column {role}={names[0]}"
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
    problem = f"{listed(close)} differ only in case" if close else f"no column {name!r}"
    raise UsageError(f"--column {role}={name}: {problem} in {path}", f"Its columns are {', '.join(names)}.")


def by_alias(names: list[str], role: str) -> list[str]:
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


def listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)
