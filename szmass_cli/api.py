"""What scripts call: the commands as functions that take paths and give tables."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.errors import UsageError
from szmass_cli.estimation import estimate_catalog
from szmass_cli.executors import Executor, in_threads, on_local_workers, on_scheduler
from szmass_cli.measure import ALWAYS
from szmass_cli.preparation import Request
from szmass_cli.progress import Progress, silent
from szmass_cli.tables.common import joined
from szmass_cli.tables.csvtable import typed


def estimate(
    map_path: str | Path,
    catalog_path: str | Path,
    output: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    units: str | None = None,
    beam: float | str | Path | None = None,
    pixel_window: bool = False,
    noise_uk_arcmin: float | None = None,
    ivar: str | Path | None = None,
    mask: str | Path | None = None,
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
    """Masses for every cluster of a catalogue, from a map: `szmass estimate` for scripts.

    Parameters
    ----------
    map_path : path
        CAR, any other WCS image, or HEALPix.
    catalog_path : path
        CSV, ECSV, FITS, VOTable or Parquet.
    output : path, optional
        Catalogue to write, format by suffix; without it nothing is written, and an interrupted run
        cannot go on.
    model, units, beam, pixel_window, noise_uk_arcmin, ivar, mask
        See `szmass_cli.preparation.Request`.
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
    request = Request(
        Path(map_path),
        Path(catalog_path),
        str(model),
        units=units,
        beam=str(beam) if isinstance(beam, Path) else beam,
        pixel_window=pixel_window,
        noise_uk_arcmin=noise_uk_arcmin,
        ivar=None if ivar is None else Path(ivar),
        mask=None if mask is None else Path(mask),
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


def chosen_executor(workers: int | None, scheduler: str | None) -> Executor:
    """Who does the work, by the options ``--workers`` and ``--scheduler``.

    Raises
    ------
    UsageError
        If both are given.
    """
    if workers is not None and scheduler is not None:
        raise UsageError("--workers and --scheduler exclude each other.", "Give one of them.")
    if scheduler is not None:
        return on_scheduler(scheduler)
    return in_threads if workers is None else on_local_workers(workers)
