"""What scripts call: the commands as functions that take paths and give tables."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, Union

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.bandmaps import map_requests
from szmass_cli.errors import UsageError
from szmass_cli.estimation import estimate_catalog
from szmass_cli.executors import Executor, in_threads, on_local_workers, on_scheduler
from szmass_cli.measure import ALWAYS
from szmass_cli.preparation import Request
from szmass_cli.progress import Progress, silent
from szmass_cli.tables.common import joined
from szmass_cli.tables.csvtable import typed

T = TypeVar("T")
PerMap = Union[T, Mapping[float, T], None]  # noqa: UP007 - generic aliases need Union
"""A value for all maps, or one for each by its frequency [GHz]."""


def estimate(
    map_path: str | Path | Mapping[float, str | Path],
    catalog_path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    units: PerMap[str] = None,
    beam: PerMap[float | str | Path] = None,
    pixel_window: bool = False,
    noise_uk_arcmin: PerMap[float] = None,
    ivar: PerMap[str | Path] = None,
    mask: PerMap[str | Path] = None,
    percentiles: Sequence[float] = ALWAYS,
    mass_definitions: Sequence[str] = ("200c",),
    columns: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Table:
    """Masses for every cluster of a catalogue, from a map: `szmass estimate` for scripts, but for its shards.

    Parameters
    ----------
    map_path : path or mapping
        CAR, any other WCS image, or HEALPix. For a model of several bands a map for each, by its frequency:
        ``{95: "a.fits", 150: "b.fits"}``; frames and pixels may differ.
    catalog_path : path
        CSV, ECSV, FITS, VOTable or Parquet.
    output : path, optional
        Catalogue to write, format by suffix; without it nothing is written, and an interrupted run
        cannot go on.
    model, units, beam, pixel_window, noise_uk_arcmin, ivar, mask
        See `szmass_cli.bandmaps.MapRequest`; with several maps a value for all, or one for each by frequency.
    percentiles, mass_definitions, columns, batch_size
        See `szmass_cli.preparation.Request`.
    workers : int, optional
        Processes on this machine, of one thread each; otherwise the threads of this process.
    scheduler : str, optional
        Address of a Dask cluster that does the work.
    resume, overwrite, progress
        See `szmass_cli.estimation.estimate_catalog`.

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
    """
    settings = {
        "units": units,
        "beam": _each(beam, lambda value: str(value) if isinstance(value, Path) else value),
        "pixel_window": pixel_window,
        "noise_uk_arcmin": noise_uk_arcmin,
        "ivar": _each(ivar, Path),
        "mask": _each(mask, Path),
    }
    request = Request(
        map_requests(_each(map_path, Path), settings),
        Path(catalog_path),
        str(model),
        percentiles=percentiles,
        mass_definitions=mass_definitions,
        columns=columns,
        batch_size=batch_size,
    )
    with ExitStack() as stack:
        if output is None:
            output = Path(stack.enter_context(TemporaryDirectory(prefix="szmass-"))) / "masses.fits"
        estimates = estimate_catalog(
            request,
            Path(output),
            executor=chosen_executor(workers, scheduler),
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )
    table = estimates.catalog.table
    if estimates.catalog.source == "csv":
        table = typed(table)
    return joined(table, estimates.columns, estimates.meta)


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
