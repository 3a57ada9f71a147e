"""The posterior of ln M as a density on the grid of masses, for any model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.posterior.grid import moments, normalised


@dataclass(frozen=True)
class MassPosterior:
    """Posteriors p(ln M | data) of n clusters.

    Parameters
    ----------
    ln_mass : numpy.ndarray, shape (m,)
        Centres of cells of equal width [ln Msun], see `szmass_cli.posterior.grid.mass_grid`.
    density : numpy.ndarray, shape (n, m)
        Probability of each cell; rows sum to one, or are NaN where there is no result.

    Raises
    ------
    ValueError
        The shapes do not match.
    """

    ln_mass: np.ndarray
    density: np.ndarray

    def __post_init__(self):
        if np.ndim(self.density) != 2 or np.shape(self.ln_mass) != np.shape(self.density)[1:]:
            raise ValueError(
                f"masses {np.shape(self.ln_mass)} and density {np.shape(self.density)}: not (m,) and (n, m)"
            )

    def __len__(self) -> int:
        return len(self.density)

    def __getitem__(self, rows: np.ndarray | slice) -> "MassPosterior":
        return MassPosterior(self.ln_mass, self.density[rows])

    @classmethod
    def concatenate(cls, parts: "Sequence[MassPosterior]") -> "MassPosterior":
        """Return the concatenated posteriors of all parts, which share one grid."""
        return cls(parts[0].ln_mass, np.concatenate([part.density for part in parts]))

    @property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation of ln M, each (n,)."""
        return moments(self.ln_mass, self.density)

    def percentiles(self, percents: Sequence[float]) -> np.ndarray:
        """Return percentiles of the mass; the density is constant within a cell.

        Parameters
        ----------
        percents : sequence of float, length p
            Percentiles, each between 0 and 100.

        Returns
        -------
        numpy.ndarray, shape (n, p)
            M200c [Msun]; NaN where there is no result.
        """
        step = self.ln_mass[1] - self.ln_mass[0]
        cumulative = np.cumsum(self.density, axis=1)
        last, rows = self.ln_mass.size - 1, np.arange(len(self))
        result = np.empty((len(self), len(percents)))
        for column, level in enumerate(np.asarray(percents, float) / 100.0):
            cell = np.minimum((cumulative < level).sum(axis=1), last)
            inside = self.density[rows, cell]
            below = cumulative[rows, cell] - inside
            with np.errstate(invalid="ignore", divide="ignore"):
                fraction = np.clip(np.where(inside > 0, (level - below) / inside, 0.0), 0.0, 1.0)
            result[:, column] = self.ln_mass[cell] + (fraction - 0.5) * step
        lost = ~np.isfinite(self.density).all(axis=1)
        return np.exp(np.where(lost[:, None], np.nan, result))

    def reweighted(self, ln_ratio: np.ndarray) -> "MassPosterior":
        """Return the posterior under another prior.

        Parameters
        ----------
        ln_ratio : numpy.ndarray, shape (n, m)
            ln of the ratio of new to old prior at `ln_mass`, up to a constant in each row.

        Returns
        -------
        MassPosterior
            Rows without any probability under the new prior are NaN.
        """
        with np.errstate(divide="ignore"):
            return MassPosterior(
                self.ln_mass, normalised(np.log(self.density) + np.where(self.density > 0, ln_ratio, 0.0))
            )

    def with_floor(self, share: float, ln_prior: np.ndarray | None = None) -> "MassPosterior":
        """Return the posterior with a share of its probability spread as the prior, whatever the data say.

        A floor that is part of what is reweighted would decide wherever the new prior is steep: at z = 0.7
        the mass function has 3,000 times as many halos of 3e13 as of 1e15 Msun. It comes last.

        Parameters
        ----------
        share : float
            The share, below one.
        ln_prior : numpy.ndarray, shape (n, m) or (m,), optional
            ln of the prior at `ln_mass`, up to a constant in each row; by default it is flat in ln M.
        """
        if share == 0.0:
            return self
        flat = np.zeros_like(self.ln_mass) if ln_prior is None else ln_prior
        prior = normalised(np.atleast_2d(flat))
        return MassPosterior(self.ln_mass, (1.0 - share) * self.density + share * prior)


def mixture(posteriors: Sequence[MassPosterior], weights: np.ndarray) -> MassPosterior:
    """Return the weighted mean of posteriors, which marginalises over a parameter given at nodes.

    Parameters
    ----------
    posteriors : sequence of MassPosterior, length k
        Posteriors of the same n clusters at each node, on one grid.
    weights : numpy.ndarray, shape (k,) or (k, n)
        Probability of each node, summing to one over k.

    Raises
    ------
    ValueError
        The posteriors are on different grids.
    """
    first = posteriors[0].ln_mass
    if not all(np.array_equal(one.ln_mass, first) for one in posteriors[1:]):
        raise ValueError("posteriors on different grids of masses cannot be mixed")
    weights = np.asarray(weights, float)
    shares = [weight[..., None] * one.density for weight, one in zip(weights, posteriors, strict=True)]
    return MassPosterior(first, np.sum(shares, axis=0))
