"""Whether there is more at the centre of a cutout than a cluster, or the cluster is not at the centre."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.likelihood.depth import Depth, PerDepth
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.scores import NOTHING_LEFT, component_spectrum
from szmass_cli.physics.beams import beam_profile
from szmass_cli.physics.profiles import ClusterScales, cluster_scales
from szmass_cli.sky.symmetry import MIRRORS
from szmass_cli.system.blas import one_blas_thread


@dataclass(frozen=True)
class _AtDepth:
    """Products that do not depend on the data.

    Parameters
    ----------
    source_fisher : float
        s^T C^-1 s of the point source.
    overlap : numpy.ndarray, shape (S,)
        t^T C^-1 s of unit clusters of the tabulated sizes.
    fisher : numpy.ndarray, shape (S,)
        t^T C^-1 t of them.
    slope_fisher : numpy.ndarray, shape (2, 2, S)
        Of the changes with a step west and north.
    """

    source_fisher: float
    overlap: np.ndarray
    fisher: np.ndarray
    slope_fisher: np.ndarray


class CentreTest:
    """Likelihood ratios of cutouts of one instrument, for what a cluster's fitted amplitude hides.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Gives the instrument's bands, its templates of clusters and the symmetry of its covariance.
    mass_range_msun : (float, float)
        Range of masses of the clusters that are tried [Msun].
    """

    def __init__(self, likelihood: GaussianLikelihood, mass_range_msun: tuple[float, float]):
        self._likelihood, self._masses = likelihood, np.array(mass_range_msun)
        templates, symmetry = likelihood.templates, likelihood.symmetry
        bands = likelihood.instrument.bands
        self._clusters = templates.even.reshape(len(templates.even), -1)
        radii = pixel_radii_arcmin()
        profiles = [beam_profile(band.optics, radii) for band in bands]
        # of equal flux in all bands but for the spectrum of radio sources
        source = np.stack(profiles, axis=-1) * component_spectrum("radio", bands)
        self._source = symmetry.fold(source[None] / np.abs(source).max())[0, 0]
        self._slope_blocks = (1, 2) if symmetry is MIRRORS else (1, 1)
        images = likelihood.templates.images.images(_unit_clusters(templates.ln_size)).astype(float)
        steps = (-np.gradient(images, axis=2), -np.gradient(images, axis=1))
        self._slopes = [
            symmetry.fold(step)[block] for step, block in zip(steps, self._slope_blocks, strict=True)
        ]
        self._at = PerDepth(self._make)

    def source_sigma(self, weighed: Weighed, redshift: np.ndarray) -> np.ndarray:
        """Return by how many sigma (n,) a point source beside the cluster explains a cutout better.

        It is the root of twice the gain in ln likelihood, with the sign of the source. Each likelihood is
        that of the best cluster and amplitudes; where a cluster's amplitude is free, only its size counts.
        Without a source the values are about a Gaussian of unit width, or narrower.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        redshift : numpy.ndarray, shape (n,)
            Of each cluster: only sizes that clusters of `mass_range_msun` have there are tried.
        """
        with one_blas_thread():
            cluster = weighed.weighted[0] @ self._clusters.T
            source = (weighed.weighted[0] @ self._source)[:, None]
        at = [self._at(depth) for depth in weighed.depths]
        fisher, overlap = (
            np.stack([getattr(one, name) for one in at])[weighed.depth_of] for name in ("fisher", "overlap")
        )
        source_fisher = np.array([one.source_fisher for one in at])[weighed.depth_of, None]
        for row, removed in weighed.changed:
            clusters, point = (fields @ removed.products[0].T for fields in (self._clusters, self._source))
            fisher[row] -= removed.between(clusters, clusters)
            overlap[row] -= removed.between(clusters, np.broadcast_to(point, clusters.shape))
            left_of_it = source_fisher[row] - removed.between(point, point)
            source_fisher[row] = np.maximum(left_of_it, NOTHING_LEFT * source_fisher[row])
        left = source - overlap * cluster / fisher  # of the source, once the cluster is fitted
        left_fisher = source_fisher - overlap**2 / fisher
        # a cluster is positive in y: where the fit of both makes it the opposite, the source is alone
        is_cluster = cluster * source_fisher > overlap * source
        both = np.where(
            is_cluster,
            0.5 * (cluster**2 / fisher + left**2 / left_fisher),
            0.5 * source**2 / source_fisher,
        )
        possible = self._possible(redshift)
        both[~possible] = -np.inf
        sign = np.sign(np.where(is_cluster, left, source))
        rows, best = np.arange(len(both)), both.argmax(axis=1)
        alone = np.max(np.where(possible, 0.5 * np.maximum(cluster, 0.0) ** 2 / fisher, 0.0), axis=1)
        gain = np.maximum(both[rows, best] - alone, 0.0)
        return np.sqrt(2.0 * gain) * sign[rows, best]

    def offset_chi2(self, weighed: Weighed, scales: ClusterScales) -> np.ndarray:
        """Return twice the gain in ln likelihood (n,) of the best small shift of each cluster.

        It is a chi-squared of two degrees of freedom where clusters are centred.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        scales : ClusterScales
            Sizes of the n clusters; their amplitudes are not used.
        """
        ln_size = self._likelihood.templates.ln_size
        position = np.interp(np.log(scales.theta500_arcmin), ln_size, np.arange(ln_size.size))
        size = np.round(position).astype(int)
        p = np.stack(
            [
                np.einsum("nj,nj->n", slopes[size], weighed.weighted[block])
                for slopes, block in zip(self._slopes, self._slope_blocks, strict=True)
            ],
            axis=-1,
        )
        at = np.stack([self._at(depth).slope_fisher for depth in weighed.depths])
        fisher = at[weighed.depth_of, :, :, size]
        for row, removed in weighed.changed:
            steps = [
                slopes[size[row]] @ removed.products[block].T
                for slopes, block in zip(self._slopes, self._slope_blocks, strict=True)
            ]
            fisher[row] -= [[removed.between(one, other) for other in steps] for one in steps]
        return np.einsum("na,na->n", p, np.linalg.solve(fisher, p[..., None])[..., 0])

    def _possible(self, redshift: np.ndarray) -> np.ndarray:
        """Return which of the tabulated sizes (n, S) clusters of the masses have at redshifts (n,)."""
        ln_size = self._likelihood.templates.ln_size
        half_step = 0.5 * (ln_size[1] - ln_size[0])
        scales = cluster_scales(self._masses, np.asarray(redshift, float)[:, None], self._likelihood.model)
        smallest, largest = np.log(scales.theta500_arcmin).T[..., None]
        return (ln_size > smallest - half_step) & (ln_size < largest + half_step)

    def _make(self, depth: Depth) -> _AtDepth:
        with one_blas_thread():
            source = self._source @ depth.inverse[0]
            fisher = np.einsum("sj,sj->s", self._clusters @ depth.inverse[0], self._clusters)
            weighted = [
                slopes @ depth.inverse[block]
                for slopes, block in zip(self._slopes, self._slope_blocks, strict=True)
            ]
        slope_fisher = np.zeros((2, 2, len(self._clusters)))
        for a, block_a in enumerate(self._slope_blocks):
            for b, block_b in enumerate(self._slope_blocks):
                if block_a == block_b:
                    slope_fisher[a, b] = np.einsum("sj,sj->s", weighted[a], self._slopes[b])
        return _AtDepth(float(source @ self._source), self._clusters @ source, fisher, slope_fisher)


def _unit_clusters(ln_size: np.ndarray) -> ClusterScales:
    return ClusterScales(np.exp(ln_size), np.ones(ln_size.size))
