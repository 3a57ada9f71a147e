"""The recalibration under which the true masses of held-out simulations are likeliest."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import expit

from szmass_cli.posterior.grid import mass_grid, moments
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.recalibration import WIDE, Recalibration, corner_weights, unusual

FITTED_FLOOR = 1e-3
"""Floor while shifts and stretches are fitted: no outlier counts more than by its ln."""

DECIMALS = 6
"""Of all numbers that are kept: the last bits of sums depend on where in memory the posteriors lie."""

DELTA, N_STEPS, LARGEST_TAIL_STEP = 0.05, 20, 1.0

Nodes = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of ln mass [ln Msun], ln redshift and arcsinh of the S/N."""


@dataclass(frozen=True)
class Terms:
    """What a recalibration may do, by the standard deviations that are held likely beforehand.

    Parameters
    ----------
    of_tables : float
        Of shifts and ln stretches at the nodes; 0 where there are none.
    of_evidence : float
        Of what one number of evidence adds to either; 0 where evidence counts for nothing.
    of_tail : float
        Of the logit of the wide part's share, about `TAIL`; 0 where there is none.
    of_evidence_in_tail : float
        Of what one number of evidence adds to that.
    """

    of_tables: float
    of_evidence: float = 0.0
    of_tail: float = 0.0
    of_evidence_in_tail: float = 0.0

    TAIL: ClassVar[float] = -4.0

    @classmethod
    def with_tails(cls, of_tables: float) -> "Terms":
        """Return terms with tails, and with what evidence says of them."""
        return cls(of_tables, 0.05, 1.5, 0.5)


def likeliest(
    prior_range_msun: tuple[float, float], nodes: Nodes, clusters: HeldOut, terms: Terms
) -> Recalibration:
    """Return the recalibration that maximises ln p of the true masses plus the ln prior, by Fisher scoring.

    Parameters
    ----------
    prior_range_msun : (float, float)
        Range of M200c that the masses were drawn from, uniformly in ln M.
    nodes : tuple of numpy.ndarray
        Nodes of the tables in ln mass, ln redshift and arcsinh of the S/N.
    clusters : HeldOut
        Posteriors of simulations not used in training, with their true masses.
    terms : Terms
        What it may do.
    """
    grid, shape = mass_grid(prior_range_msun), tuple(axis.size for axis in nodes)
    columns = _Columns.of(grid, nodes, clusters, terms)
    shift, ln_stretch, logit_tail = _maximum(_Curves(grid, clusters), columns)
    p, c = columns.n_tables, columns.n_tails
    tables = np.zeros((2, int(np.prod(shape))))
    tables[:, : shift[:p].size] = shift[:p], np.clip(ln_stretch[:p], -1.0, 1.0)
    slopes = np.stack([shift[p:], ln_stretch[p:], logit_tail[c:]])
    tables, slopes, share = (np.round(values, DECIMALS) for values in (tables, slopes, expit(logit_tail[:c])))
    return Recalibration(
        *nodes,
        tables[0].reshape(shape),
        np.exp(tables[1]).reshape(shape),
        prior_range_msun,
        tail=np.clip(share, 10.0**-DECIMALS, 0.49),
        usual=columns.usual,
        slopes=slopes,
    )


