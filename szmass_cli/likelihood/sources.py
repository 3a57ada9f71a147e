"""Sources at known places in cutouts, whose brightness the likelihood is marginalised over.

A flux of zero mean and variance sigma^2 adds sigma^2 s s^T to the covariance, s the image of a source. For
the sources of a cutout, of images S and variances V, Woodbury's identity gives

    (C + S V S^T)^-1 = C^-1 - C^-1 S (V^-1 + S^T C^-1 S)^-1 S^T C^-1,

so that the products C^-1 d change, and t^T C^-1 t by what sources take from clusters; C^-1 itself is kept.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from szmass_cli.likelihood.gaussian import GaussianLikelihood, Removed, Weighed
from szmass_cli.likelihood.pointimages import PointImage
from szmass_cli.likelihood.templates import spectra_pairs
from szmass_cli.physics.profiles import ClusterScales
from szmass_cli.system.blas import one_blas_thread

ON_CLUSTER_ARCMIN = 1.5
"""A source this near to a cluster's centre looks like it in one band; its spectrum tells them apart."""

SIGMA_MJY = 20.0
"""Of sources on clusters, at 150 GHz: brighter ones turn clusters into sources."""

FREE_MJY = 1000.0
"""Of sources beside clusters, in each band on its own: whatever the map says."""

PLACE_SIGMA_ARCMIN = 0.1
"""Of the place of a source along each axis: that of catalogues, of a map's pointing, and of what was found in
its pixels. A shift by so much leaves a tenth of a bright source, up on one side and down on the other."""

PLACE_STEP_ARCMIN = 0.05
"""By which places are changed for the derivatives of an image."""

EXTENT_ARCMIN2 = 0.03
"""Standard deviation of how much wider than the beam the image of a source is along each axis, as a variance:
that of sources 0.17' in extent, or of a beam of 1.4' that is 4 per cent wider than stated. Of a source of
1 Jy, one per cent of the width moves the amplitude of a cluster 4' away by its error."""

TREATMENT = (
    "marginalised over: flux in each band, place within 0.1' and extent within 0.17' of sources beside a "
    "cluster; one flux of 20 mJy with the spectrum of its kind and place on it (in one band not these); "
    "nothing is subtracted or cut out"
)
"""What is done with known and found sources, as outputs state it."""

REFERENCE_GHZ = 150.0

NEIGHBOUR_SIZES_ARCMIN = (1.0, 2.5)
"""theta500 of the two profiles that a neighbouring cluster is made of."""

NEIGHBOUR_Y_SCALE = 1e-3
"""Of the central Compton scale of each: no cluster is brighter."""


class Kind(IntEnum):
    """What a source is, which says what spectrum it has on a cluster, and that clusters are no points."""

    RADIO = 0
    DUSTY = 1
    CLUSTER = 2


INDICES = {Kind.RADIO: (-0.7, 0.3), Kind.DUSTY: (3.4, 0.5)}
"""Spectral index of flux, and its scatter: of radio galaxies, and of dusty ones."""


@dataclass(frozen=True)
class PlacedSources:
    """Sources in the cutouts of some rows.

    Parameters
    ----------
    row : numpy.ndarray of int, shape (k,)
        Number of the cutout that each is in.
    north_arcmin, west_arcmin : numpy.ndarray, shape (k,)
        Its place on the cutout's tangent plane, from the centre.
    kind : numpy.ndarray of int, shape (k,), optional
        Of each, `Kind`; radio sources by default.
    """

    row: np.ndarray
    north_arcmin: np.ndarray
    west_arcmin: np.ndarray
    kind: np.ndarray | None = None

    @classmethod
    def none(cls) -> "PlacedSources":
        """Return no sources."""
        return cls(np.zeros(0, int), np.zeros(0), np.zeros(0), np.zeros(0, int))

    @property
    def kinds(self) -> np.ndarray:
        """Return the kind (k,) of each source."""
        return np.full(len(self), int(Kind.RADIO)) if self.kind is None else self.kind

    @property
    def is_on_cluster(self) -> np.ndarray:
        """Return which of them (k,) lie within `ON_CLUSTER_ARCMIN` of the centre."""
        return np.hypot(self.north_arcmin, self.west_arcmin) <= ON_CLUSTER_ARCMIN

    def __getitem__(self, which: np.ndarray) -> "PlacedSources":
        return PlacedSources(
            self.row[which], self.north_arcmin[which], self.west_arcmin[which], self.kinds[which]
        )

    def __len__(self) -> int:
        return len(self.row)

    def and_more(self, others: "PlacedSources") -> "PlacedSources":
        """Return these sources followed by others."""
        pairs = (
            (self.row, others.row),
            (self.north_arcmin, others.north_arcmin),
            (self.west_arcmin, others.west_arcmin),
            (self.kinds, others.kinds),
        )
        return PlacedSources(*(np.concatenate(pair) for pair in pairs))

    def of_rows(self, rows: np.ndarray) -> "PlacedSources":
        """Return the sources of some cutouts (m,), ascending, whose rows are numbered anew."""
        chosen = self[np.isin(self.row, rows)]
        return replace(chosen, row=np.searchsorted(rows, chosen.row))


