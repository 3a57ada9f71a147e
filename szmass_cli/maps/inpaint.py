"""Holes in stamps, filled with what the sky's known power makes most likely."""

import math

import numpy as np
from scipy.linalg import cho_factor, cho_solve


def inpaint(images_uk: np.ndarray, bad: np.ndarray, covariance_uk2: np.ndarray) -> np.ndarray:
    """Replace bad pixels by their mean given the good ones, for a Gaussian sky of known covariance.

    x_bad = C_bg C_gg^-1 x_good: the conditional mean, which continues the CMB smoothly into a hole and adds
    no noise of its own.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        Stamps of f bands [µK]; the last axis may be left out of one.
    bad : numpy.ndarray of bool, the same shape
        Pixels without data.
    covariance_uk2 : numpy.ndarray, shape (1600 f, 1600 f)
        Covariance of sky and noise [µK^2]: what other bands see helps to fill a hole in one.

    Returns
    -------
    numpy.ndarray, the same shape
        Stamps with their holes filled; those without holes, or without any good pixel, are unchanged.
    """
    filled = images_uk.copy()
    any_bad, all_bad = (
        test(bad.reshape(len(bad), math.prod(bad.shape[1:])), axis=1) for test in (np.any, np.all)
    )
    n_bands = math.prod(images_uk.shape[3:])
    for i in np.flatnonzero(any_bad & ~all_bad):
        hole, good = bad[i].ravel(), ~bad[i].ravel()
        pixels = filled[i].reshape(-1)
        # the mean of a stamp is a mode of the sky too long for the stamp: it is taken off and put back
        means = [pixels[band::n_bands][good[band::n_bands]] for band in range(n_bands)]
        mean = np.resize([part.mean() if part.size else 0.0 for part in means], pixels.size)
        factor = cho_factor(covariance_uk2[np.ix_(good, good)], lower=True)
        weights = cho_solve(factor, pixels[good].astype(float) - mean[good])
        pixels[hole] = mean[hole] + covariance_uk2[np.ix_(hole, good)] @ weights
    return filled
