"""Estimators run on test sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from szmass_cli.config import ClusterConfig
from szmass_cli.evaluation.paper.estimators import (
    BEST_POSSIBLE,
    ESTIMATORS,
    MATCHED_FILTER,
    NETWORK,
    Estimator,
)
from szmass_cli.evaluation.paper.metrics import Comparison, MassRow, ProfileRow
from szmass_cli.evaluation.paper.testsets import MASSES_1E14, PROFILE_MASSES_1E14
from szmass_cli.evaluation.statistics import PERCENTILES, at_one_mass, mass_scatter
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.system.progress import Progress, silent

MEDIAN = PERCENTILES.index(50.0)


@dataclass
class Estimated:
    """A test set with what each estimator says of it.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (n,)
        True M200c of the clusters [Msun].
    percentiles_msun : dict of numpy.ndarray, shape (n, 5)
        Percentiles of M200c [Msun], by name of the estimator.
    """

    m200c_msun: np.ndarray
    percentiles_msun: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.m200c_msun)

    def median_msun(self, estimator: str) -> np.ndarray:
        """Return the estimated masses (n,)."""
        return self.percentiles_msun[estimator][:, MEDIAN]

    def first(self, n: int) -> "Estimated":
        """Return the first n clusters of the set."""
        return Estimated(self.m200c_msun[:n], {k: v[:n] for k, v in self.percentiles_msun.items()})

    def comparison(self, sz_scatter_ln: float) -> Comparison:
        """Return the scatter of ln(M_est / M_true) of each estimator."""
        network, filtered, best = (
            mass_scatter(self.percentiles_msun[name], self.m200c_msun) for name in ESTIMATORS
        )
        return Comparison(len(self), sz_scatter_ln, network, filtered, best)


@dataclass
class MeanMaps:
    """Sums of maps of the clusters of one mass, for Figure 3."""

    n: int = 0
    example_uk: np.ndarray | None = None
    true_uk: np.ndarray | float = 0.0
    estimated_uk: dict[str, np.ndarray | float] = field(default_factory=dict)

    def add(self, image_uk: np.ndarray, true_uk: np.ndarray, estimated_uk: Mapping[str, np.ndarray]) -> None:
        """Add maps (n, 40, 40) to the sums."""
        if self.example_uk is None:
            self.example_uk = image_uk[0]
        self.n += len(true_uk)
        self.true_uk = self.true_uk + true_uk.sum(axis=0, dtype=float)
        for name, maps in estimated_uk.items():
            self.estimated_uk[name] = self.estimated_uk.get(name, 0.0) + maps.sum(axis=0, dtype=float)

    @property
    def mean_true_uk(self) -> np.ndarray:
        return np.asarray(self.true_uk) / self.n

    def mean_estimated_uk(self, estimator: str) -> np.ndarray:
        """Return the mean estimated map (40, 40) [µK]."""
        return np.asarray(self.estimated_uk[estimator]) / self.n

    def row(self, m200c_msun: float) -> ProfileRow:
        """Return the largest differences of the mean estimated maps from the true one, over its centre."""
        true, half = self.mean_true_uk, self.mean_true_uk.shape[0] // 2
        centre = float(true[half - 1 : half + 1, half - 1 : half + 1].mean())
        residuals = [
            float(np.abs(self.mean_estimated_uk(name) - true).max() / abs(centre))
            for name in (NETWORK, BEST_POSSIBLE)
        ]
        return ProfileRow(m200c_msun, self.n, centre, *residuals)


def estimate_set(
    simulator: CutoutSimulator,
    clusters: ClusterConfig,
    estimators: Mapping[float, Mapping[str, Estimator]],
    n: int,
    seed: int,
    salt: int,
    task: str = "evaluation",
    progress: Progress = silent,
    maps: Mapping[float, MeanMaps] | None = None,
    band: int = 0,
) -> Estimated:
    """Run estimators on n fresh clusters.

    Parameters
    ----------
    simulator : CutoutSimulator
        Draws the cutouts of the set.
    clusters : ClusterConfig
        Masses, redshifts and scatter of the set.
    estimators : mapping
        By redshift of the clusters, and by name.
    n, seed, salt : int
        Number of cutouts; seed and salt say which. They share no draw with training or calibration.
    task : str
        What progress calls it.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    maps : mapping of MeanMaps, optional
        By mass [Msun]: where the maps of clusters of that very mass are added up.
    band : int
        The band whose maps they are.
    """
    masses: list[np.ndarray] = []
    percentiles: dict[str, list[np.ndarray]] = {name: [] for name in ESTIMATORS}
    for block in simulator.blocks(clusters, n, seed, Stream.TEST, salt=salt):
        found = {name: np.full((len(block), len(PERCENTILES)), np.nan) for name in ESTIMATORS}
        for redshift, by_name in estimators.items():
            rows = np.flatnonzero(np.isclose(block.redshift, redshift))
            if not rows.size:
                continue
            part = block[rows]
            said = {name: by_name[name](part.image, part.redshift) for name in ESTIMATORS}
            for name, estimates in said.items():
                found[name][rows] = estimates.percentiles_msun
            _add_maps(maps or {}, part, {k: v.sz_uk for k, v in said.items() if v.sz_uk is not None}, band)
        masses.append(block.m200c)
        for name in ESTIMATORS:
            percentiles[name].append(found[name])
        progress(task, sum(map(len, masses)), n)
    return Estimated(np.concatenate(masses), {k: np.concatenate(v) for k, v in percentiles.items()})


def _add_maps(
    maps: Mapping[float, MeanMaps], block: CutoutBlock, estimated_uk: dict[str, np.ndarray], band: int
) -> None:
    for mass, sums in maps.items():
        rows = np.flatnonzero(np.isclose(block.m200c, mass))
        if rows.size:
            chosen = {name: values[rows] for name, values in estimated_uk.items()}
            sums.add(block.image[rows, ..., band], block.sz[rows, ..., band], chosen)


def mass_rows(estimated: Estimated) -> tuple[MassRow, ...]:
    """Return the statistics of each mass of the set of the paper's masses."""
    rows = []
    for mass in MASSES_1E14:
        here = np.isclose(estimated.m200c_msun, mass * 1e14)
        network, filtered, best = (
            at_one_mass(estimated.median_msun(name)[here])
            for name in (NETWORK, MATCHED_FILTER, BEST_POSSIBLE)
        )
        rows.append(MassRow(mass * 1e14, int(here.sum()), network, filtered, best))
    return tuple(rows)


def profile_maps() -> dict[float, MeanMaps]:
    """Return empty sums for the masses of Figure 3."""
    return {mass * 1e14: MeanMaps() for mass in PROFILE_MASSES_1E14}
