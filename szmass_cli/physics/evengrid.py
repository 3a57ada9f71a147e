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
