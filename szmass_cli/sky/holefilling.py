"""Holes of patches filled with the waves around them, so that they spread no power of large scales."""

import numpy as np
from scipy import fft, ndimage

from szmass_cli.physics.beams import ARCMIN

SMOOTH_ABOVE_ELL, STEEPNESS = 3000.0, 6.0
"""Where the CMB falls below the noise of maps that show clusters, and how steeply: what is smoother than the
one is carried across holes."""

_LEAST_ELL = 60.0
N_STEPS, TOLERANCE = 40, 1e-3
_START_ARCMIN = 4.0


def filled(patch_uk: np.ndarray, bad: np.ndarray, pixel_arcmin: float) -> np.ndarray:
    """Return a patch (n, n) whose bad pixels hold what its other pixels make likeliest.

    Parameters
    ----------
    patch_uk : numpy.ndarray, shape (n, n)
        A map without its mean [µK]; bad pixels may hold anything.
    bad : numpy.ndarray of bool, shape (n, n)
        The pixels to fill.
    pixel_arcmin : float
        Side of a pixel [arcmin].

    Notes
    -----
    The mean of a Gaussian field in the holes, given all other pixels, is where C^-1 x vanishes in the holes.
    C is that of a steep power law above white noise, which serves any map: conjugate gradients solve it in
    the holes alone (Hestenes and Stiefel 1952).
    """
    known = np.where(bad, 0.0, patch_uk)
    if not bad.any():
        return known
    inverse = _inverse_power(known.shape, pixel_arcmin)

    def in_holes(values: np.ndarray) -> np.ndarray:
        return np.where(bad, fft.irfft2(fft.rfft2(values) * inverse, known.shape), 0.0)

    width = _START_ARCMIN / pixel_arcmin
    weight = ndimage.gaussian_filter((~bad).astype(float), width, mode="constant")
    smooth = ndimage.gaussian_filter(known, width, mode="constant") / np.maximum(weight, 1e-6)
    found = np.where(bad, smooth, 0.0)
    left = -in_holes(known + found)
    direction, size = left, float(np.sum(left**2))
    least = TOLERANCE**2 * size
    for _ in range(N_STEPS):
        if size <= least:
            break
        turned = in_holes(direction)
        step = size / float(np.sum(direction * turned))
        found, left = found + step * direction, left - step * turned
        size, before = float(np.sum(left**2)), size
        direction = left + size / before * direction
    return known + found


def _inverse_power(shape: tuple[int, int], pixel_arcmin: float) -> np.ndarray:
    """Return the inverse power, at most 1, of what holes are filled with, in half a transform."""
    ny, nx = shape
    ell_y = 2.0 * np.pi * fft.fftfreq(ny, pixel_arcmin * ARCMIN)[:, None]
    ell_x = 2.0 * np.pi * fft.rfftfreq(nx, pixel_arcmin * ARCMIN)[None, :]
    ell = np.maximum(np.hypot(ell_y, ell_x), _LEAST_ELL)
    return 1.0 / (1.0 + (SMOOTH_ABOVE_ELL / ell) ** STEEPNESS)
