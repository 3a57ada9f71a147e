"""What clusters shine with besides their gas, and what it does to the likelihood of their masses.

Dust and motion are integrated out for each mass and profile, see `dustandmotion`; then the likelihood is
summed over a possible radio galaxy, see `galaxysum`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import logsumexp

from szmass_cli.config import REALISTIC_OBJECTS, ObjectsConfig
from szmass_cli.likelihood.dustandmotion import (
    REALISTIC_LIGHT,
    DustAndMotion,
    LightPrior,
    Marginalised,
)
from szmass_cli.likelihood.galaxyproducts import GalaxyProducts
from szmass_cli.likelihood.galaxysum import SMALLEST, ln_of_galaxy
from szmass_cli.likelihood.galaxyterms import Clusters as GalaxyClusters
from szmass_cli.likelihood.galaxyterms import Cutout
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed, largest_snr
from szmass_cli.likelihood.radiogalaxies import N_PLACES, GalaxyPrior
from szmass_cli.likelihood.scatter import Profiles
from szmass_cli.physics.profiles import ClusterScales, cluster_scales


@dataclass(frozen=True)
class _Clusters:
    """Clusters of m masses for each of n cutouts, (n, m).

    Parameters
    ----------
    m200c_msun, redshift : numpy.ndarray, shape (n, m)
        M200c [Msun] and redshifts.
    scales : ClusterScales
        Their sizes and central scales.
    """

    m200c_msun: np.ndarray
    redshift: np.ndarray
    scales: ClusterScales

    def __getitem__(self, rows: list[int]) -> "_Clusters":
        return _Clusters(self.m200c_msun[rows], self.redshift[rows], self.scales[rows])


class MemberLight:
    """What dust, motion and radio galaxies of clusters may do to the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    light : LightPrior
        How dust and motion are distributed.
    galaxies : GalaxyPrior, optional
        Where the brightest radio galaxy may lie and how bright it may be; by default as on the realistic sky.
    """

    N_GAINS: ClassVar[int] = 2
    BELIEVED: ClassVar[float] = 1.0
    IN_WORDS: ClassVar[str] = (
        "summed over: dust, motion, the brightest radio galaxy or what is left of it (docs/method.md)"
    )
    OBJECTS: ClassVar[ObjectsConfig] = REALISTIC_OBJECTS

    def __init__(
        self,
        likelihood: GaussianLikelihood,
        light: LightPrior = REALISTIC_LIGHT,
        galaxies: GalaxyPrior | None = None,
    ):
        self._likelihood = likelihood
        self._dust_and_motion, self._light = DustAndMotion(likelihood), light
        self._prior = galaxies or GalaxyPrior(likelihood.model)
        self._galaxies = GalaxyProducts(likelihood)

    def ln_gains(self, weighed: Weighed, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return what is added to ln L by dust and motion, and then by a possible radio galaxy, (n, 2, m).

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        m200c_msun : numpy.ndarray, shape (m,)
            M200c of clusters [Msun].
        redshift : numpy.ndarray, shape (n,)
            Their redshifts.
        """
        mass, z = np.broadcast_arrays(m200c_msun, np.asarray(redshift, float)[:, None])
        clusters = _Clusters(mass, z, cluster_scales(mass, z, self._likelihood.model))
        gains, snr = self._gains(weighed, clusters, Profiles(*self._likelihood.scatter.stretches()))
        for row, profiles in self._likelihood.finer_profiles(clusters.scales, snr):
            gains[row] = self._gains(weighed[[row]], clusters[[row]], profiles)[0][0]
        return gains

    def _gains(
        self, weighed: Weighed, clusters: _Clusters, profiles: Profiles
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return `ln_gains` of clusters (n, m) summed over profiles, and the largest S/N (n,).

        That is either found or expected of the likeliest cluster, which a galaxy may hide.
        """
        likelihood, ln_weight = self._likelihood, profiles.ln_weight
        placed = likelihood.placed(clusters.scales, profiles.ln_stretch)
        spread = self._dust_and_motion(weighed, placed, clusters.m200c_msun, clusters.redshift)
        projection, fisher = spread.seen[0], spread.own[0]
        bare = likelihood.amplitude(projection, fisher) + ln_weight
        seen, own = self._light.added_to(spread.seen, spread.own)
        dusty = Marginalised.from_known(seen.copy(), own.copy(), self._light.ln_norm)
        lit = likelihood.amplitude(dusty.projection, dusty.fisher) + dusty.ln_factor
        of_cutouts = GalaxyClusters(
            likelihood.amplitude, placed, spread.spectra, seen, own, self._light.ln_norm
        )
        total = lit + ln_weight
        for row, cutout in enumerate(self._cutouts(weighed, clusters, of_cutouts, lit)):
            total[row] += ln_of_galaxy(cutout, profiles, dusty.fisher[row])
        without, with_dust, radio = (logsumexp(part, axis=-1) for part in (bare, lit + ln_weight, total))
        rows = np.arange(len(total))
        likeliest = fisher.reshape(len(total), -1)[rows, total.reshape(len(total), -1).argmax(axis=1)]
        snr = np.maximum(largest_snr(projection, fisher, (1, 2)), np.sqrt(np.maximum(likeliest, 0.0)))
        return np.stack([with_dust - without, radio - with_dust], axis=1), snr

    def _cutouts(
        self, weighed: Weighed, clusters: _Clusters, products: GalaxyClusters, lit: np.ndarray
    ) -> Iterator[Cutout]:
        """Yield each cutout with what is known of galaxies on it before and after it is seen."""
        prior = self._prior.of_rings(clusters.m200c_msun, clusters.redshift, clusters.scales.theta500_arcmin)
        ln_none = np.log1p(-(N_PLACES @ prior).sum(axis=-1))
        prior = np.concatenate([prior, prior.sum(axis=-1, keepdims=True)], axis=-1)
        ln_prior = np.log(np.maximum(prior, SMALLEST))
        seen, removed = self._galaxies.seen(weighed), dict(weighed.changed)
        for row in range(len(weighed)):
            depth = weighed.depths[weighed.depth_of[row]]
            galaxies = self._galaxies.on_cutout(seen[row], depth, removed.get(row))
            yield Cutout(products, row, lit[row], galaxies, ln_prior[row], ln_none[row])
