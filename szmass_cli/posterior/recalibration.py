"""Posteriors set right on held-out simulations: a shift and a stretch in cells of mass, redshift and S/N."""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from szmass_cli.posterior.priors import Prior

N_GRID = 400
"""Masses on which posteriors are tabulated."""

PRIOR_CLUSTERS = 40.0
"""A cell of few simulations is drawn to no change, as if by so many clusters without any."""

AXES = ("ln_mass_nodes", "ln_redshift_nodes", "snr_nodes")


def mass_grid(m200c_range_msun: tuple[float, float]) -> np.ndarray:
    """ln M200c [ln Msun] of the cells that a range is cut into evenly, (400,)."""
    low, high = np.log(m200c_range_msun)
    return low + (np.arange(N_GRID) + 0.5) * (high - low) / N_GRID


def moments(ln_mass: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of ln M of posteriors (n, m) on a grid (m,), each (n,)."""
    mean = density @ ln_mass
    return mean, np.sqrt(np.maximum(density @ ln_mass**2 - mean**2, 1e-8))


def median_mass(ln_mass: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Median M200c [Msun] of posteriors (n, m) on a grid (m,), (n,)."""
    cumulative = np.cumsum(density, axis=1)
    above = np.minimum((cumulative < 0.5).sum(axis=1), ln_mass.size - 1)
    return np.exp(ln_mass[above])


@dataclass(frozen=True)
class Recalibration:
    """How the posteriors of a network are shifted and stretched so that they cover what they state.

    Parameters
    ----------
    ln_mass_nodes, ln_redshift_nodes, snr_nodes : numpy.ndarray, shape (a,), (b,), (c,)
        Ascending: mean ln M200c [ln Msun] of the posterior, ln z, and arcsinh of the S/N.
    shift : numpy.ndarray, shape (a, b, c)
        Of the mean, in the posterior's own standard deviations.
    stretch : numpy.ndarray, shape (a, b, c)
        Of the standard deviation.
    prior_range_msun : (float, float)
        The prior is flat in ln M200c between these.
    """

    ln_mass_nodes: np.ndarray
    ln_redshift_nodes: np.ndarray
    snr_nodes: np.ndarray
    shift: np.ndarray
    stretch: np.ndarray
    prior_range_msun: tuple[float, float]

    prior: ClassVar[Prior] = Prior.FLAT_LOG
    """The prior of the posteriors."""

    def __post_init__(self):
        shape = tuple(np.size(getattr(self, name)) for name in AXES)
        for name in AXES:
            nodes = np.asarray(getattr(self, name))
            if nodes.ndim != 1 or not np.isfinite(nodes).all() or np.any(np.diff(nodes) <= 0):
                raise ValueError(f"{name} must be numbers that ascend")
        for name in ("shift", "stretch"):
            values = np.asarray(getattr(self, name))
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} is no table of numbers of shape {shape}")
        if np.any(np.asarray(self.stretch) <= 0):
            raise ValueError("stretch must be positive")

    @property
    def ln_mass(self) -> np.ndarray:
        """The grid that posteriors are on, (m,)."""
        return mass_grid(self.prior_range_msun)

    def __call__(self, density: np.ndarray, redshift: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """Posteriors (n, m) set right, given redshifts and S/N (n,); rows sum to one."""
        grid = self.ln_mass
        mean, sigma = moments(grid, density)
        weights = _corner_weights(self._nodes, mean, redshift, snr)
        shift, stretch = (
            np.sum([weight * table[corner] for corner, weight in weights], axis=0)
            for table in (self.shift, self.stretch)
        )
        source = mean[:, None] + (grid[None] - (mean + shift * sigma)[:, None]) / stretch[:, None]
        moved = _interpolated(grid, np.log(np.maximum(density, 1e-300)), source)
        moved = np.exp(moved - moved.max(axis=1, keepdims=True))
        return moved / moved.sum(axis=1, keepdims=True)

    @property
    def _nodes(self) -> list[np.ndarray]:
        return [np.asarray(getattr(self, name), float) for name in AXES]


def _interpolated(grid: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of values (n, m) on an even grid (m,), at other points (n, m); beyond its ends, theirs."""
    position = (at - grid[0]) / (grid[1] - grid[0])
    low = np.clip(np.floor(position).astype(int), 0, grid.size - 2)
    upper = np.clip(position - low, 0.0, 1.0)
    return np.take_along_axis(values, low, 1) * (1.0 - upper) + np.take_along_axis(values, low + 1, 1) * upper


def _corner_weights(
    nodes: list[np.ndarray], ln_mass: np.ndarray, redshift: np.ndarray, snr: np.ndarray
) -> list[tuple[tuple[np.ndarray, ...], np.ndarray]]:
    """Corners of the cell around each cluster and their weights (n,) in a trilinear interpolation."""
    sides = []
    for axis, values in zip(nodes, (ln_mass, np.log(redshift), np.arcsinh(snr)), strict=True):
        position = np.interp(values, axis, np.arange(axis.size))
        low = np.minimum(position.astype(int), max(axis.size - 2, 0))
        upper = position - low
        sides.append(((low, 1.0 - upper), (np.minimum(low + 1, axis.size - 1), upper)))
    weights = []
    for corner in product((0, 1), repeat=3):
        chosen = [sides[axis][side] for axis, side in enumerate(corner)]
        indices = tuple(index for index, _ in chosen)
        weights.append((indices, np.prod([weight for _, weight in chosen], axis=0)))
    return weights


def fit_recalibration(
    prior_range_msun: tuple[float, float],
    density: np.ndarray,
    ln_mass_true: np.ndarray,
    redshift: np.ndarray,
    snr: np.ndarray,
) -> Recalibration:
    """Measure the recalibration on held-out simulations drawn from the training prior.

    Parameters
    ----------
    prior_range_msun : (float, float)
    density : numpy.ndarray, shape (n, m)
        Posteriors of the network on `mass_grid`.
    ln_mass_true, redshift, snr : numpy.ndarray, shape (n,)

    Returns
    -------
    Recalibration

    Notes
    -----
    In a cell the shift is the mean of (ln M - mean) / sigma, the stretch the root of its variance.
    Posteriors that the edges of the prior cut off keep their shape: there the moments of the truth are those
    of the posterior already, shift 0 and stretch 1.
    """
    grid = mass_grid(prior_range_msun)
    mean, sigma = moments(grid, density)
    span = np.log(redshift.min()), np.log(redshift.max())
    nodes = [
        np.linspace(grid[0], grid[-1], 9),
        np.linspace(*span, 6) if span[1] > span[0] + 1e-6 else np.array([span[0]]),
        np.arcsinh([0.0, 2.0, 5.0, 12.0, 30.0]),
    ]
    offset = np.clip((ln_mass_true - mean) / sigma, -6.0, 6.0)
    shape = tuple(axis.size for axis in nodes)
    sums = np.zeros((3, *shape))
    for corner, weight in _corner_weights(nodes, mean, redshift, snr):
        for power in range(3):
            np.add.at(sums[power], corner, weight * offset**power)
    n = sums[0] + PRIOR_CLUSTERS
    shift = sums[1] / n
    variance = (sums[2] + PRIOR_CLUSTERS) / n - shift**2
    stretch = np.sqrt(np.maximum(variance, 0.05))
    return Recalibration(nodes[0], nodes[1], nodes[2], shift, stretch, prior_range_msun)
