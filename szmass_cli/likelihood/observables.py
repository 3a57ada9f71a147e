"""What a matched filter says of a cluster: signal-to-noise, central Compton y, integrated Compton y."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.physics.profiles import cluster_scales


@dataclass(frozen=True)
class Observables:
    """Amplitudes of clusters of given sizes, arrays of shape (n,).

    Parameters
    ----------
    snr : numpy.ndarray
        Signal-to-noise of the matched filter.
    y0, y0_err : numpy.ndarray
        Compton y at the centre, before any beam, and its standard deviation by noise and foregrounds.
    y500_arcmin2 : numpy.ndarray
        Compton y within the sphere of R500 [arcmin^2].
    """

    snr: np.ndarray
    y0: np.ndarray
    y0_err: np.ndarray
    y500_arcmin2: np.ndarray


def observables(
    likelihood: GaussianLikelihood, weighed: Weighed, m200c_msun: np.ndarray, redshift: np.ndarray
) -> Observables:
    """Return the amplitudes that fit best of clusters with the size and mean profile of given masses.

    The amplitude of the matched filter (Melin et al. 2006, A&A 459, 341, eqs. 7-9), times the central and
    the integrated Compton y of the template. It is not held to what the mass says: it has the cluster's own
    departure from the mean relation, and may be negative.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Gives the matched filters, and the SZ model of the templates.
    weighed : Weighed
        The n cutouts with their products with the inverse covariance.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        Mass [Msun] that gives the template its size, and redshift.
    """
    masses, at = np.asarray(m200c_msun, float)[:, None], np.asarray(redshift, float)[:, None]
    scales = cluster_scales(masses, at, likelihood.model)
    projection, fisher = likelihood.matched(weighed, scales)
    amplitude, error = projection / fisher, 1.0 / np.sqrt(fisher)
    values = (amplitude / error, amplitude * scales.y0, error * scales.y0, amplitude * scales.y500_arcmin2)
    return Observables(*(value[:, 0] for value in values))


def products_by_band(
    likelihood: GaussianLikelihood, weighed: Weighed, m200c_msun: np.ndarray, redshift: np.ndarray
) -> np.ndarray:
    """Return the matched filters of the single bands for clusters of cold gas, (n, f, 1 + f).

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Of f bands.
    weighed : Weighed
        The n cutouts with their products with the inverse covariance.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        Mass [Msun] that gives the template its size and brightness, and redshift.

    Returns
    -------
    numpy.ndarray, shape (n, f, 1 + f)
        t_i^T C^-1 d, and t_i^T C^-1 t_j, for the part of the cluster t_i in each band.
    """
    masses, at = np.asarray(m200c_msun, float)[:, None], np.asarray(redshift, float)[:, None]
    scales = cluster_scales(masses, at, likelihood.model)
    return likelihood.by_band(weighed, likelihood.placed(scales))[:, 0]
