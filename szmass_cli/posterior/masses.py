"""A posterior of ln M as weighted masses, whatever model it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MassPosterior:
    """p(ln M | data) of n clusters, as weighted masses.

    Parameters
    ----------
    ln_mass : numpy.ndarray, shape (n, q)
        ln M [Msun], ascending in each row; NaN in all of a row that has no answer.
    weight : numpy.ndarray, shape (n, q)
        Probability of each mass; rows sum to one.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """

    ln_mass: np.ndarray
    weight: np.ndarray

    def __post_init__(self):
        if np.ndim(self.ln_mass) != 2 or np.shape(self.ln_mass) != np.shape(self.weight):
            raise ValueError(
                f"masses {np.shape(self.ln_mass)} and weights {np.shape(self.weight)}: not (n, q)"
            )

    def __len__(self) -> int:
        return len(self.ln_mass)

    def percentiles(self, percents: Sequence[float]) -> np.ndarray:
        """Percentiles of the mass, by the cumulative probability interpolated in ln M.

        Half of a mass's weight lies below it.

        Parameters
        ----------
        percents : sequence of float, length p
            Between 0 and 100.

        Returns
        -------
        numpy.ndarray, shape (n, p)
            Masses [Msun]; NaN where there is no answer.
        """
        cumulative = np.cumsum(self.weight, axis=1) - 0.5 * self.weight
        last = self.ln_mass.shape[1] - 1
        rows = np.arange(len(self))
        result = np.empty((len(self), len(percents)))
        for column, level in enumerate(np.asarray(percents, float) / 100.0):
            upper = (cumulative < level).sum(axis=1).clip(min(1, last), last)
            lower = np.maximum(upper - 1, 0)
            low, high = cumulative[rows, lower], cumulative[rows, upper]
            step = np.where(high > low, high - low, 1.0)
            fraction = np.clip((level - low) / step, 0.0, 1.0)
            bottom, top = self.ln_mass[rows, lower], self.ln_mass[rows, upper]
            result[:, column] = bottom + fraction * (top - bottom)
        return np.exp(result)

    def reweighted(self, ln_ratio: np.ndarray) -> "MassPosterior":
        """The posterior under another prior.

        Parameters
        ----------
        ln_ratio : numpy.ndarray, shape (n, q)
            ln of the new prior over the old one at `ln_mass`, but for a constant in each row.

        Returns
        -------
        MassPosterior
            On the same masses. A row to which the new prior leaves no probability has no answer.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ln_weight = np.log(self.weight) + np.where(self.weight > 0, ln_ratio, 0.0)
            # the largest is 1: neither overflow nor rows of zeros, however steep the prior
            weight = np.exp(ln_weight - ln_weight.max(axis=1, keepdims=True))
            weight /= weight.sum(axis=1, keepdims=True)
        known = np.isfinite(weight).all(axis=1, keepdims=True)
        return MassPosterior(
            np.where(known, self.ln_mass, np.nan), np.where(known, weight, 1.0 / weight.shape[1])
        )


def mixture(posteriors: Sequence[MassPosterior], weights: np.ndarray) -> MassPosterior:
    """The weighted mean of posteriors: what is left when a parameter is marginalised over its nodes.

    Parameters
    ----------
    posteriors : sequence of MassPosterior, length k
        Each of the same n clusters.
    weights : numpy.ndarray, shape (k,) or (k, n)
        Probability of each node, summing to one over k.

    Returns
    -------
    MassPosterior
        On the masses of the posteriors where they have the same ones, otherwise on those of all, sorted.
    """
    weights = np.asarray(weights, float)
    shares = [weight[..., None] * one.weight for weight, one in zip(weights, posteriors, strict=True)]
    first = posteriors[0].ln_mass
    if all(np.array_equal(one.ln_mass, first, equal_nan=True) for one in posteriors[1:]):
        return MassPosterior(first, np.sum(shares, axis=0))
    ln_mass = np.concatenate([one.ln_mass for one in posteriors], axis=1)
    # a row without an answer at one node has none
    ln_mass = np.where(np.isnan(ln_mass).any(axis=1, keepdims=True), np.nan, ln_mass)
    order = np.argsort(ln_mass, axis=1, kind="stable")
    weight = np.take_along_axis(np.concatenate(shares, axis=1), order, axis=1)
    return MassPosterior(np.take_along_axis(ln_mass, order, axis=1), weight)
