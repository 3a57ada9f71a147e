"""Flags for unusual residuals of cutouts without their clusters, and for sources on the clusters."""

from functools import lru_cache

import numpy as np
from scipy.stats import chi2

from szmass_cli.catalog import Flag
from szmass_cli.estimation.rows import Rows
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.centre import CentreTest
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scores import ScoreImages

AWAY_ARCMIN = 3.0
"""Residuals this far from the cluster tell the noise."""

NOISE_TAIL = 0.005
"""Of each side of the noise's distribution: one cutout in a hundred is flagged where all is as stated."""

MEDIAN_OF_CHI2 = float(chi2.median(1))
MEDIAN_EFFICIENCY = 0.6
"""The median of squares scatters as their mean over so many times fewer independent numbers does."""

EXTREME_SIGMA = 5.5
"""A score beyond this, anywhere in a cutout, is of something that the model's sky does not have."""

SOURCE_SIGMA = 2.5
"""A point source on a cluster is told of from here: of fewer than 2 per cent of cutouts without one."""

OFFSET_CHI2 = 8.0
"""An offset is told of from here: of one centred cluster in 55."""

EDGE_LN_MASS = 0.1
"""A median so near to an end of the model's masses may be of a cluster beyond it."""


class Oddities:
    """Finds what is unusual about cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the instrument that the cutouts come from.
    scores : ScoreImages
        Score images of the same likelihood.
    mass_range_msun : (float, float)
        Mass range of the model, M200c [Msun].
    """

    def __init__(
        self, likelihood: GaussianLikelihood, scores: ScoreImages, mass_range_msun: tuple[float, float]
    ):
        self._likelihood, self._scores = likelihood, scores
        self._masses = mass_range_msun
        self._centre = CentreTest(likelihood, mass_range_msun)
        self._away = pixel_radii_arcmin() > AWAY_ARCMIN

    def __call__(self, weighed: Weighed, m200c_msun: np.ndarray, rows: Rows) -> np.ndarray:
        """Return the flags (n,) of cutouts with clusters of given M200c (n,) [Msun]."""
        cluster = best_cluster(self._likelihood, weighed, np.log(m200c_msun), rows.redshift)
        left = without_cluster(self._likelihood, weighed, cluster)
        scores = self._scores(left, ("tsz", "radio"))
        flags = np.zeros(len(weighed), np.int32)
        flags[self._is_of_another_depth(scores[..., 0], weighed)] |= Flag.NOISE_MISMATCH
        flags[np.abs(scores).max(axis=(1, 2, 3)) > EXTREME_SIGMA] |= Flag.UNLIKE_TRAINING
        source = self._centre.source_sigma(weighed, rows.redshift)
        flags[source > SOURCE_SIGMA] |= Flag.CENTRAL_SOURCE
        offset = self._centre.offset_chi2(weighed, cluster.scales)
        # where positions are said to be uncertain, offsets are in the likelihood
        flags[(offset > OFFSET_CHI2) & (rows.position_err_arcmin == 0.0)] |= Flag.OFF_CENTRE
        flags[self._at_an_edge(m200c_msun)] |= Flag.MASS_OUTSIDE_TRAINING
        return flags

    def _is_of_another_depth(self, scores: np.ndarray, weighed: Weighed) -> np.ndarray:
        """Return whether the tSZ scores (n, 40, 40) off the cluster are larger or smaller than expected."""
        squares = scores[:, self._away] ** 2
        share = self._away.mean()
        bounds = np.array(
            [noise_bounds(self._scores.norm(depth).n_independent * share) for depth in weighed.depths]
        )
        low, high = bounds[weighed.depth_of].T
        # a neighbour or a source makes the mean large, but not the noise
        typical = np.median(squares, axis=1) / MEDIAN_OF_CHI2
        return (np.mean(squares, axis=1) < low) | (typical > high)

    def _at_an_edge(self, median_msun: np.ndarray) -> np.ndarray:
        """Return whether posteriors pile up at the highest or lowest masses of the model."""
        low, high = np.log(self._masses)
        ln_median = np.log(median_msun)
        return (ln_median < low + EDGE_LN_MASS) | (ln_median > high - EDGE_LN_MASS)


@lru_cache(maxsize=1024)
def noise_bounds(n_independent: float) -> tuple[float, float]:
    """Return bounds on measured over expected power of scores: lower for the mean, upper for the median."""
    low = chi2.ppf(NOISE_TAIL, n_independent) / n_independent
    n_of_median = MEDIAN_EFFICIENCY * n_independent
    return float(low), float(chi2.ppf(1.0 - NOISE_TAIL, n_of_median) / n_of_median)
