"""Holes in stamps, filled with what the sky's known power makes most likely."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve


def inpaint(images_uk: np.ndarray, bad: np.ndarray, covariance_uk2: np.ndarray) -> np.ndarray:
    """Replace bad pixels by their mean given the good ones, for a Gaussian sky of known covariance.

    x_bad = C_bg C_gg^-1 x_good: the conditional mean, which continues the CMB smoothly into a hole and adds
    no noise of its own.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40)
        Stamps [µK].
    bad : numpy.ndarray of bool, shape (n, 40, 40)
        Pixels without data.
    covariance_uk2 : numpy.ndarray, shape (1600, 1600)
        Covariance of sky and noise [µK^2].

    Returns
    -------
    numpy.ndarray, shape (n, 40, 40)
        Stamps with their holes filled; those without holes, or without any good pixel, are unchanged.
    """
    filled = images_uk.copy()
    for i in np.flatnonzero(bad.any(axis=(1, 2)) & ~bad.all(axis=(1, 2))):
        hole, good = bad[i].ravel(), ~bad[i].ravel()
        pixels = filled[i].reshape(-1)
        # the mean of a stamp is a mode of the sky too long for the stamp: it is taken off and put back
        mean = pixels[good].mean()
        factor = cho_factor(covariance_uk2[np.ix_(good, good)], lower=True)
        weights = cho_solve(factor, pixels[good].astype(float) - mean)
        pixels[hole] = mean + covariance_uk2[np.ix_(hole, good)] @ weights
    return filled
