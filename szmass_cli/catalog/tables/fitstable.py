"""FITS tables: the bytes of the columns that came in go out again."""

import gzip
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from szmass_cli.catalog.tables.common import (
    ReadTable,
    Wanted,
    as_text,
    changed,
    checked_names,
    flattened,
    joined,
    stated_by_cards,
    widened,
)
from szmass_cli.errors import InputError

_INTEGERS = {"B": ">u1", "I": ">i2", "J": ">i4", "K": ">i8"}
_MOST_COLUMNS = 999


@dataclass
class RawFits:
    """A binary table as it lies in the file: scaling, nulls and variable-length arrays need no thought."""

    header: fits.Header
    names: list[str]
    rows: np.ndarray  # uint8, one row a table row
    heap: bytes


def _raw_fits(stream: BinaryIO, hdu: fits.BinTableHDU) -> RawFits:
    header = hdu.header.copy()
    start = hdu.fileinfo()["datLoc"]
    row_bytes, n_rows, heap_bytes = (header[key] for key in ("NAXIS1", "NAXIS2", "PCOUNT"))
    if start + row_bytes * n_rows + heap_bytes > stream.seek(0, io.SEEK_END):
        raise ValueError("the file is cut short")
    stream.seek(start)
    rows = np.frombuffer(stream.read(row_bytes * n_rows), np.uint8).reshape(n_rows, row_bytes)
    return RawFits(header, list(hdu.columns.names), rows, stream.read(heap_bytes))


def read_fits(
    stream: BinaryIO, path: Path, wanted: Wanted | None = None, extension: str | None = None
) -> ReadTable:
    """Read a table of a FITS file: the extension asked for, else the first one that is wanted and has rows.

    No more is read of it than headers and that table: a map that is given by mistake may fill the memory.

    Raises
    ------
    InputError
        There is no such extension, or it is no table.
    ValueError
        There is no table, or it is damaged.
    """
    raw = None
    with fits.open(stream, memmap=False) as hdus:
        hdu, notes = _chosen(hdus, path, wanted, extension)
        _check_columns(hdu, path)
        if isinstance(hdu, fits.BinTableHDU):
            raw = _raw_fits(stream, hdu)
        table = _table_of(hdu, stream, index=next(i for i, other in enumerate(hdus) if other is hdu))
        for i, name in enumerate(table.colnames, 1):
            if isinstance(table[name], Column):  # not a sky position or time that astropy made of columns
                table[name].description = table.meta.pop(f"TCOMM{i}", None)
        table = changed(table, native)
        if raw is not None:
            _mask_nulls(table, hdu.columns, raw)
        frame = stated_by_cards(hdu.header) or stated_by_cards(hdus[0].header)
    table.meta = {key: "" if isinstance(v, fits.card.Undefined) else v for key, v in table.meta.items()}
    return ReadTable(table, raw, notes, {"": frame} if frame else {})


def _table_of(hdu: fits.BinTableHDU | fits.TableHDU, stream: BinaryIO, index: int) -> Table:
    """Return the table of an extension.

    Unsigned integers are not looked for: with them astropy (8.0) fails at 8-byte integers with an offset.
    """
    zeros = [column.bzero for column in hdu.columns if "K" in column.format]
    if all(zero in ("", None, 0, 2**63) for zero in zeros):
        return Table.read(hdu, mask_invalid=False)
    stream.seek(0)
    return Table.read(fits.open(stream, memmap=False, uint=False)[index], mask_invalid=False)


def _chosen(
    hdus: fits.HDUList, path: Path, wanted: Wanted | None, extension: str | None
) -> tuple[fits.BinTableHDU | fits.TableHDU, tuple[str, ...]]:
    """Return the extension that holds the catalogue, with a note where it is not the first table."""
    if extension is not None:
        return _extension(hdus, path, extension), ()
    tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
    if not tables:
        raise ValueError("there is no table in it")
    filled = [hdu for hdu in tables if hdu.header["NAXIS2"] > 0] or tables
    fitting = [hdu for hdu in filled if wanted and wanted(list(hdu.columns.names))]
    hdu = (fitting or filled)[0]
    if hdu is tables[0]:
        return hdu, ()
    number = next(i for i, other in enumerate(hdus) if other is hdu)
    return hdu, (f"The catalogue is extension {number} ({hdu.name or 'nameless'}) of {path.name}.",)


