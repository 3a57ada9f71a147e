"""Results of rows with the recalibration that a check asks for."""

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.rows import Rows
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.inference import LEAST_DENSITY
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import PriorChange, ln_prior
from szmass_cli.posterior.tempering import FLOOR, Tempering


@dataclass(frozen=True)
class Recalibrated:
    """Recalibrated posteriors of n rows on a grid of m masses.

    Parameters
    ----------
    own, wanted : MassPosterior
        Under the model's own prior, and under that of the percentiles.
    ln_likelihood : numpy.ndarray, shape (n, m)
        ln of the former without its prior and its floor, up to a constant for each row.
    """

    own: MassPosterior
    wanted: MassPosterior
    ln_likelihood: np.ndarray


def recalibrated(
    recalibration: Tempering,
    change: PriorChange,
    redshift: np.ndarray,
    snr: np.ndarray,
    ln_likelihood: np.ndarray,
) -> Recalibrated:
    """Return what a recalibration makes of rows that were measured.

    Parameters
    ----------
    recalibration : Tempering
        Shift and power of likelihoods, by S/N.
    change : PriorChange
        Change from the model's own prior to that of the percentiles.
    redshift, snr : numpy.ndarray, shape (n,)
        Redshift and matched-filter S/N of the rows. The requested prior is that at the redshift of the row,
        also where the redshift is uncertain.
    ln_likelihood : numpy.ndarray, shape (n, m)
        ln of the likelihood on the grid of the recalibration, up to a constant for each row.
    """
    ln_mass = recalibration.ln_mass
    own_prior = ln_prior(change.own, ln_mass, redshift, change.cosmology)
    density = normalised(ln_likelihood.astype(float) + own_prior)
    told = MassPosterior(ln_mass, recalibration.without_floor(density, snr))
    own = wanted = told.with_floor(FLOOR)
    if not change.is_none:
        ln_ratio = change.ln_ratio(ln_mass, redshift)
        wanted = told.reweighted(ln_ratio).with_floor(FLOOR, ln_ratio)
    return Recalibrated(own, wanted, np.log(np.maximum(told.density, LEAST_DENSITY)) - own_prior)


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
        """Return the results of some rows, by number, recalibrated; S/N and Compton y stay as they are."""
        known = np.flatnonzero(np.isfinite(measured.own_prior_median_msun))
        if not known.size:
            return measured
        found = recalibrated(
            self.recalibration,
            self.change,
            self.rows.redshift[numbers[known]],
            measured.snr[known],
            measured.ln_likelihood[known],
        )
        masses, medians = measured.m200c_msun.copy(), measured.own_prior_median_msun.copy()
        ln_likelihood, density = measured.ln_likelihood.copy(), measured.density.copy()
        masses[known] = found.wanted.percentiles(self.percentiles)
        medians[known] = found.own.percentiles((50.0,))[:, 0]
        ln_likelihood[known], density[known] = found.ln_likelihood, found.wanted.density
        return replace(
            measured,
            m200c_msun=masses,
            own_prior_median_msun=medians,
            ln_likelihood=ln_likelihood,
            density=density,
        )


def as_measured(numbers: np.ndarray, measured: Measured) -> Measured:
    """Return the results of rows unchanged."""
    return measured