@dataclass(frozen=True)
class _Columns:
    """What shifts, ln stretches and logits of n clusters are linear in, with the priors of the factors.

    Parameters
    ----------
    moved : numpy.ndarray, shape (n, p + k)
        For shifts and ln stretches: weights of the p nodes of the tables, and k numbers of evidence.
    tailed : numpy.ndarray, shape (n, c + k)
        For logits: weights of the c nodes in S/N, and the evidence.
    moved_width, tailed_width : numpy.ndarray, shape (p + k,), (c + k,)
        Standard deviations of the factors beforehand.
    n_tables, n_tails : int
        p and c, either of which may be 0.
    usual : numpy.ndarray, shape (2, k)
        Mean and standard deviation of the evidence.
    """

    moved: np.ndarray
    tailed: np.ndarray
    moved_width: np.ndarray
    tailed_width: np.ndarray
    n_tables: int
    n_tails: int
    usual: np.ndarray

    @classmethod
    def of(cls, grid: np.ndarray, nodes: Nodes, clusters: HeldOut, terms: Terms) -> "_Columns":
        """Return the columns for clusters, of those terms that have a width."""
        n, rows = len(clusters), np.arange(len(clusters))
        mean, _ = moments(grid, clusters.density)
        shape = tuple(axis.size for axis in nodes)
        tables = np.zeros((n, int(np.prod(shape)) if terms.of_tables else 0))
        tails = np.zeros((n, shape[2] if terms.of_tail else 0))
        for corner, weight in corner_weights(list(nodes), mean, clusters.redshift, clusters.snr):
            if terms.of_tables:
                tables[rows, np.ravel_multi_index(corner, shape)] += weight
            if terms.of_tail:
                tails[rows, corner[2]] += weight
        evidence = clusters.evidence if terms.of_evidence else np.zeros((n, 0))
        usual = np.round([evidence.mean(axis=0), evidence.std(axis=0) + 10.0**-DECIMALS], DECIMALS)
        seen = unusual(evidence, usual)
        return cls(
            np.concatenate([tables, seen], axis=1),
            np.concatenate([tails, seen], axis=1),
            np.repeat([terms.of_tables, terms.of_evidence], [tables.shape[1], seen.shape[1]]),
            np.repeat([terms.of_tail, terms.of_evidence_in_tail], [tails.shape[1], seen.shape[1]]),
            tables.shape[1],
            tails.shape[1],
            usual,
        )

    def share(self, logit_tail: np.ndarray) -> np.ndarray:
        """Return the shares (n,) of the wide part by the factors of their logits."""
        return expit(self.tailed @ logit_tail) if self.n_tails else np.zeros(len(self.tailed))


