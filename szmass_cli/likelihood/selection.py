"""The noise of the central Compton y behind a matched filter, on which the selection of clusters rests."""

from collections.abc import Sequence

import numpy as np

from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.physics.profiles import projected_shape


def y0_noise(
    likelihood: GaussianLikelihood, theta500_arcmin: np.ndarray, variance_ratio: Sequence[np.ndarray]
) -> np.ndarray:
    """Return sigma(theta500) of the central Compton y at several depths, (k, m).

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Sky, noise and templates.
    theta500_arcmin : numpy.ndarray, shape (m,)
        Sizes of clusters [arcmin].
    variance_ratio : sequence of numpy.ndarray, length k, shape (f,)
        Noise variances of the bands over those of the instrument at each depth.

    Notes
    -----
    sigma(theta500) = (t^T C^-1 t)^-1/2 for the profile t of unit central y (Melin et al. 2006, A&A 459, 341,
    eq. 9), of gas whose spectrum is that of cold electrons.
    """
    low, upper = likelihood.templates.place(np.asarray(theta500_arcmin, float))
    rows = []
    for level in likelihood.depths.levels(np.asarray(variance_ratio)):
        fisher = likelihood.depths(level).fisher.sum(axis=0)
        rows.append(fisher[low] * (1.0 - upper) + fisher[low + 1] * upper)
    return float(projected_shape(0.0)) / np.sqrt(np.array(rows))
