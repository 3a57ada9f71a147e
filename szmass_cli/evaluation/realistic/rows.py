"""The numbers of a test set of the realistic sky: gains cutout by cutout, with errors, and coverage."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from szmass_cli.errors import UsageError
from szmass_cli.evaluation.instruments.judging import Verdict
from szmass_cli.evaluation.instruments.rows import CENTRAL, MEDIAN_ERROR, MIN_SNR, coverage, pit_histogram
from szmass_cli.evaluation.realistic.judging import Opinions
from szmass_cli.posterior.coverage import SNR_EDGES

ESTIMATORS = ("likelihood", "recalibrated", "network", "clean")
"""As `Opinions` names them."""

BRIGHT_SNR = 5.0
"""Above it means are compared."""

FILLED = 0.1
"""Share of the signal taken away by radio galaxies above which clusters count as contaminated."""

WILD_LN = 0.7
"""|ln M_est / M_true| of rows that are wildly wrong."""

CELL_CLUSTERS = 500
"""Least number of clusters of a cell whose coverage is looked at."""

REDSHIFT_EDGES = (0.1, 0.3, 0.6, 1.0, 2.0)
MASS_EDGES_MSUN = (3e13, 2e14, 4e14, 8e14, 2e15)

N_RESAMPLED = 200


@dataclass(frozen=True)
class Measured:
    """A number with its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class EstimatorRow:
    """One estimator on clusters with S/N above 3.

    Parameters
    ----------
    ln_p : float
        Mean ln p of the true ln M [nats].
    rms_bright : float or None
        rms of mean ln M less the truth, of clusters with S/N above 5; None where there are none.
    median_bright : float or None
        Median of ln(M_est / M_true) of the same.
    coverage_68, coverage_95 : float
        Fraction of true masses in central intervals of 68.3 and 95.4 per cent.
    beyond_3_sigma, wild : float
        Fractions of clusters whose mean is over 3 sigma off, and by more than 0.7 in ln M.
    """

    ln_p: float
    rms_bright: float | None
    median_bright: float | None
    coverage_68: float
    coverage_95: float
    beyond_3_sigma: float
    wild: float

    @classmethod
    def of(cls, verdict: Verdict, truth: Opinions) -> "EstimatorRow":
        """Return the row of at least one cluster."""
        off = verdict.mean - truth.ln_mass
        bright = truth.snr > BRIGHT_SNR
        median = (verdict.median - truth.ln_mass)[bright]
        return cls(
            float(verdict.ln_density.mean()),
            _rms(off[bright]) if bright.any() else None,
            float(np.median(median)) if bright.any() else None,
            coverage(verdict.below, CENTRAL[0]),
            coverage(verdict.below, CENTRAL[1]),
            float(np.mean(np.abs(off) > 3.0 * verdict.sigma)),
            float(np.mean(np.abs(off) > WILD_LN)),
        )


@dataclass(frozen=True)
class GainRow:
    """What the network gains over the recalibrated likelihood on the same clusters.

    Parameters
    ----------
    clusters : str
        Which clusters these are.
    n_clusters : int
        Their number.
    ln_p : Measured
        Mean gain in ln p of the truth [nats].
    rms : Measured or None
        rms of mean ln M less the truth, over that of the recalibrated likelihood, less 1.
    wild : Measured or None
        Number of clusters off by more than 0.7 in ln M, over that of the same, less 1; None where that
        has none.
    possible : float
        Gain in ln p of the likelihood of cutouts without contamination [nats].
    """

    clusters: str
    n_clusters: int
    ln_p: Measured
    rms: Measured | None
    wild: Measured | None
    possible: float

    @classmethod
    def of(cls, clusters: str, found: Opinions) -> "GainRow":
        """Return the row of at least one cluster."""
        gain = found.network.ln_density - found.recalibrated.ln_density
        ours, theirs = (v.mean - found.ln_mass for v in (found.network, found.recalibrated))
        wild = (np.abs(ours) > WILD_LN).astype(float), (np.abs(theirs) > WILD_LN).astype(float)
        return cls(
            clusters,
            len(found),
            Measured(float(gain.mean()), float(gain.std() / np.sqrt(len(gain)))),
            _relative(lambda rows: _rms(ours[rows]), lambda rows: _rms(theirs[rows]), len(found)),
            _relative(lambda rows: wild[0][rows].sum(), lambda rows: wild[1][rows].sum(), len(found)),
            float((found.clean.ln_density - found.recalibrated.ln_density).mean()),
        )


