"""Tables on disk: CSV, ECSV, FITS, VOTable and Parquet in and out, nothing lost on the way."""

import csv
import gzip
import io
import json
import math
import re
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import from_table, parse
from astropy.io.votable.tree import Info
from astropy.table import Column, MaskedColumn, Table, represent_mixins_as_columns
from astropy.table.meta import get_header_from_yaml, get_yaml_from_table

from szmass_cli.errors import InputError, SzmassError, UsageError
from szmass_cli.files import atomic_path

FORMATS = {
    "fits": (".fits", ".fit", ".fts", ".fits.gz"),
    "csv": (".csv",),
    "ecsv": (".ecsv",),
    "votable": (".xml", ".vot", ".votable"),
    "parquet": (".parquet", ".pq"),
}
_SIGNATURES = {
    b"SIMPLE  =": "fits",
    b"PAR1": "parquet",
    b"# %ECSV": "ecsv",
    b"<?xml": "votable",
    b"<VOTABLE": "votable",
}
_GZIP = b"\x1f\x8b"
_YAML_KEY = b"table_meta_yaml"  # where astropy looks for units and metadata in a Parquet file

FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf|nan", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DIGITS = re.compile(r"[+-]?[0-9]+")


def output_format(path: Path) -> str:
    """Return the format of an output file from its suffix; UsageError when it stands for none."""
    for kind, suffixes in FORMATS.items():
        if path.name.lower().endswith(suffixes):
            return kind
    raise UsageError(f"{path}: the suffix stands for no catalogue format", f"Use one of {_all_suffixes()}.")


def output_files(path: Path) -> list[Path]:
    """Return every file that writing `path` makes: a CSV, having no header, has a sidecar."""
    sidecar = path.with_name(f"{path.name}.meta.json")
    return [path, sidecar] if output_format(path) == "csv" else [path]


def read_table(path: Path) -> tuple[Table, Any]:
    """Read a table with at least one row.

    Returns
    -------
    table : astropy.table.Table
        The columns; those of a CSV hold the text of the cells.
    source : object
        What `write_table` needs to write the same format without loss: the FITS table, the Arrow table,
        or the word ``"csv"``.

    Raises
    ------
    InputError
        The file is missing, empty, of no known format or damaged.
    """
    kind = "catalogue"
    try:
        kind = _input_format(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a reader's worries about units and styles
            table, source = _READERS[kind](path)
    except (SzmassError, MemoryError):
        raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}", "Give a catalogue file."
        ) from error
    except Exception as error:  # every reader has exceptions of its own for a damaged file
        raise InputError(
            f"{path}: is not a readable {kind} table: {error or type(error).__name__}",
            f"Catalogues are read from {_all_suffixes()} files; CSV is UTF-8 text with a header line.",
        ) from error
    if not len(table):
        raise InputError(f"{path}: the catalogue has no rows", "Give at least one cluster.")
    return table, source


def write_table(
    path: Path, table: Table, source: Any, new: Table, meta: dict[str, Any], overwrite: bool
) -> None:
    """Write the columns of `table`, then those of `new`, with the metadata of both and `meta`.

    Raises
    ------
    OutputError, SzmassError
        The file cannot be written, or its format cannot hold one of the columns.
    """
    kind = output_format(path)
    if isinstance(source, str) and kind != "csv":  # the text of a CSV, bound for a format with types
        table = _typed(table)
    original = source if _stands_for(source, table, kind) else None
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [stack.enter_context(atomic_path(file, overwrite)) for file in output_files(path)]
        try:
            _WRITERS[kind](parts, table, original, new, meta)
        except (SzmassError, OSError, MemoryError):
            raise
        except Exception as error:
            raise SzmassError(
                f"{path}: these columns do not fit into a {kind} file: {error or type(error).__name__}",
                "Write .ecsv, which holds nearly everything, or drop the column.",
            ) from error


