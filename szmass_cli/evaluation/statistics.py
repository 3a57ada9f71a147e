"""What is measured of mass estimates whose truth is known."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import curve_fit

PERCENTILES = (2.5, 16.0, 50.0, 84.0, 97.5)
"""The percentiles that every estimator gives."""

_P2, _P16, _P50, _P84, _P97 = range(5)


@dataclass(frozen=True)
class MassScatter:
    """Statistics of ln(M_est / M_true) on one test set.

    Parameters
    ----------
    std, gaussian_sigma, median : float
        Standard deviation, width of a Gaussian fitted to the histogram, and median of ln(M_est / M_true).
    coverage_68, coverage_95 : float
        Fraction of true masses between the 16th and 84th, and the 2.5th and 97.5th percentiles.
    """

    std: float
    gaussian_sigma: float
    median: float
    coverage_68: float
    coverage_95: float


@dataclass(frozen=True)
class AtOneMass:
    """Estimates of clusters of one mass, as in Figure 4 of Gupta & Reichardt (2020).

    Parameters
    ----------
    median_msun : float
        Median of the estimated masses.
    sigma_msun : float
        Half of the difference between their 16th and 84th percentiles.
    """

    median_msun: float
    sigma_msun: float

    @property
    def relative_error(self) -> float:
        """Return dM / M."""
        return self.sigma_msun / self.median_msun

    def bias_over_sigma(self, true_msun: float) -> float:
        """Return (M_est - M_true) / sigma."""
        return (self.median_msun - true_msun) / self.sigma_msun


def mass_scatter(percentiles_msun: np.ndarray, true_msun: np.ndarray) -> MassScatter:
    """Return statistics of estimates given as (n, 5) `PERCENTILES` [Msun] against true masses (n,) [Msun]."""
    p2, p16, p50, p84, p97 = percentiles_msun.T
    ln_ratio = np.log(p50 / true_msun)
    return MassScatter(
        float(ln_ratio.std()),
        gaussian_width(ln_ratio),
        float(np.median(ln_ratio)),
        float(np.mean((p16 <= true_msun) & (true_msun <= p84))),
        float(np.mean((p2 <= true_msun) & (true_msun <= p97))),
    )


def at_one_mass(estimates_msun: np.ndarray) -> AtOneMass:
    """Return statistics of the estimated masses (n,) [Msun] of clusters of one mass."""
    low, middle, high = np.percentile(estimates_msun, (16.0, 50.0, 84.0))
    return AtOneMass(float(middle), float(0.5 * (high - low)))


def gaussian_width(values: np.ndarray) -> float:
    """Return the width of the Gaussian fitted to a histogram of the values, as the paper quotes scatter."""
    middle, std = float(np.median(values)), float(values.std())
    if std < 1e-9:
        return 0.0
    robust = 1.4826 * float(np.median(np.abs(values - middle)))
    # the paper's range for the paper's widths; bins no wider than the core of a narrow distribution
    reach = max(min(1.2, 20.0 * robust), 4.0 * std)
    # few values fill few bins
    bins = int(np.clip(np.sqrt(values.size), 12, 60))
    density, edges = np.histogram(values, bins=bins, range=(middle - reach, middle + reach), density=True)
    centres = 0.5 * (edges[1:] + edges[:-1])
    try:
        best, _ = curve_fit(gaussian, centres, density, p0=(density.max(), middle, std))
    except RuntimeError:  # no Gaussian comes near it
        return robust
    return float(abs(best[2]))


def gaussian(x, height, mean, sigma):
    """Return a Gaussian curve."""
    return height * np.exp(-0.5 * ((x - mean) / sigma) ** 2)


def is_better_than_possible(std: float, best_std: float, n: int) -> bool:
    """Return whether a scatter of n estimates is below the best possible by over three standard errors."""
    return bool(std < best_std * (1.0 - 3.0 / np.sqrt(2.0 * n)))
