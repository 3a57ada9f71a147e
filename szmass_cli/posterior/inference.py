"""Posteriors under the requested prior, for redshifts that are exact, uncertain or unknown."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from szmass_cli.posterior.masses import MassPosterior, mixture
from szmass_cli.posterior.priors import PriorChange, ln_prior
from szmass_cli.posterior.redshift import redshift_nodes, unknown_redshift_nodes

PRIOR_DOMINATED_LN = 2.0
"""Difference in ln likelihood, two sigma of a Gaussian, up to which the lowest masses are allowed."""

LEAST_DENSITY = 1e-300
"""Probability of a cell below which its likelihood is no longer told apart from nothing."""


@dataclass(frozen=True)
class Inference:
    """Posteriors of n clusters, marginalised over their redshifts.

    Parameters
    ----------
    own : MassPosterior
        Posterior under the model's own prior.
    wanted : MassPosterior
        Posterior under the requested prior; the same object if that is the model's own.
    told : MassPosterior
        `own` without the floor of the model: what the data say of the mass, if they are a cluster's.
    """

    own: MassPosterior
    wanted: MassPosterior
    told: MassPosterior

    @property
    def is_prior_dominated(self) -> np.ndarray:
        """Return whether the lowest masses of the grid are within 2 of the largest ln likelihood, (n,).

        Where they are, no signal at all would do: the lower end of the posterior is the prior's.
        """
        density = self.own.density
        with np.errstate(invalid="ignore"):
            return density[:, 0] > np.exp(-PRIOR_DOMINATED_LN) * density.max(axis=1)

    def ln_likelihood(self, change: PriorChange, redshift: np.ndarray) -> np.ndarray:
        """Return ln of the likelihood of each mass, up to a constant in each row, (n, m).

        This is the posterior under the model's own prior divided by that prior, averaged over redshift where
        the redshift is uncertain. The floor of the model is left out: it is a share of the prior, whichever
        that is.

        Parameters
        ----------
        change : PriorChange
            Its `own` is the prior that the posterior is divided by.
        redshift : numpy.ndarray, shape (n,)
            Redshifts of the clusters; used only by a prior that depends on redshift.
        """
        ln_density = np.log(np.maximum(self.told.density, LEAST_DENSITY))
        return ln_density - ln_prior(change.own, self.told.ln_mass, redshift, change.cosmology)


def inferred(
    posterior_at: Callable[[np.ndarray, np.ndarray], MassPosterior],
    redshift: np.ndarray,
    redshift_err: np.ndarray,
    change: PriorChange,
    allowed: tuple[float, float],
    floor: float = 0.0,
) -> Inference:
    """Return the posteriors of n clusters from posteriors at given redshifts.

    Parameters
    ----------
    posterior_at : callable
        Takes the indices of some of the n clusters and a redshift for each, and returns their posteriors
        under the model's own prior, without a floor.
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Redshifts and their standard deviations: 0 where exact, infinite where the redshift is unknown.
    change : PriorChange
        Change from the model's own prior to the requested one.
    allowed : (float, float)
        Lowest and highest redshift of the model.
    floor : float, optional
        Probability that is spread as the prior, whatever the data say: the model's own, or the requested one.
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
            found.append((rows, _marginal(at_nodes, nodes, weights, change, floor)))
    place = np.argsort(np.concatenate([rows for rows, _ in found]))
    own, told = (
        MassPosterior.concatenate([getattr(one, name) for _, one in found])[place] for name in ("own", "told")
    )
    if change.is_none:
        return Inference(own, own, told)
    return Inference(own, MassPosterior.concatenate([one.wanted for _, one in found])[place], told)


def _marginal(
    told: list[MassPosterior], nodes: np.ndarray, weights: np.ndarray, change: PriorChange, floor: float
) -> Inference:
    """Return the posteriors marginalised over redshift, from one posterior at each redshift node."""
    mixed = mixture(told, weights)
    own = mixed.with_floor(floor)
    if change.is_none:
        return Inference(own, own, mixed)
    changed = []
    for one, node in zip(told, nodes, strict=True):
        ln_ratio = change.ln_ratio(one.ln_mass, node)
        changed.append(one.reweighted(ln_ratio).with_floor(floor, ln_ratio))
    return Inference(own, mixture(changed, weights), mixed)


def _one_node(redshift: np.ndarray, _: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return redshift[None], np.ones(1)
