"""How odd cutouts are: noise, residuals, sources and offsets, and from where on that is told of."""

from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from scipy.stats import chi2

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
"""A score beyond this, anywhere in a cutout, is of something that a Gaussian sky does not have."""

SOURCE_SIGMA = 2.5
"""A point source on a cluster is told of from here: of fewer than 2 per cent of cutouts without one."""

OFFSET_CHI2 = 8.0
"""An offset is told of from here: of one centred cluster in 55."""

FALSE_ALARMS = {"extreme": 0.02, "source": 0.01, "offset": 0.01, "noise": 0.01}
"""Share of the cutouts of the sky of a training that each of them tells of; together 5 per cent at most."""

SNR_EDGES = np.array([0.0, 3.0, 5.0, 8.0, 15.0, 30.0, 80.0, np.inf])
"""Of bins in which levels are measured: what is left of a bright cluster is of its shape."""

FEWEST = 200
"""Cutouts of a bin; one with fewer has no node."""


@dataclass(frozen=True)
class Oddness:
    """How odd n cutouts are.

    Parameters
    ----------
    snr : numpy.ndarray, shape (n,)
        S/N of the matched filter of the best cluster.
    extreme : numpy.ndarray, shape (n,)
        Largest score of gas or radio sources, of either sign, once the cluster is taken away.
    source : numpy.ndarray, shape (n,)
        Sigma of a point source on the cluster.
    offset : numpy.ndarray, shape (n,)
        Twice the gain in ln L of a shift of the cluster.
    noise : numpy.ndarray, shape (n,)
        Typical square of the scores away from the cluster, over the highest of a Gaussian sky.
    quiet : numpy.ndarray of bool, shape (n,)
        Whether their mean square is below the lowest of a Gaussian sky.
    """

    snr: np.ndarray
    extreme: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    noise: np.ndarray
    quiet: np.ndarray

    def __len__(self) -> int:
        return len(self.snr)

    @classmethod
    def concatenate(cls, parts: "list[Oddness]") -> "Oddness":
        """Return the cutouts of all parts."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


@dataclass(frozen=True)
class OddnessLevels:
    """Levels above which cutouts are told of, by S/N, and interpolated in arcsinh of it.

    Parameters
    ----------
    snr : numpy.ndarray, shape (s,)
        S/N of the nodes, ascending.
    extreme, source, offset, noise : numpy.ndarray, shape (s,)
        Levels of the numbers of `Oddness`.
    """

    snr: np.ndarray
    extreme: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    noise: np.ndarray

    def __post_init__(self):
        for name in (field.name for field in fields(self)):
            values = np.asarray(getattr(self, name))
            if values.shape != np.shape(self.snr) or values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f"levels of {name} are no table of numbers")
        if np.size(self.snr) == 0 or np.any(np.diff(self.snr) <= 0.0):
            raise ValueError("S/N of levels must ascend")

    @classmethod
    def of_gaussian_sky(cls) -> "OddnessLevels":
        """Return the levels of cutouts of a Gaussian sky, whatever the S/N."""
        return cls(*(np.array([level]) for level in (0.0, EXTREME_SIGMA, SOURCE_SIGMA, OFFSET_CHI2, 1.0)))

    @classmethod
    def measured(cls, oddness: Oddness) -> "OddnessLevels":
        """Return the levels that `FALSE_ALARMS` of the given cutouts exceed in each bin of S/N.

        Parameters
        ----------
        oddness : Oddness
            Simulated cutouts that nothing is wrong with.

        Raises
        ------
        ValueError
            If no bin holds enough of them.
        """
        rows = []
        for low, high in pairwise(SNR_EDGES):
            inside = (oddness.snr >= low) & (oddness.snr < high)
            if inside.sum() >= FEWEST:
                levels = [
                    np.quantile(getattr(oddness, name)[inside], 1.0 - share)
                    for name, share in FALSE_ALARMS.items()
                ]
                rows.append([np.median(oddness.snr[inside]), *levels])
        if not rows:
            raise ValueError(f"no bin of S/N holds {FEWEST} cutouts")
        return cls(*np.array(rows).T)

    def exceeded(self, name: str, oddness: Oddness) -> np.ndarray:
        """Return whether a number of `Oddness`, by its name, is above its level for each of n cutouts."""
        at = np.arcsinh(np.maximum(oddness.snr, 0.0))
        return getattr(oddness, name) > np.interp(at, np.arcsinh(self.snr), getattr(self, name))


class OddnessTest:
    """Tells how odd cutouts of one instrument are.

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
        self.mass_range_msun = mass_range_msun
        self._likelihood, self._scores = likelihood, scores
        self._centre = CentreTest(likelihood, mass_range_msun)
        self._away = pixel_radii_arcmin() > AWAY_ARCMIN

    def __call__(self, weighed: Weighed, ln_mass: np.ndarray, redshift: np.ndarray) -> Oddness:
        """Return how odd cutouts are with clusters of ln M200c (n,) [ln Msun] at redshifts (n,)."""
        cluster = best_cluster(self._likelihood, weighed, ln_mass, redshift)
        left = without_cluster(self._likelihood, weighed, cluster)
        scores = self._scores(left, ("tsz", "radio"))
        squares = scores[..., 0][:, self._away] ** 2
        low, high = self._noise_bounds(weighed)
        return Oddness(
            cluster.snr,
            np.abs(scores).max(axis=(1, 2, 3)),
            self._centre.source_sigma(weighed, redshift),
            self._centre.offset_chi2(weighed, cluster.scales),
            # a neighbour or a source makes the mean large, but not the noise
            np.median(squares, axis=1) / MEDIAN_OF_CHI2 / high,
            np.mean(squares, axis=1) < low,
        )

    def _noise_bounds(self, weighed: Weighed) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds (n,) on found over expected power of scores: for the mean, and for the median."""
        share = self._away.mean()
        n_independent = np.array([self._scores.norm(depth).n_independent for depth in weighed.depths]) * share
        n_of_median = MEDIAN_EFFICIENCY * n_independent
        low = chi2.ppf(NOISE_TAIL, n_independent) / n_independent
        high = chi2.ppf(1.0 - NOISE_TAIL, n_of_median) / n_of_median
        return low[weighed.depth_of], high[weighed.depth_of]
