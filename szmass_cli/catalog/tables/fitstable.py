"""FITS tables: the bytes of the columns that came in go out again."""

import gzip
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table

from szmass_cli.catalog.tables.common import GZIP, flattened, joined, widened


@dataclass
class RawFits:
    """A binary table as it lies in the file: scaling, nulls and variable-length arrays need no thought."""

    header: fits.Header
    names: list[str]
    rows: np.ndarray  # uint8, one row a table row
    heap: bytes


def _raw_fits(stream: Any, hdu: fits.BinTableHDU) -> RawFits:
    header = hdu.header.copy()
    stream.seek(hdu.fileinfo()["datLoc"])
    shape = header["NAXIS2"], header["NAXIS1"]
    rows, heap = stream.read(shape[0] * shape[1]), stream.read(header["PCOUNT"])
    if len(rows) < shape[0] * shape[1] or len(heap) < header["PCOUNT"]:
        raise ValueError("the file is cut short")
    return RawFits(header, list(hdu.columns.names), np.frombuffer(rows, np.uint8).reshape(shape), heap)


def read_fits(path: Path) -> tuple[Table, RawFits | None]:
    with open(path, "rb") as probe:
        opener = gzip.open if probe.read(2) == GZIP else open
    raw = None
    with opener(path, "rb") as stream, fits.open(stream, memmap=False) as hdus:
        hdu = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)), None)
        if hdu is None:
            raise ValueError("there is no table in it")
        if isinstance(hdu, fits.BinTableHDU):
            raw = _raw_fits(stream, hdu)
        table = Table.read(hdu, mask_invalid=False)
        for i, name in enumerate(table.colnames, 1):
            if isinstance(table[name], Column):  # not a sky position or time that astropy made of columns
                table[name].description = table.meta.pop(f"TCOMM{i}", None)
                table.replace_column(name, native(table[name]))
    table.meta = {key: "" if isinstance(v, fits.card.Undefined) else v for key, v in table.meta.items()}
    return table, raw


def native(column: Column) -> Column:
    """Numbers in the machine's byte order, bytes as text (UTF-8, else Latin-1, which never fails)."""
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
    added = Table(new, meta={}, copy=False)
    stream = io.BytesIO()
    _table_hdu(added).writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue()), memmap=False) as hdus:
        wider = _widen_fits(source, _raw_fits(stream, hdus[1]))
    for key, value in {**new.meta, **meta}.items():
        wider.header[key] = _card(value)
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
    """A FITS table of plain columns, with the nulls, units and text that FITS can express."""
    out = flattened(table)
    notes = [column.description for column in out.itercols()]
    scaled = {}
    for name in out.colnames:
        column = _fits_column(out[name])
        if isinstance(column.unit, u.UnitBase) and getattr(column.unit, "scale", 1) != 1:
            # FITS would make 1e14 solMass "10**14 solMass", which no catalogue in the field writes.
            scaled[_card(name)], column.unit = str(column.unit).replace("e+", "e"), None
        out.replace_column(name, column)
        out.rename_column(name, _card(name))
    for key, value in out.meta.items():  # a list is a repeated card, such as COMMENT
        out.meta[key] = [_card(item) for item in value] if isinstance(value, list) else _card(value)
    hdu = fits.table_to_hdu(out)
    for name, unit in scaled.items():
        hdu.columns[name].unit = unit
    hdu.header.update({f"TCOMM{i}": _card(note) for i, note in enumerate(notes, 1) if note})
    return hdu


def _fits_column(column: Column) -> Column:
    masked = isinstance(column, MaskedColumn)
    wider = {"i1": "i2", "f2": "f4"}
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


def _card(value: Any) -> Any:
    """A header value: FITS allows printable ASCII, finite numbers and nothing nested."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")
