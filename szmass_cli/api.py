"""What scripts call: the commands as functions that take paths or tables and give tables."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog.inmemory import table_from_frame
from szmass_cli.catalog.tables.common import joined
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.errors import UsageError
from szmass_cli.estimation.bandmaps import map_requests
from szmass_cli.estimation.executors import Executor, in_threads, on_local_workers, on_scheduler
from szmass_cli.estimation.preparation import Request
from szmass_cli.estimation.reading import ALWAYS
from szmass_cli.estimation.run import estimate_catalog
from szmass_cli.estimation.runplan import BLOCK_ROWS
from szmass_cli.system.progress import Progress, silent

if TYPE_CHECKING:
    from pandas import DataFrame

T = TypeVar("T")
PerMap = Union[T, Mapping[float, T], None]  # noqa: UP007 - generic aliases need Union
"""A value for all maps, or one for each by its frequency [GHz]."""


def estimate(
    map: str | Path | Mapping[float, str | Path],
    catalog: "str | Path | Table | DataFrame",
    output: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    units: PerMap[str] = None,
    beam: PerMap[float | str | Path] = None,
    pixel_window: bool = False,
    noise: PerMap[float] = None,
    ivar: PerMap[str | Path] = None,
    mask: PerMap[str | Path] = None,
    percentiles: Sequence[float] = ALWAYS,
    mass_def: str | Sequence[str] = "200c",
    prior: str | None = None,
    column: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    block_rows: int = BLOCK_ROWS,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Table:
    """Masses for every cluster of a catalogue, from a map: `szmass estimate` for scripts, but for its shards.

    Parameters
    ----------
    map : path or mapping
        CAR, any other WCS image, or HEALPix. For a model of several bands a map for each, by its frequency:
        ``{95: "a.fits", 150: "b.fits"}``; frames and pixels may differ.
    catalog : path, astropy.table.Table or pandas.DataFrame
        A file is CSV, ECSV, FITS, VOTable, Parquet or another text table. A table is left as it is; a
        DataFrame's index becomes a column where it is more than a count of rows.
    output : path, optional
        Catalogue to write, format by suffix; without it nothing is written, and an interrupted run
        cannot go on.
    model : str or path
        A shipped model, or a bundle's folder.
    units, beam, pixel_window, noise, ivar, mask
        What is said of the map, see `szmass_cli.estimation.bandmaps.MapRequest`; with several maps a value
        for all, or one for each by frequency. Noise is in µK-arcmin.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_def : str or sequence of str
        Of ``200c``, ``500c``, ``200m``; ``"200c,500c"`` are two.
    prior : str, optional
        ``flat``, ``flat-log`` or ``mass-function``; the model's own otherwise. The median under the model's
        own is in the column ``M200c_uncorr`` where they differ.
    column : mapping, optional
        Role -> column name where the catalogue's names are not known or ambiguous: ``{"ra": "RADeg"}``.
    batch_size, block_rows : int, optional
        See `szmass_cli.estimation.preparation.Request`.
    workers : int, optional
        Processes on this machine, of one thread each; otherwise the threads of this process.
    scheduler : str, optional
        Address of a Dask cluster that does the work.
    resume, overwrite, progress
        See `szmass_cli.estimation.run.estimate_catalog`.

    Returns
    -------
    astropy.table.Table
        Every input row and column, then the masses [1e14 Msun], signal-to-noise and flags; provenance in
        its metadata.

    Raises
    ------
    SzmassError
        Or one of its subclasses; its message and hint are those that the command prints.

    Examples
    --------
    >>> masses = szmass_cli.estimate("map.fits", "clusters.csv")  # doctest: +SKIP
    >>> masses["M200c"][masses["szmass_flags"] == 0]  # doctest: +SKIP

    >>> clusters = Table({"ra": [40.0], "dec": [-30.0], "redshift": [0.7]})
    >>> szmass_cli.estimate("map.fits", clusters, mass_def="200c,500c", noise=6)  # doctest: +SKIP
    """
    settings = {
        "units": units,
        "beam": _each(beam, lambda value: str(value) if isinstance(value, Path) else value),
        "pixel_window": pixel_window,
        "noise_uk_arcmin": noise,
        "ivar": _each(ivar, Path),
        "mask": _each(mask, Path),
    }
    request = Request(
        map_requests(_each(map, Path), settings),
        _table_or_path(catalog),
        str(model),
        percentiles=percentiles,
        mass_definitions=mass_definitions(mass_def) if isinstance(mass_def, str) else mass_def,
        prior=prior,
        columns=column,
        batch_size=batch_size,
        block_rows=block_rows,
    )
    estimates = estimate_catalog(
        request,
        None if output is None else Path(output),
        executor=chosen_executor(workers, scheduler),
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
    table = estimates.catalog.table
    if estimates.catalog.source == TEXT:
        table = typed(table)
    return joined(table, estimates.columns, estimates.meta)


def mass_definitions(text: str) -> list[str]:
    """Those of ``--mass-def``."""
    return [part.strip() for part in text.split(",")]


def _table_or_path(catalog: Any) -> Path | Table:
    """A catalogue as `Request` takes it."""
    if isinstance(catalog, Table):
        return catalog
    if isinstance(catalog, str | os.PathLike):
        return Path(catalog)
    if hasattr(catalog, "iloc"):  # pandas is not imported for those who do not use it
        return table_from_frame(catalog)
    raise UsageError(
        f"catalog: a {type(catalog).__name__} is no catalogue.",
        "Give a file, an astropy Table or a pandas DataFrame.",
    )


def _each(value, change: Callable[[Any], Any]):
    """A value changed, or each of several; nothing stays nothing."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {float(frequency): change(one) for frequency, one in value.items()}
    return change(value)


def chosen_executor(workers: int | None, scheduler: str | None) -> Executor:
    """Who does the work, by the options ``--workers`` and ``--scheduler``.

    Raises
    ------
    UsageError
        If both are given.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: not 1 or more.", "Leave it out for threads of one process.")
    if workers is not None and scheduler is not None:
        raise UsageError("--workers and --scheduler exclude each other.", "Give one of them.")
    if scheduler is not None:
        return on_scheduler(scheduler)
    return in_threads if workers is None else on_local_workers(workers)