def _maximum(curves: "_Curves", columns: _Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the factors of shift and ln stretch (p + k,), and of the logit of the share (c + k,).

    In units of its sigma, the information of a Gaussian posterior is 1 for the shift, and 2 for ln stretch;
    that on the share is taken from the slopes.
    """
    moved, tailed = columns.moved, columns.tailed
    information = moved.T @ moved
    prior, tail_prior = np.diag(columns.moved_width**-2), np.diag(columns.tailed_width**-2)
    beforehand = np.where(np.arange(tailed.shape[1]) < columns.n_tails, Terms.TAIL, 0.0)
    shift, ln_stretch = np.zeros(moved.shape[1]), np.zeros(moved.shape[1])
    logit_tail = beforehand.copy()
    for _ in range(N_STEPS):
        a, b, share = moved @ shift, moved @ ln_stretch, columns.share(logit_tail)
        slope_a = (curves.ln_p(a + DELTA, b, share) - curves.ln_p(a - DELTA, b, share)) / (2.0 * DELTA)
        slope_b = (curves.ln_p(a, b + DELTA, share) - curves.ln_p(a, b - DELTA, share)) / (2.0 * DELTA)
        shift += np.linalg.solve(information + prior, moved.T @ slope_a - prior @ shift)
        ln_stretch += np.linalg.solve(2.0 * information + prior, moved.T @ slope_b - prior @ ln_stretch)
        if not columns.n_tails:
            continue
        slope = curves.slope_of_share(moved @ shift, moved @ ln_stretch, share) * share * (1.0 - share)
        known = (tailed * slope[:, None] ** 2).T @ tailed + tail_prior
        step = np.linalg.solve(known, tailed.T @ slope - tail_prior @ (logit_tail - beforehand))
        logit_tail += np.clip(step, -LARGEST_TAIL_STEP, LARGEST_TAIL_STEP)
    return shift, ln_stretch, logit_tail


class _Curves:
    """Shifted and stretched posteriors at one mass each, much cheaper than on the complete grid.

    Parameters
    ----------
    grid : numpy.ndarray, shape (m,)
        Evenly spaced ln M200c of the posteriors [ln Msun].
    clusters : HeldOut
        Posteriors and true masses of n clusters.
    """

    def __init__(self, grid: np.ndarray, clusters: HeldOut):
        self._grid, self._step = grid, grid[1] - grid[0]
        self._ends = grid[0] - 0.5 * self._step, grid[-1] + 0.5 * self._step
        self._truth = clusters.ln_mass
        self._mean, self._sigma = moments(grid, clusters.density)
        density = np.asarray(clusters.density, float)
        self._ln_density = np.log(np.maximum(density, 1e-300) / self._step)
        nothing = np.zeros((len(clusters), 1))
        self._below = np.concatenate([nothing, np.cumsum(density, axis=1)], axis=1)

    def ln_p(self, shift: np.ndarray, ln_stretch: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return ln p (n,) of the true masses, with the floor.

        Parameters
        ----------
        shift, ln_stretch, share : numpy.ndarray, shape (n,)
            Shift in sigma of each posterior, ln of the stretch about its mean, and share of the wide part.
        """
        narrow, wide = self._parts(shift, ln_stretch)
        return with_floor(np.log((1.0 - share) * narrow + share * wide), self._grid, FITTED_FLOOR)

    def slope_of_share(self, shift: np.ndarray, ln_stretch: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Return the derivative of `ln_p` with respect to the share (n,)."""
        narrow, wide = self._parts(shift, ln_stretch)
        return (1.0 - FITTED_FLOOR) * (wide - narrow) * np.exp(-self.ln_p(shift, ln_stretch, share))

    def _parts(self, shift: np.ndarray, ln_stretch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the densities of the narrow and of the wide part at the true masses, (n,) each."""
        stretch = np.exp(ln_stretch)
        return np.exp(self._ln_part(shift, stretch)), np.exp(self._ln_part(shift, WIDE * stretch))

    def _ln_part(self, shift: np.ndarray, stretch: np.ndarray) -> np.ndarray:
        """Return ln p (n,) of the true masses for posteriors shifted, and stretched about their means.

        The part within the range of masses is normalised by the integral of the original posterior between
        the points that are mapped to the ends of the range.
        """
        at, low, high = (
            self._mean + (x - self._mean - shift * self._sigma) / stretch for x in (self._truth, *self._ends)
        )
        inside = self._integral(high) - self._integral(low)
        first = self._ends[0] + 0.5 * self._step
        ln_density = _read(self._ln_density, (at - first) / self._step)
        return ln_density - np.log(stretch) - np.log(np.maximum(inside, 1e-300))

    def _integral(self, x: np.ndarray) -> np.ndarray:
        """Return the probability below points (n,); beyond its ends the density is taken as constant."""
        inside = _read(self._below, (x - self._ends[0]) / self._step)
        first, last = (np.exp(self._ln_density[:, end]) for end in (0, -1))
        return inside + np.minimum(x - self._ends[0], 0.0) * first + np.maximum(x - self._ends[1], 0.0) * last


def _read(tables: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return one value of each row of tables (n, m) at positions (n,) between 0 and m - 1."""
    position = np.clip(position, 0.0, tables.shape[1] - 1.000001)
    low = position.astype(int)
    upper, rows = position - low, np.arange(len(tables))
    return tables[rows, low] * (1.0 - upper) + tables[rows, low + 1] * upper


def with_floor(ln_p: np.ndarray, grid: np.ndarray, floor: float) -> np.ndarray:
    """Return ln of probability densities (n,), so much of which is spread evenly over a grid of masses."""
    return np.log((1.0 - floor) * np.exp(ln_p) + floor / (grid.size * (grid[1] - grid[0])))
