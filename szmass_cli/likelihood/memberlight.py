"""What clusters shine with besides their gas, and what it does to the likelihood of their masses.

Dust and motion are integrated out for each mass and profile, see `dustandmotion`; then the likelihood is
summed over places and fluxes of the brightest radio galaxy. With s the image of a galaxy of 1 mJy, one of
flux S changes t^T C^-1 d by -S t^T C^-1 s, and ln L by S s^T C^-1 d - S^2 s^T C^-1 s / 2, all with dust and
motion integrated out; what the amplitude makes of it is taken to second order in S.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp

from szmass_cli.likelihood.depth import Depth, PerDepth
from szmass_cli.likelihood.dustandmotion import DustAndMotion, Marginalised
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Placed, Removed, Weighed
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.radiogalaxies import FLUXES_MJY, GalaxyPrior, places
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.system.blas import one_blas_thread

EVERY = 2
"""Galaxies are summed over at every second mass and profile; a cubic spline between them."""

NOT_LESS = 0.05
"""Of the information on a galaxy's flux that is left when the amplitude of its cluster is free."""

LARGEST_LN = 80.0
"""ln of the likelihood ratios that are summed: single precision holds no more."""


@dataclass(frozen=True)
class PlacedGalaxies:
    """Products of galaxies of 1 mJy at all places, at one depth.

    Parameters
    ----------
    with_clusters : numpy.ndarray, shape (f, N_FINE, o), float32
        With unit clusters in each band, on the fine grid of sizes.
    squared : numpy.ndarray, shape (o,), float32
        s^T C^-1 s.
    """

    with_clusters: np.ndarray
    squared: np.ndarray


class MemberLight:
    """What dust, motion and radio galaxies of clusters may do to the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    N_GAINS: ClassVar[int] = 2

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        self._dust_and_motion = DustAndMotion(likelihood)
        self._prior = GalaxyPrior(likelihood.model)
        bands = likelihood.instrument.bands
        spectrum = component_spectrum("radio", bands) * uk_per_mjy(PIVOT_GHZ)
        self._fields = likelihood.symmetry.fold(point_images_uk(bands, spectrum, places()))
        self._at = PerDepth(self._make)

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
        likelihood = self._likelihood
        mass, z = np.broadcast_arrays(m200c_msun, np.asarray(redshift, float)[:, None])
        scales = cluster_scales(mass, z, likelihood.model)
        nodes, ln_weights = likelihood.scatter.stretches()
        placed = likelihood.placed(scales, nodes)
        bare = likelihood.amplitude(*likelihood.matched(weighed, scales, nodes)) + ln_weights
        found = self._dust_and_motion(weighed, placed, mass, z)
        lit = likelihood.amplitude(found.projection, found.fisher) + found.ln_factor + ln_weights
        at = _thinned(mass.shape[1])[0]
        prior = self._prior(mass[:, at], z[:, at], scales.theta500_arcmin[:, at])
        of_galaxy = self._ln_of_galaxy(weighed, placed, found, prior.astype(np.float32))
        without, dusty, radio = (logsumexp(part, axis=-1) for part in (bare, lit, lit + of_galaxy))
        return np.stack([dusty - without, radio - dusty], axis=1)

    def _ln_of_galaxy(
        self, weighed: Weighed, placed: Placed, found: Marginalised, prior: np.ndarray
    ) -> np.ndarray:
        """Return ln of the likelihood with a possible radio galaxy over that without one, (n, m, k)."""
        masses, to_masses = _thinned(placed.low.shape[1])
        profiles, to_profiles = _thinned(placed.low.shape[2])
        at = np.ix_(masses, profiles)
        mean, variance = self._likelihood.amplitude.moments(found.projection, found.fisher)
        removed = dict(weighed.changed)
        with one_blas_thread():
            seen = np.einsum("poj,pnj->no", self._fields, weighed.weighted, optimize=True).astype(np.float32)
            of_depths = [self._at(depth) for depth in weighed.depths]
            ln_ratio = np.empty((len(weighed), masses.size, profiles.size))
            for row in range(len(weighed)):
                galaxies = of_depths[weighed.depth_of[row]]
                if row in removed:
                    galaxies = self._less(galaxies, removed[row])
                products = _products(galaxies, placed, found, row, at)
                moments = (values[row][at].astype(np.float32) for values in (mean, variance))
                slope, bend = products.of_flux(seen[row], *moments)
                np.maximum(bend, NOT_LESS * galaxies.squared, out=bend)
                ln_ratio[row] = _ln_summed(slope, bend, prior[row])
        return np.einsum("nab,ma,kb->nmk", ln_ratio, to_masses, to_profiles, optimize=True)

    def _make(self, depth: Depth) -> PlacedGalaxies:
        products = self._fields @ depth.inverse
        with_clusters = np.stack([table.T for table in self._likelihood.projections_of(products[0])])
        squared = np.einsum("poj,poj->o", products, self._fields)
        return PlacedGalaxies(np.ascontiguousarray(with_clusters, np.float32), squared.astype(np.float32))

    def _less(self, galaxies: PlacedGalaxies, removed: Removed) -> PlacedGalaxies:
        """Return products of galaxies where images of other sources were taken from the covariance."""
        shared = np.einsum("poj,pkj->ok", self._fields, removed.products)
        clusters = np.stack(self._likelihood.projections_of(removed.products[0]))  # (f, k, N_FINE)
        lost = np.einsum("fkt,ko->fto", clusters, np.linalg.solve(removed.gram, shared.T))
        return PlacedGalaxies(
            (galaxies.with_clusters - lost).astype(np.float32),
            np.maximum(galaxies.squared - removed.between(shared, shared), 0.0).astype(np.float32),
        )


@dataclass(frozen=True)
class _Products:
    """Products of galaxies with a cluster's light, and what is known of its dust and motion.

    Parameters
    ----------
    gas, dust, motion : numpy.ndarray, shape (m, k, o)
        s^T C^-1 t of the gas, dust and motion integrated out, and those of mean dust and rms motion.
    squared : numpy.ndarray, shape (o,)
        s^T C^-1 s.
    likely, covariance : numpy.ndarray, shape (m, k, 2), (m, k, 2, 2)
        As of `Marginalised`.
    """

    gas: np.ndarray
    dust: np.ndarray
    motion: np.ndarray
    squared: np.ndarray
    likely: np.ndarray
    covariance: np.ndarray

    def of_flux(
        self, seen: np.ndarray, amplitude: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return slope and bend (m, k, o) of ln L in a galaxy's flux, all else integrated out.

        Parameters
        ----------
        seen : numpy.ndarray, shape (o,)
            s^T C^-1 d.
        amplitude, variance : numpy.ndarray, shape (m, k)
            The likeliest amplitude of the gas, and its variance.
        """
        dust, motion, cov = self.dust, self.motion, self.covariance[..., None, :, :]
        slope = seen - self.likely[..., None, 0] * dust - self.likely[..., None, 1] * motion
        slope -= amplitude[..., None] * self.gas
        bend = self.squared - cov[..., 0, 0] * dust**2 - cov[..., 1, 1] * motion**2
        bend -= 2.0 * cov[..., 0, 1] * dust * motion
        bend -= variance[..., None] * self.gas**2
        return slope, bend


