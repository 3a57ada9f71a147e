"""How odd cutouts are: noise, residuals, sources and offsets, and from where on that is told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.stats import chi2

from szmass_cli.geometry import PIXEL_ARCMIN, pixel_radii_arcmin
from szmass_cli.likelihood.centre import CentreTest
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.rarity import FEWEST, SNR_EDGES, Rarity
from szmass_cli.likelihood.residual import best_cluster, without_cluster
from szmass_cli.likelihood.scores import ScoreImages
from szmass_cli.physics.profiles import ClusterScales

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

FALSE_ALARMS = {"extreme": 0.02, "source": 0.005, "offset": 0.005, "noise": 0.005}
"""Share of the cutouts of the sky of a training that each of them tells of; what is rare altogether is told
of besides, up to `szmass_cli.likelihood.rarity.TOLD`."""

RING_ARCMIN, SMOOTHED_ARCMIN = (2.2, 4.6), 0.5
"""Neighbouring clusters that make a mass wrong are looked for at these distances, in scores smoothed so far:
nearer they are an offset, and further out of a cutout."""

COMPACT_ARCMIN = 1.0
"""theta500 of the cluster whose error says how deep a cutout is."""

COLUMNS = ("snr", *FALSE_ALARMS)
"""Tables of levels, and their axis."""

OF_RARITY = "rarity_"
"""Before the names of the arrays of rarities among those of levels."""


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
    neighbour : numpy.ndarray, shape (n,)
        Largest smoothed score of gas around the cluster, once it is taken away.
    y_error : numpy.ndarray, shape (n,)
        Depth: error of the central Compton y of a compact cluster, by noise and sky.
    """

    snr: np.ndarray
    extreme: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    noise: np.ndarray
    quiet: np.ndarray
    neighbour: np.ndarray
    y_error: np.ndarray

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
    rarity : Rarity, optional
        Says what is rare altogether; without one it is the extreme alone that is unlike the training.
    """

    snr: np.ndarray
    extreme: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    noise: np.ndarray
    rarity: Rarity | None = field(default=None)

    def __post_init__(self):
        for name in COLUMNS:
            values = np.asarray(getattr(self, name))
            if values.shape != np.shape(self.snr) or values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f"levels of {name} are no table of numbers")
        if np.size(self.snr) == 0 or np.any(np.diff(self.snr) <= 0.0):
            raise ValueError("S/N of levels must ascend")

    @classmethod
    def of_gaussian_sky(cls) -> "OddnessLevels":
        """Return the levels of cutouts of a Gaussian sky, whatever the S/N."""
        snr, extreme, source, offset, noise = np.array(
            [[0.0], [EXTREME_SIGMA], [SOURCE_SIGMA], [OFFSET_CHI2], [1.0]]
        )
        return cls(snr, extreme, source, offset, noise)

    @classmethod
    def measured(cls, oddness: Oddness) -> "OddnessLevels":
        """Return the levels that `FALSE_ALARMS` of the given cutouts exceed in each bin of S/N, and rarities.

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
        columns = dict(zip(COLUMNS, np.array(rows).T, strict=True))
        single = cls(**columns)
        told = np.any([single.exceeded(name, oddness) for name in ("source", "offset", "noise")], axis=0)
        return cls(**columns, rarity=Rarity.measured(oddness, told))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "OddnessLevels":
        """Return the levels that `arrays` returned; models of before rarities have none.

        Raises
        ------
        ValueError, TypeError
            If these are no such tables.
        """
        of_rarity = {
            name.removeprefix(OF_RARITY): values
            for name, values in arrays.items()
            if name.startswith(OF_RARITY)
        }
        own = {name: values for name, values in arrays.items() if not name.startswith(OF_RARITY)}
        return cls(**own, rarity=Rarity(**of_rarity) if of_rarity else None)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all tables by name, as files keep them."""
        tables = {name: np.asarray(getattr(self, name), float) for name in COLUMNS}
        if self.rarity is not None:
            for one in fields(self.rarity):
                tables[OF_RARITY + one.name] = np.asarray(getattr(self.rarity, one.name), float)
        return tables

    def exceeded(self, name: str, oddness: Oddness) -> np.ndarray:
        """Return whether a number of `Oddness`, by its name, is above its level for each of n cutouts."""
        at = np.arcsinh(np.maximum(oddness.snr, 0.0))
        return getattr(oddness, name) > np.interp(at, np.arcsinh(self.snr), getattr(self, name))

    def unlike(self, oddness: Oddness) -> np.ndarray:
        """Return whether each of n cutouts is unlike those of the training."""
        return self.exceeded("extreme", oddness) if self.rarity is None else self.rarity.exceeded(oddness)


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
        radii = pixel_radii_arcmin()
        self._away = radii > AWAY_ARCMIN
        self._ring = (radii >= RING_ARCMIN[0]) & (radii < RING_ARCMIN[1])

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
            self._neighbour(scores[..., 0]),
            self._y_error(weighed),
        )

    def _neighbour(self, tsz: np.ndarray) -> np.ndarray:
        """Return the largest smoothed score of gas (n,) in the ring, of score images of tSZ (n, 40, 40)."""
        width = SMOOTHED_ARCMIN / PIXEL_ARCMIN
        smoothed = gaussian_filter(tsz, (0.0, width, width), mode="constant")
        return -smoothed[:, self._ring].min(axis=1)  # gas makes 150 GHz darker

    def _y_error(self, weighed: Weighed) -> np.ndarray:
        """Return the error (n,) of the central Compton y of a compact cluster."""
        ones = np.ones((len(weighed), 1))
        unit = ClusterScales(COMPACT_ARCMIN * ones, ones, 0.0 * ones)
        # sources that are marginalised over make no map shallower: none of them are in the training's cutouts
        whole = replace(weighed, lost=None)
        fisher = self._likelihood.fisher(whole, self._likelihood.placed(unit))[:, 0]
        return unit.y0[:, 0] / np.sqrt(fisher)

    def _noise_bounds(self, weighed: Weighed) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds (n,) on found over expected power of scores: for the mean, and for the median."""
        share = self._away.mean()
        n_independent = np.array([self._scores.norm(depth).n_independent for depth in weighed.depths]) * share
        n_of_median = MEDIAN_EFFICIENCY * n_independent
        low = chi2.ppf(NOISE_TAIL, n_independent) / n_independent
        high = chi2.ppf(1.0 - NOISE_TAIL, n_of_median) / n_of_median
        return low[weighed.depth_of], high[weighed.depth_of]
