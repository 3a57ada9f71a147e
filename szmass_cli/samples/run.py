"""Mean masses, scatters and slope of a sample in bins of a column."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from szmass_cli.errors import UsageError
from szmass_cli.posterior.population import N_BEFORE, Population, inferred_population
from szmass_cli.samples.sample import Request, Sample, read_sample
from szmass_cli.system.progress import Progress, silent

LEAST_ROWS = 5
"""Rows that a bin must have."""


@dataclass(frozen=True)
class Bin:
    """One bin of the column.

    Parameters
    ----------
    low, high : float
        Its edges; the lower one belongs to it.
    n_rows : int
        Rows with a likelihood.
    centre : float
        Mean of the column; of its logarithm where the slope was asked for.
    population : Population, optional
        Mean and scatter of ln M200c; None where there are too few rows.
    scale_error : float
        Error of the mean by the mass scale, which is common to all bins; 0 where it is not stated.
    """

    low: float
    high: float
    n_rows: int
    centre: float
    population: Population | None
    scale_error: float = 0.0


@dataclass(frozen=True)
class Line:
    """ln M200c against ln of the column.

    Parameters
    ----------
    pivot : float
        Value of the column at which the first coefficient is ln M200c [ln Msun].
    population : Population
        Coefficients: ln M200c at the pivot, and the slope.
    """

    pivot: float
    population: Population


@dataclass(frozen=True)
class Populations:
    """What a sample says.

    Parameters
    ----------
    request : Request
        What was asked.
    sample : Sample
        Its rows.
    bins : tuple of Bin
        From low to high.
    line : Line, optional
        The relation over all bins, where it was asked for.
    notes : tuple of str
        What is to be kept in mind.
    """

    request: Request
    sample: Sample
    bins: tuple[Bin, ...]
    line: Line | None
    notes: tuple[str, ...]


def infer(
    request: Request, bins: "int | list[float]", with_slope: bool = False, progress: Progress = silent
) -> Populations:
    """Return mean ln mass and scatter in each bin of a sample and, where asked for, the slope over all.

    Parameters
    ----------
    request : Request
        Files, column and selection.
    bins : int or list of float
        Number of bins of equally many rows, or ascending edges.
    with_slope : bool
        Whether to fit ln M200c = a + B ln(column / pivot) to all rows within the edges. Then the scatter in
        bins is about this relation; otherwise it has the spread of the column within the bin.
    progress : Progress
        Called with rows read and bins done.

    Raises
    ------
    InputError, UsageError
        The files or bins cannot be used.
    Undetermined
        The sample does not determine the slope.
    """
    check_edges(bins)
    sample = read_sample(request, progress)
    if with_slope and np.any(sample.values <= 0.0):
        raise UsageError(
            f"--slope: {request.by} is not positive in {int((sample.values <= 0.0).sum()):,} rows.",
            "The slope is that of ln mass with ln of the column; leave --slope out, or those rows.",
        )
    edges = _edges(bins, sample.values)
    line = fitted_line(sample, edges) if with_slope else None
    found = binned(sample, edges, line, progress)
    return Populations(request, sample, found, line, _notes(request, sample, edges))


def binned(
    sample: Sample, edges: list[float], line: Line | None, progress: Progress = silent
) -> tuple[Bin, ...]:
    """Return mean and scatter of ln M200c in each bin.

    Parameters
    ----------
    sample : Sample
        The rows.
    edges : list of float
        Ascending edges of the bins.
    line : Line, optional
        Relation that the scatter is about; about the mean of the bin without one.
    progress : Progress
        Called with the number of bins done.
    """
    found: list[Bin] = []
    for low, high in pairwise(edges):
        progress("bins", len(found), len(edges) - 1)
        found.append(_bin(sample, low, high, line))
    progress("bins", len(found), len(edges) - 1)
    return tuple(found)


def check_edges(bins: "int | list[float]") -> None:
    """Refuse edges that do not ascend, and numbers of bins that are none."""
    if isinstance(bins, int):
        if not 1 <= bins <= 1000:
            raise UsageError(f"--bins {bins}: not 1 to 1000.", "Give a number of bins, or their edges.")
    elif len(bins) < 2 or np.any(np.diff(bins) <= 0.0) or not np.isfinite(bins).all():
        raise UsageError("--bins: edges must ascend.", "For example 20,30,45,60.")


def _edges(bins: "int | list[float]", values: np.ndarray) -> list[float]:
    if not isinstance(bins, int):
        return [float(edge) for edge in bins]
    if values.size < LEAST_ROWS * bins:
        raise UsageError(
            f"--bins {bins}: there are {values.size} rows with a likelihood and a number in the column.",
            f"A bin needs {LEAST_ROWS} at least.",
        )
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, bins + 1)))
    edges[-1] = np.nextafter(edges[-1], np.inf)
    return edges.tolist()


def fitted_line(sample: Sample, edges: list[float]) -> Line:
    """Return the relation of ln M200c and ln of the column for all rows within the edges."""
    rows = np.flatnonzero((sample.values >= edges[0]) & (sample.values < edges[-1]))
    if rows.size < 2 * LEAST_ROWS:
        raise UsageError(f"--slope: there are {rows.size} rows within the bins.", "Take wider bins.")
    ln_x = np.log(sample.values[rows])
    curves = sample.curves[rows]
    some = np.linspace(0, rows.size - 1, min(rows.size, N_BEFORE)).astype(int)
    middle = inferred_population(curves[some], np.ones((some.size, 1)))
    design = np.column_stack([np.ones(rows.size), ln_x - ln_x.mean()])
    start = np.array([middle.coefficients[0], 0.0])
    return Line(float(np.exp(ln_x.mean())), inferred_population(curves, design, start))


def _bin(sample: Sample, low: float, high: float, line: Line | None) -> Bin:
    rows = np.flatnonzero((sample.values >= low) & (sample.values < high))
    if rows.size < LEAST_ROWS:
        return Bin(low, high, rows.size, float("nan"), None)
    values, offset = sample.values[rows], None
    centre = float(values.mean())
    if line is not None:
        centre = float(np.exp(np.log(values).mean()))
        offset = line.population.coefficients[1] * np.log(values / centre)
    found = inferred_population(sample.curves[rows], np.ones((rows.size, 1)), offset=offset)
    scaled, error = sample.scaled, 0.0
    if scaled is not None and scaled.scale.has_errors:
        error = scaled.sigma_ln_mass(float(found.coefficients[0]), float(np.median(sample.redshift[rows])))
    return Bin(low, high, rows.size, centre, found, error)


def _notes(request: Request, sample: Sample, edges: list[float]) -> tuple[str, ...]:
    notes = []
    outside = int(((sample.values < edges[0]) | (sample.values >= edges[-1])).sum())
    if outside:
        notes.append(f"{outside:,} rows lie outside the bins.")
    if sample.n_without:
        notes.append(f"{sample.n_without:,} rows have no likelihood or no number in {request.by}.")
    if request.least_snr is None:
        notes.append("The sample is taken to be selected without regard to its SZ signal; see --snr-above.")
    if sample.scaled is None and sample.meta.get("SZM_MSCL"):
        notes.append(
            "Likelihoods are of the model's own masses, whatever the catalogue's are: --mass-scale of this "
            "command puts means on another scale."
        )
    return tuple(notes)