def _extension(hdus: fits.HDUList, path: Path, extension: str) -> fits.BinTableHDU | fits.TableHDU:
    """Return the extension of a number, 0 being the first, or of a name."""
    names = [hdu.name for hdu in hdus]
    if extension.isdecimal():
        index = int(extension)
    else:
        index = names.index(extension.upper()) if extension.upper() in names else -1
    listed = ", ".join(f"{i} {name or 'nameless'}" for i, name in enumerate(names))
    if not 0 <= index < len(hdus):
        raise InputError(f"{path}: has no extension {extension!r}", f"Its extensions are {listed}.")
    if not isinstance(hdus[index], fits.BinTableHDU | fits.TableHDU):
        raise InputError(f"{path}: extension {extension!r} is no table", f"Its extensions are {listed}.")
    return hdus[index]


def _check_columns(hdu: fits.BinTableHDU | fits.TableHDU, path: Path) -> None:
    """Refuse columns of the same name, or that do not fit into the rows, before a reader relies on them."""
    checked_names(list(hdu.columns.names), path)
    n_bytes = sum(column.dtype.itemsize for column in hdu.columns)
    if isinstance(hdu, fits.BinTableHDU) and n_bytes != hdu.header["NAXIS1"]:
        raise ValueError(f"its columns take {n_bytes} bytes a row, and rows have {hdu.header['NAXIS1']}")


def _mask_nulls(table: Table, columns: fits.ColDefs, raw: RawFits) -> None:
    """Mask the nulls of scaled integers: the standard compares them before scaling, astropy after it."""
    offset = 0
    for column in columns:
        width = column.dtype.itemsize
        kind, repeat = column.format.format, column.format.repeat
        is_scaled = column.bscale not in ("", None, 1) or column.bzero not in ("", None, 0)
        if column.null not in ("", None) and is_scaled and kind in _INTEGERS and repeat == 1:
            cells = np.ascontiguousarray(raw.rows[:, offset : offset + width]).view(_INTEGERS[kind])[:, 0]
            null = cells == int(column.null)
            old = table[column.name]
            table[column.name] = MaskedColumn(
                np.ma.getdata(old), mask=null, name=old.name, unit=old.unit, description=old.description
            )
        offset += width


def native(column: Column) -> Column:
    """Return numbers in the machine's byte order, and bytes as text.

    Bytes are UTF-8, else Latin-1, which never fails.
    """
    if column.dtype.kind != "S":
        return column.astype(column.dtype.newbyteorder("="), copy=False)
    try:
        text = np.char.decode(np.ma.getdata(column), "utf-8")
    except UnicodeDecodeError:
        text = np.char.decode(np.ma.getdata(column), "latin-1")
    return Column(text, unit=column.unit, description=column.description)


def write_fits(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    if source is None:
        _table_hdu(joined(table, new, meta)).writeto(parts[0], overwrite=True)
        return
    _check_count(len(source.names) + len(new.colnames))
    added = Table(new, meta={}, copy=False)
    stream = io.BytesIO()
    _table_hdu(added).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue()), memmap=False) as hdus:
        wider = _widen_fits(source, _raw_fits(stream, hdus[1]))
    for key, value in {**new.meta, **meta}.items():
        wider.header[key] = header_value(value)
    opener = gzip.open if parts[0].suffix == ".gz" else open
    with opener(parts[0], "wb") as out:
        data = wider.rows.tobytes() + wider.heap
        out.write(fits.PrimaryHDU().header.tostring().encode() + wider.header.tostring().encode())
        out.write(data + b"\0" * (-len(data) % 2880))