@dataclass(frozen=True)
class CellRow:
    """Clusters of one cell of S/N, redshift and true mass, of which there are enough.

    Parameters
    ----------
    snr, redshift, m200c_msun : tuple of float
        Edges of the cell; None is without end.
    n_clusters : int
        Clusters in it.
    coverage_68 : float
        Of the network.
    median : Measured
        Median of ln(M_est / M_true) of the network.
    clean_median, clean_coverage_68 : float, optional
        Both of the likelihood of cutouts without contamination: what a cut in true masses leaves of any
        posterior. Reports of earlier versions have none.
    """

    snr: tuple[float, float | None]
    redshift: tuple[float, float]
    m200c_msun: tuple[float, float]
    n_clusters: int
    coverage_68: float
    median: Measured
    clean_median: float | None = None
    clean_coverage_68: float | None = None


@dataclass(frozen=True)
class FlagRow:
    """How flags and errors go together, of clusters with S/N above 5.

    Parameters
    ----------
    wrong : int
        Clusters whose mean is over 3 sigma off.
    wrong_flagged, right_flagged : float or None
        Fraction of them, and of all others, that are flagged; None where there are none.
    rms_ratio : tuple of Measured or None
        rms of mean ln M less the truth of clusters without a flag, over that of all, less 1, in each bin of
        `SNR_EDGES`.
    """

    wrong: int
    wrong_flagged: float | None
    right_flagged: float | None
    rms_ratio: tuple[Measured | None, ...]

    @classmethod
    def of(cls, seen: Opinions) -> "FlagRow":
        """Return the row of at least one cluster."""
        off = seen.network.mean - seen.ln_mass
        bright = seen.snr > BRIGHT_SNR
        wrong = bright & (np.abs(off) > 3.0 * seen.network.sigma)
        right = bright & ~wrong
        ratios = []
        for low, high in pairwise(SNR_EDGES):
            inside = np.flatnonzero((seen.snr >= low) & (seen.snr < high))
            own, clear = off[inside], ~seen.suspect[inside]
            ratios.append(
                _relative(
                    lambda rows, own=own, clear=clear: _rms(own[rows][clear[rows]]),
                    lambda rows, own=own: _rms(own[rows]),
                    inside.size,
                )
            )
        return cls(
            int(wrong.sum()),
            float(seen.suspect[wrong].mean()) if wrong.any() else None,
            float(seen.suspect[right].mean()) if right.any() else None,
            tuple(ratios),
        )


@dataclass(frozen=True)
class RealisticRow:
    """One test set of the realistic sky.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    n_cutouts, n_detected : int
        Cutouts of any S/N, and those with S/N above 3, which all other numbers are of.
    estimators : dict of EstimatorRow
        By the names of `ESTIMATORS`.
    gains : tuple of GainRow
        Of all, by S/N, and of contaminated clusters.
    cells : tuple of CellRow
        In bins of S/N and redshift, over all masses, and in bins of S/N, redshift and mass.
    pit : tuple of float
        Fractions of clusters by the network's probability of lower masses, in equal bins.
    tarp : float
        Largest departure of the expected coverage from its level, see `tarp_departure`.
    flags : FlagRow
        How flags and errors go together.
    """

    name: str
    n_cutouts: int
    n_detected: int
    estimators: dict[str, EstimatorRow]
    gains: tuple[GainRow, ...]
    cells: tuple[CellRow, ...]
    pit: tuple[float, ...]
    tarp: float
    flags: FlagRow

    @classmethod
    def of(cls, name: str, found: Opinions) -> "RealisticRow":
        """Return the row of a test set.

        Raises
        ------
        UsageError
            If none of its clusters is detected.
        """
        seen = found[found.snr > MIN_SNR]
        if not len(seen):
            raise UsageError(
                f"{name}: none of {len(found):,} cutouts has S/N above {MIN_SNR:g}.",
                "Evaluate more cutouts, or a deeper survey.",
            )
        return cls(
            name,
            len(found),
            len(seen),
            {which: EstimatorRow.of(getattr(seen, which), seen) for which in ESTIMATORS},
            tuple(_gains(seen)),
            tuple(_cells(seen)),
            pit_histogram(seen.network.below),
            tarp_departure(seen.nearer),
            FlagRow.of(seen),
        )


