"""Quintic splines at points that almost form a grid, as cutouts do on cylindrical maps away from the poles.

On a grid of rows and columns interpolation is a product of three matrices, the window between two of them,
which is several times faster than point by point. The points' departures from the grid, hundredths of a
pixel, are a Taylor series away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from math import factorial

import numpy as np
from scipy import ndimage
from scipy.interpolate import BSpline

_ORDER = 5
_DERIVATIVES = 3  # none, first and second

_LARGEST_BY_MATRIX = 128  # filtering in place takes over from products, and matrices would fill the memory

MAX_DEPARTURE_PIXELS = 0.1
"""Farther from the grid the third order of the series, which is left out, would count.

Here it is 5e-4 of a cluster behind a beam of two pixels, and in the cutout's corners only.
"""


@dataclass(frozen=True)
class NearGrid:
    """Points (ny, nx) of a window, as a grid and departures from it.

    Parameters
    ----------
    rows, columns : numpy.ndarray, shapes (ny,) and (nx,)
        Of the grid [pixels of the window].
    down, right : numpy.ndarray, shape (ny, nx)
        Departures of the points from the grid [pixels].
    """

    rows: np.ndarray
    columns: np.ndarray
    down: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> NearGrid:
        """Return the grid and departures of points given by rows and columns (ny, nx, 2)."""
        row, column = np.moveaxis(points, -1, 0)
        rows, columns = row.mean(axis=1), column.mean(axis=0)
        return cls(rows, columns, row - rows[:, None], column - columns)

    @staticmethod
    def is_out_of_question(points: np.ndarray) -> bool:
        """Return whether the outermost points alone rule such a grid out, as the lattice is turned."""
        corners = points[:: len(points) - 1, :: points.shape[1] - 1]
        down, right = np.ptp(corners[..., 0], axis=1), np.ptp(corners[..., 1], axis=0)
        return bool(max(down.max(), right.max()) > 2.0 * MAX_DEPARTURE_PIXELS)

    @property
    def departure(self) -> float:
        """Return the largest departure in either direction [pixels]."""
        return float(max(np.abs(self.down).max(), np.abs(self.right).max()))

    def interpolate(self, window: np.ndarray) -> np.ndarray:
        """Return the values (ny, nx) of a window's spline at the points.

        The points lie three pixels or more inside the window.
        """
        (low_row, along_rows), (low_column, along_columns) = _weights(self.rows), _weights(self.columns)
        before = _prefilter(window.shape[0])[low_row : low_row + along_rows.shape[-1]]
        after = _prefilter(window.shape[1])[low_column : low_column + along_columns.shape[-1]]
        half_way = along_rows @ (before @ window @ after.T)
        value, right, right_twice = half_way[0] @ along_columns.transpose(0, 2, 1)
        down, diagonally = half_way[1] @ along_columns[:2].transpose(0, 2, 1)
        down_twice = half_way[2] @ along_columns[0].T
        first = self.down * down + self.right * right
        second = self.down**2 * down_twice + self.right**2 * right_twice
        return value + first + 0.5 * second + self.down * self.right * diagonally


def spline_coefficients(window: np.ndarray) -> np.ndarray:
    """Return the coefficients of the quintic spline through a window's pixels, mirrored at its edges.

    They have the window's shape.
    """
    if max(window.shape) > _LARGEST_BY_MATRIX:
        return ndimage.spline_filter(window, _ORDER, mode="mirror")
    return _prefilter(window.shape[0]) @ window @ _prefilter(window.shape[1]).T


def _weights(points: np.ndarray) -> tuple[int, np.ndarray]:
    """Return the index of the first of m spline coefficients, and the weights (3, n, m) of all m.

    The weights are those of the spline's value and of its first and second derivatives.
    """
    whole = np.floor(points).astype(int)
    powers = (points - whole) ** np.arange(_ORDER + 1)[:, None]
    first = whole - _ORDER // 2
    low = int(first.min())
    weights = np.zeros((_DERIVATIVES, len(points), int(first.max()) - low + _ORDER + 1))
    places = first[:, None] - low + np.arange(_ORDER + 1)
    weights[:, np.arange(len(points))[:, None], places] = (_pieces() @ powers).transpose(0, 2, 1)
    return low, weights


@cache
def _pieces() -> np.ndarray:
    """Return polynomials (3, 6, 6) in the distance past a pixel: weights of six coefficients, by powers."""
    spline = BSpline.basis_element(np.arange(_ORDER + 2.0), extrapolate=False)
    left = np.arange(_ORDER, -1.0, -1.0)  # the first coefficient is on its last piece
    derivatives = [spline(left), *(spline.derivative(order)(left) for order in range(1, _ORDER + 1))]
    taylor = np.stack([values / factorial(power) for power, values in enumerate(derivatives)], axis=-1)
    pieces = [taylor]
    for _ in range(1, _DERIVATIVES):
        steeper = np.zeros_like(taylor)
        steeper[:, :-1] = pieces[-1][:, 1:] * np.arange(1.0, _ORDER + 1.0)
        pieces.append(steeper)
    return np.stack(pieces)


@lru_cache(maxsize=128)
def _prefilter(size: int) -> np.ndarray:
    """Return the matrix (size, size) from samples to spline coefficients."""
    return ndimage.spline_filter1d(np.eye(size), _ORDER, axis=0, mode="mirror")
