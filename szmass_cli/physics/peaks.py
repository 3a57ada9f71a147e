"""How rare a halo is for its time: the height of the peak it grew from."""

from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline

from szmass_cli.physics.cosmology import MASS_RANGE_MSUN, PLANCK18, REDSHIFT_RANGE, Cosmology, convert_m200c


@lru_cache(maxsize=8)
def _table(cosmology: Cosmology) -> RectBivariateSpline:
    """Return ln nu on a grid of (ln M200c, ln(1+z))."""
    from colossus.lss import peaks

    h = cosmology.use_in_colossus()
    ln_mass = np.log(np.geomspace(*MASS_RANGE_MSUN, 40))
    ln_1z = np.linspace(np.log1p(REDSHIFT_RANGE[0]), np.log1p(REDSHIFT_RANGE[1]), 40)
    ln_nu = np.empty((ln_mass.size, ln_1z.size))
    for column, z in enumerate(np.expm1(ln_1z).clip(*REDSHIFT_RANGE)):
        m_vir = convert_m200c(np.exp(ln_mass).clip(*MASS_RANGE_MSUN), z, "vir", cosmology)
        ln_nu[:, column] = np.log(peaks.peakHeight(m_vir * h, z))
    return RectBivariateSpline(ln_mass, ln_1z, ln_nu)


def peak_height(m200c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the peak height nu = delta_c / sigma(M_vir, z).

    It is 1 for halos that collapse just then, and 2 to 4 for clusters.

    Parameters
    ----------
    m200c_msun, redshift : array_like
        [Msun], turned into virial masses with mean concentrations; broadcast against each other.
    cosmology : Cosmology
        Sets sigma(M, z), and the virial masses.
    """
    return np.exp(_table(cosmology)(np.log(m200c_msun), np.log1p(redshift), grid=False))
