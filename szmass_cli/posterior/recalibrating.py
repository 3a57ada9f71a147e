"""Fit of a recalibration to held-out simulations, by maximum likelihood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.posterior.grid import ln_density_at, mass_grid, moments
from szmass_cli.posterior.recalibration import Recalibration, corner_weights

N_NODES = (7, 4)
"""Of the mean mass and of redshift."""

SNR_NODES = (0.0, 3.0, 8.0, 25.0)

WIDTHS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Standard deviations that shifts and ln stretches may have, of which one is chosen; 0 is no change."""

FLOORS = (0.0, 3e-4, 1e-3, 3e-3, 1e-2)
"""Floors of which one is chosen."""

FITTED_FLOOR = 1e-3
"""Floor while shifts and stretches are fitted: no outlier counts more than by its ln."""

DECIMALS = 6
"""Of shifts and ln stretches that are kept."""

DELTA, N_STEPS = 0.05, 12


@dataclass(frozen=True)
class HeldOut:
    """Posteriors of simulated clusters, with their true masses.

    Parameters
    ----------
    density : numpy.ndarray, shape (n, m)
        Probability of each cell of `mass_grid`; rows sum to one.
    ln_mass, redshift, snr : numpy.ndarray, shape (n,)
        True ln M200c [ln Msun], redshift, and S/N of the matched filter.
    """

    density: np.ndarray
    ln_mass: np.ndarray
    redshift: np.ndarray
    snr: np.ndarray

    def __len__(self) -> int:
        return len(self.density)

    def __getitem__(self, rows: slice | np.ndarray) -> "HeldOut":
        return HeldOut(self.density[rows], self.ln_mass[rows], self.redshift[rows], self.snr[rows])

    @classmethod
    def concatenate(cls, parts: Sequence["HeldOut"]) -> "HeldOut":
        """Return the concatenated clusters of several sets."""
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def fit_recalibration(
    prior_range_msun: tuple[float, float],
    clusters: HeldOut,
    n_nodes: tuple[int, int] = N_NODES,
    snr_nodes: Sequence[float] = SNR_NODES,
    widths: Sequence[float] = WIDTHS,
) -> Recalibration:
    """Return the recalibration that maximises the likelihood of the true masses of held-out simulations.

    Parameters
    ----------
    prior_range_msun : (float, float)
        Range of M200c that the masses were drawn from, uniformly in ln M.
    clusters : HeldOut
        Posteriors of simulations not used in training, with their true masses.
    n_nodes : (int, int)
        Number of nodes in mean mass and in redshift; 1 where nothing depends on it.
    snr_nodes : sequence of float
        Nodes in S/N, ascending.
    widths : sequence of float
        Widths to choose from, ascending.

    Notes
    -----
    A Gaussian prior of a single width pulls shifts and ln stretches towards zero. The width is chosen by the
    ln p of the third of the clusters left out of the fit: the smallest whose gain lies within one standard
    error of the best, so that noise is not mistaken for a correction. The floor is chosen in the same way.
    """
    third = len(clusters) // 3
    fitted, judged = clusters[third:], clusters[:third]
    grid = mass_grid(prior_range_msun)
    nodes = _nodes(grid, clusters.redshift, n_nodes, snr_nodes)
    trials = [_fitted(prior_range_msun, nodes, fitted, width) for width in widths]
    width = widths[_simplest([_ln_p(trial, judged, FITTED_FLOOR) for trial in trials])]
    table = _fitted(prior_range_msun, nodes, clusters, width)
    floor = FLOORS[_simplest([_ln_p(table, clusters, floor) for floor in FLOORS])]
    return replace(table, floor=floor)


def _simplest(ln_p: list[np.ndarray]) -> int:
    """Return the first of several alternatives within one standard error of the best."""
    best = int(np.argmax([np.mean(values) for values in ln_p]))
    for index, values in enumerate(ln_p):
        behind = ln_p[best] - values
        if behind.mean() <= behind.std() / np.sqrt(behind.size):
            return index
    return best


Nodes = tuple[np.ndarray, np.ndarray, np.ndarray]


