"""Curves over the masses of a model as curves over masses on another scale."""

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.posterior.massscale import MassScale

LN_MASS_STEP, REDSHIFT_STEP = 0.15, 0.02
"""Steps at which the ratio of masses is tabulated at most: it is smooth, and costs a profile each."""


class ScaledMasses:
    """Masses on another scale than the model's, tabulated.

    Parameters
    ----------
    scale : MassScale
        The other scale.
    cosmology : Cosmology
        Of the model.
    ln_mass : numpy.ndarray, shape (m,)
        Even grid of the model's ln M200c that curves are on [ln Msun].
    redshift : numpy.ndarray, shape (n,)
        Redshifts of all rows; finite.
    """

    def __init__(self, scale: MassScale, cosmology: Cosmology, ln_mass: np.ndarray, redshift: np.ndarray):
        self.scale, self.cosmology = scale, cosmology
        low, high = float(redshift.min()), float(redshift.max())
        z = np.linspace(low, max(high, low + 1e-3), 2 + int((high - low) / REDSHIFT_STEP))
        x = np.linspace(ln_mass[0], ln_mass[-1], 2 + int((ln_mass[-1] - ln_mass[0]) / LN_MASS_STEP))
        masses = scale.m200c(np.exp(x), z[:, None], cosmology)
        self._change = RegularGridInterpolator((z, x), np.log(masses) - x)
        self._own = ln_mass
        self.ln_mass = ln_mass + float(np.median(self._change((redshift, ln_mass[ln_mass.size // 2]))))

    def __call__(self, values: np.ndarray, redshift: np.ndarray, kept: slice = slice(None)) -> np.ndarray:
        """Return curves over the masses `ln_mass`; beyond the model's masses they stay as at their ends.

        Parameters
        ----------
        values : numpy.ndarray, shape (n, k)
            Curves over the model's masses, or some of them.
        redshift : numpy.ndarray, shape (n,)
            Of the rows.
        kept : slice
            Which masses there are values for.
        """
        own, new = self._own[kept], self.ln_mass[kept]
        on_scale = own + self._change((redshift[:, None], own[None]))
        rows = zip(on_scale, values, strict=True)
        return np.stack([np.interp(new, x, curve) for x, curve in rows]) if len(values) else values

    def sigma_ln_mass(self, ln_mass: float, redshift: float) -> float:
        """Return the standard deviation of ln M by the errors of the scale, common to all clusters."""
        return float(self.scale.sigma_ln_mass(np.exp([ln_mass]), np.array([redshift]), self.cosmology)[0])
