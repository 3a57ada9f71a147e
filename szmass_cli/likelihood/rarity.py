"""How rare cutouts are among those of a training, several numbers of their oddness taken together.

Each number counts as -ln of the share of the training's cutouts of like S/N and depth that exceed it, and
these are added up (Fisher's combination): several numbers that are each a little odd are as rare as one that
is very odd. Depth matters as S/N does: the deeper a map, the further its sources and neighbours stand out.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

COMBINED = ("extreme", "offset", "neighbour")
"""Numbers that are taken together, by their names in `szmass_cli.likelihood.oddness.Oddness`."""

TOLD = 0.04
"""Share of the training's cutouts that is told of, those that are told of for another reason included: with
maps whose noise is too low for the sky of the training, 5 per cent of a survey."""

SNR_EDGES = np.array([0.0, 3.0, 5.0, 8.0, 15.0, 30.0, 80.0, np.inf])
"""Of bins in which cutouts are alike: what is left of a bright cluster is of its shape."""

FEWEST = 200
"""Cutouts of a bin; one with fewer has no node."""

N_DEPTHS = 4
"""Depths at which the cutouts of a bin of S/N are looked at, each with those that are nearest to it."""

LN_SHARES = np.linspace(0.0, np.log(1000.0), 24)
"""-ln of the shares of cutouts whose numbers are tabulated."""


class Odd(Protocol):
    """What is known of n cutouts: those fields of `szmass_cli.likelihood.oddness.Oddness`."""

    @property
    def snr(self) -> np.ndarray:
        """Return S/N (n,)."""

    @property
    def extreme(self) -> np.ndarray:
        """Return the largest scores (n,)."""

    @property
    def offset(self) -> np.ndarray:
        """Return the gains of a shift (n,)."""

    @property
    def neighbour(self) -> np.ndarray:
        """Return the largest scores of gas beside the cluster (n,)."""

    @property
    def y_error(self) -> np.ndarray:
        """Return the depths (n,)."""


@dataclass(frozen=True)
class Rarity:
    """Numbers of oddness that given shares of a training's cutouts exceed, by S/N and depth.

    Parameters
    ----------
    snr : numpy.ndarray, shape (s,)
        S/N of the nodes, ascending; in between, interpolation is linear in arcsinh of it.
    y_error : numpy.ndarray, shape (e,)
        Depths of the nodes, ascending: `szmass_cli.likelihood.oddness.Oddness.y_error`; interpolation is
        linear in its logarithm.
    ln_shares : numpy.ndarray, shape (q,)
        -ln of shares, ascending from 0.
    extreme, offset, neighbour : numpy.ndarray, shape (s, e, q)
        Numbers that these shares of cutouts exceed; they do not descend with q.
    level : numpy.ndarray, shape (s, e)
        Sums above which cutouts are told of.

    Raises
    ------
    ValueError
        If these are no such tables.
    """

    snr: np.ndarray
    y_error: np.ndarray
    ln_shares: np.ndarray
    extreme: np.ndarray
    offset: np.ndarray
    neighbour: np.ndarray
    level: np.ndarray

    def __post_init__(self):
        for name in ("snr", "y_error", "ln_shares"):
            axis = np.asarray(getattr(self, name))
            if axis.ndim != 1 or axis.size == 0 or not np.isfinite(axis).all() or np.any(np.diff(axis) <= 0):
                raise ValueError(f"{name} of rarities must be numbers that ascend")
        if np.any(np.asarray(self.y_error) <= 0.0):
            raise ValueError("y_error of rarities must be positive")
        nodes = (np.size(self.snr), np.size(self.y_error))
        shapes = {"level": nodes, **{name: (*nodes, np.size(self.ln_shares)) for name in COMBINED}}
        for name, shape in shapes.items():
            values = np.asarray(getattr(self, name))
            if values.shape != shape or not np.isfinite(values).all():
                raise ValueError(f"{name} of rarities is no table of numbers of shape {shape}")
        if any(np.any(np.diff(getattr(self, name), axis=-1) < 0.0) for name in COMBINED):
            raise ValueError("numbers of rarer cutouts must not be smaller")

    @classmethod
    def measured(cls, odd: Odd, told: np.ndarray) -> "Rarity":
        """Return the tables of simulated cutouts that nothing is wrong with.

        Parameters
        ----------
        odd : Odd
            S/N, depth and numbers of n cutouts.
        told : numpy.ndarray of bool, shape (n,)
            Which of them are told of for another reason.

        Raises
        ------
        ValueError
            If no bin of S/N holds enough of them.
        """
        snr, ln_depth = np.asarray(odd.snr), np.log(odd.y_error)
        depth = np.unique(np.quantile(odd.y_error, (np.arange(N_DEPTHS) + 0.5) / N_DEPTHS))
        alike, nodes = [], []
        for low, high in pairwise(SNR_EDGES):
            inside = np.flatnonzero((snr >= low) & (snr < high))
            if inside.size >= FEWEST:
                alike.append([_nearest(inside, ln_depth, np.log(node)) for node in depth])
                nodes.append(np.median(snr[inside]))
        if not nodes:
            raise ValueError(f"no bin of S/N holds {FEWEST} cutouts")
        exceeded = 1.0 - np.exp(-LN_SHARES)
        tables = {}
        for name in COMBINED:
            values = getattr(odd, name)
            tables[name] = np.array([[np.quantile(values[rows], exceeded) for rows in row] for row in alike])
        axes = {"snr": np.array(nodes), "y_error": depth, "ln_shares": LN_SHARES}
        silent = cls(**axes, **tables, level=np.zeros((len(nodes), depth.size)))
        sums = silent(odd)
        level = np.array([[_level(sums[rows], told[rows]) for rows in row] for row in alike])
        return cls(**axes, **tables, level=level)

    def __call__(self, odd: Odd) -> np.ndarray:
        """Return the sums (n,) of -ln of the shares of a training's cutouts that exceed each number."""
        weights, total = self._weights(odd), np.zeros(len(odd.snr))
        for node in np.ndindex(weights.shape[1:]):
            weight = weights[(slice(None), *node)]
            rows = np.flatnonzero(weight)
            for name in COMBINED:
                found = np.interp(getattr(odd, name)[rows], getattr(self, name)[node], self.ln_shares)
                total[rows] += weight[rows] * found
        return total

    def exceeded(self, odd: Odd) -> np.ndarray:
        """Return whether each of n cutouts is rarer than the levels; one whose numbers are none is."""
        return np.logical_not(self(odd) <= np.einsum("nse,se->n", self._weights(odd), self.level))

    def _weights(self, odd: Odd) -> np.ndarray:
        """Return the weights (n, s, e) of the nodes for n cutouts."""
        of_snr = _hats(np.arcsinh(self.snr), np.arcsinh(np.maximum(odd.snr, 0.0)))
        of_depth = _hats(np.log(self.y_error), np.log(odd.y_error))
        return of_snr[:, :, None] * of_depth[:, None, :]


def _nearest(inside: np.ndarray, ln_depth: np.ndarray, node: float) -> np.ndarray:
    """Return those of the rows of a bin of S/N whose depths are nearest to a node."""
    order = np.argsort(np.abs(ln_depth[inside] - node), kind="stable")
    return inside[order[: max(FEWEST, inside.size // N_DEPTHS)]]


def _level(sums: np.ndarray, told: np.ndarray) -> float:
    """Return the sum that so many exceed that `TOLD` are told of, those that are already included."""
    left, others = TOLD * sums.size - told.sum(), sums[~told]
    if left <= 0.0 or others.size == 0:
        return float(sums.max())
    return float(np.quantile(others, 1.0 - min(left / others.size, 1.0)))


def _hats(axis: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the weights (n, k) of linear interpolation between nodes (k,) at points (n,)."""
    return np.stack([np.interp(at, axis, unit) for unit in np.eye(axis.size)], axis=1)
