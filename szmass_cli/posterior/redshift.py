"""Posteriors of clusters whose redshift is uncertain."""

from collections.abc import Callable

import numpy as np

from szmass_cli.posterior.masses import MassPosterior, mixture

N_NODES = 7
"""Redshifts at which an uncertain one is looked at."""


def redshift_nodes(
    redshift: np.ndarray, redshift_err: np.ndarray, allowed: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Hermite for a Gaussian redshift.

    Parameters
    ----------
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Mean and standard deviation.
    allowed : (float, float)
        Nodes beyond this range are put on its ends.

    Returns
    -------
    nodes : numpy.ndarray, shape (k, n)
    weights : numpy.ndarray, shape (k,)
        Summing to one.

    Notes
    -----
    With the roots x_k and weights w_k of the Hermite polynomial (Abramowitz & Stegun 1964, 25.4.46):
    int N(z; m, s²) f(z) dz ≈ sum_k w_k / sqrt(pi) f(m + sqrt(2) s x_k).
    """
    roots, weights = np.polynomial.hermite.hermgauss(N_NODES)
    nodes = redshift + np.sqrt(2.0) * redshift_err * roots[:, None]
    return np.clip(nodes, *allowed), weights / weights.sum()


def marginalised(
    posterior_at: Callable[[np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    allowed: tuple[float, float],
) -> MassPosterior:
    """The posterior whatever the redshift: int p(ln M | data, z) N(z; redshift, redshift_err²) dz.

    Parameters
    ----------
    posterior_at : callable
        Gives the posterior of n clusters at redshifts (n,).
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Mean and standard deviation.
    allowed : (float, float)
        Redshifts that `posterior_at` can be asked for.

    Returns
    -------
    MassPosterior
    """
    nodes, weights = redshift_nodes(redshift, redshift_err, allowed)
    return mixture([posterior_at(node) for node in nodes], weights)
