"""Where the brightest radio galaxy on a cutout may lie and how bright it may be, before data are seen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from szmass_cli.physics.bands import Band
from szmass_cli.physics.clusterlight import ClusterRadio
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.physics.counts import radio_counts
from szmass_cli.physics.profiles import SzModel
from szmass_cli.physics.spectra import PIVOT_GHZ
from szmass_cli.sky.objects.members import share_within

ARCMIN2_PER_DEG2 = 3600.0

RADII_ARCMIN = np.array([0.0, 0.35, 0.8, 1.4, 2.1, 3.0])
"""Places lie on rings around the centre, nearer to each other where most radio galaxies are."""

N_PLACES = np.array([1, 6, 10, 14, 16, 20])
"""On each ring."""

RING_OF_PLACE = np.repeat(np.arange(N_PLACES.size), N_PLACES)
"""Places of a ring are alike before data are seen."""

EDGES_ARCMIN = np.array([0.0, 0.17, 0.55, 1.1, 1.75, 2.55, 3.5])
"""Between the rings that places stand for; further out no galaxy is looked for."""

EDGES_MJY = np.array([0.25, 0.5, 0.9, 1.5, 2.2, 3.0, 4.1, 5.6, 7.5, 10.0])
"""Of bins of flux density at 150 GHz of galaxies that are there."""

REMOVED_EDGES_MJY = np.array([5.0, 12.0, 25.0, 60.0, 150.0, 500.0])
"""Of bins of the flux density that galaxies had before they were removed from the maps."""

LEFT = 0.1
"""rms share that is left of a removed galaxy in each band, of either sign, as of the realistic sky."""

ANY_MJY = 1e4
"""rms of galaxies of any brightness in each band: far more than that of any bin."""

N_BINS = EDGES_MJY.size + REMOVED_EDGES_MJY.size - 2
"""Of galaxies that are there, and then of those that were removed."""

SIZES_ARCMIN = np.geomspace(0.2, 20.0, 64)
"""theta500 at which shares of places are tabulated."""


@dataclass(frozen=True)
class Brightness:
    """Gaussian distributions of the brightness of galaxies of each bin in f bands.

    In units of a galaxy of 1 mJy at 150 GHz and of the mean spectral index.

    Parameters
    ----------
    mean : numpy.ndarray, shape (N_BINS, f)
        Means: the flux density of galaxies that are there, 0 for removed ones.
    root : numpy.ndarray, shape (N_BINS, f, f)
        Symmetric roots of the covariances.
    """

    mean: np.ndarray
    root: np.ndarray

    @classmethod
    def of(cls, bands: Sequence[Band], radio: ClusterRadio | None = None) -> "Brightness":
        """Return the distributions in bands: those of bins of flux, and of what is left of removed galaxies.

        Parameters
        ----------
        bands : sequence of Band, length f
            The bands.
        radio : ClusterRadio, optional
            Gives the scatter of spectral indices.
        """
        index_scatter = (radio or ClusterRadio()).index_scatter
        flux, width = 0.5 * (EDGES_MJY[1:] + EDGES_MJY[:-1]), np.diff(EDGES_MJY) / np.sqrt(12.0)
        grey = np.ones(len(bands))
        tilt = np.log([band.frequency_ghz / PIVOT_GHZ for band in bands])
        there = np.multiply.outer(width**2, np.outer(grey, grey))
        there += np.multiply.outer((flux * index_scatter) ** 2, np.outer(tilt, tilt))
        left_mjy = LEFT * np.sqrt(REMOVED_EDGES_MJY[1:] * REMOVED_EDGES_MJY[:-1])
        removed = np.multiply.outer(left_mjy**2, np.eye(len(bands)))
        values, vectors = np.linalg.eigh(np.concatenate([there, removed]))
        root = np.einsum("hab,hb,hcb->hac", vectors, np.sqrt(np.maximum(values, 0.0)), vectors)
        return cls(np.concatenate([np.outer(flux, grey), np.zeros((left_mjy.size, len(bands)))]), root)

    def and_any(self) -> "Brightness":
        """Return these distributions and, after them, that of galaxies of any brightness."""
        f = self.mean.shape[1]
        return Brightness(
            np.concatenate([self.mean, np.zeros((1, f))]),
            np.concatenate([self.root, ANY_MJY * np.eye(f)[None]]),
        )


@dataclass(frozen=True, eq=False)
class GalaxyPrior:
    """Probabilities of the place and flux of the brightest radio galaxy, in a cluster or beside it.

    Parameters
    ----------
    model : SzModel
        Gives the cosmology of the clusters.
    radio : ClusterRadio
        Radio galaxies in clusters.
    beside : float
        Factor, above 0, on the counts of galaxies that are no part of clusters.
    """

    model: SzModel
    radio: ClusterRadio = field(default_factory=ClusterRadio)
    beside: float = 1.0

    def __call__(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, theta500_arcmin: np.ndarray
    ) -> np.ndarray:
        """Return the probabilities (n, m, o, N_BINS) of `places` and bins; the rest is that of no galaxy.

        Parameters
        ----------
        m200c_msun, redshift, theta500_arcmin : numpy.ndarray, shape (n, m)
            The clusters: M200c [Msun], redshift, and angular size [arcmin].

        Notes
        -----
        With N(> S) the mean number of galaxies above a flux, those of the cluster and those that are there
        anyway, the brightest one lies in a bin with probability exp[-N(> S_high)] - exp[-N(> S_low)]; within
        the bin places share it by their own mean numbers. Galaxies that were removed count as brighter ones.
        """
        return self.of_rings(m200c_msun, redshift, theta500_arcmin)[..., RING_OF_PLACE, :]

    def of_rings(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, theta500_arcmin: np.ndarray
    ) -> np.ndarray:
        """Return the probabilities (n, m, rings, N_BINS) of bins at any one place of each ring.

        Parameters
        ----------
        m200c_msun, redshift, theta500_arcmin : numpy.ndarray, shape (n, m)
            The clusters: M200c [Msun], redshift, and angular size [arcmin].
        """
        number = np.concatenate(
            [
                self._of_cluster(m200c_msun, redshift, theta500_arcmin, edges_mjy)
                + self.beside * _of_sky(tuple(edges_mjy))
                for edges_mjy in (EDGES_MJY, REMOVED_EDGES_MJY)
            ],
            axis=-1,
        )
        of_bin = N_PLACES @ number
        above = np.cumsum(of_bin[..., ::-1], axis=-1)[..., ::-1]
        brightest = np.exp(of_bin - above) * -np.expm1(-of_bin)
        return number * (brightest / of_bin)[..., None, :]

    def _of_cluster(self, m200c_msun, redshift, theta500_arcmin, edges_mjy: np.ndarray) -> np.ndarray:
        """Return mean numbers (n, m, rings, s) of clusters' galaxies at one place, between fluxes."""
        cosmology = self.model.cosmology
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, cosmology)[..., None]
        luminosity = self.radio.luminosity_w_hz(edges_mjy, redshift[..., None], cosmology)
        number = -np.diff(self.radio.mean_number(m500c_msun, redshift[..., None], luminosity), axis=-1)
        size = np.interp(np.log(theta500_arcmin), np.log(SIZES_ARCMIN), np.arange(SIZES_ARCMIN.size))
        low = np.minimum(size.astype(int), SIZES_ARCMIN.size - 2)
        upper, shares = (size - low)[..., None], _shares(self.radio.central)
        share = shares[low] * (1.0 - upper) + shares[low + 1] * upper
        return share[..., None] * number[..., None, :]


