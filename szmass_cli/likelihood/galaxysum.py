"""The likelihood of one cutout summed over places and bins of brightness of the brightest radio galaxy.

The galaxy's brightness within a bin is integrated out, see `galaxyproducts`, for each mass and profile of the
cluster; the likelihood of its amplitude that follows is exact.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.likelihood.amplitude import AmplitudeLikelihood
from szmass_cli.likelihood.dustandmotion import LightPrior, Marginalised, Spread
from szmass_cli.likelihood.galaxyproducts import GalaxiesOnCutout
from szmass_cli.likelihood.gaussian import Placed
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

LOOKED_AT_STEP = 0.05
"""And at sizes so far apart in ln theta500, for bright cutouts."""

NEGLIGIBLE = 3e-3
"""Share of the likelihood below which a place, or a bin of brightness, is worked out for the likeliest
profile of each mass alone."""

SMALLEST = 1e-30
"""Probability that logarithms are taken of at least."""


@dataclass(frozen=True)
class Cutout:
    """One cutout of those whose products are given.

    Parameters
    ----------
    amplitude : AmplitudeLikelihood
        Likelihood of the amplitude of clusters.
    row : int
        Which of the cutouts.
    placed : Placed
        Clusters of m masses and k profiles for each cutout, (n, m, k).
    spread : Spread
        Products of their gas, dust and motion.
    light : LightPrior
        How dust and motion are distributed.
    lit : numpy.ndarray, shape (m, k)
        ln of the likelihood of this cutout with dust and motion.
    galaxies : GalaxiesOnCutout
        What it says of galaxies.
    ln_prior : numpy.ndarray, shape (m, o, h)
        ln of the probabilities of places and bins of brightness.
    ln_none : numpy.ndarray, shape (m,)
        ln of the probability that there is no galaxy.
    """

    amplitude: AmplitudeLikelihood
    row: int
    placed: Placed
    spread: Spread
    light: LightPrior
    lit: np.ndarray
    galaxies: GalaxiesOnCutout
    ln_prior: np.ndarray
    ln_none: np.ndarray

    def ln_terms(
        self, masses: np.ndarray, profiles: np.ndarray, places: np.ndarray, bins: np.ndarray
    ) -> np.ndarray:
        """Return ln of prior times likelihood with each galaxy over that without any, (c, o, h).

        Parameters
        ----------
        masses, profiles : numpy.ndarray of int, shape (c,)
            Which clusters.
        places, bins : numpy.ndarray of int, shape (o,), (h,)
            Which places, and which bins of brightness at each of them.
        """
        galaxies, of_clusters, at = self.galaxies, (self.row, masses, profiles), np.ix_(places, bins)
        products = self._with_galaxies(of_clusters, places)  # (o, 3 c, f)
        shape = (places.size, 3, masses.size, bins.size)
        taken = (products @ galaxies.likely[places][:, :, bins].astype(np.float32)).reshape(shape)
        factors = galaxies.at_depth.factor[at].astype(np.float32).transpose(3, 0, 2, 1)  # (r, o, f, h)
        halves = [(products @ factor).reshape(shape) for factor in factors]
        seen = np.stack([self.spread.seen[a][of_clusters][:, None] - taken[:, a] for a in range(3)])
        own = np.empty((3, *seen.shape))
        for a in range(3):
            for b in range(a, 3):
                lost = sum(half[:, a] * half[:, b] for half in halves)
                np.subtract(self.spread.own[a, b][of_clusters][:, None], lost, out=own[a, b])
        found = Marginalised.of(seen, own, self.light)
        ln_ratio = self.amplitude(found.projection, np.maximum(found.fisher, 0.0)) + found.ln_factor
        ln_ratio += galaxies.ln_alone[at][:, None] - self.lit[masses, profiles][:, None]
        return ln_ratio.swapaxes(0, 1) + self.ln_prior[masses][:, places][:, :, bins]

    def _with_galaxies(self, of_clusters: tuple, places: np.ndarray) -> np.ndarray:
        """Return products (o, 3 c, f) of gas, dust and motion with unit galaxies in each band."""
        table = self.galaxies.at_depth.with_clusters
        f, n = table.shape[1], len(of_clusters[1])
        low = self.placed.low[of_clusters][:, None, None]
        upper = self.placed.upper[of_clusters].astype(np.float32)[:, None, None, None]
        band = np.arange(f)[:, None]
        with_clusters = table[low, band, places] * (1.0 - upper)
        with_clusters += table[low + 1, band, places] * upper  # (c, g, o, f)
        brightness = self.spread.brightness[(slice(None), *of_clusters)].astype(np.float32)  # (3, c, g)
        products = brightness.swapaxes(0, 1) @ with_clusters.reshape(n, f, -1)
        return products.reshape(n, 3, -1, f).transpose(2, 1, 0, 3).reshape(-1, 3 * n, f)


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


def _looked_at(weighted: np.ndarray, profiles: Profiles) -> tuple[np.ndarray, np.ndarray]:
    """Return the masses and profiles (c,) of the clusters for which it is looked up what galaxies matter.

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
    likeliest = weighted[masses].argmax(axis=1)
    if profiles.ln_stretch.ndim == 1:
        return masses, likeliest
    stretches = profiles.ln_stretch
    every = max(int(LOOKED_AT_STEP / (stretches[0, 1] - stretches[0, 0])), 1)
    others = np.arange(0, stretches.shape[1], every)
    near = profiles.ln_weight[np.ix_(masses, others)] > profiles.ln_weight.max() - 0.5 * REACH**2
    row, column = np.nonzero(near)
    return np.concatenate([masses, masses[row]]), np.concatenate([likeliest, others[column]])


def _what_matters(
    cutout: Cutout, weighted: np.ndarray, looked_at: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return places and bins of galaxies that would change something, and ln of the sum of all others.

    Parameters
    ----------
    cutout : Cutout
        The cutout.
    weighted : numpy.ndarray, shape (m, k)
        ln of the likelihoods of masses and profiles, times the weights of the profiles.
    looked_at : (numpy.ndarray of int, numpy.ndarray of int), shape (c,)
        Masses and profiles of `_looked_at`.

    Returns
    -------
    places, bins : numpy.ndarray of int
        Indices; one or both empty where nothing would.
    others : numpy.ndarray, shape (m,)
        ln of the sum over all else, no galaxy among them, at each mass.
    """
    masses, profiles = looked_at
    n_places, n_bins = cutout.ln_prior.shape[1:]
    terms = cutout.ln_terms(masses, profiles, np.arange(n_places), np.arange(n_bins))
    ln_none = cutout.ln_none[masses]
    total = np.logaddexp(ln_none, _ln_sum(terms, 2))
    reached = weighted[masses, profiles] + total
    share = np.exp(terms - total[:, None, None])[reached >= reached.max() - FAR_LN]
    places = np.flatnonzero(share.sum(axis=2).max(axis=0, initial=0.0) > NEGLIGIBLE)
    bins = np.flatnonzero(share[:, places].sum(axis=1).max(axis=0, initial=0.0) > NEGLIGIBLE)
    terms[np.ix_(np.arange(masses.size), places, bins)] = np.log(SMALLEST)
    others = np.logaddexp(ln_none, _ln_sum(terms, 2))
    # as a ratio it holds for the likeliest profiles alone, which come first
    first = np.arange(np.unique(masses).size)
    return places, bins, np.interp(np.arange(len(weighted)), masses[first], others[first])


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
