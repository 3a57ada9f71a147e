"""p(ln M | cutout) as measured on held-out simulations: which masses gave this network output."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr, ndtri

from szmass_cli.posterior.grid import mass_grid
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import Prior

N_SIGMA = np.linspace(-3.0, 3.0, 31)
"""The quantiles kept, as the sigmas of a Gaussian."""

POSTERIOR_SIGMA = np.linspace(-5.0, 5.0, 201)
"""Quantiles that a posterior is made of, as the sigmas of a Gaussian."""

TAIL_LEVELS = 6
"""Outermost quantiles, spanning one sigma, whose slope the tails beyond the table go on with."""


def stretch(raw_mass_msun) -> np.ndarray:
    """Return the network's output on the axis of the table.

    The axis is like ln M where the output is large, and is defined below zero.
    """
    return np.arcsinh(np.asarray(raw_mass_msun, float) / 1e14)


@dataclass(frozen=True)
class Calibration:
    """Quantiles of ln M at given network output and redshift, under a prior flat in M200c.

    Parameters
    ----------
    redshifts : numpy.ndarray, shape (k,)
        Redshifts of the calibration simulations, ascending.
    nodes : numpy.ndarray, shape (k, m)
        Nodes in `stretch` of the raw network mass, ascending, for each redshift.
    ln_mass : numpy.ndarray, shape (k, m, q)
        Quantiles of ln M200c [Msun] at each node, one for each of `N_SIGMA`.
    edges : numpy.ndarray, shape (k, 2)
        Median `stretch` of the raw mass of clusters at either end of the mass range.
    prior_range_msun : (float, float)
        Range of the flat prior.
    """

    redshifts: np.ndarray
    nodes: np.ndarray
    ln_mass: np.ndarray
    edges: np.ndarray
    prior_range_msun: tuple[float, float]

    prior: ClassVar[Prior] = Prior.FLAT
    """The prior of the quantiles."""

    def __post_init__(self):
        k = np.size(self.redshifts)
        m = np.shape(self.nodes)[-1] if np.ndim(self.nodes) else 0
        expected = {
            "redshifts": (k,),
            "nodes": (k, m),
            "ln_mass": (k, m, N_SIGMA.size),
            "edges": (k, 2),
        }
        for name, shape in expected.items():
            values = np.asarray(getattr(self, name))
            if values.shape != shape or not values.size or values.dtype.kind != "f":
                raise ValueError(f"{name} is no table of numbers of shape {shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name} holds what is not a number")
        if np.any(np.diff(self.redshifts) <= 0) or np.any(np.diff(self.nodes, axis=1) <= 0):
            raise ValueError("redshifts and nodes must ascend")

    def percentiles(self, raw_mass_msun, redshift, percents) -> np.ndarray:
        """Return percentiles of the mass.

        Parameters
        ----------
        raw_mass_msun, redshift : array_like, shape (n,)
            The network's own answer, and redshifts within `redshifts`' range (NaN gives NaN).
        percents : sequence of float, length p
            Between 0 and 100.

        Returns
        -------
        numpy.ndarray, shape (n, p)
            Percentiles of M200c [Msun].
        """
        sigma = np.clip(ndtri(np.asarray(percents, float) / 100.0), N_SIGMA[0], N_SIGMA[-1])
        result = self._quantiles(raw_mass_msun, redshift, sigma)
        lost = ~np.isfinite(raw_mass_msun) | ~np.isfinite(redshift)
        return np.where(lost[:, None], np.nan, np.exp(result))

    def posterior(self, raw_mass_msun, redshift) -> MassPosterior:
        """Return the whole posterior, its tails continued beyond the table as those of a Gaussian.

        A steep prior moves an uncertain mass by several sigma, to where simulations are too few for
        quantiles. Tails end where the prior's range does.

        Parameters
        ----------
        raw_mass_msun, redshift : array_like, shape (n,)
            As for `percentiles`, whose values its percentiles are but for the width of its cells.

        Returns
        -------
        MassPosterior
            Under `prior`, on the grid of `prior_range_msun`; rows whose input is not finite are NaN.
        """
        grid = mass_grid(self.prior_range_msun)
        edges = np.append(grid, grid[-1] + grid[1] - grid[0]) - 0.5 * (grid[1] - grid[0])
        levels = ndtr(POSTERIOR_SIGMA)
        ln_mass = self._with_tails(self._quantiles(raw_mass_msun, redshift, N_SIGMA), POSTERIOR_SIGMA)
        below = np.array([np.interp(edges, row, levels) for row in ln_mass]).reshape(-1, edges.size)
        below[:, 0], below[:, -1] = 0.0, 1.0
        density = np.diff(below, axis=1)
        lost = ~np.isfinite(raw_mass_msun) | ~np.isfinite(redshift)
        return MassPosterior(grid, np.where(lost[:, None], np.nan, density))

    def _with_tails(self, table: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Return ln M at any sigma (q,) from the quantiles at `N_SIGMA` (n, 31)."""
        width = N_SIGMA[TAIL_LEVELS - 1] - N_SIGMA[0]
        low_slope = (table[:, TAIL_LEVELS - 1] - table[:, 0]) / width
        high_slope = (table[:, -1] - table[:, -TAIL_LEVELS]) / width
        below = np.minimum(sigma - N_SIGMA[0], 0.0)
        above = np.maximum(sigma - N_SIGMA[-1], 0.0)
        inside = _at_levels(table, np.clip(sigma, N_SIGMA[0], N_SIGMA[-1]))
        ln_mass = inside + low_slope[:, None] * below + high_slope[:, None] * above
        low, high = np.log(self.prior_range_msun)
        # quantiles of the table may lie a hair's breadth beyond the range: only what is added is cut
        return np.clip(ln_mass, np.minimum(low, table[:, :1]), np.maximum(high, table[:, -1:]))

    def _quantiles(self, raw_mass_msun, redshift, sigma: np.ndarray) -> np.ndarray:
        """Return ln M (n, s) at levels within the table; rows whose input is not finite hold any number."""
        x = stretch(np.nan_to_num(raw_mass_msun, nan=1e14))
        low, upper = self._redshift_weights(redshift)
        result = np.zeros((x.size, sigma.size))
        for index in np.unique(np.concatenate([low, low + 1])):
            if index >= len(self.redshifts):
                continue
            weight = np.where(low == index, 1.0 - upper, np.where(low + 1 == index, upper, 0.0))
            rows = weight > 0
            result[rows] += weight[rows, None] * self._at_redshift(index, x[rows], sigma)
        return result

    def beyond_range(self, raw_mass_msun, redshift) -> np.ndarray:
        """Return whether raw masses (n,) lie beyond that of an average cluster at either end of the range."""
        x = stretch(np.nan_to_num(raw_mass_msun, nan=1e14))
        z = np.nan_to_num(redshift, nan=self.redshifts[0])
        edges = [np.interp(np.log1p(z), np.log1p(self.redshifts), edge) for edge in self.edges.T]
        return (x < edges[0]) | (x > edges[1])

    def _redshift_weights(self, redshift) -> tuple[np.ndarray, np.ndarray]:
        nodes = np.log1p(self.redshifts)
        z = np.log1p(np.where(np.isfinite(redshift), redshift, self.redshifts[0]))
        position = np.interp(z, nodes, np.arange(nodes.size))
        low = np.minimum(position.astype(int), max(nodes.size - 2, 0))
        return low, position - low

    def _at_redshift(self, index: int, x: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        nodes, quantiles = self.nodes[index], self.ln_mass[index]
        return _at_levels(np.stack([np.interp(x, nodes, column) for column in quantiles.T], axis=1), sigma)


def _at_levels(by_level: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return quantiles (n, s) at levels within the table from those at `N_SIGMA` (n, 31)."""
    position = np.interp(sigma, N_SIGMA, np.arange(N_SIGMA.size))
    low = np.minimum(position.astype(int), N_SIGMA.size - 2)
    upper = position - low
    return by_level[:, low] * (1.0 - upper) + by_level[:, low + 1] * upper


def _weighted_quantiles(values, weights, levels) -> np.ndarray:
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    cumulative = (cumulative - 0.5 * weights[order]) / cumulative[-1]
    return np.interp(levels, cumulative, values[order])


def _fit_one_redshift(output, ln_mass, n_nodes: int, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and local quantiles of ln M under a prior flat in M, from masses drawn flat in ln M."""
    order = np.argsort(output)
    x, y = output[order], ln_mass[order]
    ranks = np.linspace(neighbours // 4, x.size - 1 - neighbours // 4, n_nodes).astype(int)
    nodes, quantiles = np.unique(x[ranks]), []
    for node in nodes:
        centre = np.searchsorted(x, node)
        near = slice(max(centre - neighbours, 0), min(centre + neighbours, x.size))
        distance = np.abs(x[near] - node)
        kernel = (1.0 - (distance / (1.001 * distance.max() + 1e-9)) ** 3) ** 3
        # masses follow the output, so quantiles of the difference are smoother than those of the mass
        local = _weighted_quantiles(y[near] - x[near], kernel * np.exp(y[near] - y.max()), ndtr(N_SIGMA))
        quantiles.append(local + node)
    return nodes, np.clip(quantiles, y.min(), y.max())


def fit_calibration(
    redshifts, raw_mass_msun, true_mass_msun, prior_range_msun: tuple[float, float], n_nodes: int = 64
) -> Calibration:
    """Measure the calibration on simulations with masses drawn uniformly in ln M.

    Parameters
    ----------
    redshifts : array_like, shape (k,)
        Redshifts of the simulations, ascending.
    raw_mass_msun, true_mass_msun : array_like, shape (k, n)
        Network output and truth of n held-out clusters at each redshift.
    prior_range_msun : (float, float)
        Range the masses were drawn from.
    n_nodes : int
        Nodes in the network's output.

    Returns
    -------
    Calibration
    """
    output, ln_mass = stretch(raw_mass_msun), np.log(true_mass_msun)
    neighbours = max(output.shape[1] // 40, 20)
    nodes, quantiles, edges = [], [], []
    for x, y in zip(output, ln_mass, strict=True):
        at, values = _fit_one_redshift(x, y, n_nodes, neighbours)
        # equal numbers of nodes at every redshift keep the table rectangular
        steps = np.linspace(0, at.size - 1, n_nodes).astype(int)
        nodes.append(at[steps] + 1e-9 * np.arange(n_nodes))
        quantiles.append(values[steps])
        by_mass = np.argsort(y)
        edges.append([np.median(x[by_mass[:neighbours]]), np.median(x[by_mass[-neighbours:]])])
    return Calibration(
        np.asarray(redshifts, float), np.array(nodes), np.array(quantiles), np.array(edges), prior_range_msun
    )
