"""Images of radio galaxies at all places they are looked for, and their products with the data and clusters.

A galaxy's brightness in the f bands is r = m + R q with q ~ N(0, 1). With E its unit images in each band,
b = E^T C^-1 d, G = E^T C^-1 E and K K^T = R (1 + R^T G R)^-1 R^T, integrating over q multiplies the
likelihood by exp[m^T b - m^T G m / 2 + |K^T (b - G m)|^2 / 2] / det(1 + R^T G R)^1/2. It takes
v (m + K K^T (b - G m)) from products of clusters with the data, and v K K^T w from those of clusters with
each other, v and w being the clusters' products with E.

After the bins of brightness comes one of any brightness, without the determinant: what the likeliest
brightness says, which bounds what any bin does.
"""

from dataclasses import dataclass, replace

import numpy as np

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
    to_left : numpy.ndarray, shape (o, h f, f)
        K^T.
    left_of_mean : numpy.ndarray, shape (o, h f)
        K^T G m.
    to_likely : numpy.ndarray, shape (o, h f, f)
        K K^T.
    likely_of_none : numpy.ndarray, shape (o, h f)
        m - K K^T G m.
    ln_of_none : numpy.ndarray, shape (o, h)
        -m^T G m / 2 - ln det(1 + R^T G R) / 2; 0 for galaxies of any brightness.
    to_own : numpy.ndarray, shape (o, f f + 1, h)
        -K K^T, and 1: times v w^T, and what the product of clusters with each other is without a galaxy.
    lost : (numpy.ndarray, numpy.ndarray), shape (N_FINE, f, k), (k, o, f), optional
        What k images of other sources take from `with_clusters`, as a product.
    """

    with_clusters: np.ndarray
    between: np.ndarray
    to_left: np.ndarray
    left_of_mean: np.ndarray
    to_likely: np.ndarray
    likely_of_none: np.ndarray
    ln_of_none: np.ndarray
    to_own: np.ndarray
    lost: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(cls, with_clusters: np.ndarray, between: np.ndarray, brightness: Brightness) -> "GalaxiesAtDepth":
        """Return what follows from products with clusters and between galaxies, for bins of brightness."""
        root, mean = brightness.root, brightness.mean
        (n_places, f, _), n_bins = between.shape, len(mean)
        inner = root.swapaxes(-1, -2) @ between[:, None] @ root
        lower = np.linalg.cholesky(inner + np.eye(f))
        factor = np.linalg.solve(lower, np.broadcast_to(root.swapaxes(-1, -2), lower.shape))
        covariance = factor.swapaxes(-1, -2) @ factor  # K K^T, (o, h, f, f)
        pulled = mean @ between  # G m, (o, h, f)
        left = (factor @ pulled[..., None])[..., 0]
        likely = mean - (covariance @ pulled[..., None])[..., 0]
        ln_of_none = -0.5 * (pulled * mean).sum(axis=-1)
        ln_of_none[:, :-1] -= np.log(np.diagonal(lower[:, :-1], axis1=-2, axis2=-1)).sum(axis=-1)
        flat = covariance.reshape(n_places, n_bins, f * f).swapaxes(1, 2)
        return cls(
            with_clusters.astype(np.float32, copy=False),
            between,
            factor.reshape(n_places, n_bins * f, f),
            left.reshape(n_places, -1),
            covariance.reshape(n_places, n_bins * f, f),
            likely.reshape(n_places, -1),
            ln_of_none,
            np.concatenate([-flat, np.ones((n_places, 1, n_bins))], axis=1),
        )

    def at_sizes(self, low: np.ndarray, upper: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return products with unit clusters in each band, (c, f, o, f), the galaxy's band last.

        Parameters
        ----------
        low, upper : numpy.ndarray, shape (c,)
            Sizes of clusters on the fine grid: the lower neighbour, and the weight of the upper one.
        places : numpy.ndarray of int, shape (o,)
            Places of galaxies.
        """
        _, f, n_places, _ = self.with_clusters.shape
        at = (low[:, None, None] * f + np.arange(f)[:, None]) * n_places + places
        flat, weight = self.with_clusters.reshape(-1, f), upper[:, None, None, None]
        found = flat.take(at, axis=0) * (1.0 - weight) + flat.take(at + f * n_places, axis=0) * weight
        if self.lost is not None:
            clusters, galaxies = self.lost
            weight = upper[:, None, None]
            seen = clusters[low] * (1.0 - weight) + clusters[low + 1] * weight
            taken = seen.reshape(-1, seen.shape[-1]) @ galaxies[:, places].reshape(len(galaxies), -1)
            found -= taken.reshape(found.shape)
        return found


@dataclass(frozen=True)
class GalaxiesOnCutout:
    """What one cutout says of galaxies at o places, of h bins, the last of any brightness.

    Parameters
    ----------
    at_depth : GalaxiesAtDepth
        Products at its depth.
    ln_alone : numpy.ndarray, shape (o, h)
        ln of what a galaxy multiplies the likelihood with where there is no cluster.
    to_seen : numpy.ndarray, shape (o, f + 1, h)
        -[m + K K^T (b - G m)], less the likeliest brightness in each band, and 1: times v, and what the
        product of clusters with the data is without a galaxy.
    """

    at_depth: GalaxiesAtDepth
    ln_alone: np.ndarray
    to_seen: np.ndarray


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
        self._brightness = Brightness.of(bands).and_any()
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
        (n_places, f), mean = seen.shape, self._brightness.mean
        left, likely = ((to @ seen[..., None])[..., 0] for to in (at_depth.to_left, at_depth.to_likely))
        left -= at_depth.left_of_mean
        likely += at_depth.likely_of_none
        ln_alone = seen @ mean.T + at_depth.ln_of_none
        ln_alone += 0.5 * np.square(left).reshape(n_places, -1, f).sum(axis=-1)
        to_seen = np.ones((n_places, f + 1, len(mean)))
        to_seen[:, :f] = -likely.reshape(n_places, -1, f).swapaxes(1, 2)
        return GalaxiesOnCutout(at_depth, ln_alone, to_seen)

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
        return GalaxiesAtDepth.of(with_clusters, np.stack(between, axis=1), self._brightness)

    def _less(self, galaxies: GalaxiesAtDepth, removed: Removed) -> GalaxiesAtDepth:
        """Return products of galaxies where images of other sources were taken from the covariance."""
        f = len(self._fields)
        shared = np.stack([self._with(removed.products, band) for band in range(f)], axis=-1)  # (k, o, f)
        solved = np.linalg.solve(removed.gram, shared.reshape(len(shared), -1)).reshape(shared.shape)
        clusters = np.stack(self._likelihood.projections_of(removed.products[0]))  # (g, k, N_FINE)
        between = galaxies.between - np.einsum("kof,kog->ofg", shared, solved)
        # rounding must not leave less than nothing
        values, vectors = np.linalg.eigh(between)
        between = np.einsum("oab,ob,ocb->oac", vectors, np.maximum(values, 0.0), vectors)
        left = GalaxiesAtDepth.of(galaxies.with_clusters, between, self._brightness)
        return replace(left, lost=(np.ascontiguousarray(clusters.transpose(2, 0, 1)), solved))
