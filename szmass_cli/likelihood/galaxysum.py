"""The likelihood of one cutout summed over places and bins of brightness of the brightest radio galaxy.

The galaxy's brightness within a bin is integrated out, see `galaxyproducts`, for each mass and profile of the
cluster; the likelihood of its amplitude that follows is exact.
"""

from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.likelihood.galaxyterms import Cutout
from szmass_cli.likelihood.radiogalaxies import N_BINS
from szmass_cli.likelihood.scatter import REACH, Profiles

EVERY_MASS, EVERY_PROFILE = 2, 3
"""Galaxies are summed over at every second mass and third profile; a cubic spline between them."""

EVERY_LOOKED_AT = 4
"""What places matter is looked up at every fourth mass."""

SHARP_SNR = 30.0
"""Expected S/N above which masses and profiles that matter are all worked out, not interpolated."""

WITHIN_LN = 12.0
"""ln of the likelihood over its largest value from which on masses and profiles matter."""

FAR_LN = 25.0
"""The same, from which on a mass says nothing of which places matter."""

OF_BOUND_LN = 0.01
"""What bounds of likelihoods may be too low by: the brightest galaxies are not of any brightness."""

LOOKED_AT_STEP = 0.05
"""And at sizes so far apart in ln theta500, for bright cutouts."""

NEGLIGIBLE = 3e-3
"""Share of the likelihood below which a place, or a bin of brightness, is worked out for the likeliest
profile of each mass alone."""

SMALLEST = 1e-30
"""Probability that logarithms are taken of at least."""

Pairs = tuple[np.ndarray, np.ndarray]
"""Masses and profiles, both of shape (c,)."""


def ln_of_galaxy(cutout: Cutout, of_profiles: Profiles, fisher: np.ndarray) -> np.ndarray:
    """Return ln of the likelihood with a possible radio galaxy over that without one, (m, k).

    Parameters
    ----------
    cutout : Cutout
        The cutout.
    of_profiles : Profiles
        The k profiles that are summed over.
    fisher : numpy.ndarray, shape (m, k)
        Information on the amplitude.
    """
    weighted = cutout.lit + of_profiles.ln_weight
    n_masses, n_profiles = weighted.shape
    masses, to_masses = _thinned(n_masses, EVERY_MASS)
    profiles, to_profiles = _thinned(n_profiles, EVERY_PROFILE)
    places, bins, others = _what_matters(cutout, weighted, _looked_at(weighted, of_profiles))
    if places.size == 0 or bins.size == 0:
        return np.broadcast_to(others[:, None], weighted.shape)

    def ln_ratio(at_masses: np.ndarray, at_profiles: np.ndarray) -> np.ndarray:
        terms = cutout.ln_terms(at_masses, at_profiles, places, bins)
        return np.logaddexp(others[at_masses], _ln_sum(terms, 2))

    thin = ln_ratio(*(index.ravel() for index in np.meshgrid(masses, profiles, indexing="ij")))
    found = to_masses @ thin.reshape(masses.size, profiles.size) @ to_profiles.T
    known = np.zeros(found.shape, bool)
    known[np.ix_(masses, profiles)] = True
    sharp = fisher > SHARP_SNR**2
    while True:
        total = weighted + found
        at = np.nonzero(sharp & ~known & (total > total.max() - WITHIN_LN))
        if at[0].size == 0:
            return found
        found[at] = ln_ratio(*at)
        known[at] = True