class SourceMarginal:
    """Takes what sources may be out of the cutouts of one instrument.

    Parameters
    ----------
    likelihood : GaussianLikelihood
        Likelihood of the cutouts.
    """

    def __init__(self, likelihood: GaussianLikelihood):
        self._likelihood = likelihood
        bands = likelihood.instrument.bands
        self._images = [PointImage(band) for band in bands]
        relative = np.array([band.frequency_ghz for band in bands]) / REFERENCE_GHZ
        # Gauss-Hermite: exact for the mean and scatter of the index
        nodes = np.sqrt(3.0) * np.array([-1.0, 0.0, 1.0])
        self._spectra = {
            kind: relative[None, :] ** (index + scatter * nodes)[:, None]
            for kind, (index, scatter) in INDICES.items()
        }
        self._variances = SIGMA_MJY**2 * np.array([1.0, 4.0, 1.0]) / 6.0

    def which(self, sources: PlacedSources) -> PlacedSources:
        """Return the sources that can be told from the clusters: of one band, those beside them."""
        return sources[~sources.is_on_cluster] if len(self._images) == 1 else sources

    def __call__(self, weighed: Weighed, sources: PlacedSources) -> Weighed:
        """Return cutouts whose products with C^-1 are marginalised over the brightness of sources.

        Sources beside the clusters have a flux of their own in each band. Those on the clusters have one flux
        with the spectrum of their kind; in an instrument of one band they are left as they are. Neighbouring
        clusters have two sizes and the spectrum of cold gas.

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
        removed: list[Removed | None] = [None] * len(weighed)
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
                removed[row] = Removed(products, gram)
        return replace(weighed, weighted=weighted, lost=lost, removed=tuple(removed))

    def fluxes_mjy(self, weighed: Weighed, source: PlacedSources) -> np.ndarray:
        """Return the likeliest flux in each band (f,) [mJy] of a single source beside all else.

        Parameters
        ----------
        weighed : Weighed
            The one cutout, without its cluster and other sources.
        source : PlacedSources
            The one source; for a cluster the fluxes are 0.
        """
        if source.kinds[0] == Kind.CLUSTER:
            return np.zeros(len(self._images))
        images = self._point(source.north_arcmin[0], source.west_arcmin[0], np.eye(len(self._images)))
        fields = self._likelihood.symmetry.fold(images)
        products = fields @ weighed.depths[weighed.depth_of[0]].inverse
        gram = np.einsum("pkj,plj->kl", products, fields)
        return np.linalg.solve(gram, np.einsum("pkj,pj->k", fields, weighed.weighted[:, 0]))

    def _of_row(self, sources: PlacedSources) -> tuple[np.ndarray, np.ndarray]:
        """Return images (k, 40, 40, f) [µK per mJy] of all that may vary, and variances (k,) [mJy^2]."""
        images, variances = [], []
        for north, west, near, kind in zip(
            sources.north_arcmin, sources.west_arcmin, sources.is_on_cluster, sources.kinds, strict=True
        ):
            if kind == Kind.CLUSTER:
                some, of_them = self._neighbour(north, west)
            elif near:
                some, of_them = self._uncertain(north, west, self._spectra[Kind(kind)], self._variances)
            else:
                some, of_them = self._beside(north, west)
            images.append(some)
            variances.append(of_them)
        return np.concatenate(images), np.concatenate(variances)

    def _point(self, north: float, west: float, spectra: np.ndarray) -> np.ndarray:
        """Return images (k, 40, 40, f) of a point source of some spectra (k, f) [µK per mJy]."""
        image = np.stack([one(north, west) for one in self._images], axis=-1)
        return image * spectra[:, None, None, :]

    def _uncertain(
        self, north: float, west: float, spectra: np.ndarray, variances: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return images of a point source and what a shift adds to them, and the variances of each.

        A flux of variance V [mJy^2] at a place that is off by sigma adds, to first order, the derivative of
        the image with the variance V sigma^2 for each axis.
        """
        steps = PLACE_STEP_ARCMIN * np.eye(2)
        shifted = [
            (self._point(north + y, west + x, spectra) - self._point(north - y, west - x, spectra))
            / (2.0 * PLACE_STEP_ARCMIN)
            for y, x in steps
        ]
        images = np.concatenate([self._point(north, west, spectra), *shifted])
        of_place = variances * PLACE_SIGMA_ARCMIN**2
        return images, np.concatenate([variances, of_place, of_place])

    def _beside(self, north: float, west: float) -> tuple[np.ndarray, np.ndarray]:
        """Return images of a point source of any flux in each band, and the variances of each.

        To first order an image that is wider by a variance v adds v / 2 of the second derivatives, for each
        axis: its beam is not quite the stated one, or it is no point.
        """
        n_bands, step = len(self._images), 2.0 * PLACE_STEP_ARCMIN
        free = np.full(n_bands, FREE_MJY**2)
        images, variances = self._uncertain(north, west, np.eye(n_bands), free)
        bent = [
            0.5
            * (
                self._point(north + y, west + x, np.eye(n_bands))
                + self._point(north - y, west - x, np.eye(n_bands))
                - 2.0 * images[:n_bands]
            )
            / step**2
            for y, x in step * np.eye(2)
        ]
        of_extent = free * EXTENT_ARCMIN2**2
        return np.concatenate([images, *bent]), np.concatenate([variances, of_extent, of_extent])

    def _neighbour(self, north: float, west: float) -> tuple[np.ndarray, np.ndarray]:
        """Return images of a neighbouring cluster of two sizes, and the variances of what they stand for."""
        sizes = np.array(NEIGHBOUR_SIZES_ARCMIN)
        place = np.tile([north, west], (sizes.size, 1))
        stamps = self._likelihood.templates.images
        images = stamps.offset_images(ClusterScales(sizes, np.full(sizes.size, NEIGHBOUR_Y_SCALE)), place)
        return images.astype(float), np.ones(sizes.size)
