"""Choice of a recalibration on held-out simulations, by maximum likelihood."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from szmass_cli.posterior.grid import ln_density_at, mass_grid
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.likeliest import FITTED_FLOOR, Nodes, Terms, likeliest, with_floor
from szmass_cli.posterior.recalibration import Recalibration

N_NODES = (7, 4)
"""Of the mean mass and of redshift."""

SNR_NODES = (0.0, 3.0, 8.0, 25.0, 80.0, 250.0)

WIDTHS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Standard deviations that shifts and ln stretches may have, of which one is chosen; 0 is no change."""

FLOORS = (0.0, 3e-4, 1e-3, 3e-3, 1e-2)
"""Floors of which one is chosen."""


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
    error of the best, so that noise is not mistaken for a correction. Whether there are tails and
    evidence counts, and the floor, are chosen in the same way.
    """
    third = len(clusters) // 3
    fitted, judged = clusters[third:], clusters[:third]
    nodes = _nodes(mass_grid(prior_range_msun), clusters.redshift, n_nodes, snr_nodes)

    def judge(terms: Sequence[Terms]) -> int:
        found = (likeliest(prior_range_msun, nodes, fitted, one) for one in terms)
        return _simplest([_ln_p(trial, judged, FITTED_FLOOR) for trial in found])

    width = widths[judge([Terms(width) for width in widths])]
    without_and_with = [Terms(width), Terms.with_tails(width)]
    terms = without_and_with[judge(without_and_with)]
    table = likeliest(prior_range_msun, nodes, clusters, terms)
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


def _nodes(
    grid: np.ndarray, redshift: np.ndarray, n_nodes: tuple[int, int], snr_nodes: Sequence[float]
) -> Nodes:
    """Return the nodes of a recalibration in mass, redshift and S/N."""
    low, high = np.log(redshift.min()), np.log(redshift.max())
    in_redshift = np.linspace(low, high, n_nodes[1]) if high > low + 1e-6 else np.array([low])
    return np.linspace(grid[0], grid[-1], n_nodes[0]), in_redshift, np.arcsinh(snr_nodes)


def _ln_p(table: Recalibration, clusters: HeldOut, floor: float) -> np.ndarray:
    """Return ln p (n,) of the true masses."""
    density = table(clusters.density, clusters.redshift, clusters.snr, clusters.evidence)
    return with_floor(ln_density_at(table.ln_mass, density, clusters.ln_mass), table.ln_mass, floor)
