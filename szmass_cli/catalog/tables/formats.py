"""Which format a table is in, and one way to read and to write them all."""

import gzip
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from astropy.table import Table

from szmass_cli.catalog.tables.common import GZIP
from szmass_cli.catalog.tables.csvtable import read_csv, typed, write_csv
from szmass_cli.catalog.tables.ecsvtable import read_ecsv, write_ecsv
from szmass_cli.catalog.tables.fitstable import RawFits, read_fits, write_fits
from szmass_cli.catalog.tables.parquet import read_parquet, write_parquet
from szmass_cli.catalog.tables.votable import read_votable, write_votable
from szmass_cli.errors import InputError, SzmassError, UsageError
from szmass_cli.system.files import atomic_path

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
        table = typed(table)
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
    if start.startswith(GZIP):
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


_READERS: dict[str, Callable[[Path], tuple[Table, Any]]] = {
    "csv": read_csv,
    "ecsv": read_ecsv,
    "fits": read_fits,
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
