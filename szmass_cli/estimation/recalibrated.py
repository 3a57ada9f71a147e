"""Results of rows with the recalibration that a check asks for."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.rows import Rows
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.inference import LEAST_DENSITY
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import PriorChange, ln_prior
from szmass_cli.posterior.tempering import Tempering


@dataclass(frozen=True)
class RowRecalibration:
    """Recalibrates what was measured of rows; their curves are needed for it.

    Parameters
    ----------
    recalibration : Tempering
        Shift and power of likelihoods, by S/N.
    change : PriorChange
        Change from the model's own prior to that of the percentiles.
    percentiles : tuple of float
        Percentiles of `Measured.m200c_msun`.
    rows : Rows
        All rows of the catalogue.
    """

    recalibration: Tempering
    change: PriorChange
    percentiles: tuple[float, ...]
    rows: Rows

    def __call__(self, numbers: np.ndarray, measured: Measured) -> Measured:
        """Return the results of some rows, by number, recalibrated; S/N and Compton y stay as they are.

        The requested prior is that at the redshift of the row, also where the redshift is uncertain.
        """
        known = np.flatnonzero(np.isfinite(measured.own_prior_median_msun))
        if not known.size:
            return measured
        redshift = self.rows.redshift[numbers[known]]
        ln_mass = self.recalibration.ln_mass
        own_prior = ln_prior(self.change.own, ln_mass, redshift, self.change.cosmology)
        density = normalised(measured.ln_likelihood[known].astype(float) + own_prior)
        own = MassPosterior(ln_mass, self.recalibration(density, measured.snr[known]))
        wanted = own if self.change.is_none else own.reweighted(self.change.ln_ratio(ln_mass, redshift))
        masses, medians = measured.m200c_msun.copy(), measured.own_prior_median_msun.copy()
        ln_likelihood, density_of = measured.ln_likelihood.copy(), measured.density.copy()
        masses[known] = wanted.percentiles(self.percentiles)
        medians[known] = own.percentiles((50.0,))[:, 0]
        ln_likelihood[known] = np.log(np.maximum(own.density, LEAST_DENSITY)) - own_prior
        density_of[known] = wanted.density
        return replace(
            measured,
            m200c_msun=masses,
            own_prior_median_msun=medians,
            ln_likelihood=ln_likelihood,
            density=density_of,
        )


def as_measured(numbers: np.ndarray, measured: Measured) -> Measured:
    """Return the results of rows unchanged."""
    return measured
