"""The halo mass function of Tinker et al. (2008), for any mass definition."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline

from szmass_cli.physics.cosmology import MASS_RANGE_MSUN, REDSHIFT_RANGE, Cosmology

TOP_MSUN = 1e17  # where halos above a mass are counted from
N_MASSES, N_REDSHIFTS = 400, 64


def halo_density_per_mpc3(
    mass_msun: np.ndarray, redshift: np.ndarray, mass_definition: str, cosmology: Cosmology
) -> np.ndarray:
    """Return the comoving number density of halos per ln M.

    Parameters
    ----------
    mass_msun : numpy.ndarray, shape (m,)
        Halo masses [Msun] in the given mass definition.
    redshift : numpy.ndarray, shape (k,)
        Redshifts of the halos.
    mass_definition : str
        Mass definition in the notation of colossus: ``200c``, ``500c``, ``200m``, ...
    cosmology : Cosmology
        Gives matter density and power spectrum.

    Returns
    -------
    numpy.ndarray, shape (k, m)
        dn / dlnM [1/Mpc^3].

    Notes
    -----
    Tinker et al. (2008, ApJ 688, 709), equations 2 to 8 with the parameters of Table 2, interpolated in the
    overdensity relative to the mean matter density, with the power spectrum of Eisenstein & Hu (1998), as
    implemented in colossus.
    """
    from colossus.lss import mass_function

    h = cosmology.use_in_colossus()
    return np.array(
        [
            mass_function.massFunction(
                mass_msun * h, z, mdef=mass_definition, model="tinker08", q_out="dndlnM"
            )
            * h**3
            for z in redshift
        ]
    )


@dataclass(frozen=True)
class HaloDensity:
    """The mass function as interpolating splines, for many clusters at once.

    Parameters
    ----------
    of_mass : scipy.interpolate.RectBivariateSpline
        ln of dn / dlnM [1/Mpc^3] as a function of ln(1 + z) and ln M [ln Msun].
    above_mass : scipy.interpolate.RectBivariateSpline
        ln of the density of all halos above a mass [1/Mpc^3], as a function of the same variables.
    """

    of_mass: RectBivariateSpline
    above_mass: RectBivariateSpline

    def ln_density(self, ln_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return ln of dn / dlnM [1/Mpc^3].

        Parameters
        ----------
        ln_mass : numpy.ndarray
            ln M [ln Msun], broadcast against the redshifts; NaN gives NaN.
        redshift : numpy.ndarray
            Redshifts, broadcast against the masses.
        """
        return _evaluated(self.of_mass, ln_mass, redshift)

    def ln_density_above(self, ln_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return ln of the number density of all halos above a mass [1/Mpc^3].

        Parameters
        ----------
        ln_mass : numpy.ndarray
            ln M [ln Msun], broadcast against the redshifts; NaN gives NaN.
        redshift : numpy.ndarray
            Redshifts, broadcast against the masses.
        """
        return _evaluated(self.above_mass, ln_mass, redshift)


@lru_cache(maxsize=8)
def tabulated_halo_density(mass_definition: str, cosmology: Cosmology) -> HaloDensity:
    """Return the mass function for one mass definition, tabulated over all supported masses and redshifts.

    Parameters
    ----------
    mass_definition : str
        Mass definition, in the notation of colossus: ``200c``, ``500c``, ``200m``, ...
    cosmology : Cosmology
        Gives matter density and power spectrum.

    Returns
    -------
    HaloDensity
    """
    ln_mass = np.linspace(np.log(MASS_RANGE_MSUN[0]), np.log(TOP_MSUN), N_MASSES)
    ln_1z = np.linspace(np.log1p(REDSHIFT_RANGE[0]), np.log1p(REDSHIFT_RANGE[1]), N_REDSHIFTS)
    density = halo_density_per_mpc3(np.exp(ln_mass), np.expm1(ln_1z), mass_definition, cosmology)
    known = (density > 0.0).all(axis=0)  # beyond the exponential tail there is no logarithm
    ln_mass, ln_density = ln_mass[known], np.log(density[:, known])
    above = np.logaddexp.accumulate(_ln_between(ln_mass, ln_density)[:, ::-1], axis=1)[:, ::-1]
    return HaloDensity(
        RectBivariateSpline(ln_1z, ln_mass, ln_density),
        RectBivariateSpline(ln_1z, ln_mass[:-1], above),
    )


def _ln_between(ln_mass: np.ndarray, ln_density: np.ndarray) -> np.ndarray:
    """Return ln of the density of halos between adjacent masses, for a power law between them."""
    change = np.diff(ln_density, axis=1)
    shape = np.where(np.abs(change) < 1e-6, 1.0, np.expm1(change) / np.where(change == 0.0, 1.0, change))
    return ln_density[:, :-1] + np.log(np.diff(ln_mass) * shape)


def _evaluated(spline: RectBivariateSpline, ln_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    x, y = np.broadcast_arrays(np.log1p(np.asarray(redshift, float)), np.asarray(ln_mass, float))
    missing = np.isnan(x) | np.isnan(y)
    values = spline(np.where(missing, np.log(1.5), x), np.where(missing, np.log(1e14), y), grid=False)
    return np.where(missing, np.nan, values)
