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
    redshift: np.ndarray, redshift_err: np.ndarray, allowed: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of Gauss and Hermite for a Gaussian redshift.

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


def unknown_redshift_nodes(
    redshift: np.ndarray, redshift_err: np.ndarray, allowed: tuple[float, float], cosmology: Cosmology
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for clusters of which no redshift is known.

    The prior is that of clusters on the sky: dN / dz of halos above `FOUND_ABOVE_MSUN` in the mass function
    of Tinker et al. (2008), in seven parts of equal probability, each stood for by its median.

    Parameters
    ----------
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Only their number counts.
    allowed : (float, float)
        The range of the prior.
    cosmology : Cosmology
        Of the mass function and of the volume.

    Returns
    -------
    nodes : numpy.ndarray, shape (k, n)
    weights : numpy.ndarray, shape (k,)
        Summing to one.
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
    """Return the posterior whatever the redshift: int p(ln M | data, z) N(z; redshift, redshift_err²) dz.

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
