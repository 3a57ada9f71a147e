"""Published counts of radio and dusty galaxies: their number, their power, and draws of their flux."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.resources import files

import numpy as np
from scipy.integrate import cumulative_trapezoid

from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy

DEG2_PER_SR = (180.0 / np.pi) ** 2
ARCMIN2_PER_SR = DEG2_PER_SR * 3600.0

FAINTEST_MJY, BRIGHTEST_MJY = 1e-3, 1e4
"""Range of the tables: what is fainter at 150 GHz adds 0.1 per cent to the power of sources below 6 mJy."""

N_FLUXES = 1600

# Schechter function of the counts at 1.2 mm, Fujimoto et al. 2016 (ApJS 222, 1), section 4.3: phi* in 1/deg^2
# (per unit of S / S*), S* and slope
DUSTY_PER_DEG2, DUSTY_STAR_MJY, DUSTY_SLOPE = 1.54e3, 2.35, -2.12


@dataclass(frozen=True, eq=False)
class FluxCounts:
    """Number of sources on the sky by their flux density at 150 GHz.

    Parameters
    ----------
    flux_mjy : numpy.ndarray, shape (n,)
        Flux densities of the table [mJy], ascending, evenly in their logarithm.
    per_mjy_deg2 : numpy.ndarray, shape (n,)
        dN / dS [1 / mJy / deg^2].
    """

    flux_mjy: np.ndarray
    per_mjy_deg2: np.ndarray

    @cached_property
    def _integrals(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the number [1/deg^2] and squared flux [mJy^2/deg^2] of all sources below each flux (n,)."""
        ln_flux = np.log(self.flux_mjy)
        per_ln = self.per_mjy_deg2 * self.flux_mjy
        number = cumulative_trapezoid(per_ln, ln_flux, initial=0.0)
        return number, cumulative_trapezoid(per_ln * self.flux_mjy**2, ln_flux, initial=0.0)

    def per_deg2(self, low_mjy: float, high_mjy: float) -> float:
        """Return the number of sources between two flux densities [1/deg^2]."""
        return self._between(0, low_mjy, high_mjy)

    def poisson_uk2_sr(self, low_mjy: float, high_mjy: float) -> float:
        """Return the power C_ell [µK^2 sr] at 150 GHz of sources between two flux densities [mJy].

        The integral of S^2 dN/dS: unclustered point sources have the same power at all multipoles.
        """
        squared_mjy2_deg2 = self._between(1, low_mjy, high_mjy)
        uk_sr_per_mjy = uk_per_mjy(PIVOT_GHZ) / ARCMIN2_PER_SR
        return squared_mjy2_deg2 * DEG2_PER_SR * uk_sr_per_mjy**2

    def _between(self, which: int, low_mjy: float, high_mjy: float) -> float:
        below = np.interp(np.log([low_mjy, high_mjy]), np.log(self.flux_mjy), self._integrals[which])
        return float(below[1] - below[0])

    def draw_mjy(self, rng: np.random.Generator, n: int, low_mjy: float, high_mjy: float) -> np.ndarray:
        """Draw the flux densities [mJy] of n sources between two limits."""
        number = self._integrals[0]
        low, high = np.interp(np.log([low_mjy, high_mjy]), np.log(self.flux_mjy), number)
        return np.exp(np.interp(rng.uniform(low, high, n), number, np.log(self.flux_mjy)))

    def scaled(self, number: float = 1.0, flux: float = 1.0) -> "FluxCounts":
        """Return counts with more sources, or with brighter ones, by the given factors."""
        return replace(self, flux_mjy=self.flux_mjy * flux, per_mjy_deg2=self.per_mjy_deg2 * (number / flux))


def _fluxes_mjy() -> np.ndarray:
    return np.geomspace(FAINTEST_MJY, BRIGHTEST_MJY, N_FLUXES)


@lru_cache(maxsize=1)
def radio_counts() -> FluxCounts:
    """Return the counts of radio galaxies at 148 GHz of Tucci et al. (2011), model C2Ex.

    A power law between the points of the table, and beyond them.
    """
    with (files("szmass_cli.physics") / "tucci2011_radio_counts.csv").open() as lines:
        table = np.loadtxt(lines, delimiter=",", comments="#")
    ln_flux, ln_counts = np.log(table[:, 0] * 1e3), np.log(table[:, 1] / 1e3 / DEG2_PER_SR)
    flux = _fluxes_mjy()
    x = np.log(flux)
    inside = np.interp(x, ln_flux, ln_counts)
    first, last = (np.diff(ln_counts) / np.diff(ln_flux))[[0, -1]]
    below, above = np.minimum(x - ln_flux[0], 0.0), np.maximum(x - ln_flux[-1], 0.0)
    return FluxCounts(flux, np.exp(inside + first * below + last * above))


@lru_cache(maxsize=8)
def dusty_counts(poisson_uk2_sr: float) -> FluxCounts:
    """Return the counts of dusty galaxies at 150 GHz that have a given power.

    Parameters
    ----------
    poisson_uk2_sr : float
        C_ell [µK^2 sr] at 150 GHz of all of them, as measured in the power of the sky.

    Returns
    -------
    FluxCounts

    Notes
    -----
    The counts at 1.2 mm of Fujimoto et al. (2016, ApJS 222, 1), a Schechter function, with all fluxes changed
    by the one factor that gives the measured power: 0.163 for that of Reichardt et al. (2021), a spectral
    index of 3.55 between 250 and 150 GHz, as dust has it.
    """
    flux = _fluxes_mjy()
    ratio = flux / DUSTY_STAR_MJY
    at_1200um = FluxCounts(flux, DUSTY_PER_DEG2 / DUSTY_STAR_MJY * ratio**DUSTY_SLOPE * np.exp(-ratio))
    everything = at_1200um.poisson_uk2_sr(FAINTEST_MJY, BRIGHTEST_MJY)
    changed = at_1200um.scaled(flux=float(np.sqrt(poisson_uk2_sr / everything)))
    inside = np.exp(np.interp(np.log(flux), np.log(changed.flux_mjy), _safe_ln(changed.per_mjy_deg2)))
    return FluxCounts(flux, inside)


def _safe_ln(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, 1e-300))