def _fitted(
    prior_range_msun: tuple[float, float], nodes: Nodes, clusters: HeldOut, width: float
) -> Recalibration:
    """Return the recalibration that maximises ln p plus the ln prior of a given width, by Fisher scoring.

    In units of its sigma, the information of a Gaussian posterior is 1 for the shift, and 2 for ln stretch.
    """
    grid = mass_grid(prior_range_msun)
    shape = tuple(axis.size for axis in nodes)
    if width == 0.0:
        return Recalibration(*nodes, np.zeros(shape), np.ones(shape), prior_range_msun)
    mean, sigma = moments(grid, clusters.density)
    weights = np.zeros((len(clusters), int(np.prod(shape))))
    for corner, weight in corner_weights(list(nodes), mean, clusters.redshift, clusters.snr):
        weights[np.arange(len(clusters)), np.ravel_multi_index(corner, shape)] += weight
    information = weights.T @ weights
    penalty = np.eye(len(information)) / width**2
    shift, ln_stretch = np.zeros(len(information)), np.zeros(len(information))

    curves = _Curves(grid, clusters)

    def ln_p(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _with_floor(curves.ln_p(a * sigma, np.exp(b)), grid, FITTED_FLOOR)

    for _ in range(N_STEPS):
        a, b = weights @ shift, weights @ ln_stretch
        slope_a = (ln_p(a + DELTA, b) - ln_p(a - DELTA, b)) / (2.0 * DELTA)
        slope_b = (ln_p(a, b + DELTA) - ln_p(a, b - DELTA)) / (2.0 * DELTA)
        shift += np.linalg.solve(information + penalty, weights.T @ slope_a - shift / width**2)
        ln_stretch += np.linalg.solve(
            2.0 * information + penalty, weights.T @ slope_b - ln_stretch / width**2
        )
    # the last bits of sums depend on where in memory the posteriors lie
    kept_shift = np.round(shift, DECIMALS).reshape(shape)
    kept_stretch = np.exp(np.round(np.clip(ln_stretch, -1.0, 1.0), DECIMALS)).reshape(shape)
    return Recalibration(*nodes, kept_shift, kept_stretch, prior_range_msun)


class _Curves:
    """Shifted and stretched posteriors at one mass each, much cheaper than on the complete grid.

    Parameters
    ----------
    grid : numpy.ndarray, shape (m,)
        Evenly spaced ln M200c of the posteriors [ln Msun].
    clusters : HeldOut
        Posteriors and true masses of n clusters.
    """

    def __init__(self, grid: np.ndarray, clusters: HeldOut):
        self._step = grid[1] - grid[0]
        self._ends = grid[0] - 0.5 * self._step, grid[-1] + 0.5 * self._step
        self._truth = clusters.ln_mass
        self._mean, _ = moments(grid, clusters.density)
        density = np.asarray(clusters.density, float)
        self._ln_density = np.log(np.maximum(density, 1e-300) / self._step)
        nothing = np.zeros((len(clusters), 1))
        self._below = np.concatenate([nothing, np.cumsum(density, axis=1)], axis=1)

    def ln_p(self, shift: np.ndarray, stretch: np.ndarray) -> np.ndarray:
        """Return ln p (n,) of the true masses for posteriors shifted, and stretched about their means.

        The part within the range of masses is normalised by the integral of the original posterior between
        the points that are mapped to the ends of the range.
        """
        at, low, high = (self._mean + (x - self._mean - shift) / stretch for x in (self._truth, *self._ends))
        inside = self._integral(high) - self._integral(low)
        centre = self._ends[0] + 0.5 * self._step
        ln_density = _read(self._ln_density, (at - centre) / self._step)
        return ln_density - np.log(stretch) - np.log(np.maximum(inside, 1e-300))

    def _integral(self, x: np.ndarray) -> np.ndarray:
        """Return the probability below points (n,); beyond its ends the density is taken as constant."""
        inside = _read(self._below, (x - self._ends[0]) / self._step)
        first, last = (np.exp(self._ln_density[:, end]) for end in (0, -1))
        return inside + np.minimum(x - self._ends[0], 0.0) * first + np.maximum(x - self._ends[1], 0.0) * last


def _read(tables: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return one value of each row of tables (n, m) at positions (n,) between 0 and m - 1."""
    position = np.clip(position, 0.0, tables.shape[1] - 1.000001)
    low = position.astype(int)
    upper, rows = position - low, np.arange(len(tables))
    return tables[rows, low] * (1.0 - upper) + tables[rows, low + 1] * upper


def _nodes(
    grid: np.ndarray, redshift: np.ndarray, n_nodes: tuple[int, int], snr_nodes: Sequence[float]
) -> Nodes:
    """Return the nodes of a recalibration in mass, redshift and S/N."""
    low, high = np.log(redshift.min()), np.log(redshift.max())
    in_redshift = np.linspace(low, high, n_nodes[1]) if high > low + 1e-6 else np.array([low])
    return np.linspace(grid[0], grid[-1], n_nodes[0]), in_redshift, np.arcsinh(snr_nodes)


def _ln_p(table: Recalibration, clusters: HeldOut, floor: float) -> np.ndarray:
    """Return ln p (n,) of the true masses."""
    density = table(clusters.density, clusters.redshift, clusters.snr)
    return _with_floor(ln_density_at(table.ln_mass, density, clusters.ln_mass), table.ln_mass, floor)


def _with_floor(ln_p: np.ndarray, grid: np.ndarray, floor: float) -> np.ndarray:
    return np.log((1.0 - floor) * np.exp(ln_p) + floor / (grid.size * (grid[1] - grid[0])))
