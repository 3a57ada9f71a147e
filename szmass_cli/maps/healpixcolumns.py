"""Which columns of a HEALPix table are the values and the pixel numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import healpy
import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.maps.cards import bad_values, is_true, number_of, text_of
from szmass_cli.maps.hdus import Role
from szmass_cli.maps.stored import StoredValues
from szmass_cli.maps.units import is_inverse_square

_INDEX = re.compile(
    r"(hea?l?pi?x_?)?"
    r"(pix(els?)?|ipix|pixnum|pix(el)?_?(index|num(ber)?|id|no)|index|hpx|hpix|healpix|cell)"
)
_INTENSITY = re.compile(
    r"(i|t|temp(erature)?|intensity|signal|tcmb|cmb|compton_?y?|y|map)([ _-]?(stokes|mean|map|cmb))?"
)
_POLARISATION = re.compile(r"[quvpeb]([ _-]?(stokes|mean|pol\w*|map))?|pol\w*|stokes[ _-]?[quv]")
_WEIGHT = re.compile(r"tt|ii|ivar|inv_?var(iance)?|w|wts?|weights?|inverse_variance|w_?tt|div")
_OTHER = re.compile(
    r".*(cov|variance|var|hits?|n_?obs|err(or)?|sigma|rms|std|noise|mask|flags?)[ _]?\w{0,2}"
    r"|[tiqu][tiqu]|\w*weights?"
)


@dataclass(frozen=True)
class Columns:
    """What was found in a table.

    Parameters
    ----------
    values : StoredValues
        The map's column, (rows, pixels a row), in the order of `numbers`.
    numbers : numpy.ndarray or None
        Ascending pixel numbers of a partial-sky map.
    unit : str or None
        Unit of the values as stated in the header.
    notes : tuple of str
        Which columns were taken where others would have done, too.
    """

    values: StoredValues
    numbers: np.ndarray | None
    unit: str | None
    notes: tuple[str, ...]


def read_columns(path: Path, hdu, chosen: str | None, role: Role) -> Columns:
    """Find values and pixel numbers of a HEALPix table, by their names and, where those are odd, their kind.

    Parameters
    ----------
    path : Path
        The map's file, named in messages.
    hdu : astropy.io.fits.BinTableHDU
        The table HDU, opened without scaling.
    chosen : str, optional
        The column of the values.
    role : Role
        What the file is opened for.

    Raises
    ------
    InputError
        There are no values, none of them is what is looked for, or pixel numbers are lacking or do not fit.
    """
    header, names = hdu.header, list(hdu.columns.names)
    if not header["NAXIS2"] or not names:
        raise InputError(f"{path}: its HEALPix table has no values.", "Is it the right file?")
    explicit = text_of(header, "INDXSCHM").upper() == "EXPLICIT"
    index_name = _index_name(hdu, explicit)
    rest = [name for name in names if name != index_name]
    if not rest:
        raise InputError(f"{path}: its HEALPix table has no values.", "Is it the right file?")
    if explicit and index_name is None:
        raise InputError(
            f"{path}: INDXSCHM is EXPLICIT but no column holds pixel numbers.",
            "Rewrite the map with healpy.write_map(..., partial=True).",
        )
    name, notes = (chosen, []) if chosen is not None else _value_name(path, hdu, rest, role)
    if index_name is not None and not _INDEX.fullmatch(index_name.strip().lower()):
        notes.append(f"Column {index_name} is read as the pixel numbers.")
    values = _stored(hdu, name)
    numbers = None if index_name is None else _whole(path, np.ravel(hdu.data.field(index_name)))
    numbers = _range_of(header, values) if numbers is None else numbers
    unit = text_of(header, f"TUNIT{names.index(name) + 1}") or None
    if numbers is not None:
        values, numbers = _sorted_by_number(path, numbers, values)
    return Columns(values, numbers, unit, tuple(notes))


def _index_name(hdu, explicit: bool) -> str | None:
    """Return the column of the pixel numbers."""
    names = list(hdu.columns.names)
    for name in names:
        if _INDEX.fullmatch(name.strip().lower()):
            return name
    nside = number_of(hdu.header, "NSIDE")
    all_sky = nside is not None and hdu.header["NAXIS2"] == healpy.nside2npix(int(nside))
    if not explicit and (all_sky or len(names) < 2):
        return None
    for name in names:
        if _is_scalar_integer(hdu, name):
            numbers = np.ravel(hdu.data.field(name))
            fits = nside is None or (numbers.min() >= 0 and numbers.max() < 12 * nside**2)
            if fits and len(np.unique(numbers)) == len(numbers):
                return name
    return None


def _whole(path: Path, numbers: np.ndarray) -> np.ndarray:
    """Return pixel numbers as integers; some programs write them as floating-point numbers."""
    if numbers.dtype.kind not in "iuf" or not np.all(np.abs(numbers) < 2**62):
        raise InputError(f"{path}: its pixel numbers are no numbers.", "Write them as integers.")
    whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers):
        raise InputError(f"{path}: its pixel numbers are not whole.", "Write them as integers.")
    return whole


def _is_scalar_integer(hdu, name: str) -> bool:
    column = hdu.columns[name]
    return re.fullmatch(r"1?[BIJK]", str(column.format).strip()) is not None and column.bscale in (
        None,
        "",
        1,
    )


def _value_name(path: Path, hdu, names: Sequence[str], role: Role) -> tuple[str, list[str]]:
    """Return the column of the values."""
    kinds = {name: _kind(hdu, name) for name in names}
    order = {
        Role.MAP: ("intensity", "unknown"),
        Role.MASK: ("mask", "intensity", "unknown", "other"),
        Role.IVAR: ("weight", "unknown", "intensity"),
    }[role]
    for kind in order:
        found = [name for name in names if kinds[name] == kind]
        if found:
            others = found[1:]
            note = f"Column {found[0]} is read as the {role.value}, not {', '.join(others)}: "
            note += f"{path.name}[{others[0]}] chooses." if others else ""
            return found[0], [note] if others else []
    raise InputError(
        f"{path}: none of its columns ({', '.join(names)}) is {_wanted(role)}.",
        f"Give another file, or choose a column: {path.name}[{names[0]}].",
    )


def _wanted(role: Role) -> str:
    return {
        Role.MAP: "an intensity",
        Role.MASK: "a mask",
        Role.IVAR: "an inverse variance",
    }[role]


def _kind(hdu, name: str) -> str:
    """Return the kind of a column, by its name and by what the header says of it."""
    number = list(hdu.columns.names).index(name) + 1
    text = name.strip().lower()
    if is_true(hdu.header, f"TISWGT{number}") or is_inverse_square(text_of(hdu.header, f"TUNIT{number}")):
        return "weight" if not re.fullmatch(r"[tiqu][qu]", text) else "other"
    if _WEIGHT.fullmatch(text):
        return "weight"
    if "mask" in text:
        return "mask"
    if _POLARISATION.fullmatch(text):
        return "polarisation"
    if _INTENSITY.fullmatch(text):
        return "intensity"
    return "other" if _OTHER.fullmatch(text) else "unknown"


def _stored(hdu, name: str) -> StoredValues:
    """Return a column's values as they lie in the file, (rows, pixels a row)."""
    column = hdu.columns[name]
    kind = str(column.format).strip()[-1:]
    bad = bad_values(hdu.header)
    if kind not in "BIJKED":  # logical ones and bits are unpacked
        return StoredValues(_two_axes(np.asarray(hdu.data.field(name))), bad=bad)
    raw = hdu.data.view(np.ndarray)[name]
    scale, zero = (
        default if v in (None, "") else v for v, default in ((column.bscale, 1.0), (column.bzero, 0.0))
    )
    blank = column.null if kind in "BIJK" and isinstance(column.null, int) else None
    return StoredValues(_two_axes(raw), float(scale), float(zero), blank, bad)


