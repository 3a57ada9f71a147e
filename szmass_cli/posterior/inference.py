"""Posteriors under the prior that is wanted, of redshifts known well, badly or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.posterior.priors import PriorChange, ln_prior
from szmass_cli.posterior.redshift import redshift_nodes, unknown_redshift_nodes

LEAST_DENSITY = 1e-300
"""Probability of a cell below which its likelihood is no longer told apart from nothing."""


@dataclass(frozen=True)
class Inference:
    """What is inferred of n clusters, marginalised over their redshifts.

    Parameters
    ----------
    own : MassPosterior
        Under the prior of the model.
    wanted : MassPosterior
        Under the prior that is wanted; the same object where that is the model's.
    """

    own: MassPosterior
    wanted: MassPosterior

    def ln_likelihood(self, change: PriorChange, redshift: np.ndarray) -> np.ndarray:
        """Return ln of the likelihood of each mass, but for a constant in each row, (n, m).

        The posterior under the model's own prior over that prior; where redshifts are uncertain, the mean
        over them.

        Parameters
        ----------
        change : PriorChange
            Its `own` is the prior that is divided out.
        redshift : numpy.ndarray, shape (n,)
            Of the clusters; only a prior that depends on it needs it.
        """
        ln_density = np.log(np.maximum(self.own.density, LEAST_DENSITY))
        return ln_density - ln_prior(change.own, self.own.ln_mass, redshift, change.cosmology)


def inferred(
    posterior_at: Callable[[np.ndarray, np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    change: PriorChange,
    allowed: tuple[float, float],
) -> Inference:
    """Return the posteriors of n clusters from posteriors at given redshifts.

    Parameters
    ----------
    posterior_at : callable
        Gives, under the model's own prior, the posterior of some of the n clusters (their numbers) at some
        redshifts, one for each.
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Redshifts and their standard deviations: 0 where they are exact, infinite where there is none.
    change : PriorChange
        From the model's own prior to the one that is wanted.
    allowed : (float, float)
        Redshifts that the model knows.
    """
    unknown = np.isinf(redshift_err)
    uncertain = (redshift_err > 0) & ~unknown
    found = []
    for chosen, nodes_of in (
        (~unknown & ~uncertain, _one_node),
        (uncertain, partial(redshift_nodes, allowed=allowed)),
        (unknown, partial(unknown_redshift_nodes, allowed=allowed, cosmology=change.cosmology)),
    ):
        rows = np.flatnonzero(chosen)
        if rows.size:
            nodes, weights = nodes_of(redshift[rows], redshift_err[rows])
            at_nodes = [posterior_at(rows, node) for node in nodes]
            found.append((rows, _marginal(at_nodes, nodes, weights, change)))
    place = np.argsort(np.concatenate([rows for rows, _ in found]))
    own = MassPosterior.concatenate([one.own for _, one in found])[place]
    if change.is_none:
        return Inference(own, own)
    return Inference(own, MassPosterior.concatenate([one.wanted for _, one in found])[place])


def _marginal(
    own: list[MassPosterior], nodes: np.ndarray, weights: np.ndarray, change: PriorChange
) -> Inference:
    """Return the posteriors of clusters of which there is one posterior at each node of redshift."""
    mixed = mixture(own, weights)
    if change.is_none:
        return Inference(mixed, mixed)
    pairs = zip(own, nodes, strict=True)
    changed = [one.reweighted(change.ln_ratio(one.ln_mass, node)) for one, node in pairs]
    return Inference(mixed, mixture(changed, weights))


def _one_node(redshift: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return redshift[None], np.ones(1)
