"""Posteriors of clusters whose redshift is uncertain."""

from collections.abc import Callable

import numpy as np

from szmass_cli.physics.cosmology import MASS_RANGE_MSUN, Cosmology
from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.sky.abundance import halo_abundance

N_NODES = 7
"""Redshifts at which an uncertain one is looked at."""

FOUND_ABOVE_MSUN = 2e14
"""Least M200c of a cluster of unknown redshift: about where SZ surveys begin to find them."""


def redshift_nodes(
    redshift: np.ndarray, redshift_err: np.ndarray, allowed: tuple[float, float], n_nodes: int = N_NODES
) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss-Hermite nodes and weights for a Gaussian redshift distribution.

    Parameters
    ----------
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Mean and standard deviation of the redshifts.
    allowed : (float, float)
        Redshift range; nodes outside it are moved to its ends.
    n_nodes : int, optional
        Number k of nodes.

    Returns
    -------
    nodes : numpy.ndarray, shape (k, n)
        Redshifts of the k nodes of each cluster.
    weights : numpy.ndarray, shape (k,)
        Weights of the nodes, which sum to one.

    Notes
    -----
    With the roots x_k and weights w_k of the Hermite polynomial (Abramowitz & Stegun 1964, 25.4.46):
    int N(z; m, s²) f(z) dz ≈ sum_k w_k / sqrt(pi) f(m + sqrt(2) s x_k).
    """
    roots, weights = np.polynomial.hermite.hermgauss(n_nodes)
    nodes = redshift + np.sqrt(2.0) * redshift_err * roots[:, None]
    return np.clip(nodes, *allowed), weights / weights.sum()


def unknown_redshift_nodes(
    redshift: np.ndarray, redshift_err: np.ndarray, allowed: tuple[float, float], cosmology: Cosmology
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for clusters of unknown redshift.

    The prior is the dN / dz of halos above `FOUND_ABOVE_MSUN` in the mass function of Tinker et al. (2008),
    divided into seven parts of equal probability, each represented by its median.

    Parameters
    ----------
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Not used except for their length n.
    allowed : (float, float)
        Redshift range of the prior.
    cosmology : Cosmology
        Cosmology of the mass function and of the comoving volume.

    Returns
    -------
    nodes : numpy.ndarray, shape (k, n)
        Redshifts of the k nodes of each cluster.
    weights : numpy.ndarray, shape (k,)
        Weights of the nodes, which sum to one.
    """
    levels = (np.arange(N_NODES) + 0.5) / N_NODES
    clusters = halo_abundance(cosmology, (FOUND_ABOVE_MSUN, MASS_RANGE_MSUN[1]), allowed)
    nodes = clusters.redshift_quantiles(levels)
    return np.repeat(nodes[:, None], len(redshift), axis=1), np.full(N_NODES, 1.0 / N_NODES)


def marginalised(
    posterior_at: Callable[[np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    allowed: tuple[float, float],
) -> MassPosterior:
    """Return the posterior marginalised over a Gaussian redshift.

    This is the integral int p(ln M | data, z) N(z; redshift, redshift_err²) dz.

    Parameters
    ----------
    posterior_at : callable
        Returns the posteriors of the n clusters at redshifts (n,).
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Mean and standard deviation of the redshifts.
    allowed : (float, float)
        Redshift range in which `posterior_at` can be evaluated.

    Returns
    -------
    MassPosterior
    """
    nodes, weights = redshift_nodes(redshift, redshift_err, allowed)
    return mixture([posterior_at(node) for node in nodes], weights)
