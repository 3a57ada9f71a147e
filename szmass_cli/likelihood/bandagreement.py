"""Do the bands of a run agree about the clusters? Their signal in each band, from many clusters at once.

Every row has one unknown brightness, and all rows share the signal g of the bands. With the matched filters
P = t^T C^-1 d and F = t^T C^-1 t of all bands, what is left of a row without a cluster of signal g is
chi^2(g) = P^T F^-1 P - (g P)^2 / (g F g). Noise leaves its mean least at the true g, however faint the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.optimize import minimize

LEAST_SNR = 3.0
"""Of rows that tell anything."""

LEAST_ROWS, MOST_ROWS = 8, 2000
N_GROUPS = 16
"""Of rows, left out one after the other for the error of what is found."""

OWN_SPREAD = 0.15
"""Of the signal of single clusters between bands, by sources, dust and hot gas: bright ones say no more."""

ROBUST = 6.0
"""chi^2 from which a row counts less: a few with bright sources change nothing."""

TRIED = (-1.0, 0.03, 0.3, 0.6, 1.6, 3.0)
"""Factors on each band, from which the search begins besides the signal that is expected."""

MOST_ORDERED = 5
"""Bands whose orders are all tried."""

DECREMENT = 0.3
"""Of the largest signal: bands that show less of a decrement are told by dust as much as by the SZ effect."""


@dataclass(frozen=True, eq=False)
class BandSignal:
    """Signal of the clusters in f bands, up to a common factor.

    Parameters
    ----------
    signal : numpy.ndarray, shape (f,)
        The likeliest signal, in the unit of the expected one.
    without : numpy.ndarray, shape (k, f)
        The same without each of k groups of rows.
    information : numpy.ndarray, shape (f, f)
        Fisher information on the signal, of Gaussian noise alone.
    n_rows : int
        Rows that it is from.
    """

    signal: np.ndarray
    without: np.ndarray
    information: np.ndarray
    n_rows: int

    def of(self, quantity: Callable[[np.ndarray], float]) -> tuple[float, float]:
        """Return a function of the signal and its standard error, the larger of two estimates.

        Parameters
        ----------
        quantity : callable
            Takes a signal (f,) and returns a number.
        """
        value = quantity(self.signal)
        others = np.array([quantity(one) for one in self.without])
        n = len(others)
        jackknifed = np.sqrt((n - 1.0) / n * np.sum((others - others.mean()) ** 2))
        step = 1e-4 * np.max(np.abs(self.signal))
        slope = np.array(
            [(quantity(self.signal + step * one) - value) / step for one in np.eye(len(self.signal))]
        )
        variance = float(slope @ np.linalg.pinv(self.information, rcond=1e-9) @ slope)
        return value, float(max(jackknifed, np.sqrt(max(variance, 0.0))))


def band_signal(products: np.ndarray, expected: np.ndarray) -> BandSignal | None:
    """Return the signal of clusters in each band; None where there are too few to tell.

    Parameters
    ----------
    products : numpy.ndarray, shape (n, f, 1 + f)
        P and F of n rows for cold gas of the expected signal, 0 in bands that were not used.
    expected : numpy.ndarray, shape (f,)
        Signal of cold gas in each band, in any unit.
    """
    scaled = products[..., 0] / expected, products[..., 1:] / (expected[:, None] * expected)
    rows = _Rows.of(*scaled)
    if len(rows) < LEAST_ROWS:
        return None
    best = _likeliest(rows, expected)
    groups = np.arange(len(rows)) % min(N_GROUPS, len(rows))
    without = [_refined(rows.only(groups != group), best) for group in range(groups.max() + 1)]
    return BandSignal(best, np.array(without), rows.information(best), len(rows))


def order_that_agrees(signal: np.ndarray, expected: np.ndarray) -> tuple[tuple[int, ...], float]:
    """Return which band each map shows the signal of best, and by how much it is off, as a fraction.

    Parameters
    ----------
    signal, expected : numpy.ndarray, shape (f,)
        Signal found and expected, each up to a common factor.
    """
    f = len(expected)
    orders = permutations(range(f)) if f <= MOST_ORDERED else [tuple(range(f))]
    found = [(order, misfit(signal, expected[list(order)])) for order in orders]
    return min(found, key=lambda one: one[1])


def misfit(signal: np.ndarray, expected: np.ndarray) -> float:
    """Return by how much a signal departs from the expected one, as a fraction of it, in the worst band.

    Bands that should show no decrement worth speaking of count only if they do: dust makes them brighter.

    Parameters
    ----------
    signal, expected : numpy.ndarray, shape (f,)
        Signal found and expected, each up to a common factor.
    """
    plain = expected < -DECREMENT * np.max(np.abs(expected))
    scale = np.where(plain, np.abs(expected), np.max(np.abs(expected)))
    off = []
    for factor in signal[plain] / expected[plain]:
        departure = (signal / factor - expected) / scale
        off.append(float(np.max(np.where(plain, np.abs(departure), -departure))))
    return min(off, default=np.inf)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Matched filters of rows for a signal of 1 in each band, and P^T F^-1 P."""

    projection: np.ndarray
    fisher: np.ndarray
    squared_snr: np.ndarray

    @classmethod
    def of(cls, projection: np.ndarray, fisher: np.ndarray) -> "_Rows":
        """Return the rows that say something, the brightest of them where there are many."""
        known = np.flatnonzero(np.count_nonzero(projection, axis=1) > 1)
        projection, fisher = projection[known], fisher[known]
        inverse = np.linalg.pinv(fisher, rcond=1e-12, hermitian=True)
        squared = np.einsum("ni,nij,nj->n", projection, inverse, projection)
        bright = np.argsort(-squared, kind="stable")[:MOST_ROWS]
        kept = np.sort(bright[squared[bright] > LEAST_SNR**2])
        return cls(projection[kept], fisher[kept], squared[kept])

    def __len__(self) -> int:
        return len(self.projection)

    def only(self, chosen: np.ndarray) -> "_Rows":
        """Return some of the rows."""
        return _Rows(self.projection[chosen], self.fisher[chosen], self.squared_snr[chosen])

    def cost(self, signal: np.ndarray) -> float:
        """Return what is left of all rows without clusters of a signal."""
        fisher = np.maximum(np.einsum("i,nij,j->n", signal, self.fisher, signal), 1e-300)
        left = self.squared_snr - (self.projection @ signal) ** 2 / fisher
        allowed = 1.0 + OWN_SPREAD**2 * self.squared_snr
        return float(np.sum(np.log1p(left / (ROBUST * allowed))))

    def information(self, signal: np.ndarray) -> np.ndarray:
        """Return the Fisher information on the signal, each row's brightness being unknown."""
        weighted = self.fisher @ signal
        fisher = weighted @ signal
        square = (self.projection @ signal) ** 2 / fisher**2 - 1.0 / fisher
        each = self.fisher - weighted[:, :, None] * weighted[:, None, :] / fisher[:, None, None]
        allowed = 1.0 + OWN_SPREAD**2 * self.squared_snr
        return np.einsum("n,nij->ij", square / allowed, each)


def _likeliest(rows: _Rows, expected: np.ndarray) -> np.ndarray:
    """Return the signal that leaves least, the global minimum of several."""
    f = len(expected)
    starts = [expected * np.where(np.arange(f) == band, factor, 1.0) for band in range(f) for factor in TRIED]
    if f <= MOST_ORDERED:
        starts += [expected[list(order)] for order in permutations(range(f))]
    starts.sort(key=rows.cost)
    return min((_refined(rows, start) for start in starts[:4]), key=rows.cost)


def _refined(rows: _Rows, start: np.ndarray) -> np.ndarray:
    """Return the signal of a minimum near a start, of the same length."""
    length = np.linalg.norm(start)
    options = {"xatol": 1e-4, "fatol": 1e-4, "maxiter": 400}
    found = minimize(rows.cost, start / length, method="Nelder-Mead", options=options).x
    return found / np.linalg.norm(found) * length
