"""Point sources at known places in cutouts, whose fluxes the likelihood is marginalised over.

A flux of zero mean and variance sigma^2 adds sigma^2 s s^T to the covariance, s the image of a source. For
the sources of a cutout, of images S and variances V, Woodbury's identity gives

    (C + S V S^T)^-1 = C^-1 - C^-1 S (V^-1 + S^T C^-1 S)^-1 S^T C^-1,

so that the products C^-1 d change, and t^T C^-1 t by what sources take from clusters; C^-1 itself is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.templates import spectra_pairs
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, beam_profile
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.planeimages import PlaneImages
from szmass_cli.system.blas import one_blas_thread

ON_CLUSTER_ARCMIN = 1.5
"""A source this near to a cluster's centre looks like it in one band; its spectrum tells them apart."""

REACH_ARCMIN = 8.0
"""Sources further from a cutout's centre along either axis leave nothing in it."""

SIGMA_MJY = 20.0
"""Of sources on clusters, at 150 GHz: brighter ones turn clusters into sources."""

FREE_MJY = 1000.0
"""Of sources beside clusters, in each band on its own: whatever the map says."""

INDEX, INDEX_SCATTER = -0.7, 0.3
"""Spectral index of flux of radio sources, and its scatter."""

REFERENCE_GHZ = 150.0


@dataclass(frozen=True)
class PlacedSources:
    """Sources in the cutouts of some rows.

    Parameters
    ----------
    row : numpy.ndarray of int, shape (k,)
        Number of the cutout that each is in.
    north_arcmin, west_arcmin : numpy.ndarray, shape (k,)
        Its place on the cutout's tangent plane, from the centre.
    """

    row: np.ndarray
    north_arcmin: np.ndarray
    west_arcmin: np.ndarray

    @property
    def is_on_cluster(self) -> np.ndarray:
        """Return which of them (k,) lie within `ON_CLUSTER_ARCMIN` of the centre."""
        return np.hypot(self.north_arcmin, self.west_arcmin) <= ON_CLUSTER_ARCMIN

    def __getitem__(self, which: np.ndarray) -> "PlacedSources":
        return PlacedSources(self.row[which], self.north_arcmin[which], self.west_arcmin[which])

    def __len__(self) -> int:
        return len(self.row)


class SourceMarginal:
    """Takes what point sources may be out of the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        bands = likelihood.instrument.bands
        self._images = [_ImageOfPoint(band) for band in bands]
        nodes = INDEX + INDEX_SCATTER * np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
        relative = np.array([band.frequency_ghz for band in bands]) / REFERENCE_GHZ
        self._spectra = relative[None, :] ** nodes[:, None]
        # Gauss-Hermite: exact for the mean and scatter of the index
        self._variances = SIGMA_MJY**2 * np.array([1.0, 4.0, 1.0]) / 6.0

    def which(self, sources: PlacedSources) -> PlacedSources:
        """Return the sources that can be told from the clusters: of one band, those beside them."""
        return sources[~sources.is_on_cluster] if len(self._images) == 1 else sources

    def __call__(self, weighed: Weighed, sources: PlacedSources) -> Weighed:
        """Return cutouts whose products with C^-1 are marginalised over the fluxes of sources.

        Sources beside the clusters have a flux of their own in each band. Those on the clusters have one flux
        with the spectrum of radio sources; in an instrument of one band they are left as they are.

        Parameters
        ----------
        weighed : Weighed
            The n cutouts with their products with the inverse covariance.
        sources : PlacedSources
            Where sources are in them.
        """
        sources = self.which(sources)
        if not len(sources):
            return weighed
        likelihood = self._likelihood
        weighted = weighed.weighted.copy()
        pairs = spectra_pairs(len(self._images))
        lost = np.zeros((len(weighed), len(pairs), likelihood.templates.n_fine))
        with one_blas_thread():
            for row in np.unique(sources.row):
                images, variances = self._of_row(sources[sources.row == row])
                fields = likelihood.symmetry.fold(images)
                products = fields @ weighed.depths[weighed.depth_of[row]].inverse
                gram = np.einsum("pkj,plj->kl", products, fields) + np.diag(1.0 / variances)
                seen = np.einsum("pkj,pj->k", products, weighed.fields_uk[:, row])
                weighted[:, row] -= np.einsum("k,pkj->pj", np.linalg.solve(gram, seen), products)
                shared = np.stack(likelihood.projections_of(products[0]))  # (f, k, N_FINE)
                taken = np.linalg.solve(gram, shared)
                for number, (i, j) in enumerate(pairs):
                    lost[row, number] = (1.0 if i == j else 2.0) * np.sum(shared[i] * taken[j], axis=0)
        return replace(weighed, weighted=weighted, lost=lost)

    def _of_row(self, sources: PlacedSources) -> tuple[np.ndarray, np.ndarray]:
        """Return images (k, 40, 40, f) [µK per mJy] of all that may vary, and variances (k,) [mJy^2]."""
        n_bands = len(self._images)
        images, variances = [], []
        for north, west, near in zip(
            sources.north_arcmin, sources.west_arcmin, sources.is_on_cluster, strict=True
        ):
            image = np.stack([one(north, west) for one in self._images], axis=-1)
            spectra = self._spectra if near else np.eye(n_bands)
            images += [image * spectrum for spectrum in spectra]
            variances += list(self._variances) if near else [FREE_MJY**2] * n_bands
        return np.array(images), np.array(variances)


def point_images_uk(bands: Sequence[Band], uk_arcmin2: np.ndarray) -> np.ndarray:
    """Return a point source in the middle of a cutout behind the beams of bands, (40, 40, f) [µK].

    Parameters
    ----------
    bands : sequence of Band, length f
        Beams, pixels and filters.
    uk_arcmin2 : numpy.ndarray, shape (f,)
        Its temperature times solid angle in each band [µK arcmin^2].
    """
    images = [_ImageOfPoint(band)(0.0, 0.0) / uk_per_mjy(band.frequency_ghz) for band in bands]
    return np.stack(images, axis=-1) * uk_arcmin2


class _ImageOfPoint:
    """Images of a point source of 1 mJy in one band [µK].

    Parameters
    ----------
    band : Band
        Beam, pixels and filter of the band.
    """

    def __init__(self, band: Band):
        self._uk_arcmin2 = uk_per_mjy(band.frequency_ghz)
        self._plane = None if band.plane_transfer is None else PlaneImages(band)
        radii = np.linspace(0.0, np.sqrt(2.0) * (REACH_ARCMIN + 5.0), 800)
        self._profile = CubicSpline(radii, beam_profile(band.optics, radii))

    def __call__(self, north_arcmin: float, west_arcmin: float) -> np.ndarray:
        """Return the image (40, 40) of a source at a place."""
        if self._plane is not None:
            per_sr = self._plane.of_point(north_arcmin, west_arcmin)
        else:
            axis = pixel_offsets_arcmin()
            per_sr = self._profile(np.hypot(axis[:, None] - north_arcmin, axis[None, :] - west_arcmin))
        return self._uk_arcmin2 * ARCMIN**2 * per_sr
