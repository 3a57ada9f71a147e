"""What is measured of posteriors: information lost against the exact ones, and coverage of the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from szmass_cli.evaluation.instruments.judging import Judged

MIN_SNR = 3.0
"""Clusters below it have posteriors that are all prior: nothing to compare."""

BIAS_SNR = 5.0
"""Medians are of clusters that are expected to have more: chosen by the truth, not by their noise."""

SNR_EDGES = (3.0, 6.0, 12.0, np.inf)

CENTRAL = (0.6827, 0.9545)
"""One and two sigma of a Gaussian."""

PIT_BINS = 20

MEDIAN_ERROR = 1.2533
"""Standard error of a Gaussian's median over that of its mean."""

BIAS_EDGES_1E14 = (1.0, 2.0, 4.0, 8.0, 15.0, 20.0)


@dataclass(frozen=True)
class PosteriorRow:
    """Posteriors of one set of clusters.

    Parameters
    ----------
    n_cutouts : int
        Number of clusters behind the other numbers.
    rms_shift, mean_shift : float
        Of (model's mean - exact mean) / exact sigma.
    coverage_68, coverage_95 : float
        Fraction of true masses in the model's central intervals.
    exact_coverage_68, exact_coverage_95 : float
        The same of the exact posterior.
    ln_likelihood_gap, gap_error : float
        Mean ln p(truth) of the exact posterior less the model's, cutout by cutout, and its standard error
        [nats].
    """

    n_cutouts: int
    rms_shift: float
    mean_shift: float
    coverage_68: float
    coverage_95: float
    exact_coverage_68: float
    exact_coverage_95: float
    ln_likelihood_gap: float
    gap_error: float

    @classmethod
    def of(cls, judged: Judged) -> "PosteriorRow":
        """Return the row of at least one cluster."""
        shift, gap = judged.shift, judged.ln_likelihood_gap
        return cls(
            len(judged),
            float(np.sqrt(np.mean(shift**2))),
            float(shift.mean()),
            coverage(judged.model.below, CENTRAL[0]),
            coverage(judged.model.below, CENTRAL[1]),
            coverage(judged.exact.below, CENTRAL[0]),
            coverage(judged.exact.below, CENTRAL[1]),
            float(gap.mean()),
            float(gap.std() / np.sqrt(len(gap))),
        )

    @property
    def leaks(self) -> bool:
        """Return whether the truth had more probability than is possible, by over three errors."""
        return self.ln_likelihood_gap < -max(3.0 * self.gap_error, 1e-9)


@dataclass(frozen=True)
class SnrRow:
    """Posteriors of clusters whose S/N lies between two values; None is without end."""

    low: float
    high: float | None
    posterior: PosteriorRow


@dataclass(frozen=True)
class Gain:
    """What several bands are worth over the one near 150 GHz: medians over the clusters of a case.

    Parameters
    ----------
    posterior : float
        Standard deviation of ln M of the exact posterior of that band over the model's with all bands.
    matched_filter : float
        Error of the matched filter's amplitude in that band over that in all.
    """

    posterior: float
    matched_filter: float

    @classmethod
    def of(cls, judged: Judged) -> "Gain | None":
        """Return the gain; none where there is one band."""
        if judged.alone is None:
            return None
        ratio = judged.alone.sigma / judged.model.sigma
        return cls(float(np.median(ratio)), float(np.median(judged.filter_gain)))


@dataclass(frozen=True)
class Bias:
    """Median of ln(M_est / M_true), M_est the posterior's median, of clusters whose expected S/N is over 5.

    Parameters
    ----------
    n_cutouts : int
        Clusters with such an expected S/N.
    model, exact : float
        Of the model's posterior, and of the exact one of the same cutouts.
    error : float
        Standard error of the model's.
    """

    n_cutouts: int
    model: float
    exact: float
    error: float

    @classmethod
    def of(cls, judged: Judged) -> "Bias | None":
        """Return the bias; none where there are too few such clusters."""
        judged = judged[judged.expected_snr > BIAS_SNR]
        if len(judged) < 2:
            return None
        off = judged.model.median - judged.ln_mass
        error = MEDIAN_ERROR * float(off.std()) / np.sqrt(len(off))
        best = float(np.median(judged.exact.median - judged.ln_mass))
        return cls(len(off), float(np.median(off)), best, float(error))


@dataclass(frozen=True)
class CaseRow:
    """One test set.

    Parameters
    ----------
    name : str
        What tables and figures call it.
    n_cutouts : int
        Number of cutouts in the set, of any S/N.
    detected : PosteriorRow or None
        Of clusters with S/N above 3, where there are any.
    by_snr : tuple of SnrRow
        Posteriors between each two of `SNR_EDGES`, where there are clusters.
    bias : Bias or None
        Of clusters with an expected S/N above 5; None where there are fewer than two.
    gain : Gain or None
        Gain of all bands over the one near 150 GHz, for the clusters in `detected`; None where there is one
        band.
    told_the_truth : bool
        Whether the exact posterior is the best that is possible.
    flagged : float or None
        Fraction of all rows that are flagged as of a map that is not as stated, where that is counted.
    """

    name: str
    n_cutouts: int
    detected: PosteriorRow | None
    by_snr: tuple[SnrRow, ...]
    bias: Bias | None
    gain: Gain | None
    told_the_truth: bool = True
    flagged: float | None = None

    @classmethod
    def of(cls, name: str, judged: Judged, told_the_truth: bool = True) -> "CaseRow":
        """Return the row of a test set."""
        detected = judged[judged.snr > MIN_SNR]
        of_detected = (PosteriorRow.of(detected), Gain.of(detected)) if len(detected) else (None, None)
        return cls(
            name,
            len(judged),
            of_detected[0],
            tuple(_by_snr(judged)),
            Bias.of(judged),
            of_detected[1],
            told_the_truth,
            None if judged.flagged is None else float(np.mean(judged.flagged)),
        )

    @property
    def leaks(self) -> bool:
        """Return whether the model did better than is possible."""
        return self.told_the_truth and self.detected is not None and self.detected.leaks


def _by_snr(judged: Judged) -> Iterator[SnrRow]:
    for low, high in pairwise(SNR_EDGES):
        inside = judged[(judged.snr >= low) & (judged.snr < high)]
        if len(inside):
            yield SnrRow(low, high if np.isfinite(high) else None, PosteriorRow.of(inside))


@dataclass(frozen=True)
class MassBiasRow:
    """Bias of clusters of a range of true masses; see `Bias`."""

    m200c_1e14: tuple[float, float]
    bias: Bias


def mass_bias_rows(judged: Judged) -> tuple[MassBiasRow, ...]:
    """Return the bias by true mass, where there are clusters."""
    true, rows = np.exp(judged.ln_mass) / 1e14, []
    for low, high in pairwise(BIAS_EDGES_1E14):
        bias = Bias.of(judged[(true >= low) & (true < high)])
        if bias is not None:
            rows.append(MassBiasRow((low, high), bias))
    return tuple(rows)


def coverage(below: np.ndarray, level: float) -> float:
    """Return the fraction of truths within the central interval that should hold `level` of them."""
    return float(np.mean(np.abs(below - 0.5) <= 0.5 * level))


def pit_histogram(below: np.ndarray) -> tuple[float, ...]:
    """Return fractions of clusters in `PIT_BINS` equal bins of the probability of lower masses."""
    counts, _ = np.histogram(below, bins=PIT_BINS, range=(0.0, 1.0))
    return tuple(float(count) for count in counts / len(below))
