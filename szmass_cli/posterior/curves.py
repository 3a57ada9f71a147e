"""Likelihood curves of many rows, thinned so that a million of them fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

WIDEST_STEP = 0.05
"""Largest step in ln M of a thinned curve: no likelihood is narrower than the scatter of SZ amplitudes."""

FLOOR = 1e-30
"""Least likelihood of a mass relative to that of the best one."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Likelihoods of n rows at m masses, and with which probability each mass enters the sample.

    Parameters
    ----------
    ln_mass : numpy.ndarray, shape (m,)
        Evenly spaced ln M200c [ln Msun].
    likelihood : numpy.ndarray, shape (n, m), float32
        Likelihood of each mass, up to a factor in each row.
    selection : numpy.ndarray, shape (n, m), float32, optional
        Probability that a cluster of each mass at the place of the row is selected; None where the selection
        does not depend on the data that the likelihood is of.

    Notes
    -----
    Below and above the tabulated masses both are taken to be those of the first and last one: less mass is
    invisible, and more is excluded.
    """

    ln_mass: np.ndarray
    likelihood: np.ndarray
    selection: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.likelihood)

    def __getitem__(self, rows: np.ndarray) -> "Curves":
        chosen = None if self.selection is None else self.selection[rows]
        return Curves(self.ln_mass, self.likelihood[rows], chosen)

    @property
    def step(self) -> float:
        """Return the step of the masses in ln M."""
        return float(self.ln_mass[1] - self.ln_mass[0])


def thinning(ln_mass: np.ndarray) -> slice:
    """Return which masses of an even grid (m,) are kept: as few as `WIDEST_STEP` allows, ten at least."""
    step = float(ln_mass[1] - ln_mass[0])
    return slice(None, None, max(1, min(int(WIDEST_STEP / step * (1.0 + 1e-9)), ln_mass.size // 10)))


def relative_likelihood(ln_likelihood: np.ndarray) -> np.ndarray:
    """Return likelihoods (n, m) over the largest of each row, as float32 from `FLOOR` to 1.

    Parameters
    ----------
    ln_likelihood : numpy.ndarray, shape (n, m)
        ln of the likelihood, up to a constant in each row; finite.
    """
    values = ln_likelihood - ln_likelihood.max(axis=1, keepdims=True)
    return np.maximum(np.exp(values, dtype=np.float32), np.float32(FLOOR))


def thinned(ln_mass: np.ndarray, blocks: Iterator[np.ndarray], n: int) -> Curves:
    """Return thinned curves of n rows from blocks of ln likelihoods on a full grid.

    Parameters
    ----------
    ln_mass : numpy.ndarray, shape (m,)
        The even grid [ln Msun].
    blocks : iterator of numpy.ndarray, shape (k, m)
        ln likelihoods of consecutive rows, n in all.
    n : int
        Number of all rows.
    """
    kept = thinning(ln_mass)
    likelihood, done = np.empty((n, ln_mass[kept].size), np.float32), 0
    for block in blocks:
        likelihood[done : done + len(block)] = relative_likelihood(block[:, kept])
        done += len(block)
    return Curves(ln_mass[kept], likelihood)
