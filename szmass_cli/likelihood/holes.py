"""Holes in cutouts, filled with what the known power of sky and noise makes most likely."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from szmass_cli.likelihood.depth import Depth
from szmass_cli.sky.symmetry import Symmetry


def filled(images_uk: np.ndarray, bad: np.ndarray, depths: list[Depth], symmetry: Symmetry) -> np.ndarray:
    """Replace bad pixels by their mean given the good ones, for a Gaussian sky of known covariance.

    With Q = C^-1 the conditional mean is x_bad = -Q_bb^-1 Q_bg x_good: it continues the CMB smoothly into a
    hole, uses what other bands see there, and adds no noise of its own. Only the block of the bad pixels
    is inverted.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        Cutouts [µK]; the values of bad pixels are not used.
    bad : numpy.ndarray of bool, shape (n, 40, 40, f)
        Whether a pixel has no data, and is to be filled.
    depths : list of Depth, length n
        Noise depth of each cutout.
    symmetry : Symmetry
        Symmetry of the covariances of these depths.

    Returns
    -------
    numpy.ndarray, shape (n, 40, 40, f)
        Cutouts without holes, or without any good pixel, are unchanged.
    """
    images = np.array(images_uk, float)
    for row, depth in enumerate(depths):
        hole = bad[row].ravel()
        if not hole.any() or hole.all():
            continue
        known = np.where(hole, 0.0, images[row].ravel())
        # the mean of a cutout is a mode of the sky too long for the cutout: it is taken off and put back
        mean = _band_means(images[row], bad[row])
        factor = cho_factor(_precision_of_holes(depth, symmetry, bad[row]), lower=True)
        away = np.where(hole, 0.0, known - mean).reshape(1, *images[row].shape)
        weighted = symmetry.unfold(symmetry.fold(away) @ depth.inverse).ravel()
        images[row].ravel()[hole] = mean[hole] - cho_solve(factor, weighted[hole])
    return images.astype(images_uk.dtype)


def _band_means(image_uk: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the mean of the good pixels of each band, (1600 f,) in the order of a flattened cutout."""
    n_good = (~bad).sum(axis=(0, 1))
    sums = np.where(bad, 0.0, image_uk).sum(axis=(0, 1))
    means = np.where(n_good > 0, sums / np.maximum(n_good, 1), 0.0)
    return np.broadcast_to(means, image_uk.shape).ravel()


def _precision_of_holes(depth: Depth, symmetry: Symmetry, bad: np.ndarray) -> np.ndarray:
    """Return the block of C^-1 that belongs to bad pixels (40, 40, f), (b, b)."""
    element, place = symmetry.where
    row, column, band = np.nonzero(bad)
    chosen = place[row, column] * bad.shape[-1] + band
    signs = np.array(symmetry.parities, float)[:, element[row, column]]
    blocks = zip(depth.inverse, signs, strict=True)
    precision = sum(inverse[np.ix_(chosen, chosen)] * np.outer(sign, sign) for inverse, sign in blocks)
    return np.asarray(precision) / len(symmetry.flips)
