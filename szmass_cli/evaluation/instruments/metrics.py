"""The numbers of a report on a model for any instrument."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from szmass_cli.evaluation.instruments.rows import CaseRow, MassBiasRow
from szmass_cli.evaluation.realistic.rows import RealisticRow


@dataclass(frozen=True)
class PriorRow:
    """Posteriors of clusters that were drawn from the prior in use.

    Parameters
    ----------
    clusters : str
        Which of them: ``all``, or those above an S/N.
    n_cutouts : int
        Number of clusters behind the other numbers.
    mean_bias_sigma : float
        Mean of (mean of ln M - true ln M) / sigma.
    coverage_68, coverage_95 : float
        Fraction of true masses in the central intervals.
    """

    clusters: str
    n_cutouts: int
    mean_bias_sigma: float
    coverage_68: float
    coverage_95: float


@dataclass(frozen=True)
class InstrumentsMetrics:
    """All of a report on a model for any instrument.

    Parameters
    ----------
    model, model_sha256 : str
        Name of the model, and hash of its metadata.
    seed : int
        Seed of the random streams; the same seed gives the same cutouts.
    surveys : tuple of CaseRow
        Surveys with several bands, or the one survey that the report is of.
    pit : tuple of float
        Of their clusters with S/N above 3: fractions by the posterior's probability of lower masses, in equal
        bins.
    bias : tuple of MassBiasRow
        Of their clusters, by true mass.
    cells : tuple of CaseRow
        One white band at 150 GHz, at several redshifts, beams and depths.
    outside : tuple of CaseRow
        Instruments beyond those of training.
    variations : tuple of CaseRow
        Filters, depths, positions and profiles; told to the model and not.
    mass_function : tuple of PriorRow
        Of clusters drawn from the mass function, under that prior.
    mismatch : tuple of CaseRow
        Of maps that are not as stated.
    realistic : tuple of RealisticRow
        Surveys of the realistic sky, beside what a matched filter can do and what could be gained at most.
    """

    model: str
    model_sha256: str
    seed: int
    surveys: tuple[CaseRow, ...]
    pit: tuple[float, ...] = ()
    bias: tuple[MassBiasRow, ...] = ()
    cells: tuple[CaseRow, ...] = ()
    outside: tuple[CaseRow, ...] = ()
    variations: tuple[CaseRow, ...] = ()
    mass_function: tuple[PriorRow, ...] = ()
    mismatch: tuple[CaseRow, ...] = ()
    realistic: tuple[RealisticRow, ...] = ()
    format_version: Literal[4] = 4

    @property
    def leaks(self) -> bool:
        """Return whether the model did better than is possible anywhere."""
        return any(row.leaks for row in (*self.surveys, *self.cells, *self.outside))

    def to_json(self) -> bytes:
        """Return the text of metrics.json."""
        return _ADAPTER.dump_json(self, indent=2) + b"\n"


_ADAPTER = TypeAdapter(InstrumentsMetrics)