def _input_format(path: Path) -> str:
    """The format by content where that is certain, else by suffix."""
    with open(path, "rb") as stream:
        start = stream.read(64)
    if not start:
        raise InputError(f"{path}: the file is empty", "Fetch or write it again.")
    if start.startswith(_GZIP):
        with gzip.open(path) as stream:
            start = stream.read(64)
    for signature, kind in _SIGNATURES.items():
        if start.lstrip(b"\xef\xbb\xbf \r\n").startswith(signature):
            return kind
    try:
        return output_format(path)
    except UsageError as error:
        raise InputError(f"{path}: not a catalogue format szmass knows", error.hint) from error


def _all_suffixes() -> str:
    return ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)


def _stands_for(source: Any, table: Table, kind: str) -> bool:
    """Whether the original is of the format wanted and still has the table's rows and columns."""
    if kind == "fits" and isinstance(source, RawFits):
        return source.names == table.colnames and len(source.rows) == len(table)
    if kind == "parquet" and hasattr(source, "column_names"):
        return source.column_names == table.colnames and source.num_rows == len(table)
    return False


def _joined(table: Table, new: Table, meta: dict[str, Any]) -> Table:
    out = table.copy(copy_data=False)
    for name in new.colnames:
        out[name] = new[name]
    out.meta = {**table.meta, **new.meta, **meta}
    return out


def _flattened(table: Table) -> Table:
    """Times and sky positions as plain columns, for the formats that have no word for them."""
    out = represent_mixins_as_columns(table, exclude_classes=(Column,)).copy(copy_data=False)
    out.meta.pop("__serialized_columns__", None)
    return out


# --- CSV ----------------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> tuple[Table, str]:
    data = path.read_bytes()
    if b"\0" in data:
        raise ValueError("it holds binary data")
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    filled = [row for row in rows if row]
    header, body = (filled[0], filled[1:]) if filled else ([], [])
    names = [name or f"col{i}" for i, name in enumerate(header, 1)]  # pandas leaves its index nameless
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        listed = ", ".join(map(repr, twice))
        raise InputError(f"{path}: more than one column is called {listed}", "Rename all but one.")
    for number, row in enumerate(body, 1):
        if len(row) != len(names):
            raise InputError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(names)} (rows count from 1)",
                "Put a cell that contains a comma in double quotes.",
            )
    return Table({name: np.array([row[i] for row in body], dtype=str) for i, name in enumerate(names)}), "csv"


def _typed(table: Table) -> Table:
    """The text of a CSV as numbers, column by column, where every cell is one."""
    out = Table({name: _typed_column(table[name]) for name in table.colnames})
    out.meta = dict(table.meta)
    return out


def _typed_column(column: Column) -> Column:
    """Integers or floats with the blanks masked; text as soon as a number would lose something.

    Identifiers such as 007 stay text, and so do whole numbers too long for int64 or, among decimals,
    for float64.
    """
    cells = [str(cell).strip() for cell in column]
    blank = np.array([not cell for cell in cells])
    filled = [cell for cell in cells if cell]
    if not filled:
        return column
    if all(_INTEGER.fullmatch(cell) and -(2**63) <= int(cell) < 2**63 for cell in filled):
        numbers = np.array([int(cell or 0) for cell in cells], dtype=np.int64)
        return MaskedColumn(numbers, mask=blank) if blank.any() else Column(numbers)
    if not all(FLOAT.fullmatch(cell) for cell in filled):
        return column
    if any(_DIGITS.fullmatch(cell) and not (_INTEGER.fullmatch(cell) and len(cell) <= 15) for cell in filled):
        return column
    return Column([float(cell or "nan") for cell in cells], dtype=np.float64)


