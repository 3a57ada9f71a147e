"""The likelihood of one cutout with each radio galaxy that may be there, for each cluster."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.likelihood.amplitude import AmplitudeLikelihood
from szmass_cli.likelihood.dustandmotion import PAIRS, Marginalised
from szmass_cli.likelihood.galaxyproducts import GalaxiesOnCutout
from szmass_cli.likelihood.gaussian import Placed
from szmass_cli.likelihood.radiogalaxies import RING_OF_PLACE

TOGETHER = 16384
"""Terms that are worked out together: as many as leave all arrays in the cache."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of m masses and k profiles in each of n cutouts, with products that a galaxy takes from.

    Parameters
    ----------
    amplitude : AmplitudeLikelihood
        Likelihood of their amplitudes.
    placed : Placed
        The clusters, (n, m, k).
    spectra : numpy.ndarray, shape (3, f, n, m, 1)
        Those of `Spread`.
    seen, own : numpy.ndarray, shape (3, n, m, k), (6, n, m, k)
        Products with what is known of dust and motion, see `LightPrior.added_to`.
    ln_norm : float
        Of the distributions of dust and motion.
    """

    amplitude: AmplitudeLikelihood
    placed: Placed
    spectra: np.ndarray
    seen: np.ndarray
    own: np.ndarray
    ln_norm: float


@dataclass(frozen=True)
class Cutout:
    """One cutout of those whose products are given.

    Parameters
    ----------
    clusters : Clusters
        Clusters of m masses and k profiles in each cutout.
    row : int
        Which of the cutouts.
    lit : numpy.ndarray, shape (m, k)
        ln of the likelihood of this cutout with dust and motion.
    galaxies : GalaxiesOnCutout
        What it says of galaxies at o places, of h bins, the last of any brightness.
    ln_prior : numpy.ndarray, shape (m, rings, h)
        ln of the probabilities of these bins at any one place of each ring; the last one is the sum of all.
    ln_none : numpy.ndarray, shape (m,)
        ln of the probability that there is no galaxy.
    """

    clusters: Clusters
    row: int
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
        of_clusters = self.row, masses, profiles
        alone = self.ln_prior[:, RING_OF_PLACE[places]][:, :, bins]
        alone += self.galaxies.ln_alone[np.ix_(places, bins)]
        terms = alone[masses]
        terms -= self.lit[masses, profiles][:, None, None]
        unit = self._with_unit_galaxies(of_clusters, places)
        own = self.clusters.own[(slice(None), *of_clusters)]
        step = max(1, TOGETHER // (masses.size * bins.size))
        for first in range(0, places.size, step):
            part = slice(first, first + step)
            terms[:, part] += self._ln_likelihood(unit[part], own, places[part], bins).swapaxes(0, 1)
        return terms

    def _ln_likelihood(
        self, unit: np.ndarray, own: np.ndarray, places: np.ndarray, bins: np.ndarray
    ) -> np.ndarray:
        """Return ln of the likelihood of the clusters beside each galaxy, (o, c, h).

        Parameters
        ----------
        unit : numpy.ndarray, shape (o, f + 1, 3, c)
            Of `_with_unit_galaxies`.
        own : numpy.ndarray, shape (6, c)
            Products of gas, dust and motion with each other, without a galaxy.
        places, bins : numpy.ndarray of int, shape (o,), (h,)
            Which places and bins.
        """
        galaxies, (n, rows, _, n_clusters) = self.galaxies, unit.shape
        f = rows - 1
        pairs = np.empty((n, f * f + 1, len(PAIRS), n_clusters))
        of_bands = pairs[:, :-1].reshape(n, f, f, len(PAIRS), n_clusters)
        for number, (a, b) in enumerate(PAIRS):
            np.multiply(unit[:, :-1, None, a], unit[:, None, :-1, b], out=of_bands[:, :, :, number])
        pairs[:, -1] = own
        # what there is without a galaxy is one more product: all that it takes is one multiplication
        seen, left = (
            products.reshape(n, products.shape[1], -1).swapaxes(1, 2) @ to[places][:, :, bins]
            for products, to in ((unit, galaxies.to_seen), (pairs, galaxies.at_depth.to_own))
        )
        shape = (n, -1, n_clusters, bins.size)
        found = Marginalised.from_known(
            seen.reshape(shape).swapaxes(0, 1), left.reshape(shape).swapaxes(0, 1), self.clusters.ln_norm
        )
        ln_likelihood = self.clusters.amplitude(found.projection, found.fisher)
        ln_likelihood += found.ln_factor
        return ln_likelihood

    def _with_unit_galaxies(self, of_clusters: tuple, places: np.ndarray) -> np.ndarray:
        """Return products of gas, dust and motion with unit galaxies in each band, (o, f + 1, 3, c).

        After the bands: their products with the data, without a galaxy.
        """
        clusters, (row, masses, _) = self.clusters, of_clusters
        low, upper = (values[of_clusters] for values in (clusters.placed.low, clusters.placed.upper))
        with_clusters = self.galaxies.at_depth.at_sizes(low, upper, places)
        n, f = with_clusters.shape[:2]
        spectra = clusters.spectra[:, :, row, masses, 0] * clusters.placed.y_scale[of_clusters]  # (3, g, c)
        products = spectra.transpose(2, 0, 1) @ with_clusters.reshape(n, f, -1)
        unit = np.empty((places.size, f + 1, 3, n))
        unit[:, :f] = products.reshape(n, 3, -1, f).transpose(2, 3, 1, 0)
        unit[:, f] = clusters.seen[(slice(None), *of_clusters)]
        return unit
