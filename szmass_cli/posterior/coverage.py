"""How well posteriors of clusters of known mass hold: bias, and coverage of their error bars."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.posterior.grid import probability_below
from szmass_cli.posterior.masses import MassPosterior

LEAST_SNR = 3.0
"""Signal-to-noise of the clusters that count: below, the prior alone decides."""

SNR_EDGES = (LEAST_SNR, 5.0, 8.0, 15.0, np.inf)
"""Of the ranges of S/N that are looked at one by one."""

MISSED_SIGMA = 2.6
"""So many standard errors off, a number is said to miss: one in a hundred does where all is right."""


@dataclass(frozen=True)
class Coverage:
    """Bias and coverage of n posteriors of known masses.

    Parameters
    ----------
    n : int
        Number of clusters.
    bias, bias_err : float
        Mean of ln(M_est / M_true), M_est the median of the posterior, and its standard error.
    coverage_68, coverage_68_err, coverage_95, coverage_95_err : float
        Fraction of true masses within the central 68 and 95 per cent of the posteriors, with standard errors.

    Notes
    -----
    Given the data a posterior of the right prior holds the truth with its stated probability, whatever is
    selected by the data alone: a cut in measured S/N, unlike one in true mass, leaves coverage what it is.
    """

    n: int
    bias: float
    bias_err: float
    coverage_68: float
    coverage_68_err: float
    coverage_95: float
    coverage_95_err: float

    @classmethod
    def of(cls, posterior: MassPosterior, m200c_msun: np.ndarray) -> "Coverage":
        """Return bias and coverage of n posteriors, one or more, of clusters of true M200c (n,) [Msun]."""
        ln_ratio = np.log(posterior.percentiles((50.0,))[:, 0] / m200c_msun)
        below = probability_below(posterior.ln_mass, posterior.density, np.log(m200c_msun))
        off = np.abs(below - 0.5)
        n = len(ln_ratio)
        within = [(off < 0.5 * level).mean() for level in (0.68, 0.95)]
        return cls(
            n,
            float(ln_ratio.mean()),
            float(ln_ratio.std() / np.sqrt(max(n - 1, 1))),
            float(within[0]),
            binomial_error(within[0], n),
            float(within[1]),
            binomial_error(within[1], n),
        )

    @property
    def misses(self) -> tuple[str, ...]:
        """Return in words what is further off than chance allows."""
        found = []
        if abs(self.bias) > MISSED_SIGMA * self.bias_err:
            found.append(f"masses are {'high' if self.bias > 0 else 'low'} by {abs(self.bias):.1%}")
        for level in (68, 95):
            fraction = getattr(self, f"coverage_{level}")
            # of the coverage that it should have, as chance is then
            if abs(fraction - level / 100.0) > MISSED_SIGMA * binomial_error(level / 100.0, self.n):
                size = "narrow" if fraction < level / 100.0 else "wide"
                found.append(f"error bars are too {size}: {fraction:.1%} are within {level} per cent")
        return tuple(found)


def binomial_error(fraction: float, n: int) -> float:
    """Return the standard error of a fraction of n, never 0 (Agresti and Coull 1998)."""
    middle = (fraction * n + 2.0) / (n + 4.0)
    return float(np.sqrt(middle * (1.0 - middle) / (n + 4.0)))
