"""What shines in clusters besides their hot gas: radio galaxies and dust, by mass and redshift."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import constants
from scipy.integrate import cumulative_trapezoid

from szmass_cli.physics.cosmology import PLANCK18, Cosmology, angular_diameter_distance_mpc
from szmass_cli.physics.spectra import PIVOT_GHZ

_M_PER_MPC = 3.0856775814913673e22
_MJY = 1e-29  # W / m^2 / Hz

PIVOT_MSUN = 3e14
"""M500c that numbers of radio galaxies and fluxes of dust are stated at."""


@dataclass(frozen=True)
class ClusterRadio:
    """Radio galaxies in clusters; their number grows with M500c.

    Parameters
    ----------
    number : float
        Mean number of galaxies more luminous than the break of the luminosity function, in a cluster of
        `PIVOT_MSUN` at redshift 0. It is set by what is seen: with 0.3, 3 per cent of clusters like those of
        ACT lose over a fifth of their Compton y (Dicker et al. 2021, MNRAS 508, 2600).
    evolution : float
        Exponent of the number with 1 + z: 0 to 2.5 are allowed (Gupta et al. 2017, MNRAS 467, 3737).
    index, index_scatter : float
        Mean and standard deviation of the spectral index of the flux density between 90 and 220 GHz.
    central : float
        Fraction of the galaxies that are the brightest of their cluster, at its centre; the others are spread
        like its mass.
    """

    number: float = 0.3
    evolution: float = 1.25
    index: float = -0.7
    index_scatter: float = 0.4
    central: float = 0.5

    def mean_number(self, m500c_msun, redshift, luminosity_w_hz) -> np.ndarray:
        """Return the mean number of radio galaxies in a cluster above a luminosity.

        Parameters
        ----------
        m500c_msun, redshift : array_like
            Clusters [Msun], broadcast against each other.
        luminosity_w_hz : array_like
            Luminosity at 150 GHz in the galaxy's frame [W/Hz].
        """
        of_cluster = np.asarray(m500c_msun) / PIVOT_MSUN * (1.0 + np.asarray(redshift)) ** self.evolution
        return self.number * of_cluster * fraction_above(luminosity_w_hz)

    def flux_mjy(self, luminosity_w_hz, redshift, index, cosmology: Cosmology = PLANCK18) -> np.ndarray:
        """Return flux densities at 150 GHz [mJy].

        Parameters
        ----------
        luminosity_w_hz : array_like
            Luminosities at 150 GHz in the galaxies' frame [W/Hz].
        redshift, index : array_like
            Redshifts, and spectral indices, which shift the frequency.
        cosmology : Cosmology
            Gives the luminosity distance.
        """
        z = np.asarray(redshift, float)
        return (
            np.asarray(luminosity_w_hz) * (1.0 + z) ** (1.0 + np.asarray(index)) / _sphere_mjy(z, cosmology)
        )

    def luminosity_w_hz(self, flux_mjy, redshift, cosmology: Cosmology = PLANCK18) -> np.ndarray:
        """Return the luminosity [W/Hz] of galaxies of the mean index and a flux density at 150 GHz [mJy]."""
        z = np.asarray(redshift, float)
        return np.asarray(flux_mjy) * _sphere_mjy(z, cosmology) / (1.0 + z) ** (1.0 + self.index)


def _sphere_mjy(redshift, cosmology: Cosmology) -> np.ndarray:
    """Return the area of the sphere of the luminosity distance [m^2], times 1 mJy."""
    distance = angular_diameter_distance_mpc(redshift, cosmology) * (1.0 + redshift) ** 2 * _M_PER_MPC
    return 4.0 * np.pi * distance**2 * _MJY


# Mauch & Sadler 2007 (MNRAS 375, 931), table 5: radio-loud active galaxies at 1.4 GHz
_STAR_W_HZ, _STEEP, _FLAT = 10**24.59, 1.27, 0.49
_TO_150_GHZ = (PIVOT_GHZ / 1.4) ** -0.75
BREAK_W_HZ = _STAR_W_HZ * _TO_150_GHZ
"""Luminosity at 150 GHz where the luminosity function breaks, for the mean index of -0.75 from 1.4 GHz on."""


@lru_cache(maxsize=1)
def _luminosity_function() -> tuple[np.ndarray, np.ndarray]:
    """Return ln of luminosities over the break, descending, and numbers above, over that at the break."""
    x = np.linspace(np.log(1e4), np.log(1e-5), 2400)
    density = 1.0 / (np.exp(_STEEP * x) + np.exp(_FLAT * x))
    above = cumulative_trapezoid(density, -x, initial=0.0)
    return x, above / np.interp(0.0, x[::-1], above[::-1])


def fraction_above(luminosity_w_hz) -> np.ndarray:
    """Return the number of radio galaxies above luminosities [W/Hz] over that above the break.

    The luminosity function 1 / [(L / L*)^1.27 + (L / L*)^0.49] of radio-loud galaxies of Mauch & Sadler
    (2007, MNRAS 375, 931), moved from 1.4 to 150 GHz; that of clusters has the same form and a larger
    amplitude (Lin & Mohr 2007, ApJS 170, 71; Gupta et al. 2017).
    """
    x, above = _luminosity_function()
    return np.interp(np.log(np.asarray(luminosity_w_hz) / BREAK_W_HZ), x[::-1], above[::-1])


def luminosity_of_fraction(fraction) -> np.ndarray:
    """Return the luminosities [W/Hz] above which the given numbers lie: the inverse of `fraction_above`."""
    x, above = _luminosity_function()
    return BREAK_W_HZ * np.exp(np.interp(fraction, above, x))


@dataclass(frozen=True)
class ClusterDust:
    """Dust in clusters: a modified blackbody whose luminosity is proportional to M500c.

    Parameters
    ----------
    flux_mjy : float
        Mean flux density at 150 GHz of a cluster of `PIVOT_MSUN` at `PIVOT_REDSHIFT` [mJy]. With 2.5, dust
        fills 15 per cent of the signal at 150 GHz of clusters like those of ACT at redshifts above 1
        (17 +- 4: arXiv:2503.17271).
    scatter_ln : float
        Log-normal scatter of the flux from cluster to cluster; the mean stays.
    evolution : float
        Exponent of luminosity with 1 + z at fixed mass.
    temperature_k, temperature_evolution, beta : float
        Modified blackbody nu^beta B_nu(T (1 + z)^e) in the cluster's frame. Exponents and temperature are
        those of the halos that make the infrared background (Planck 2013 XXX, table 9).
    """

    flux_mjy: float = 2.5
    scatter_ln: float = 0.5
    evolution: float = 3.6
    temperature_k: float = 24.4
    temperature_evolution: float = 0.36
    beta: float = 1.75

    PIVOT_REDSHIFT = 1.2
    LAST_REDSHIFT = 2.0
    """The luminosity of a halo is level beyond, as star formation is."""

    def mean_mjy(self, m500c_msun, redshift, cosmology: Cosmology = PLANCK18) -> np.ndarray:
        """Return the mean flux densities at 150 GHz [mJy] of clusters [Msun] at their redshifts.

        Parameters
        ----------
        m500c_msun, redshift : array_like
            Masses [Msun] and redshifts, broadcast against each other.
        cosmology : Cosmology
            Gives the luminosity distance.
        """
        z = np.asarray(redshift, float)
        pivot = np.asarray(self.PIVOT_REDSHIFT)
        of_redshift = self._relative(z, cosmology) / self._relative(pivot, cosmology)
        return self.flux_mjy * np.asarray(m500c_msun) / PIVOT_MSUN * of_redshift

    def _relative(self, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
        """Return the flux density at 150 GHz of clusters of one mass, in units that are the same for all."""
        grown = (1.0 + np.minimum(redshift, self.LAST_REDSHIFT)) ** self.evolution
        distance = angular_diameter_distance_mpc(redshift, cosmology) * (1.0 + redshift) ** 2
        return grown * self._emitted(PIVOT_GHZ, redshift) * (1.0 + redshift) / distance**2

    def _emitted(self, frequency_ghz, redshift) -> np.ndarray:
        """Return the luminosity at an observed frequency over that of all frequencies, any unit.

        The integral of nu^beta B_nu(T) over frequency goes as T^(4 + beta).
        """
        stretched = np.asarray(frequency_ghz) * (1.0 + redshift)
        temperature = self.temperature_k * (1.0 + redshift) ** self.temperature_evolution
        x = constants.h * 1e9 * stretched / (constants.k * temperature)
        return stretched ** (3.0 + self.beta) / np.expm1(x) / temperature ** (4.0 + self.beta)

    def spectrum(self, frequency_ghz, redshift) -> np.ndarray:
        """Return the flux density at observed frequencies [GHz] over that at 150 GHz.

        Parameters
        ----------
        frequency_ghz, redshift : array_like
            Observed frequencies [GHz] and redshifts of the clusters, broadcast against each other.
        """
        z = np.asarray(redshift, float)
        return self._emitted(frequency_ghz, z) / self._emitted(PIVOT_GHZ, z)
