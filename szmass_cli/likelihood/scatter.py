"""How clusters of one mass and redshift differ, and the profiles that likelihoods are summed over.

Sums over profiles at fixed Y500 are trapezoidal rules in ln theta500. They are right where steps are finer
than what a cutout says of the size, which for bright clusters the usual ones are not: a likelihood that is
narrower than a step would be a comb in mass. Bright cutouts are summed over sizes of a finer grid, which is
the same for all masses.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

N_STRETCHES = 21
"""Profiles that are summed over where concentrations scatter."""

REACH, FINE_REACH = 3.0, 4.5
"""How far sums over profiles go, in standard deviations: those, and those of bright cutouts."""

SIZE_OF_SNR = 0.55
"""ln theta500 of a cluster of S/N v, of any amplitude, is taken to be known to 1 / (0.55 v) at best."""

STEP_OF_WIDTH = 1.5
"""Largest step over that width: the trapezoidal rule of a Gaussian is then right to 3e-4."""


@dataclass(frozen=True)
class Profiles:
    """Profiles that are summed over.

    Parameters
    ----------
    ln_stretch : numpy.ndarray, shape (k,), or (m, k) for each of m masses
        ln of their theta500 over that of a mean cluster.
    ln_weight : numpy.ndarray, same shape
        ln of their weights, which add up to 1.
    """

    ln_stretch: np.ndarray
    ln_weight: np.ndarray


@dataclass(frozen=True)
class Scatter:
    """How clusters of one mass and redshift differ.

    Parameters
    ----------
    amplitude_ln : float
        Log-normal scatter of the SZ amplitude.
    concentration_ln : float
        Log-normal scatter of c500 at fixed Y500.
    """

    amplitude_ln: float
    concentration_ln: float = 0.0

    def stretches(self, n: int = N_STRETCHES) -> tuple[np.ndarray, np.ndarray]:
        """Return ln of the n stretches of profiles that are summed over, and ln of their weights."""
        if self.concentration_ln == 0.0:
            return np.zeros(1), np.zeros(1)
        nodes = np.linspace(-REACH, REACH, n)
        ln_weights = -0.5 * nodes**2
        return self.concentration_ln * nodes, ln_weights - logsumexp(ln_weights)

    def strides(self, snr: np.ndarray, step: float) -> np.ndarray:
        """Return at every how many-th size of a grid cutouts are summed over; 0 where `stretches` will do.

        They have to where profiles scatter so little that they are finer than the grid.

        Parameters
        ----------
        snr : numpy.ndarray, shape (n,)
            Largest S/N of clusters in each cutout.
        step : float
            Of ln theta500 in the grid.
        """
        wanted = STEP_OF_WIDTH / (SIZE_OF_SNR * np.fmax(snr, 1.0))
        usual = 2.0 * REACH * self.concentration_ln / (N_STRETCHES - 1)
        strides = 2 ** np.floor(np.log2(np.maximum(np.minimum(wanted, usual) / step, 1.0))).astype(int)
        return np.where((wanted < usual) & (step < usual), strides, 0)

    def at_sizes(self, ln_size: np.ndarray, ln_theta500: np.ndarray) -> Profiles:
        """Return the profiles of mean clusters (m,) that have the sizes of an even grid (k,), both in ln.

        The grid goes on beyond its ends, as far as there are such profiles.
        """
        reach, step = FINE_REACH * self.concentration_ln, ln_size[1] - ln_size[0]
        ends = (np.array([ln_theta500.min() - reach, ln_theta500.max() + reach]) - ln_size[0]) / step
        ln_stretch = ln_size[0] + step * np.arange(np.ceil(ends[0]), ends[1]) - ln_theta500[:, None]
        norm = step / (self.concentration_ln * np.sqrt(2.0 * np.pi))
        return Profiles(ln_stretch, np.log(norm) - 0.5 * (ln_stretch / self.concentration_ln) ** 2)