def _write_csv(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = _flattened(_joined(table, new, meta))
    columns = [[name, *_texts(out[name])] for name in out.colnames]
    with open(parts[0], "w", encoding="utf-8", newline="") as stream:
        stream.writelines(",".join(map(_quoted, row)) + "\n" for row in zip(*columns, strict=True))
    units = {name: str(out[name].unit) for name in out.colnames if out[name].unit is not None}
    sidecar = {"meta": _plain_meta(out.meta), "units": units}
    text = json.dumps(sidecar, indent=2, ensure_ascii=False, default=str)
    parts[1].write_text(f"{text}\n", encoding="utf-8")


def _texts(column: Column) -> list[str]:
    """Cells as text: shortest digits that give the number back, lists as JSON, masked cells empty."""
    if column.ndim > 1 or column.dtype.kind == "O":
        return [cell if isinstance(cell, str) else json.dumps(_listing(cell), default=str) for cell in column]
    texts = np.ma.getdata(column).astype(str)
    return np.where(np.ma.getmaskarray(column), "", texts).tolist()


def _listing(cell: Any) -> Any:
    return cell.tolist() if hasattr(cell, "tolist") else cell


def _quoted(cell: str) -> str:
    # Python's csv writer leaves a lone carriage return bare and quotes more than it must.
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(c in cell for c in ',"\r\n') else cell


def _plain_meta(meta: dict[str, Any]) -> dict[str, Any]:
    """Metadata that YAML and JSON can hold."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in meta.items()}
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}


# --- ECSV and VOTable ---------------------------------------------------------------------------------------


def _read_ecsv(path: Path) -> tuple[Table, None]:
    return Table.read(path, format="ascii.ecsv"), None


def _write_ecsv(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = _joined(table, new, meta)
    out.meta = _plain_meta(out.meta)
    out.write(parts[0], format="ascii.ecsv", overwrite=True)


def _read_votable(path: Path) -> tuple[Table, None]:
    votable = parse(path, verify="ignore")
    first = next(iter(votable.iter_tables()), None)
    if first is None:
        raise ValueError("there is no table in it")
    table = first.to_table(use_names_over_ids=True)
    notes = [*votable.infos, *votable.resources[0].infos, *first.infos, *first.params]
    table.meta.update({note.name: note.value for note in notes})
    return table, None


def _write_votable(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = _flattened(_joined(table, new, {}))
    notes = _plain_meta({**out.meta, **meta})
    wider = {"i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4"}
    for name in out.colnames:
        out.replace_column(name, _widened(out[name], wider))
    own = {"ID", "name", "ref", "utype", "description"}  # a VOTable's own attributes; the rest becomes INFO
    out.meta = {key: value for key, value in out.meta.items() if key in own}
    votable = from_table(out)
    infos = votable.get_first_table().infos
    infos.extend(Info(name=key, value=str(value)) for key, value in notes.items() if key not in out.meta)
    votable.to_xml(str(parts[0]))


def _widened(column: Column, wider: dict[str, str]) -> Column:
    """The same values in a type the format has."""
    if column.dtype.kind in "Mm":
        return column.astype(str)
    new_type = wider.get(column.dtype.str[1:])
    if new_type is None:
        return column
    if column.dtype == np.uint64 and np.any(np.ma.filled(column, 0) >= np.uint64(2**63)):
        raise ValueError(f"column {column.name!r} holds integers beyond 2**63")
    return column.astype(new_type)


# --- FITS ---------------------------------------------------------------------------------------------------


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


def _read_fits(path: Path) -> tuple[Table, RawFits | None]:
    with open(path, "rb") as probe:
        opener = gzip.open if probe.read(2) == _GZIP else open
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
                table.replace_column(name, _native(table[name]))
    table.meta = {key: "" if isinstance(v, fits.card.Undefined) else v for key, v in table.meta.items()}
    return table, raw


def _native(column: Column) -> Column:
    """Numbers in the machine's byte order, bytes as text (UTF-8, else Latin-1, which never fails)."""
    if column.dtype.kind != "S":
        return column.astype(column.dtype.newbyteorder("="), copy=False)
    try:
        text = np.char.decode(np.ma.getdata(column), "utf-8")
    except UnicodeDecodeError:
        text = np.char.decode(np.ma.getdata(column), "latin-1")
    return Column(text, unit=column.unit, description=column.description)


def _write_fits(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    if source is None:
        _table_hdu(_joined(table, new, meta)).writeto(parts[0], overwrite=True)
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
    out = _flattened(table)
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
    column = _widened(column, wider)
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


# --- Parquet ------------------------------------------------------------------------------------------------


def _read_parquet(path: Path) -> tuple[Table, Any]:
    import pyarrow.parquet as pq  # half a second that a FITS user need not wait for

    arrow = pq.ParquetFile(path).read()
    yaml = (arrow.schema.metadata or {}).get(_YAML_KEY)
    header = get_header_from_yaml(yaml.decode().split("\n")) if yaml else {}
    if "__serialized_columns__" in header.get("meta", {}):  # astropy's own mixins
        return Table.read(path, format="parquet"), None
    table = Table({name: _from_arrow(arrow[name]) for name in arrow.column_names})
    table.meta.update(header.get("meta", {}))
    for entry in header.get("datatype", []):
        if entry["name"] in table.colnames:
            column = table[entry["name"]]
            column.unit, column.description = entry.get("unit"), entry.get("description")
    return table, arrow


def _from_arrow(cells: Any) -> Column:
    """An Arrow column as numpy, nulls masked; what numpy has no type for becomes text or objects."""
    import pyarrow as pa

    kind, mask = cells.type, cells.is_null().to_numpy()
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind):
        empty = False if pa.types.is_boolean(kind) else 0
        values = (cells.fill_null(empty) if mask.any() else cells).to_numpy()
    elif pa.types.is_fixed_size_list(kind) and not mask.any():
        values = np.array(cells.to_pylist(), dtype=kind.value_type.to_pandas_dtype())
    elif pa.types.is_list(kind):
        values = np.array([*cells.to_pylist(), None], dtype=object)[:-1]  # None keeps numpy from stacking
    else:
        values = np.array(["" if cell is None else str(cell) for cell in cells.to_pylist()], dtype=str)
    return MaskedColumn(values, mask=mask) if mask.any() else Column(values)


def _write_parquet(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    plain, new = _flattened(table), _flattened(new)
    out = _joined(plain, new, meta)
    out.meta = _plain_meta(out.meta)
    columns = {name: _to_arrow(new[name]) for name in new.colnames}
    if source is None:
        columns = {name: _to_arrow(plain[name]) for name in plain.colnames} | columns
    arrow = source if source is not None else pa.table({})
    for name, column in columns.items():
        arrow = arrow.append_column(name, column) if arrow.num_columns else pa.table({name: column})
    notes = {**(arrow.schema.metadata or {}), _YAML_KEY: "\n".join(get_yaml_from_table(out)).encode()}
    for name in out.colnames:
        if out[name].dtype.kind == "U":  # astropy asks for the length of text columns
            notes[f"table::len::{name}".encode()] = str(out[name].dtype.itemsize // 4).encode()
    pq.write_table(arrow.replace_schema_metadata(notes), parts[0])


def _to_arrow(column: Column) -> Any:
    import pyarrow as pa

    values, mask = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if values.ndim == 1:
        return pa.array(values.tolist() if values.dtype.kind in "UO" else values, mask=mask)
    flat = pa.array(np.ascontiguousarray(values).ravel(), mask=mask.ravel())
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(values.shape[1:])))


_READERS: dict[str, Callable[[Path], tuple[Table, Any]]] = {
    "csv": _read_csv,
    "ecsv": _read_ecsv,
    "fits": _read_fits,
    "votable": _read_votable,
    "parquet": _read_parquet,
}
_WRITERS: dict[str, Callable[[list[Path], Table, Any, Table, dict[str, Any]], None]] = {
    "csv": _write_csv,
    "ecsv": _write_ecsv,
    "fits": _write_fits,
    "votable": _write_votable,
    "parquet": _write_parquet,
}
