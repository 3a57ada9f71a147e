"""Holes in cutouts, filled with what the known power of sky and noise makes most likely."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from szmass_cli.geometry import N_PIXELS
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
        Pixels without data.
    depths : list of Depth, length n
        Of each cutout.
    symmetry : Symmetry
        Of the depths.

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
        precision = _rows_of_precision(depth, symmetry, bad[row])
        known = np.where(hole, 0.0, images[row].ravel())
        # the mean of a cutout is a mode of the sky too long for the cutout: it is taken off and put back
        mean = _band_means(images[row], bad[row])
        factor = cho_factor(precision[:, hole], lower=True)
        away = np.where(hole, 0.0, known - mean)
        images[row].ravel()[hole] = mean[hole] - cho_solve(factor, precision @ away)
    return images.astype(images_uk.dtype)


def _band_means(image_uk: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Return the mean of the good pixels of each band, (1600 f,) in the order of a flattened cutout."""
    n_good = (~bad).sum(axis=(0, 1))
    sums = np.where(bad, 0.0, image_uk).sum(axis=(0, 1))
    means = np.where(n_good > 0, sums / np.maximum(n_good, 1), 0.0)
    return np.broadcast_to(means, image_uk.shape).ravel()


def _rows_of_precision(depth: Depth, symmetry: Symmetry, bad: np.ndarray) -> np.ndarray:
    """Return the rows of C^-1 that belong to bad pixels (40, 40, f), (b, 1600 f)."""
    places = np.argwhere(bad)
    unit = np.zeros((len(places), N_PIXELS, N_PIXELS, bad.shape[-1]))
    unit[np.arange(len(places)), places[:, 0], places[:, 1], places[:, 2]] = 1.0
    return symmetry.unfold(symmetry.fold(unit) @ depth.inverse).reshape(len(places), -1)
