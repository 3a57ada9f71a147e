"""Priors of the mass, and the change from a model's own prior to another."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from szmass_cli.errors import UsageError, did_you_mean
from szmass_cli.physics.cosmology import MASS_RANGE_MSUN, REDSHIFT_RANGE, Cosmology
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.sky.abundance import halo_abundance


class Prior(StrEnum):
    """A prior of M200c, named as in the option ``--prior``."""

    FLAT_LOG = "flat-log"
    FLAT = "flat"
    MASS_FUNCTION = "mass-function"

    @classmethod
    def parse(cls, name: str) -> "Prior":
        """Return the prior with a given name.

        Raises
        ------
        UsageError
            No prior has this name.
        """
        try:
            return cls(name)
        except ValueError:
            raise UsageError(
                f"--prior: {name!r} is not a known prior.{did_you_mean(name, cls)}",
                f"Use {', '.join(cls)}, or leave it out for the model's own.",
            ) from None

    def in_words(self, cosmology: Cosmology) -> str:
        """Return the description of the prior that accompanies masses in the output."""
        return {
            Prior.FLAT_LOG: "flat in ln M200c",
            Prior.FLAT: "flat in M200c",
            Prior.MASS_FUNCTION: f"mass function of Tinker et al. (2008), {cosmology.name}",
        }[self]


@dataclass(frozen=True)
class PriorChange:
    """A change from the prior of a model to the requested one.

    Parameters
    ----------
    own, wanted : Prior
        Prior of the posteriors, and the requested prior.
    cosmology : Cosmology
        Cosmology used for the halo mass function.
    scale : MassScale, optional
        Scale of the masses that the requested prior is of; by default that of the model.
    """

    own: Prior
    wanted: Prior
    cosmology: Cosmology
    scale: MassScale | None = None

    @property
    def is_none(self) -> bool:
        """Return whether both are the same, of the same masses."""
        return self.is_same_prior and self.scale is None

    @property
    def is_same_prior(self) -> bool:
        """Return whether both have the same name."""
        return self.own == self.wanted

    def ln_ratio(self, ln_mass: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return ln of the wanted prior over the model's own, at masses on the model's scale.

        Parameters
        ----------
        ln_mass : numpy.ndarray, shape (m,)
            ln M200c on the scale of the model, ascending and two or more [ln Msun].
        redshift : numpy.ndarray, shape (n,)
            Of the clusters.

        Returns
        -------
        numpy.ndarray, shape (n, m) or (m,)
            Up to a constant in each row. On another scale M' the wanted prior is per d ln M', and the ratio
            has the factor d ln M' / d ln M.
        """
        own = ln_prior(self.own, ln_mass, redshift, self.cosmology)
        if self.scale is None:
            return ln_prior(self.wanted, ln_mass, redshift, self.cosmology) - own
        masses = self.scale.m200c(np.exp(ln_mass), np.asarray(redshift, float)[:, None], self.cosmology)
        ln_scaled = np.log(masses)
        slope = np.gradient(ln_scaled, ln_mass, axis=1)
        wanted = ln_prior(self.wanted, ln_scaled, redshift, self.cosmology)
        return wanted + np.log(np.maximum(slope, 1e-300)) - own

    def on_scale(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return masses of the model (broadcast with redshifts) [Msun] on the scale that is wanted."""
        return m200c_msun if self.scale is None else self.scale.m200c(m200c_msun, redshift, self.cosmology)


def ln_prior(prior: Prior, ln_mass: np.ndarray, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    """Return ln of a prior density per ln M at given redshift, up to a constant in each row.

    Parameters
    ----------
    prior : Prior
        The prior: flat in ln M, flat in M, or the halo mass function.
    ln_mass : numpy.ndarray, shape (m,) or (n, m)
        ln M200c [ln Msun].
    redshift : numpy.ndarray, shape (n,)
        Redshifts of the clusters; used by the mass function only.
    cosmology : Cosmology
        Cosmology used for the halo mass function.

    Returns
    -------
    numpy.ndarray, shape (n, m), or (m,) where the prior does not depend on redshift

    Notes
    -----
    Flat in ln M: p(ln M) constant. Flat in M: p(ln M) = M p(M), so ln p = ln M. Mass function:
    p(ln M | z) ∝ dn/dlnM of Tinker et al. (2008, ApJ 688, 709), their equations 2 and 3 with the
    parameters of Table 2, for M200c by `szmass_cli.sky.abundance.halo_abundance`.
    """
    if prior == Prior.FLAT_LOG:
        return np.zeros_like(ln_mass)
    if prior == Prior.FLAT:
        return ln_mass
    return _ln_mass_function(ln_mass, redshift, cosmology)


def _ln_mass_function(ln_mass: np.ndarray, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    """Return ln of dN / dlnM dz dOmega, bilinear in (z, ln M) between the nodes of one table."""
    table = halo_abundance(cosmology, MASS_RANGE_MSUN, REDSHIFT_RANGE)
    ln_density = np.log(table.per_sr.T)
    low_z, to_next_z = _place(table.redshift, np.asarray(redshift, float)[:, None])
    low_m, to_next_m = _place(table.ln_m200c, ln_mass)
    lower, upper = (
        (1.0 - to_next_m) * ln_density[at_z, low_m] + to_next_m * ln_density[at_z, low_m + 1]
        for at_z in (low_z, low_z + 1)
    )
    return (1.0 - to_next_z) * lower + to_next_z * upper


def _place(grid: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the index below each value on an even grid, and the fraction of the step; NaN stays NaN."""
    position = np.clip((values - grid[0]) / (grid[1] - grid[0]), 0.0, grid.size - 1.0)
    low = np.minimum(np.nan_to_num(position).astype(int), grid.size - 2)
    return low, position - low
