"""The loop that adds objects to cutouts: compiled, and without the interpreter's lock."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def add_objects(
    image, cutout, row, column, kernel, brightness, kernels, reach
):  # pragma: no cover - compiled
    """Add objects to cutouts, in place.

    Parameters
    ----------
    image : numpy.ndarray, shape (n, 40, 40 f), float32
        Cutouts [µK], the bands of a pixel side by side.
    cutout, row, column : numpy.ndarray, shape (s,), int64
        Cutout of each object, and its pixel there, which may lie outside.
    kernel : numpy.ndarray, shape (s,), int64
        Which of the kernels each object has.
    brightness : numpy.ndarray, shape (s, f), float32
        What multiplies the kernel in each band.
    kernels : numpy.ndarray, shape (m, k, k f), float32
        Images of objects in the middle of k x k pixels, k odd.
    reach : numpy.ndarray, shape (m,), int64
        How many pixels from its middle each kernel goes on in either direction, at most (k - 1) / 2.
    """
    n_bands = brightness.shape[1]
    n_rows, n_values = image.shape[1], image.shape[2]
    size = kernels.shape[1]
    middle = size // 2
    weights = np.empty(n_values, np.float32)
    for source in range(cutout.size):
        target, shape = image[cutout[source]], kernels[kernel[source]]
        for value in range(n_values):
            weights[value] = brightness[source, value % n_bands]
        half = reach[kernel[source]]
        first = max(0, (column[source] - half) * n_bands)
        last = min(n_values, (column[source] + half + 1) * n_bands)
        if last <= first:
            continue
        shift = (middle - column[source]) * n_bands
        for i in range(max(0, row[source] - half), min(n_rows, row[source] + half + 1)):
            added = shape[i - row[source] + middle][first + shift : last + shift]
            there, weight = target[i][first:last], weights[first:last]
            # plain indices from 0 of slices: what the compiler turns into vector instructions
            for value in range(there.size):
                there[value] += weight[value] * added[value]