def _widen_fits(old: RawFits, new: RawFits) -> RawFits:
    """Put the columns of `new` behind those of `old`, byte by byte."""
    header = old.header.copy()
    for stale in ("CHECKSUM", "DATASUM"):
        header.remove(stale, ignore_missing=True)
    rows = np.hstack([old.rows, new.rows])
    header["NAXIS1"] = rows.shape[1]
    if "THEAP" in header:  # the heap may start after a gap, which goes along with it
        header["THEAP"] += new.rows.size
    for card in new.header.cards:
        column_card = re.fullmatch("(T[A-Z]+)([0-9]+)", card.keyword)
        if column_card:
            header[f"{column_card[1]}{int(column_card[2]) + len(old.names)}"] = card.value
    header["TFIELDS"] = len(old.names) + len(new.names)
    return RawFits(header, old.names + new.names, rows, old.heap)


def _table_hdu(table: Table) -> fits.BinTableHDU:
    """Return a FITS table of plain columns, with the nulls, units and text that FITS can express."""
    out = flattened(table)
    _check_count(len(out.colnames))
    notes = [column.description for column in out.itercols()]
    scaled, columns = {}, []
    for name in out.colnames:
        column = _fits_column(out[name])
        if column.unit is not None and not _has_fits_name(column.unit):
            scaled[header_value(name)], column.unit = str(column.unit).replace("e+", "e"), None
        columns.append(column)
    meta = {str(key): value for key, value in out.meta.items()}
    out = Table(columns, names=[header_value(name) for name in out.colnames], copy=False)
    out.meta = meta
    for key, value in out.meta.items():  # a list is a repeated card, such as COMMENT
        out.meta[key] = (
            [header_value(item) for item in value] if isinstance(value, list) else header_value(value)
        )
    hdu = fits.table_to_hdu(out)
    for name, unit in scaled.items():
        hdu.columns[name].unit = unit
    hdu.header.update({f"TCOMM{i}": header_value(note) for i, note in enumerate(notes, 1) if note})
    return hdu


def _check_count(n_columns: int) -> None:
    if n_columns > _MOST_COLUMNS:
        raise ValueError(f"a FITS table has at most {_MOST_COLUMNS} columns, and these are {n_columns}")


def _has_fits_name(unit: Any) -> bool:
    """Return whether FITS can express a unit as the field writes it.

    It cannot express hour angles, nor factors that are no power of ten: 1e14 solMass is "10**14 solMass".
    """
    try:
        unit.to_string("fits")
    except (ValueError, TypeError):
        return False
    return True


def _fits_column(column: Column) -> Column:
    if column.dtype.kind == "O":
        column = as_text(column)
    masked = isinstance(column, MaskedColumn)
    wider = {"i1": "i2", "f2": "f4", "f16": "f8"}
    if masked:  # FITS has nulls for signed integers only (and TNULL counts before TZERO)
        wider |= {"b1": "i2", "u1": "i2", "u2": "i4", "u4": "i8", "u8": "i8"}
    column = widened(column, wider)
    if column.dtype.kind == "U":
        encoded = np.char.encode(np.ma.filled(column, "") if masked else np.asarray(column), "utf-8")
        return Column(encoded, name=column.name, unit=column.unit)
    column = column.copy()
    if masked and column.dtype.kind == "i":  # TNULL must be a number that no valid cell holds
        lowest, used = np.iinfo(column.dtype).min, set(np.unique(column.compressed()).tolist())
        column.fill_value = next(value for value in range(lowest, -lowest) if value not in used)
    return column


def header_value(value: Any) -> Any:
    """Return a header value: FITS allows printable ASCII, finite numbers and nothing nested."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")


_ESCAPE = re.compile(r"\\(x[89a-f][0-9a-f]|u[0-9a-f]{4}|U[0-9a-f]{8})")


def header_text(value: Any) -> Any:
    """Return what was meant by a header value: letters beyond ASCII are escaped in a card, see `write_fits`.

    Values that are not text, text without escaped letters, and JSON, which has escapes of its own, stay as
    they are.
    """
    if not isinstance(value, str) or value.startswith(("{", "[")) or not _ESCAPE.search(value):
        return value
    try:
        return value.encode("ascii").decode("unicode_escape")
    except UnicodeError:  # not of our escaping
        return value
