"""Likelihoods shifted and tempered by S/N, so that clusters injected into a map are rightly covered.

Noise that is k times what was stated makes likelihoods too sharp: L^(1/k^2) is the right one. To stretch
the posterior instead would stretch its prior, and move the many faint clusters that have little else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from szmass_cli.posterior.coverage import LEAST_SNR
from szmass_cli.posterior.grid import mass_grid, moments, normalised, probability_below
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.recalibration import shifted_and_stretched

SNR_NODES = (1.0, 3.0, 5.0, 8.0, 14.0, 25.0)
"""S/N that may have a shift and a power of their own; beyond the first and the last nothing changes."""

LEAST_PER_NODE = 40.0
"""Clusters that each S/N rests on at least; with fewer its neighbours serve."""

SIGMA, SIGMA_OF_STEPS = 0.5, 0.2
"""Standard deviations held likely beforehand: of shifts and ln powers, and of their change between nodes."""

LN_POWER_RANGE, SHIFT_RANGE = (-2.8, 1.8), (-2.0, 2.0)
FLOOR = 1e-3
"""Probability spread evenly over all masses: no outlier counts more than by its ln."""

DELTA, N_STEPS, LARGEST_STEP = 0.05, 15, 0.7
STEP_SIZES = (1.0, 0.5, 0.25, 0.125)
"""Fractions of a step that are tried, until one makes the true masses likelier."""

MEAN_BY_SIGMA, WITHIN_BY_LN_WIDTH, N_COVERING = 0.28, 0.5, 6
"""How a shift by a Gaussian's sigma changes the mean probability below the truth, and its width the fraction
within 68 per cent."""

_EVERY = 4
_CHANGES = DELTA * np.eye(2)[:, :, None]


@dataclass(frozen=True)
class Tempering:
    """What likelihoods are shifted by, and raised to, by S/N.

    Parameters
    ----------
    snr_nodes : numpy.ndarray, shape (k,)
        Ascending S/N, between which the two are interpolated in arcsinh.
    shift : numpy.ndarray, shape (k,)
        Shift towards higher masses, in standard deviations of the posterior.
    power : numpy.ndarray, shape (k,)
        Power that the likelihood is raised to; below 1 error bars become wider.
    prior_range_msun : (float, float)
        Range of M200c [Msun] in which the prior is flat in ln M200c.
    """

    snr_nodes: np.ndarray
    shift: np.ndarray
    power: np.ndarray
    prior_range_msun: tuple[float, float]

    @property
    def ln_mass(self) -> np.ndarray:
        """Return the mass grid of the posteriors, (m,) [ln Msun]."""
        return mass_grid(self.prior_range_msun)

    def __call__(self, density: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """Return posteriors under the flat prior (n, m) with other likelihoods and the floor.

        Parameters
        ----------
        density : numpy.ndarray, shape (n, m)
            Probability of each cell of `ln_mass` under the flat prior.
        snr : numpy.ndarray, shape (n,)
            S/N of the clusters.

        Returns
        -------
        numpy.ndarray, shape (n, m)
            Rows sum to one.
        """
        return (1.0 - FLOOR) * self.without_floor(density, snr) + FLOOR / density.shape[1]

    def without_floor(self, density: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """Return posteriors under the flat prior (n, m) with other likelihoods alone; rows sum to one.

        Parameters
        ----------
        density : numpy.ndarray, shape (n, m)
            Probability of each cell of `ln_mass` under the flat prior.
        snr : numpy.ndarray, shape (n,)
            S/N of the clusters.
        """
        weights = _weights(self.snr_nodes, snr)
        power, shift = np.exp(weights @ np.log(self.power)), weights @ self.shift
        mean, sigma = moments(self.ln_mass, density)
        moved = shifted_and_stretched(self.ln_mass, density, mean, sigma, shift, np.ones(len(density)))
        return normalised(power[:, None] * np.log(np.maximum(moved, 1e-300)))

    def stated(self) -> dict[str, Any]:
        """Return shift and power in JSON form, every number in full."""
        arrays = {name: getattr(self, name).tolist() for name in ("snr_nodes", "shift", "power")}
        return {**arrays, "prior_range_msun": list(self.prior_range_msun)}

    @classmethod
    def from_stated(cls, stated: dict[str, Any]) -> "Tempering":
        """Return the tempering whose JSON form is given.

        Raises
        ------
        KeyError, TypeError, ValueError
            It is damaged.
        """
        nodes, shift, power = (np.asarray(stated[name], float) for name in ("snr_nodes", "shift", "power"))
        low, high = map(float, stated["prior_range_msun"])
        if not nodes.shape == shift.shape == power.shape == (nodes.size,) or np.any(power <= 0.0):
            raise ValueError("shift and power are no tables by S/N")
        return cls(nodes, shift, power, (low, high))

    @property
    def in_words(self) -> str:
        """Return shift and stretch at each S/N in words."""
        at = ", ".join(f"{snr:g}" for snr in self.snr_nodes)
        shift = ", ".join(f"{value:.3f}" for value in self.shift)
        stretch = ", ".join(f"{value:.3f}" for value in 1.0 / np.sqrt(self.power))
        return (
            f"likelihoods shifted by {shift} of sigma and stretched by {stretch} at S/N {at}; floor {FLOOR:g}"
        )


def fitted_tempering(prior_range_msun: tuple[float, float], clusters: HeldOut) -> Tempering:
    """Return the tempering under which the true masses of injected clusters are likeliest.

    Clusters of all S/N count, as the S/N is of the data: given the data, posteriors are right whatever is
    selected by it.

    Parameters
    ----------
    prior_range_msun : (float, float)
        Range of M200c that the masses were drawn from, uniformly in ln M.
    clusters : HeldOut
        Posteriors of injected clusters, with their true masses.
    """
    nodes = _nodes(clusters.snr)
    k, weights = len(nodes), _weights(nodes, clusters.snr)
    curves = _Curves(mass_grid(prior_range_msun), clusters)
    steps = np.diff(np.eye(k), axis=0)
    penalty = np.full((k, k), 1.0 / (k * SIGMA) ** 2) + steps.T @ steps / SIGMA_OF_STEPS**2
    both = np.zeros((2, k))

    def ln_p(shift: np.ndarray, ln_power: np.ndarray) -> np.ndarray:
        return curves.ln_p(weights @ shift, np.exp(weights @ ln_power))

    def objective(found: np.ndarray) -> float:
        return float(ln_p(*found).sum() - 0.5 * np.einsum("ij,jk,ik", found, penalty, found))

    for _ in range(N_STEPS):
        power = np.exp(weights @ both[1])
        slope = [ln_p(*(both + change)) - ln_p(*(both - change)) for change in _CHANGES]
        # of a Gaussian likelihood, in units of its sigma and in ln of its power
        information = weights.T @ (weights * power[:, None]), 0.5 * weights.T @ weights
        step = np.array(
            [
                np.linalg.solve(known + penalty, weights.T @ one / (2.0 * DELTA) - penalty @ values)
                for known, one, values in zip(information, slope, both, strict=True)
            ]
        )
        step = np.clip(step, -LARGEST_STEP, LARGEST_STEP)
        # posteriors with long tails hold less than a Gaussian's: the whole step may lead too far
        tried = (
            np.clip(both + size * step, *np.transpose([SHIFT_RANGE, LN_POWER_RANGE])[..., None])
            for size in STEP_SIZES
        )
        better = next((one for one in tried if objective(one) > objective(both)), None)
        if better is None:
            break
        both = better
    shift, ln_power = both
    return _covering(Tempering(nodes, shift, np.exp(ln_power), prior_range_msun), clusters)


def _covering(found: Tempering, clusters: HeldOut) -> Tempering:
    """Return a tempering with one more shift and power for all, so that the clusters that count are covered.

    The likeliest tempering heeds the tails, and a power does not make a wrong noise right where much of the
    scatter is intrinsic: 68 per cent are to lie within 68 per cent, and half of them above their medians.
    """
    above = clusters[clusters.snr > LEAST_SNR]
    if len(above) < LEAST_PER_NODE:
        return found
    for _ in range(N_COVERING):
        density = found(above.density, above.snr)
        below = probability_below(found.ln_mass, density, above.ln_mass)
        width = np.sqrt(np.mean(found.power))
        shift = (below.mean() - 0.5) / MEAN_BY_SIGMA / width
        within = np.mean(np.abs(below - 0.5) < 0.34)
        power = np.exp(2.0 * (within - 0.68) / WITHIN_BY_LN_WIDTH)
        found = replace(found, shift=found.shift + shift, power=found.power * power)
    return replace(found, shift=found.shift.round(4), power=found.power.round(4))


class _Curves:
    """Likelihoods, shifted and tempered, at the true masses alone.

    Parameters
    ----------
    grid : numpy.ndarray, shape (m,)
        Evenly spaced ln M200c of the posteriors [ln Msun].
    clusters : HeldOut
        Posteriors and true masses of n clusters.
    """

    def __init__(self, grid: np.ndarray, clusters: HeldOut):
        _, self._sigma = moments(grid, clusters.density)
        ln_density = np.log(np.maximum(np.asarray(clusters.density, float), 1e-300))
        # the highest is 1, so that powers neither overflow nor vanish
        self._ln = ln_density - ln_density.max(axis=1, keepdims=True)
        self._coarse = self._ln[:, _EVERY // 2 :: _EVERY]
        self._step, self._first = grid[1] - grid[0], grid[0]
        self._truth, self._range = clusters.ln_mass, grid.size * (grid[1] - grid[0])

    def ln_p(self, shift: np.ndarray, power: np.ndarray) -> np.ndarray:
        """Return ln p (n,) of the true masses, with the floor."""
        moved = shift * self._sigma
        at = np.clip((self._truth - moved - self._first) / self._step, 0.0, self._ln.shape[1] - 1.000001)
        low, rows = at.astype(int), np.arange(len(at))
        upper = at - low
        ln_there = self._ln[rows, low] * (1.0 - upper) + self._ln[rows, low + 1] * upper
        total = np.exp(power[:, None] * self._coarse).sum(axis=1) * self._step * _EVERY
        # what moves in at one end and out at the other
        first, last = (np.exp(power * self._ln[:, end]) for end in (0, -1))
        total = np.maximum(total + moved * (first - last), 0.1 * total)
        density = np.exp(power * ln_there) / total
        return np.log((1.0 - FLOOR) * density + FLOOR / self._range)


def _nodes(snr: np.ndarray) -> np.ndarray:
    """Return those S/N that enough clusters are near."""
    nodes: Sequence[float] = SNR_NODES
    while len(nodes) > 1:
        count = _weights(np.array(nodes), snr).sum(axis=0)
        least = int(np.argmin(count))
        if count[least] >= LEAST_PER_NODE:
            break
        nodes = [*nodes[:least], *nodes[least + 1 :]]
    return np.array(nodes)


def _weights(nodes: np.ndarray, snr: np.ndarray) -> np.ndarray:
    """Return the weights (n, k) of k nodes in an interpolation to S/N (n,); the end nodes serve beyond."""
    position = np.interp(np.arcsinh(snr), np.arcsinh(nodes), np.arange(len(nodes)))
    low = np.minimum(position.astype(int), max(len(nodes) - 2, 0))
    upper, rows = position - low, np.arange(len(position))
    weights = np.zeros((len(position), len(nodes)))
    weights[rows, low] += 1.0 - upper
    weights[rows, np.minimum(low + 1, len(nodes) - 1)] += upper
    return weights
