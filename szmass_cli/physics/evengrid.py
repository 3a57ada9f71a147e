"""Linear interpolation on an axis of even steps: where values fall is a division, not a search."""

import numpy as np


def place(axis: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where values fall on an axis: the lower neighbour, and the way to the next one.

    Parameters
    ----------
    axis : numpy.ndarray, shape (k,)
        Ascending, in even steps.
    values : numpy.ndarray, any shape
        In the axis's unit; those beyond an end are put on it.

    Returns
    -------
    low : numpy.ndarray of int, shape of the values
        0 to k - 2.
    upper : numpy.ndarray, shape of the values
        Weight of the upper neighbour, 0 to 1; the lower one has the rest.
    """
    position = np.asarray(values - axis[0])
    position *= 1.0 / (axis[1] - axis[0])
    np.clip(position, 0.0, axis.size - 1.0, out=position)
    low = position.astype(np.intp)
    np.minimum(low, axis.size - 2, out=low)
    position -= low
    return low, position


def place_cubic(axis: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the four neighbours of values on an axis, and their weights in a cubic polynomial.

    Parameters
    ----------
    axis : numpy.ndarray, shape (k,)
        Four numbers or more, ascending in even steps.
    values : numpy.ndarray, shape (n,)
        In the axis's unit; those beyond an end are put on it.

    Returns
    -------
    first : numpy.ndarray of int, shape (n,)
        The lowest of the four neighbours, 0 to k - 4.
    weights : numpy.ndarray, shape (n, 4)
        Lagrange's, which add up to 1.
    """
    low, upper = place(axis, values)
    first = np.clip(low - 1, 0, axis.size - 4)
    t = low - first + upper
    weights = [
        -(t - 1.0) * (t - 2.0) * (t - 3.0) / 6.0,
        t * (t - 2.0) * (t - 3.0) / 2.0,
        -t * (t - 1.0) * (t - 3.0) / 2.0,
        t * (t - 1.0) * (t - 2.0) / 6.0,
    ]
    return first, np.stack(weights, axis=-1)