def _looked_at(weighted: np.ndarray, profiles: Profiles) -> tuple[Pairs, Pairs]:
    """Return the masses and profiles of the clusters for which it is looked up what galaxies matter.

    First the likeliest profile of every fourth mass; where profiles are finer than usual also others, some
    `LOOKED_AT_STEP` apart: a bright galaxy makes another size the likeliest.

    Parameters
    ----------
    weighted : numpy.ndarray, shape (m, k)
        ln of the likelihoods of masses and profiles, times the weights of the profiles.
    profiles : Profiles
        The profiles.
    """
    masses = _thinned(len(weighted), EVERY_LOOKED_AT)[0]
    first = masses, weighted[masses].argmax(axis=1)
    if profiles.ln_stretch.ndim == 1:
        return first, (masses[:0], masses[:0])
    stretches = profiles.ln_stretch
    every = max(int(LOOKED_AT_STEP / (stretches[0, 1] - stretches[0, 0])), 1)
    others = np.arange(0, stretches.shape[1], every)
    near = profiles.ln_weight[np.ix_(masses, others)] > profiles.ln_weight.max() - 0.5 * REACH**2
    row, column = np.nonzero(near)
    return first, (masses[row], others[column])


def _what_matters(
    cutout: Cutout, weighted: np.ndarray, looked_at: tuple[Pairs, Pairs]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places and bins of galaxies that would change something, and ln of the sum of all others.

    Parameters
    ----------
    cutout : Cutout
        The cutout.
    weighted : numpy.ndarray, shape (m, k)
        ln of the likelihoods of masses and profiles, times the weights of the profiles.
    looked_at : ((numpy.ndarray, numpy.ndarray), (numpy.ndarray, numpy.ndarray))
        Masses and profiles of `_looked_at`.

    Returns
    -------
    places, bins : numpy.ndarray of int
        Indices; one or both empty where nothing would.
    others : numpy.ndarray, shape (m,)
        ln of the sum over all else, no galaxy among them, at each mass.
    """
    everywhere = np.arange(len(cutout.galaxies.ln_alone))

    def looked_up(at: Pairs, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return terms, ln of their shares, and ln of the likelihood that clusters reach with them."""
        terms = cutout.ln_terms(*at, everywhere, bins)
        total = np.logaddexp(cutout.ln_none[at[0]], _ln_sum(terms, 2))
        return terms, terms - total[:, None, None], weighted[at] + total

    first, more = looked_at
    all_bins = np.arange(N_BINS)
    terms, ln_share, reached = looked_up(first, all_bins)
    if more[0].size:
        # most of the others reach nothing near that, however bright a galaxy there is beside them
        bound = looked_up(more, np.array([N_BINS]))[2]
        near = bound > reached.max() - FAR_LN - OF_BOUND_LN
        if near.any():
            _, *of_others = looked_up((more[0][near], more[1][near]), all_bins)
            ln_share, reached = (
                np.concatenate(both) for both in zip((ln_share, reached), of_others, strict=True)
            )
    share = np.exp(ln_share[reached >= reached.max() - FAR_LN])
    places = np.flatnonzero(share.sum(axis=2).max(axis=0, initial=0.0) > NEGLIGIBLE)
    bins = np.flatnonzero(share[:, places].sum(axis=1).max(axis=0, initial=0.0) > NEGLIGIBLE)
    masses = first[0]
    terms[np.ix_(np.arange(masses.size), places, bins)] = np.log(SMALLEST)
    # as a ratio it holds for the likeliest profiles alone
    others = np.logaddexp(cutout.ln_none[masses], _ln_sum(terms, 2))
    return places, bins, np.interp(np.arange(len(weighted)), masses, others)


def _ln_sum(terms: np.ndarray, n_axes: int) -> np.ndarray:
    """Return ln of the sum of exponentials over the last axes."""
    flat = terms.reshape(*terms.shape[:-n_axes], -1)
    largest = flat.max(axis=-1, keepdims=True)
    return np.log(np.exp(flat - largest).sum(axis=-1)) + largest[..., 0]


@lru_cache(maxsize=8)
def _thinned(n: int, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every so many of n numbers, with the last, and the matrix (n, t) of the spline between them."""
    at = np.unique(np.append(np.arange(0, n, every), n - 1))
    return at, CubicSpline(at, np.eye(at.size))(np.arange(n)) if at.size > 1 else np.ones((n, 1))
