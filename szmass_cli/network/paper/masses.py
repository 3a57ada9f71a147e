"""Percentiles of masses from the calibration of the paper's network, under the requested prior."""

from collections.abc import Sequence

import numpy as np

from szmass_cli.network.paper.calibration import Calibration
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.posterior.redshift import marginalised


class CalibratedMasses:
    """Percentiles of mass from a calibration, for any prior and for uncertain redshifts.

    Parameters
    ----------
    calibration : Calibration
        Quantiles of ln M at given network output and redshift.
    percents : sequence of float, length p
        Percentiles to compute, the median among them.
    change : PriorChange
        Change from the prior of the calibration to the requested one.
    """

    def __init__(self, calibration: Calibration, percents: Sequence[float], change: PriorChange):
        self._calibration = calibration
        self._percents = list(percents)
        self._median = self._percents.index(50.0)
        self._change = change
        self._no_change = PriorChange(change.own, change.own, change.cosmology)
        self._redshifts = (float(calibration.redshifts[0]), float(calibration.redshifts[-1]))
        # tabulated here, by one thread: colossus has one cosmology for all of them
        change.ln_ratio(np.log([1e14, 2e14]), np.ones(1))

    def __call__(
        self, raw_mass_msun: np.ndarray, redshift: np.ndarray, redshift_err: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the masses of n clusters.

        Parameters
        ----------
        raw_mass_msun : numpy.ndarray, shape (n,)
            Uncalibrated output of the network [Msun].
        redshift, redshift_err : numpy.ndarray, shape (n,)
            Redshifts and their standard deviations; 0 where exact.

        Returns
        -------
        percentiles : numpy.ndarray, shape (n, p)
            M200c [Msun] under the requested prior.
        own_median : numpy.ndarray, shape (n,)
            Median M200c [Msun] under the calibration's own prior.
        """
        own = self._calibration.percentiles(raw_mass_msun, redshift, self._percents)
        uncertain = redshift_err > 0
        rows = raw_mass_msun[uncertain], redshift[uncertain], redshift_err[uncertain]
        if uncertain.any():
            own[uncertain] = self._marginal(*rows, self._no_change).percentiles(self._percents)
        own_median = own[:, self._median]
        if self._change.is_none:
            return own, own_median
        wanted = self._at(raw_mass_msun, redshift, self._change).percentiles(self._percents)
        if uncertain.any():
            wanted[uncertain] = self._marginal(*rows, self._change).percentiles(self._percents)
        return wanted, own_median

    def posterior(
        self, raw_mass_msun: np.ndarray, redshift: np.ndarray, redshift_err: np.ndarray
    ) -> MassPosterior:
        """Return the posteriors of n clusters under the requested prior; parameters as for the masses."""
        found = self._at(raw_mass_msun, redshift, self._change)
        uncertain = redshift_err > 0
        if uncertain.any():
            rows = raw_mass_msun[uncertain], redshift[uncertain], redshift_err[uncertain]
            found.density[uncertain] = self._marginal(*rows, self._change).density
        return found

    def _at(self, raw_mass_msun: np.ndarray, redshift: np.ndarray, change: PriorChange) -> MassPosterior:
        posterior = self._calibration.posterior(raw_mass_msun, redshift)
        return posterior.reweighted(change.ln_ratio(posterior.ln_mass, redshift))

    def _marginal(
        self, raw_mass_msun: np.ndarray, redshift: np.ndarray, redshift_err: np.ndarray, change: PriorChange
    ) -> MassPosterior:
        return marginalised(
            lambda node: self._at(raw_mass_msun, node, change), redshift, redshift_err, self._redshifts
        )
