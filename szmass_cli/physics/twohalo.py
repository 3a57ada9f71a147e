"""Halos around a cluster: how many more there are than elsewhere."""

from functools import lru_cache

import numpy as np

from szmass_cli.physics.cosmology import Cosmology

N_RADII, RADII_MPC = 120, (0.02, 60.0)
DEPTH_MPC = 100.0
"""How far the correlation is followed along the line of sight, comoving: beyond it is small."""


def halo_bias(m200c_msun, redshift: float, cosmology: Cosmology) -> np.ndarray:
    """Return the linear bias of halos of masses M200c [Msun] at one redshift.

    Tinker et al. (2010, ApJ 724, 878), equation 6, as implemented in colossus.
    """
    from colossus.lss import bias

    h = cosmology.use_in_colossus()
    return bias.haloBias(np.asarray(m200c_msun, float) * h, redshift, "200c", model="tinker10")


def growth(redshift, cosmology: Cosmology) -> np.ndarray:
    """Return the linear growth factor of density at redshifts, 1 at redshift 0."""
    from colossus.cosmology import cosmology as colossus_cosmology

    cosmology.use_in_colossus()
    return colossus_cosmology.getCurrent().growthFactor(np.asarray(redshift, float))


@lru_cache(maxsize=8)
def projected_correlation_mpc(cosmology: Cosmology) -> tuple[np.ndarray, np.ndarray]:
    """Return the projected correlation function of matter at redshift 0 by radius.

    Parameters
    ----------
    cosmology : Cosmology
        Gives the linear power spectrum, of Eisenstein & Hu (1998).

    Returns
    -------
    radius_mpc, projected_mpc : numpy.ndarray, shape (120,)
        Comoving distances across the line of sight, and w(R) = 2 int_0^100 xi((R^2 + l^2)^1/2) dl.
    """
    from colossus.cosmology import cosmology as colossus_cosmology

    h = cosmology.use_in_colossus()
    now = colossus_cosmology.getCurrent()
    radius = np.geomspace(*RADII_MPC, N_RADII)
    depth = np.concatenate([[0.0], np.geomspace(1e-3, DEPTH_MPC, 600)])
    distance = np.hypot(radius[:, None], depth[None, :])
    xi = now.correlationFunction(distance.ravel() * h, 0.0).reshape(distance.shape)
    return radius, 2.0 * np.trapezoid(xi, depth, axis=1)
