"""What is measured of posteriors: information lost against the exact ones, and coverage of the truth."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from szmass_cli.evaluation.mismatch import MismatchRow
from szmass_cli.evaluation.posteriors import MIN_SNR, Judged

PIT_BINS = 20

CENTRAL = (0.6827, 0.9545)
"""One and two sigma of a Gaussian."""

CELL_CLUSTERS = 1000
"""Cells with fewer clusters say nothing of coverage to a few per cent."""

MASS_EDGES_1E14 = (0.3, 1.0, 2.0, 4.0, 8.0, 20.0)
REDSHIFT_EDGES = (0.1, 0.3, 0.6, 1.0, 2.0)
BIAS_EDGES_1E14 = (1.0, 2.0, 4.0, 8.0, 15.0, 20.0)
BIAS_SNR = 5.0
SNR_EDGES = (-np.inf, 3.0, 6.0, 12.0, np.inf)


@dataclass(frozen=True)
class PosteriorRow:
    """Posteriors of one set of clusters.

    Parameters
    ----------
    n_cutouts : int
    n_detected : int
        With S/N above 3, which the next two are of.
    rms_shift, mean_shift : float or None
        Of (network's mean - exact mean) / exact sigma; None where none is detected.
    coverage_68, coverage_95 : float
        Fraction of true masses in the central intervals.
    ln_likelihood_gap, gap_error : float
        Mean ln p(truth) of the exact posterior less the network's, and its standard error [nats].
    """

    n_cutouts: int
    n_detected: int
    rms_shift: float | None
    mean_shift: float | None
    coverage_68: float
    coverage_95: float
    ln_likelihood_gap: float
    gap_error: float

    @classmethod
    def of(cls, judged: Judged) -> "PosteriorRow":
        detected = judged.snr > MIN_SNR
        shift = judged.shift[detected]
        gap = judged.ln_likelihood_gap
        return cls(
            len(judged),
            int(detected.sum()),
            float(np.sqrt(np.mean(shift**2))) if shift.size else None,
            float(shift.mean()) if shift.size else None,
            coverage(judged.pit, CENTRAL[0]),
            coverage(judged.pit, CENTRAL[1]),
            float(gap.mean()),
            float(gap.std() / np.sqrt(len(gap))),
        )

    @property
    def leaks(self) -> bool:
        """Whether the network gave the truth more probability than is possible, by over three errors."""
        return self.ln_likelihood_gap < -3.0 * self.gap_error


@dataclass(frozen=True)
class InstrumentRow:
    """Posteriors of clusters at one redshift, beam and noise."""

    redshift: float
    beam_fwhm_arcmin: float
    noise_uk_arcmin: float
    posterior: PosteriorRow


@dataclass(frozen=True)
class CoverageRow:
    """Coverage in one cell of estimated mass, redshift and S/N, each from the first to below the second."""

    m200c_1e14: tuple[float, float]
    redshift: tuple[float, float]
    snr: tuple[float | None, float | None]
    n_cutouts: int
    coverage_68: float
    coverage_95: float


@dataclass(frozen=True)
class BiasRow:
    """Clusters of a range of true masses that stand out of their maps.

    Parameters
    ----------
    m200c_1e14 : (float, float)
    n_cutouts : int
    median, error, best_median : float
        Of the mean of ln M less the true one: of the network, with its standard error, and exactly.
    """

    m200c_1e14: tuple[float, float]
    n_cutouts: int
    median: float
    error: float
    best_median: float


@dataclass(frozen=True)
class PriorRow:
    """Posteriors of clusters that were drawn from the prior in use.

    Parameters
    ----------
    clusters : str
    n_cutouts : int
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
class Honesty:
    """How good posteriors are.

    Parameters
    ----------
    overall : PosteriorRow
        Of clusters drawn as those of training.
    instruments : tuple of InstrumentRow
    coverage : tuple of CoverageRow
        Cells with at least 1,000 clusters.
    pit : tuple of float
        Fractions of clusters by the posterior's probability of lower masses, in 20 equal bins.
    bias : tuple of BiasRow
        By true mass, of clusters whose expected S/N is above 5.
    mass_function : tuple of PriorRow
        Of clusters drawn from the mass function, under that prior: all, and those with S/N above 3.
    mismatch : tuple of MismatchRow
        Of maps that are not as stated.
    exact_is_best : bool
        Whether the exact posterior is that of the clusters in the set: round ones, and centred.
    """

    overall: PosteriorRow
    instruments: tuple[InstrumentRow, ...]
    coverage: tuple[CoverageRow, ...]
    pit: tuple[float, ...]
    bias: tuple[BiasRow, ...] = ()
    mass_function: tuple[PriorRow, ...] = ()
    mismatch: tuple[MismatchRow, ...] = ()
    exact_is_best: bool = True

    @property
    def leaks(self) -> bool:
        """Whether the network did better than is possible."""
        return self.exact_is_best and self.overall.leaks


def coverage(pit: np.ndarray, level: float) -> float:
    """Fraction of truths within the central interval that should hold `level` of them."""
    return float(np.mean(np.abs(pit - 0.5) <= 0.5 * level))


def bias_rows(judged: Judged) -> tuple[BiasRow, ...]:
    """Bias by true mass of clusters with an expected S/N above `BIAS_SNR`."""
    rows = []
    true = np.exp(judged.ln_mass) / 1e14
    for low, high in pairwise(BIAS_EDGES_1E14):
        inside = judged[(judged.expected_snr > BIAS_SNR) & (true >= low) & (true < high)]
        if len(inside) > 1:
            off = inside.mean - inside.ln_mass
            error = 1.2533 * float(off.std()) / np.sqrt(len(inside))  # of a Gaussian's median
            best = float(np.median(inside.best_mean - inside.ln_mass))
            rows.append(BiasRow((low, high), len(inside), float(np.median(off)), float(error), best))
    return tuple(rows)


def pit_histogram(pit: np.ndarray) -> tuple[float, ...]:
    """Fractions of clusters in `PIT_BINS` equal bins from 0 to 1."""
    counts, _ = np.histogram(pit, bins=PIT_BINS, range=(0.0, 1.0))
    return tuple(float(count) for count in counts / len(pit))


def coverage_rows(judged: Judged, at_least: int = CELL_CLUSTERS) -> tuple[CoverageRow, ...]:
    """Coverage in cells of estimated mass, redshift and S/N that hold enough clusters."""
    rows = []
    mass = np.exp(judged.mean) / 1e14
    for m in pairwise(MASS_EDGES_1E14):
        for z in pairwise(REDSHIFT_EDGES):
            for s in pairwise(SNR_EDGES):
                inside = np.ones(len(judged), bool)
                for values, (low, high) in ((mass, m), (judged.redshift, z), (judged.snr, s)):
                    inside &= (values >= low) & (values < high)
                if inside.sum() >= at_least:
                    pit = judged.pit[inside]
                    snr = tuple(float(edge) if np.isfinite(edge) else None for edge in s)
                    rows.append(
                        CoverageRow(
                            m,
                            z,
                            (snr[0], snr[1]),
                            len(pit),
                            coverage(pit, CENTRAL[0]),
                            coverage(pit, CENTRAL[1]),
                        )
                    )
    return tuple(rows)
