"""Covariance between the pixels of a cutout of noise in stripes."""

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.stripes import Stripes

_DIRECTIONS = 256
"""Over half a turn, evenly: exact for waves of up to 500 radians across a cutout."""

_DISTANCES = 1400
_CHUNK = 100


def striped_lags(ell: np.ndarray, measured_cl: np.ndarray, stripes: Stripes) -> np.ndarray:
    """Return the covariance of the part of noise that is in stripes.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Multipoles of the power.
    measured_cl : numpy.ndarray, shape (f, f, n)
        Its mean over directions [µK^2 sr] times (2 ell + 1) / 4 pi and the step in ell.
    stripes : Stripes
        How directions share it.

    Returns
    -------
    numpy.ndarray, shape (f, f, 79, 79)
        [µK^2], of pixels -39 to 39 rows (northwards) and columns (westwards) apart.

    Notes
    -----
    The waves of one direction have a covariance that depends on the distance along it alone: a function of
    one variable, which is tabulated. The mean over all directions of cos((ell + 1/2) d cos phi) is the
    J0((ell + 1/2) d) of noise without stripes.
    """
    n_bands = len(measured_cl)
    first, second = np.triu_indices(n_bands)
    farthest = (N_PIXELS - 1) * PIXEL_ARCMIN * ARCMIN * np.sqrt(2.0)
    distance = np.linspace(0.0, farthest, _DISTANCES)
    spectra = measured_cl[first, second].T
    chunks = np.array_split(distance, _DISTANCES // _CHUNK)
    along = CubicSpline(
        distance, np.concatenate([np.cos(np.outer(part, ell + 0.5)) @ spectra for part in chunks])
    )
    rows, columns = np.arange(N_PIXELS), np.arange(1 - N_PIXELS, N_PIXELS)
    north = rows[:, None] * PIXEL_ARCMIN * ARCMIN
    east = -columns[None, :] * PIXEL_ARCMIN * ARCMIN
    half = np.zeros((N_PIXELS, len(columns), len(first)))
    directions = (np.arange(_DIRECTIONS) + 0.5) * np.pi / _DIRECTIONS
    for direction, weight in zip(directions, stripes.across(directions) / _DIRECTIONS, strict=True):
        half += weight * along(np.abs(east * np.cos(direction) + north * np.sin(direction)))
    lags = np.empty((n_bands, n_bands, 2 * N_PIXELS - 1, len(columns)))
    lags[first, second, N_PIXELS - 1 :] = lags[second, first, N_PIXELS - 1 :] = np.moveaxis(half, -1, 0)
    lags[:, :, : N_PIXELS - 1] = lags[:, :, : N_PIXELS - 1 : -1, ::-1]
    return lags
