"""A catalogue that goes out: the input columns, and those that were added."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.table import Table

from szmass_cli.catalog.reading import Catalog
from szmass_cli.catalog.roles import listed
from szmass_cli.catalog.tables.formats import output_files, read_table, write_table
from szmass_cli.errors import InputError, OutputError, SzmassError
from szmass_cli.system.files import check_writable


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
            f"{catalog.path}: already has what szmass would add: {listed(clashes)}",
            "Give the new ones other names with --suffix, such as --suffix _sz, or drop or rename these.",
        )


def check_output_holds(catalog: Catalog, new_names: Iterable[str], output: Path) -> None:
    """Make sure, before the long work, that the output's format can hold the catalogue's columns.

    The catalogue is written to a temporary folder with nothing in the new columns, and read back. Whether
    there is room on the output's disk is not asked: parts are kept there, and used once there is.

    Parameters
    ----------
    catalog : Catalog
        Its input columns come first in the output.
    new_names : iterable of str
        Columns that are to be added, all of them numbers.
    output : Path
        The output; its suffix chooses the format.

    Raises
    ------
    OutputError
        The columns do not fit.
    """
    new = Table({name: np.full(len(catalog), np.nan) for name in new_names})
    try:
        with TemporaryDirectory(prefix="szmass-", ignore_cleanup_errors=True) as folder:
            back = _tried(catalog, new, Path(folder) / f"trial-{output.name[-50:]}", output)
    except OSError:  # no temporary folder, or no room in it: that is not the output's fault
        return
    if len(back) != len(catalog) or not set(new.colnames) <= set(back.colnames):
        raise OutputError(f"{output}: these columns would not come back as they are", "Write .ecsv instead.")


def _tried(catalog: Catalog, new: Table, trial: Path, output: Path) -> Table:
    """Return the table read back from a trial; errors name the output, unless the trial's own disk fails."""
    try:
        write_table(trial, catalog.table, catalog.source, new, {}, overwrite=True)
        return read_table(trial)[0]
    except SzmassError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        message = error.message.replace(str(trial), str(output))
        if isinstance(error, OutputError):
            raise OutputError(message, error.hint) from error
        raise OutputError(
            f"What would be written could not be read: {message}", "Write .ecsv instead."
        ) from error


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
        The input catalogue, as returned by `read_catalog`.
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
