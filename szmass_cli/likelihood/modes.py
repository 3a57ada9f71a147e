"""The sky behind one beam, mode by mode: one decomposition whitens cutouts of any depth.

A cutout's covariance falls apart into four blocks, one for fields even or odd in either direction (see
`szmass_cli.sky.mirrors`). In each block
C = V diag(lambda) V^T + sigma^2, where white noise sigma adds the same to every eigenvalue: a filter for
another depth needs no new decomposition. A round, centred cluster lives in the even block alone.
"""

from functools import cached_property

import numpy as np

from szmass_cli.geometry import N_PIXELS
from szmass_cli.physics.bands import Band
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, SzModel, cluster_scales
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.mirrors import HALF, MirrorMatrix, fold, unfold
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import StampSky, pixel_noise_uk, stamp_smoothing
from szmass_cli.system.blas import one_blas_thread

EVEN, WEST, NORTH = 0, 1, 2
"""The parity of round, centred clusters, and those of the change when one is moved west or north."""

LEAST_TRANSFER = 0.05
"""Square of the beam's transfer below which modes of a cutout say more of its pixels than of the sky."""


class BeamModes:
    """Cutouts of one band behind one beam, in the eigenmodes of the sky's covariance.

    Parameters
    ----------
    power : SkyPower
        Of the sky before the beam, in one band.
    band : Band
        Its frequency and beam; its noise is not used.
    model : SzModel
        How the SZ signal of clusters follows from mass and redshift.
    """

    N_SIZES = 400

    def __init__(self, power: SkyPower, band: Band, model: SzModel):
        self.band = band
        self.model = model
        with one_blas_thread():
            variance, self._vectors = np.linalg.eigh(StampSky(power, [band]).sky_matrix.blocks)
        self._variance_uk2 = np.maximum(variance, 0.0)
        self._smoothing = MirrorMatrix.of(stamp_smoothing(band.beam))
        self._smoothed = self._smoothing.transposed.blocks @ self._vectors
        self._smoothed2 = (self._smoothed**2).transpose(0, 2, 1)
        self._power_of_mode = np.einsum("pij,pij->pj", self._smoothed, self._smoothed) / N_PIXELS**2
        stamps = ClusterStamps([band], model)
        self._ln_size = np.log(np.geomspace(*BeamedProfile.THETA500_RANGE_ARCMIN, self.N_SIZES))
        sizes = ClusterScales(np.exp(self._ln_size), np.ones(self.N_SIZES))
        self._images = stamps.images(sizes).astype(float)
        self._shapes = fold(self._images)[EVEN] @ self._vectors[EVEN]

    def sizes(self, every: int) -> tuple[np.ndarray, np.ndarray]:
        """Some of the tabulated sizes, every n-th: ln theta500 [arcmin] (k,), and their clusters (k, 400).

        The clusters are in even modes [µK], of unit Compton scale.
        """
        return self._ln_size[::every], self._shapes[::every]

    def coefficients(self, images_uk: np.ndarray) -> np.ndarray:
        """Cutouts (n, 40, 40) [µK] in eigenmodes, (4, n, 400) [µK]."""
        with one_blas_thread():
            return fold(np.asarray(images_uk, float)[..., None]) @ self._vectors

    def smoothed(self, images_uk: np.ndarray) -> np.ndarray:
        """Cutouts (n, 40, 40) [µK] smoothed by the beam once more; see `stamp_smoothing`."""
        with one_blas_thread():
            return self._smoothing(np.asarray(images_uk, float))[..., 0]

    def deviations(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """B C^-1 d over each pixel's own standard deviation on bare sky, (n, 40, 40) [sigma]."""
        levels, level_of = np.unique(noise_uk_arcmin, return_inverse=True)
        inverse = self.inverse_variance(levels)
        with one_blas_thread():
            fields = (coefficients_uk * inverse[:, level_of]) @ self._smoothed.transpose(0, 2, 1)
            variance = (inverse @ self._smoothed2).sum(axis=0)
        # fields of different parity are independent: a pixel has a quarter of the variance of each
        quarter = 0.25 * variance.reshape(-1, HALF, HALF)
        rows = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
        spread = np.sqrt(np.concatenate([rows, rows[:, :, ::-1]], axis=2))
        return unfold(fields)[..., 0] / spread[level_of]

    def likeliest_noise_uk_arcmin(
        self, coefficients_uk: np.ndarray, levels_uk_arcmin: np.ndarray
    ) -> np.ndarray:
        """White noise (n,) [µK-arcmin], of some levels, that gives cutouts the greatest likelihood.

        Only fields that are odd in some direction count, to which a round, centred cluster adds nothing, and
        only modes that the beam lets through: finer ones show the pixels of the map that was cut.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
            Of `coefficients`.
        levels_uk_arcmin : numpy.ndarray, shape (k,)
        """
        odd = slice(EVEN + 1, None)
        c2, inverse = coefficients_uk[odd] ** 2, self.inverse_variance(levels_uk_arcmin)[odd]
        seen = (N_PIXELS**2 * self._power_of_mode[odd] > LEAST_TRANSFER).astype(float)
        ln_determinant = np.einsum("pkj,pj->k", np.log(inverse), seen)
        # one level at a time: a row's sum is the same whatever rows are beside it
        chi2 = [np.einsum("pnj,pj->n", c2, level * seen) for level in inverse.swapaxes(0, 1)]
        return levels_uk_arcmin[np.argmax(ln_determinant - np.stack(chi2, axis=1), axis=1)]

    def filtered(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """B C^-1 d over its standard deviation on bare sky, (n, 40, 40); see `StampSky.sz_filter`.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
            Of `coefficients`.
        noise_uk_arcmin : numpy.ndarray, shape (n,)
            White noise of each cutout.
        """
        inverse = self.inverse_variance(noise_uk_arcmin)
        spread = np.sqrt(np.einsum("pnj,pj->n", inverse, self._power_of_mode))
        with one_blas_thread():
            fields = (coefficients_uk * inverse) @ self._smoothed.transpose(0, 2, 1)
        return unfold(fields)[..., 0] / spread[:, None, None]

    def matched(
        self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray, m200c_msun, redshift: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Matched filters for mean clusters of some masses at each cutout's redshift.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
        noise_uk_arcmin, redshift : numpy.ndarray, shape (n,)
        m200c_msun : numpy.ndarray, shape (k,) or (n, k)
            M200c [Msun].

        Returns
        -------
        projection, fisher : numpy.ndarray, shape (n, k)
            t^T C^-1 d and t^T C^-1 t (Melin et al. 2006, eqs. 7-9): the amplitude is their ratio, and
            S/N = projection / fisher^1/2.
        """
        templates = self.templates(m200c_msun, redshift)
        weighted = templates * self.inverse_variance(noise_uk_arcmin)[EVEN][:, None, :]
        projection = np.einsum("nkj,nj->nk", weighted, coefficients_uk[EVEN])
        return projection, np.einsum("nkj,nkj->nk", weighted, templates)

    def templates(self, m200c_msun, redshift: np.ndarray) -> np.ndarray:
        """Mean clusters (n, k) of masses (k,) or (n, k) [Msun] in even modes, (n, k, 400) [µK]."""
        masses = np.asarray(m200c_msun, float)
        masses = np.broadcast_to(masses, (len(redshift), masses.shape[-1]))
        return self._of_sizes(self._shapes, masses, np.asarray(redshift, float)[:, None])

    def slopes(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Change of mean clusters (n,) [Msun] with a step of a pixel west and north, (2, n, 400) [µK].

        Each is of one parity: modes of `WEST` and `NORTH`.
        """
        masses, redshift = np.asarray(m200c_msun, float), np.asarray(redshift, float)
        return np.stack([self._of_sizes(shapes, masses, redshift) for shapes in self._slopes])

    @cached_property
    def _slopes(self) -> list[np.ndarray]:
        images = self._images[..., 0]
        steps = {WEST: np.gradient(images, axis=2), NORTH: np.gradient(images, axis=1)}
        with one_blas_thread():
            return [-fold(step[..., None])[odd] @ self._vectors[odd] for odd, step in steps.items()]

    def _of_sizes(self, shapes: np.ndarray, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Mean clusters (...) in modes tabulated by size (s, 400), (..., 400) [µK]."""
        scales = cluster_scales(m200c_msun, redshift, self.model)
        BeamedProfile.check_size(scales.theta500_arcmin)
        position = np.interp(np.log(scales.theta500_arcmin), self._ln_size, np.arange(self.N_SIZES))
        low = np.minimum(position.astype(int), self.N_SIZES - 2)
        upper = (position - low)[..., None]
        shape = shapes[low] * (1.0 - upper) + shapes[low + 1] * upper
        return shape * scales.y_scale[..., None]

    def template_images(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Images (n, 40, 40) [µK] of mean clusters of masses (n,) [Msun] at redshifts (n,)."""
        even = self.templates(np.asarray(m200c_msun)[:, None], redshift)[:, 0]
        fields = np.zeros((4, *even.shape))
        fields[EVEN] = even @ self._vectors[EVEN].T
        return unfold(fields)[..., 0]

    def inverse_variance(self, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """1 / (lambda + sigma^2) of every mode, (4, n, 400) [µK^-2]."""
        noise = pixel_noise_uk(np.asarray(noise_uk_arcmin, float)) ** 2
        return 1.0 / (self._variance_uk2[:, None, :] + noise[None, :, None])
