"""The abundance of clusters: the halo mass function along the line of sight."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import units as u

from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.massfunction import halo_density_per_mpc3

N_MASSES, N_REDSHIFTS = 200, 120


@dataclass(frozen=True)
class Abundance:
    """Tabulated number of halos per steradian.

    Parameters
    ----------
    ln_m200c : numpy.ndarray, shape (m,)
        ln M200c [Msun], ascending.
    redshift : numpy.ndarray, shape (k,)
        Redshifts, ascending.
    per_sr : numpy.ndarray, shape (m, k)
        dN / dlnM dz dOmega [1/sr].
    """

    ln_m200c: np.ndarray
    redshift: np.ndarray
    per_sr: np.ndarray

    @property
    def total_per_sr(self) -> float:
        """Return the number of halos per steradian in the complete range of mass and redshift."""
        return float(np.trapezoid(np.trapezoid(self.per_sr, self.redshift, axis=1), self.ln_m200c))

    def draw_redshifts(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw n redshifts of halos of any mass in the range."""
        return self.redshift_quantiles(rng.random(n))

    def redshift_quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Return the redshifts (n,) below which given fractions (n,) of all halos in the range lie."""
        density = np.trapezoid(self.per_sr, self.ln_m200c, axis=0)
        return _draw(self.redshift, density[None, :], levels)

    def draw_masses(self, redshift: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw M200c [Msun] of halos at given redshifts (n,)."""
        upper = np.searchsorted(self.redshift, redshift).clip(1, self.redshift.size - 1)
        weight = (redshift - self.redshift[upper - 1]) / (self.redshift[upper] - self.redshift[upper - 1])
        density = self.per_sr[:, upper - 1] * (1.0 - weight) + self.per_sr[:, upper] * weight
        return np.exp(_draw(self.ln_m200c, density.T, rng.random(len(redshift))))


def _draw(x: np.ndarray, density: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return x where the cumulative density (n or 1, m) over x (m,) reaches each fraction (n,)."""
    steps = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(x)
    cumulative = np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)
    cumulative /= cumulative[:, -1:]
    if len(cumulative) == 1:
        return np.interp(uniform, cumulative[0], x)
    upper = (cumulative < uniform[:, None]).sum(axis=1).clip(1, x.size - 1)
    rows = np.arange(len(uniform))
    low, high = cumulative[rows, upper - 1], cumulative[rows, upper]
    # halos beyond the exponential tail have no weight at all: nothing to divide by
    fraction = np.where(high > low, (uniform - low) / np.where(high > low, high - low, 1.0), 0.0)
    return x[upper - 1] + fraction * (x[upper] - x[upper - 1])


@lru_cache(maxsize=8)
def halo_abundance(
    cosmology: Cosmology, mass_range_msun: tuple[float, float], redshift_range: tuple[float, float]
) -> Abundance:
    """Return the abundance of halos along the line of sight, from `massfunction.halo_density_per_mpc3`.

    Parameters
    ----------
    cosmology : Cosmology
        Cosmology of the mass function and of the comoving volume.
    mass_range_msun : (float, float)
        Range of M200c [Msun] covered by the table.
    redshift_range : (float, float)
        Lowest and highest redshift of the table.

    Returns
    -------
    Abundance
    """
    mass = np.geomspace(*mass_range_msun, N_MASSES)
    redshift = np.linspace(*redshift_range, N_REDSHIFTS)
    volume = comoving_volume_mpc3_sr(redshift, cosmology)
    per_mpc3 = halo_density_per_mpc3(mass, redshift, "200c", cosmology)
    return Abundance(np.log(mass), redshift, (per_mpc3 * volume[:, None]).T)


def comoving_volume_mpc3_sr(redshift, cosmology: Cosmology) -> np.ndarray:
    """Return the comoving volume per unit redshift and steradian [Mpc^3 / sr]."""
    return cosmology.astropy.differential_comoving_volume(redshift).to_value(u.Mpc**3 / u.sr)


def draw_by_volume(
    redshift_range: tuple[float, float], cosmology: Cosmology, rng: np.random.Generator, n: int
) -> np.ndarray:
    """Draw n redshifts, uniformly in comoving volume."""
    redshift = np.linspace(*redshift_range, 400)
    return _draw(redshift, comoving_volume_mpc3_sr(redshift, cosmology)[None, :], rng.random(n))
