"""What a run would do, found out without writing anything."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass_cli.catalog import check_output_holds
from szmass_cli.estimation.preparation import Run, check_paths, prepared
from szmass_cli.estimation.provenance import Meta, maps_in_numbers, maps_in_words
from szmass_cli.estimation.request import Request
from szmass_cli.network.backend import usable_cores
from szmass_cli.system.progress import Progress, silent

TRIAL_ROWS = 64
"""Rows that are measured to tell how long all will take."""


@dataclass(frozen=True)
class Rehearsal:
    """What is understood of a request, and how long its run will take.

    Parameters
    ----------
    maps : tuple of str
        One human-readable line for each map.
    bands : tuple of dict
        Frequency, unit, beam and noise of each map.
    columns : str
        Columns of the catalogue that will be used, by role.
    new_columns : tuple of str
        Columns that will be added.
    notes : tuple of str
        Assumptions made, and anything else worth knowing.
    n_rows, n_usable : int
        Rows of the catalogue, and those with a position and a redshift that can be used.
    n_trial, n_measured : int
        Rows that were measured for a trial, and those of them that have a mass.
    seconds : float
        Time that measuring will take on all cores, from the trial, with all that is made once for the first
        rows; loading and measuring noise are not included.
    """

    maps: tuple[str, ...]
    bands: tuple[Meta, ...]
    columns: str
    new_columns: tuple[str, ...]
    notes: tuple[str, ...]
    n_rows: int
    n_usable: int
    n_trial: int
    n_measured: int
    seconds: float


def rehearse(
    request: Request, output: Path, overwrite: bool = False, progress: Progress = silent
) -> Rehearsal:
    """Check a request as its run would, measure a few of its rows, and write nothing.

    Parameters
    ----------
    request : Request
        Maps, catalogue, model, and all other settings.
    output : Path
        The catalogue that the run would write.
    overwrite : bool
        Whether an output that is already there may be replaced.
    progress : Progress
        Called while noise is measured in the maps, and with how much of the trial is done.

    Raises
    ------
    InputError, UsageError, OutputError
        What the run itself would refuse before it measures.
    """
    check_paths(request, output, overwrite)
    run = prepared(request, progress=progress)
    check_output_holds(run.catalog, run.new_columns, output)
    rows = run.rows
    usable = np.flatnonzero(np.isfinite(rows.ra_deg + rows.dec_deg + rows.redshift))
    trial = usable[:: max(1, len(usable) // TRIAL_ROWS)][:TRIAL_ROWS]
    n_injected = 0 if run.check is None else len(run.check.injected)
    n_measured, once, each = _trial(run, trial, progress) if len(trial) else (0, 0.0, 0.0)
    return Rehearsal(
        maps_in_words(run),
        maps_in_numbers(run),
        run.catalog.columns_in_words(),
        tuple(run.new_columns),
        run.notes,
        len(rows),
        len(usable),
        len(trial),
        n_measured,
        once + each * (len(usable) + n_injected) / usable_cores(),
    )


def _trial(run: Run, trial: np.ndarray, progress: Progress) -> tuple[int, float, float]:
    """Return how many of some rows have a mass, and the times [s] that preparations and one row take."""
    begin = time.monotonic()
    progress("trial", 0, 2)
    bench = run.bench.ready(1)
    bench(run.rows[trial])  # covariances and templates are made for the first rows
    first = time.monotonic()
    progress("trial", 1, 2)
    found = bench(run.rows[trial])
    seconds = time.monotonic() - first
    progress("trial", 2, 2)
    once = max(first - begin - seconds, 0.0)
    return int(np.isfinite(found.own_prior_median_msun).sum()), once, seconds / len(trial)
