"""Transfer functions of maps: the fraction of each mode of the sky that filtering has left in them."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from szmass_cli.errors import InputError
from szmass_cli.system.inputs import read_arrays, read_table

LARGEST = 1.5
"""No filter amplifies a mode by more than this; larger values mean that a file is not a transfer function."""

LEAST_REACH = 3000.0
"""Multipole that a plane has to reach: most of the signal of clusters is below it."""

MIRROR_TOLERANCE = 1e-6
"""Left-right differences below this fraction of the largest value count as none."""


@dataclass(frozen=True, eq=False)
class IsotropicTransfer:
    """A transfer function T(ell), the same in all directions.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Multipoles of the table, ascending.
    tf : numpy.ndarray, shape (n,)
        T at each multipole; linear between them, and the nearest value beyond the first and the last one: a
        filter of the time streams acts on large scales and is flat on small ones.
    """

    ell: np.ndarray
    tf: np.ndarray

    @property
    def mirror_symmetric(self) -> bool:
        """Return True: no direction is special."""
        return True

    def __call__(self, ell_x, ell_y) -> np.ndarray:
        """Return T at multipoles along right ascension and declination, broadcast against each other."""
        return np.interp(np.hypot(ell_x, ell_y), self.ell, self.tf)


@dataclass(frozen=True, eq=False)
class PlaneTransfer:
    """A transfer function T(ell_x, ell_y) on a grid.

    Parameters
    ----------
    ell_x : numpy.ndarray, shape (nx,)
        Ascending multipoles along right ascension, of either sign.
    ell_y : numpy.ndarray, shape (ny,)
        Ascending multipoles along declination, of either sign.
    tf : numpy.ndarray, shape (ny, nx)
        T on the grid; bilinear between its points, and the nearest value beyond them, as in
        `IsotropicTransfer`.

    Notes
    -----
    A real map stays real, T(-ell_x, -ell_y) = T(ell_x, ell_y): the mean of the two is returned, so that a
    table that is not quite symmetric cannot say otherwise.
    """

    ell_x: np.ndarray
    ell_y: np.ndarray
    tf: np.ndarray

    @cached_property
    def mirror_symmetric(self) -> bool:
        """Return whether T(-ell_x, ell_y) = T(ell_x, ell_y) at every point of the table.

        To 1e-6 of its maximum: of scans along a row or a column, not at an angle.
        """
        here = self(self.ell_x[None, :], self.ell_y[:, None])
        mirrored = self(-self.ell_x[None, :], self.ell_y[:, None])
        return bool(np.abs(here - mirrored).max() <= MIRROR_TOLERANCE * np.abs(self.tf).max())

    @cached_property
    def _interpolator(self) -> RegularGridInterpolator:
        return RegularGridInterpolator((self.ell_y, self.ell_x), self.tf, method="linear")

    def __call__(self, ell_x, ell_y) -> np.ndarray:
        """Return T at multipoles along right ascension and declination, broadcast against each other."""
        ell_x, ell_y = np.broadcast_arrays(np.asarray(ell_x, float), np.asarray(ell_y, float))
        return 0.5 * (self._nearest_or_between(ell_x, ell_y) + self._nearest_or_between(-ell_x, -ell_y))

    def _nearest_or_between(self, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
        inside_x = np.clip(ell_x, self.ell_x[0], self.ell_x[-1])
        inside_y = np.clip(ell_y, self.ell_y[0], self.ell_y[-1])
        return self._interpolator(np.stack([inside_y, inside_x], axis=-1))


def small_scales_left(transfer: IsotropicTransfer | PlaneTransfer, ell: np.ndarray) -> np.ndarray:
    """Return the amplitude (n,) that a filter leaves of waves as short as those of `ell` (n,), or shorter.

    The most of all directions and of all higher multipoles, over the most of all: 1 but for filters that take
    small scales away. Where it falls to nothing, a map shows no sky.
    """
    angle = np.linspace(0.0, np.pi, 72, endpoint=False)
    fine = np.linspace(0.0, max(float(ell[-1]), 1.0), 2000)
    most = np.abs(transfer(np.outer(fine, np.cos(angle)), np.outer(fine, np.sin(angle)))).max(axis=1)
    left = np.maximum.accumulate(most[::-1])[::-1]
    return np.interp(ell, fine, left / left[0])


def read_transfer(path: str | Path) -> IsotropicTransfer | PlaneTransfer:
    """Read the transfer function of a map.

    Parameters
    ----------
    path : path
        Text of two columns, ell and T(ell), further ones are ignored; or, where the name ends in ``.npz``,
        the arrays ``ell_x``, ``ell_y`` and ``tf``. There x is along right ascension of the map's own axes
        and runs along the last axis of ``tf``; the multipoles are one-dimensional, or of the shape of ``tf``
        (then ``numpy.meshgrid``'s orders, ``xy`` and ``ij``, are told apart by them), ascending or in the
        order of ``numpy.fft``.

    Returns
    -------
    IsotropicTransfer or PlaneTransfer

    Raises
    ------
    InputError
        If the file cannot be read, or is not a transfer function.
    """
    return _read_plane(path) if str(path).lower().endswith(".npz") else _read_table(path)


_TABLE_FORMAT = "Give text of two columns, ell and T(ell), with ascending ell and T between 0 and 1."
_PLANE_FORMAT = (
    "Give an .npz with ell_x (nx), ell_y (ny), both with either sign, and tf (ny, nx) between 0 and 1."
)


def _read_table(path: str | Path) -> IsotropicTransfer:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below
            columns = read_table(path, (0, 1))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"The transfer function {path} cannot be read: {error}.", _TABLE_FORMAT) from None
    ell, tf = columns.T
    if len(ell) < 2:
        raise InputError(f"The transfer function {path} has {len(ell)} rows.", _TABLE_FORMAT)
    if not np.isfinite(ell).all() or ell[0] < 0 or np.any(np.diff(ell) <= 0):
        raise InputError(f"The multipoles of the transfer function {path} do not ascend.", _TABLE_FORMAT)
    return IsotropicTransfer(ell, _checked(tf, path, _TABLE_FORMAT))


def _read_plane(path: str | Path) -> PlaneTransfer:
    names = ("ell_x", "ell_y", "tf")
    try:
        ell_x, ell_y, tf = (np.asarray(array, float) for array in read_arrays(path, names))
    except KeyError:
        raise InputError(f"{path} does not hold ell_x, ell_y and tf.", _PLANE_FORMAT) from None
    except (OSError, ValueError) as error:
        raise InputError(f"The transfer function {path} cannot be read: {error}.", _PLANE_FORMAT) from None
    if tf.ndim != 2 or min(tf.shape) < 2:
        raise InputError(f"tf of {path} is not a plane: its shape is {tf.shape}.", _PLANE_FORMAT)
    if ell_x.ndim == ell_y.ndim == 2:
        ell_x, ell_y, tf = _axes_of_grids(ell_x, ell_y, tf, path)
    if tf.shape != (ell_y.size, ell_x.size):
        raise InputError(
            f"tf of {path} has shape {tf.shape}, its multipoles {ell_y.shape} and {ell_x.shape}.",
            _PLANE_FORMAT,
        )
    columns, rows = _ascending(ell_x, "ell_x", path), _ascending(ell_y, "ell_y", path)
    reach = min(
        np.abs(axis[[order[0], order[-1]]]).min() for axis, order in ((ell_x, columns), (ell_y, rows))
    )
    if reach < LEAST_REACH:
        raise InputError(
            f"The transfer function {path} ends at a multipole of {reach:g}, and clusters have signal beyond "
            f"{LEAST_REACH:g}: it is of another grid, or not in multipoles.",
            "ell_x and ell_y are 2 pi times cycles per radian, of both signs.",
        )
    tf = _checked(tf, path, _PLANE_FORMAT)[np.ix_(rows, columns)]
    return PlaneTransfer(ell_x[columns], ell_y[rows], tf)


def _axes_of_grids(ell_x, ell_y, tf, path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the axes of two grids of multipoles, and tf with x along its last axis."""
    if ell_x.shape != tf.shape or ell_y.shape != tf.shape:
        raise InputError(
            f"ell_x, ell_y and tf of {path} differ in shape: {ell_x.shape}, {ell_y.shape}, {tf.shape}.",
            _PLANE_FORMAT,
        )
    if ell_x[0, 0] == ell_x[0, 1]:  # x runs along the first axis
        ell_x, ell_y, tf = ell_x.T, ell_y.T, tf.T
    if not (np.all(ell_x == ell_x[:1]) and np.all(ell_y == ell_y[:, :1])):
        raise InputError(f"ell_x and ell_y of {path} are not a grid of columns and rows.", _PLANE_FORMAT)
    return ell_x[0], ell_y[:, 0], tf


def _ascending(ell: np.ndarray, name: str, path) -> np.ndarray:
    """Return the order of a plane's multipoles, which must be distinct and of either sign."""
    order = np.argsort(ell)
    if not np.isfinite(ell).all() or np.any(np.diff(ell[order]) <= 0):
        raise InputError(f"{name} of {path} has values that are repeated or not finite.", _PLANE_FORMAT)
    steps = np.diff(ell)
    # ascending, or with one step down: numpy's order of frequencies
    if np.count_nonzero(steps < 0) > 1:
        raise InputError(f"{name} of {path} does not ascend.", _PLANE_FORMAT)
    if ell.min() >= 0 or ell.max() <= 0:
        raise InputError(f"{name} of {path} has only one sign: the whole plane is needed.", _PLANE_FORMAT)
    return order


def _checked(tf: np.ndarray, path, hint: str) -> np.ndarray:
    if not np.isfinite(tf).all():
        raise InputError(f"The transfer function {path} has values that are not finite.", hint)
    if tf.min() < 0 or tf.max() > LARGEST:
        raise InputError(
            f"The transfer function {path} runs from {tf.min():g} to {tf.max():g}: not from 0 to {LARGEST}.",
            hint,
        )
    if tf.max() == 0:
        raise InputError(f"The transfer function {path} is 0 everywhere.", hint)
    return tf
