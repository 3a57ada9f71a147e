"""Percentiles of masses under the prior that is wanted, of redshifts known well, badly or not at all."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.posterior.priors import PriorChange
from szmass_cli.posterior.redshift import redshift_nodes, unknown_redshift_nodes


def percentiles_and_own_median(
    posterior_at: Callable[[np.ndarray, np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    percents: Sequence[float],
    change: PriorChange,
    allowed: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return masses of n clusters from posteriors at given redshifts.

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