def _products(
    galaxies: PlacedGalaxies, placed: Placed, found: Marginalised, row: int, at: tuple[np.ndarray, ...]
) -> _Products:
    """Return the products of galaxies with one cutout's clusters, at some masses and profiles."""
    low, upper = placed.low[row][at], placed.upper[row][at][..., None].astype(np.float32)
    table = galaxies.with_clusters
    with_clusters = table[:, low] * (1.0 - upper) + table[:, low + 1] * upper  # (f, m, k, o)
    brightness = found.brightness[:, row][:, at[0], at[1]].astype(np.float32)
    gas, dust, motion = np.einsum("amkf,fmko->amko", brightness, with_clusters)
    likely, per_gas, covariance = (
        values[row][at].astype(np.float32) for values in (found.likely, found.per_gas, found.covariance)
    )
    gas = gas - per_gas[..., None, 0] * dust - per_gas[..., None, 1] * motion
    return _Products(gas, dust, motion, galaxies.squared, likely, covariance)


def _thinned(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every second of n numbers, with the last, and the matrix (n, t) of the spline between them."""
    at = np.unique(np.append(np.arange(0, n, EVERY), n - 1))
    return at, CubicSpline(at, np.eye(at.size))(np.arange(n)) if at.size > 1 else np.ones((n, 1))


def _ln_summed(slope: np.ndarray, bend: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return ln of 1 - sum of P + sum of P exp(a S - b S^2 / 2) over places and fluxes S, (m, k).

    Parameters
    ----------
    slope, bend : numpy.ndarray, shape (m, k, o), float32
        a and b.
    prior : numpy.ndarray, shape (m, o, s), float32
        P.
    """
    total = np.repeat(1.0 - prior.sum(axis=(1, 2), keepdims=True), slope.shape[1], axis=1)
    for number, flux in enumerate(FLUXES_MJY.astype(np.float32)):
        ln_ratio = slope - (0.5 * flux) * bend
        ln_ratio *= flux
        np.minimum(ln_ratio, LARGEST_LN, out=ln_ratio)
        total += np.exp(ln_ratio, out=ln_ratio) @ prior[:, :, number, None]
    return np.log(total[..., 0])
