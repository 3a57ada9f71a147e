"""Which format a table is in, and one way to read and to write them all."""

import io
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

from astropy.table import Table

from szmass_cli.catalog.tables.bytesof import bytes_of, is_plain_file, unpacked
from szmass_cli.catalog.tables.common import ReadTable, Wanted
from szmass_cli.catalog.tables.csvtable import typed, write_csv
from szmass_cli.catalog.tables.ecsvtable import read_ecsv, write_ecsv
from szmass_cli.catalog.tables.fitstable import RawFits, read_fits, write_fits
from szmass_cli.catalog.tables.parquet import read_parquet, write_parquet
from szmass_cli.catalog.tables.texttable import read_text
from szmass_cli.catalog.tables.votable import read_votable, write_votable
from szmass_cli.errors import InputError, OutputError, SzmassError, UsageError
from szmass_cli.system.fileparts import split_part
from szmass_cli.system.files import atomic_path, sha256_of

FORMATS = {
    "fits": (".fits", ".fit", ".fts", ".fits.gz"),
    "csv": (".csv",),
    "ecsv": (".ecsv",),
    "votable": (".xml", ".vot", ".votable"),
    "parquet": (".parquet", ".pq"),
}
_SIMPLE = b"SIMPLE  ="
_SIGNATURES = {
    _SIMPLE: "fits",
    b"PAR1": "parquet",
    b"# %ECSV": "ecsv",
    b"<?xml": "votable",
    b"<VOTABLE": "votable",
}
_FOREIGN = {
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"PK\x03\x04": "a zip file",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
_PACKED = (".gz", ".bz2", ".xz")


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


def read_table(path: Path, wanted: Wanted | None = None) -> tuple[Table, Any]:
    """Read a table with at least one row; see `read_source`.

    Returns
    -------
    table : astropy.table.Table
        The columns; those of a text table hold the text of the cells.
    source : object
        What `write_table` needs to write the same format without loss: the FITS table, the Arrow table,
        or the word ``"csv"``.
    """
    found = read_source(path, wanted)
    return found.table, found.source


def read_source(path: Path, wanted: Wanted | None = None) -> ReadTable:
    """Read a table with at least one row, and what its file says beside it.

    Parameters
    ----------
    path : Path
        A file, packed or not, a pipe, or a folder of Parquet files; ``file.fits[2]`` and ``file.fits[NAME]``
        are extensions of a FITS file.
    wanted : callable, optional
        Tells by its columns' names which of several tables is looked for.

    Raises
    ------
    InputError
        The file is missing, empty, of no known format or damaged.
    """
    kind = "catalogue"
    file, extension = split_part(path)
    try:
        if file.is_dir():
            found = _read_folder(file, wanted)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a reader's worries about units and styles
                if is_plain_file(file, _SIMPLE):
                    kind = "fits"
                    with open(file, "rb") as stream:
                        found = read_fits(stream, file, wanted, extension)
                    found.sha256 = sha256_of(file)
                else:
                    packed = bytes_of(file)
                    data = unpacked(path, packed)
                    kind = _input_format(file, data)
                    found = _read(kind, data, file, extension, wanted)
                    found.sha256 = sha256(packed).hexdigest()
    except (SzmassError, MemoryError):
        raise
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror or error}", "Give a catalogue file."
        ) from error
    except Exception as error:  # every reader has exceptions of its own for a damaged file
        raise InputError(
            f"{path}: is not a readable {kind} table: {str(error)[:500] or type(error).__name__}",
            f"Catalogues are read from {_all_suffixes()} and text files; text is UTF-8 with a line of names.",
        ) from error
    if not len(found.table):
        raise InputError(f"{path}: the catalogue has no rows", "Give at least one cluster.")
    return found


def _read_folder(path: Path, wanted: Wanted | None) -> ReadTable:
    from szmass_cli.catalog.tables.parquetfolder import read_parquet_folder

    return read_parquet_folder(path, wanted)


def _read(kind: str, data: bytes, file: Path, extension: str | None, wanted: Wanted | None) -> ReadTable:
    if kind == "fits":
        return read_fits(io.BytesIO(data), file, wanted, extension)
    if extension is not None:
        raise UsageError(
            f"{file}[{extension}]: only FITS files have extensions",
            f"{file} is {kind}; give its name alone.",
        )
    return _READERS[kind](data, file, wanted)


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
        table = typed(table)
    original = source if _stands_for(source, table, kind) else None
    with ExitStack() as stack, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = [stack.enter_context(atomic_path(file, overwrite)) for file in output_files(path)]
        try:
            _WRITERS[kind](parts, table, original, new, meta)
        except (SzmassError, OSError, MemoryError):
            raise
        except Exception as error:  # every writer has exceptions of its own for what it has no type for
            raise OutputError(
                f"{path}: these columns do not fit into a {kind} file: {error or type(error).__name__}",
                "Write .ecsv, which holds nearly everything, or drop the column.",
            ) from error


def _input_format(path: Path, data: bytes) -> str:
    """Return the format by content where that is certain, else by suffix; other text is a text table."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \r\n")
    for signature, kind in _SIGNATURES.items():
        if start.startswith(signature):
            return kind
    for signature, what in _FOREIGN.items():
        if start.startswith(signature):
            raise InputError(f"{path}: {what}, not a catalogue format szmass knows", _hint())
    try:
        return output_format(_without_packing(path))
    except UsageError:
        if _is_text(data[:4096]):
            return "text"
        raise InputError(f"{path}: not a catalogue format szmass knows", _hint()) from None


def _hint() -> str:
    return f"Catalogues are read from {_all_suffixes()} and text files, packed or not."


def _without_packing(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() in _PACKED else path


def _is_text(start: bytes) -> bool:
    """Return whether a file that begins so can be a text table: no control characters but those of lines."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 32 and byte not in b"\t\r\n\f" for byte in start)


def _all_suffixes() -> str:
    return ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)


def _stands_for(source: Any, table: Table, kind: str) -> bool:
    """Return whether the original is of the format wanted and still has the table's rows and columns."""
    if kind == "fits" and isinstance(source, RawFits):
        return source.names == table.colnames and len(source.rows) == len(table)
    if kind == "parquet" and hasattr(source, "column_names"):
        return source.column_names == table.colnames and source.num_rows == len(table)
    return False


_READERS: dict[str, Callable[[bytes, Path, Wanted | None], ReadTable]] = {
    "csv": read_text,
    "text": read_text,
    "ecsv": read_ecsv,
    "votable": read_votable,
    "parquet": read_parquet,
}
_WRITERS: dict[str, Callable[[list[Path], Table, Any, Table, dict[str, Any]], None]] = {
    "csv": write_csv,
    "ecsv": write_ecsv,
    "fits": write_fits,
    "votable": write_votable,
    "parquet": write_parquet,
}
