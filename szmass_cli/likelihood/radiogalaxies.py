"""Where the brightest radio galaxy on a cutout may lie and how bright it may be, before the data are seen."""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np

from szmass_cli.physics.clusterlight import ClusterRadio
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.physics.counts import radio_counts
from szmass_cli.physics.profiles import SzModel
from szmass_cli.sky.objects.members import share_within

ARCMIN2_PER_DEG2 = 3600.0

RADII_ARCMIN = np.array([0.0, 0.35, 0.8, 1.4, 2.1, 3.0])
"""Places lie on rings around the centre, nearer to each other where most radio galaxies are."""

N_PLACES = np.array([1, 6, 10, 14, 16, 20])
"""On each ring."""

EDGES_ARCMIN = np.array([0.0, 0.17, 0.55, 1.1, 1.75, 2.55, 3.5])
"""Between the rings that places stand for; further out no galaxy is looked for."""

EDGES_MJY = np.array([0.25, 0.5, 0.9, 1.5, 2.2, 3.0, 4.1, 5.6, 7.5, 10.0])
"""Of bins of flux density at 150 GHz; narrow where fluxes are well measured."""

FLUXES_MJY = np.sqrt(EDGES_MJY[1:] * EDGES_MJY[:-1])
"""Flux density that each bin is given."""

SIZES_ARCMIN = np.geomspace(0.2, 20.0, 64)
"""theta500 at which shares of places are tabulated."""


@dataclass(frozen=True, eq=False)
class GalaxyPrior:
    """Probabilities of the place and flux of the brightest radio galaxy, in a cluster or beside it.

    Parameters
    ----------
    model : SzModel
        Gives the cosmology of the clusters.
    radio : ClusterRadio
        Radio galaxies in clusters.
    """

    model: SzModel
    radio: ClusterRadio = field(default_factory=ClusterRadio)

    def __call__(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, theta500_arcmin: np.ndarray
    ) -> np.ndarray:
        """Return the probabilities (n, m, o, s) of `places` and `FLUXES_MJY`; the rest is that of no galaxy.

        Parameters
        ----------
        m200c_msun, redshift, theta500_arcmin : numpy.ndarray, shape (n, m)
            The clusters: M200c [Msun], redshift, and angular size [arcmin].

        Notes
        -----
        With N(> S) the mean number of galaxies above a flux, those of the cluster and those that are there
        anyway, the brightest one lies in a bin with probability exp[-N(> S_high)] - exp[-N(> S_low)]; within
        the bin places share it by their own mean numbers.
        """
        number = self._of_cluster(m200c_msun, redshift, theta500_arcmin) + _of_sky()
        of_flux = number.sum(axis=-2)
        above = np.cumsum(of_flux[..., ::-1], axis=-1)[..., ::-1]
        brightest = np.exp(of_flux - above) * -np.expm1(-of_flux)
        return number * (brightest / of_flux)[..., None, :]

    def _of_cluster(self, m200c_msun, redshift, theta500_arcmin) -> np.ndarray:
        """Return the mean numbers (n, m, o, s) of galaxies of the clusters."""
        cosmology = self.model.cosmology
        m500c_msun = m500c_from_m200c(m200c_msun, redshift, cosmology)[..., None]
        luminosity = self.radio.luminosity_w_hz(EDGES_MJY, redshift[..., None], cosmology)
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


@lru_cache(maxsize=1)
def _of_sky() -> np.ndarray:
    """Return the mean numbers (o, s) of radio galaxies that are no part of clusters."""
    area_arcmin2 = np.repeat(np.pi * np.diff(EDGES_ARCMIN**2) / N_PLACES, N_PLACES)
    counts = radio_counts()
    per_deg2 = [counts.per_deg2(low, high) for low, high in pairwise(EDGES_MJY)]
    return area_arcmin2[:, None] * np.array(per_deg2) / ARCMIN2_PER_DEG2


@lru_cache(maxsize=4)
def _shares(central: float) -> np.ndarray:
    """Return the shares (sizes, o) of a cluster's radio galaxies that places stand for."""
    edges = EDGES_ARCMIN / SIZES_ARCMIN[:, None]
    return np.repeat(np.diff(share_within(edges, central), axis=1) / N_PLACES, N_PLACES, axis=1)
