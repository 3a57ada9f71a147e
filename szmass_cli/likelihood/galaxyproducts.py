"""Images of radio galaxies at all places they are looked for, and their products with the data and clusters.

A galaxy's brightness in the f bands is r = m + R q with q ~ N(0, 1). With E its unit images in each band,
b = E^T C^-1 d, G = E^T C^-1 E and K K^T = R (1 + R^T G R)^-1 R^T, integrating over q multiplies the
likelihood by exp[m^T b - m^T G m / 2 + |K^T (b - G m)|^2 / 2] / det(1 + R^T G R)^1/2. It takes
v (m + K K^T (b - G m)) from products of clusters with the data, and v K K^T w from those of clusters with
each other, v and w being the clusters' products with E.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from szmass_cli.likelihood.depth import Depth, PerDepth
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Removed, Weighed
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.radiogalaxies import Brightness, places
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.system.blas import one_blas_thread


@dataclass(frozen=True)
class GalaxiesAtDepth:
    """Products of unit galaxies at o places in f bands, and what follows for h bins of brightness.

    Parameters
    ----------
    with_clusters : numpy.ndarray, shape (N_FINE, f, o, f), float32
        With unit clusters in each band, on the fine grid of sizes; the galaxy's band is the last axis.
    between : numpy.ndarray, shape (o, f, f)
        G.
    factor : numpy.ndarray, shape (o, h, f, f)
        K.
    ln_volume : numpy.ndarray, shape (o, h)
        -ln det(1 + R^T G R) / 2.
    """

    with_clusters: np.ndarray
    between: np.ndarray
    factor: np.ndarray
    ln_volume: np.ndarray

    @classmethod
    def of(cls, with_clusters: np.ndarray, between: np.ndarray, root: np.ndarray) -> "GalaxiesAtDepth":
        """Return the products for roots (h, f, f) of covariances."""
        inner = np.einsum("hba,obc,hcd->ohad", root, between, root, optimize=True)
        lower = np.linalg.cholesky(inner + np.eye(root.shape[-1]))
        factor = solve_triangular(lower, np.broadcast_to(root.swapaxes(-1, -2), lower.shape), lower=True)
        ln_volume = -np.log(np.diagonal(lower, axis1=-2, axis2=-1)).sum(axis=-1)
        return cls(with_clusters.astype(np.float32), between, factor.swapaxes(-1, -2), ln_volume)


@dataclass(frozen=True)
class GalaxiesOnCutout:
    """What one cutout says of galaxies at o places, of h bins of brightness.

    Parameters
    ----------
    at_depth : GalaxiesAtDepth
        Products at its depth.
    ln_alone : numpy.ndarray, shape (o, h)
        ln of what a galaxy multiplies the likelihood with where there is no cluster.
    likely : numpy.ndarray, shape (o, f, h)
        m + K K^T (b - G m): the likeliest brightness in each band.
    """

    at_depth: GalaxiesAtDepth
    ln_alone: np.ndarray
    likely: np.ndarray


class GalaxyProducts:
    """Products of galaxies in the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        bands = likelihood.instrument.bands
        spectrum = component_spectrum("radio", bands) * uk_per_mjy(PIVOT_GHZ)
        images = point_images_uk(bands, spectrum, places())
        self._fields = [likelihood.symmetry.fold(images[..., [band]]) for band in range(len(bands))]
        self.brightness = Brightness.of(bands)
        self._at = PerDepth(self._make)

    def seen(self, weighed: Weighed) -> np.ndarray:
        """Return products b (n, o, f) with the data."""
        with one_blas_thread():
            return np.stack(
                [self._with(weighed.weighted, band) for band in range(len(self._fields))], axis=-1
            )

    def on_cutout(self, seen: np.ndarray, depth: Depth, removed: Removed | None = None) -> GalaxiesOnCutout:
        """Return what a cutout says of galaxies.

        Parameters
        ----------
        seen : numpy.ndarray, shape (o, f)
            Its row of `seen`.
        depth : Depth
            Its depth.
        removed : Removed, optional
            Images that were taken from its inverse covariance.
        """
        at_depth = self._at(depth)
        if removed is not None:
            at_depth = self._less(at_depth, removed)
        mean = self.brightness.mean
        pulled = np.einsum("ofg,hg->ohf", at_depth.between, mean)
        left = np.einsum("ohfr,ohf->ohr", at_depth.factor, seen[:, None] - pulled)
        ln_alone = seen @ mean.T - 0.5 * np.einsum("ohf,hf->oh", pulled, mean)
        ln_alone += 0.5 * np.einsum("ohr,ohr->oh", left, left) + at_depth.ln_volume
        likely = mean + np.einsum("ohfr,ohr->ohf", at_depth.factor, left)
        return GalaxiesOnCutout(at_depth, ln_alone, likely.swapaxes(1, 2))

    def _with(self, fields: np.ndarray, band: int) -> np.ndarray:
        """Return products (n, o) of unit galaxies in a band with fields (p, n, q f)."""
        of_band = fields.reshape(*fields.shape[:2], -1, len(self._fields))[..., band]
        return np.einsum("pnq,poq->no", of_band, self._fields[band], optimize=True)

    def _make(self, depth: Depth) -> GalaxiesAtDepth:
        clusters, between = [], []
        with one_blas_thread():
            for band, fields in enumerate(self._fields):
                blocks, q = fields.shape[0], fields.shape[2]
                of_band = depth.inverse.reshape(blocks, q, len(self._fields), -1)[:, :, band]
                products = fields @ of_band
                clusters.append(np.stack(self._likelihood.projections_of(products[0])))  # (g, o, N_FINE)
                own = [
                    np.einsum(
                        "poq,poq->o", products.reshape(blocks, len(products[0]), q, -1)[..., other], one
                    )
                    for other, one in enumerate(self._fields)
                ]
                between.append(np.stack(own, axis=-1))
        with_clusters = np.ascontiguousarray(np.moveaxis(np.stack(clusters, axis=-1), 2, 0))
        return GalaxiesAtDepth.of(with_clusters, np.stack(between, axis=1), self.brightness.root)

    def _less(self, galaxies: GalaxiesAtDepth, removed: Removed) -> GalaxiesAtDepth:
        """Return products of galaxies where images of other sources were taken from the covariance."""
        f = len(self._fields)
        shared = np.stack([self._with(removed.products, band) for band in range(f)], axis=-1)  # (k, o, f)
        solved = np.linalg.solve(removed.gram, shared.reshape(len(shared), -1)).reshape(shared.shape)
        clusters = np.stack(self._likelihood.projections_of(removed.products[0]))  # (g, k, N_FINE)
        lost = np.einsum("gkt,kof->tgof", clusters, solved, optimize=True)
        between = galaxies.between - np.einsum("kof,kog->ofg", shared, solved)
        # rounding must not leave less than nothing
        values, vectors = np.linalg.eigh(between)
        between = np.einsum("oab,ob,ocb->oac", vectors, np.maximum(values, 0.0), vectors)
        return GalaxiesAtDepth.of(galaxies.with_clusters - lost, between, self.brightness.root)