def _two_axes(column: np.ndarray) -> np.ndarray:
    return column.reshape(len(column), -1)


def _range_of(header, values: StoredValues) -> np.ndarray | None:
    """Return the pixel numbers of a partial map that states only the first and the last."""
    first, last = number_of(header, "FIRSTPIX"), number_of(header, "LASTPIX")
    nside = number_of(header, "NSIDE")
    if first is None or last is None or last - first + 1 != values.raw.size:
        return None
    if nside is None or values.raw.size == 12 * nside**2:
        return None
    return np.arange(int(first), int(last) + 1)


def _sorted_by_number(
    path: Path, numbers: np.ndarray, values: StoredValues
) -> tuple[StoredValues, np.ndarray]:
    if len(numbers) != values.raw.size:
        raise InputError(
            f"{path}: {len(numbers):,} pixel numbers for {values.raw.size:,} values.", "Is it the right file?"
        )
    if np.all(numbers[1:] > numbers[:-1]):
        return values, numbers
    order = np.argsort(numbers, kind="stable")
    numbers = numbers[order]
    if np.any(numbers[1:] == numbers[:-1]):
        twice = int(numbers[1:][numbers[1:] == numbers[:-1]][0])
        raise InputError(f"{path}: pixel {twice} is there more than once.", "Keep one value for each pixel.")
    raw = _two_axes(np.ravel(values.raw)[order])
    return StoredValues(raw, values.scale, values.zero, values.blank, values.bad), numbers