@lru_cache(maxsize=1)
def places() -> np.ndarray:
    """Return the places (o, 2) of a possible galaxy, north and west of the centre [arcmin]."""
    rings = []
    for radius, number in zip(RADII_ARCMIN, N_PLACES, strict=True):
        angle = 2.0 * np.pi * (np.arange(number) + 0.5) / number
        rings.append(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate(rings)


@lru_cache(maxsize=2)
def _of_sky(edges_mjy: tuple[float, ...]) -> np.ndarray:
    """Return mean numbers (rings, s) of other galaxies at one place, between fluxes (s + 1,) [mJy]."""
    area_arcmin2 = np.pi * np.diff(EDGES_ARCMIN**2) / N_PLACES
    counts = radio_counts()
    per_deg2 = [counts.per_deg2(low, high) for low, high in pairwise(edges_mjy)]
    return area_arcmin2[:, None] * np.array(per_deg2) / ARCMIN2_PER_DEG2


@lru_cache(maxsize=4)
def _shares(central: float) -> np.ndarray:
    """Return the shares (sizes, rings) of a cluster's radio galaxies that one place stands for."""
    edges = EDGES_ARCMIN / SIZES_ARCMIN[:, None]
    return np.diff(share_within(edges, central), axis=1) / N_PLACES
