"""From what a network says of a cluster to percentiles of its mass, under the prior that is wanted."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from szmass_cli.posterior.calibration import Calibration
from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.posterior.redshift import marginalised, redshift_nodes, unknown_redshift_nodes


class CalibratedMasses:
    """Percentiles of mass from a calibration, for any prior and for uncertain redshifts.

    Parameters
    ----------
    calibration : Calibration
    percents : sequence of float, length p
        Percentiles to give, the median among them.
    change : PriorChange
        From the prior of the calibration to the one wanted.
    """

    def __init__(self, calibration: Calibration, percents: Sequence[float], change: PriorChange):
        self._calibration = calibration
        self._percents = list(percents)
        self._median = self._percents.index(50.0)
        self._change = change
        self._no_change = PriorChange(change.own, change.own, change.cosmology)
        self._redshifts = (float(calibration.redshifts[0]), float(calibration.redshifts[-1]))
        # tabulated here, by one thread: colossus has one cosmology for all of them
        change.ln_ratio(np.zeros((1, 1)), np.ones(1))

    def __call__(
        self, raw_mass_msun: np.ndarray, redshift: np.ndarray, redshift_err: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masses of n clusters.

        Parameters
        ----------
        raw_mass_msun : numpy.ndarray, shape (n,)
            The network's own answer.
        redshift, redshift_err : numpy.ndarray, shape (n,)
            Redshifts, and their standard deviations, 0 where they are exact.

        Returns
        -------
        percentiles : numpy.ndarray, shape (n, p)
            M200c [Msun] under the prior that is wanted.
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

    def _at(self, raw_mass_msun: np.ndarray, redshift: np.ndarray, change: PriorChange) -> MassPosterior:
        posterior = self._calibration.posterior(raw_mass_msun, redshift)
        return posterior.reweighted(change.ln_ratio(posterior.ln_mass, redshift))

    def _marginal(
        self, raw_mass_msun: np.ndarray, redshift: np.ndarray, redshift_err: np.ndarray, change: PriorChange
    ) -> MassPosterior:
        return marginalised(
            lambda node: self._at(raw_mass_msun, node, change), redshift, redshift_err, self._redshifts
        )


def percentiles_and_own_median(
    posterior_at: Callable[[np.ndarray, np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    percents: Sequence[float],
    change: PriorChange,
    allowed: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Masses of n clusters from posteriors at given redshifts.

    Parameters
    ----------
    posterior_at : callable
        Gives, under the model's own prior, the posterior of some of the n clusters (their numbers) at some
        redshifts, one for each.
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Redshifts and their standard deviations: 0 where they are exact, infinite where there is none.
    percents : sequence of float, length p
        Percentiles to give, the median among them.
    change : PriorChange
        From the model's own prior to the one that is wanted.
    allowed : (float, float)
        Redshifts that the model knows.

    Returns
    -------
    percentiles : numpy.ndarray, shape (n, p)
        M200c [Msun] under the prior that is wanted.
    own_median : numpy.ndarray, shape (n,)
        Median M200c [Msun] under the model's own.
    """
    masses, own_median = np.full((len(redshift), len(percents)), np.nan), np.full(len(redshift), np.nan)
    unknown = np.isinf(redshift_err)
    uncertain = (redshift_err > 0) & ~unknown
    for chosen, nodes_of in (
        (~unknown & ~uncertain, _one_node),
        (uncertain, partial(redshift_nodes, allowed=allowed)),
        (unknown, partial(unknown_redshift_nodes, allowed=allowed, cosmology=change.cosmology)),
    ):
        rows = np.flatnonzero(chosen)
        if not rows.size:
            continue
        nodes, weights = nodes_of(redshift[rows], redshift_err[rows])
        own = [posterior_at(rows, node) for node in nodes]
        own_median[rows] = mixture(own, weights).percentiles([50.0])[:, 0]
        if not change.is_none:
            pairs = zip(own, nodes, strict=True)
            own = [one.reweighted(change.ln_ratio(one.ln_mass, node)) for one, node in pairs]
        masses[rows] = mixture(own, weights).percentiles(percents)
    return masses, own_median


def _one_node(redshift: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return redshift[None], np.ones(1)