def _gains(seen: Opinions) -> Iterator[GainRow]:
    yield GainRow.of(f"S/N > {MIN_SNR:g}", seen)
    bright = seen.snr > BRIGHT_SNR
    chosen = {
        f"S/N > {BRIGHT_SNR:g}": bright,
        f"S/N > {BRIGHT_SNR:g}, z > 1": bright & (seen.redshift > 1.0),
        f"S/N > {BRIGHT_SNR:g}, radio over {100 * FILLED:.0f} %": bright & (seen.filled_radio > FILLED),
        f"S/N > {BRIGHT_SNR:g}, radio under {100 * FILLED:.0f} %": bright & (seen.filled_radio <= FILLED),
    }
    for name, rows in chosen.items():
        if rows.sum() > 1:
            yield GainRow.of(name, seen[rows])


def _cells(seen: Opinions) -> Iterator[CellRow]:
    mass = np.exp(seen.ln_mass)
    all_masses = (MASS_EDGES_MSUN[0], MASS_EDGES_MSUN[-1])
    for masses in ((all_masses,), tuple(pairwise(MASS_EDGES_MSUN))):
        for snr, redshift, between in product(pairwise(SNR_EDGES), pairwise(REDSHIFT_EDGES), masses):
            inside = (
                (seen.snr >= snr[0])
                & (seen.snr < snr[1])
                & (seen.redshift >= redshift[0])
                & (seen.redshift < redshift[1])
                & (mass >= between[0])
                & (mass < between[1])
            )
            if inside.sum() < CELL_CLUSTERS:
                continue
            off = (seen.network.median - seen.ln_mass)[inside]
            error = MEDIAN_ERROR * float(off.std()) / np.sqrt(off.size)
            yield CellRow(
                (snr[0], snr[1] if np.isfinite(snr[1]) else None),
                redshift,
                between,
                int(inside.sum()),
                coverage(seen.network.below[inside], CENTRAL[0]),
                Measured(float(np.median(off)), error),
                float(np.median((seen.clean.median - seen.ln_mass)[inside])),
                coverage(seen.clean.below[inside], CENTRAL[0]),
            )


def tarp_departure(nearer: np.ndarray) -> float:
    """Return the largest departure of expected coverage from its level, over all levels.

    Parameters
    ----------
    nearer : numpy.ndarray, shape (n,)
        Probability of posteriors to be nearer to a random point than the truth is.

    Notes
    -----
    Lemos et al. (2023, ICML 202, 19256), section 3: it is uniformly distributed where posteriors hold.
    """
    ranked = np.sort(nearer)
    return float(np.abs(ranked - (np.arange(ranked.size) + 0.5) / ranked.size).max())


def _rms(off: np.ndarray) -> float:
    return float(np.sqrt(np.mean(off**2))) if off.size else 0.0


def _relative(ours: Callable, theirs: Callable, n: int) -> Measured | None:
    """Return one statistic of n clusters over another, less 1, with its error by resampling the clusters.

    None where the other is zero.
    """
    every = np.arange(n)
    if n == 0 or not theirs(every):
        return None
    rng = np.random.default_rng(n)
    drawn = [rng.integers(0, n, n) for _ in range(N_RESAMPLED)]
    ratios = [ours(rows) / theirs(rows) for rows in drawn if theirs(rows)]
    return Measured(float(ours(every) / theirs(every) - 1.0), float(np.std(ratios)))
