"""The sky behind one beam, mode by mode: one decomposition whitens cutouts of any depth.

A cutout's covariance is the same from left to right and from top to bottom as the other way round, so that it
falls apart into four blocks, one for fields even or odd in either direction. In each block
C = V diag(lambda) V^T + sigma^2, where white noise sigma adds the same to every eigenvalue: a filter for
another depth needs no new decomposition. A round, centred cluster lives in the even block alone.
"""

import numpy as np

from szmass_cli.blas import one_blas_thread
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, Beam
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, SzModel, cluster_scales
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import lag_covariance_uk2, pixel_noise_uk
from szmass_cli.stamp import N_PIXELS, pixel_offsets_arcmin

_HALF = N_PIXELS // 2
_SIGNS = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
"""Of the quarters (south-east, south-west, north-east, north-west) in fields of each parity."""

EVEN = 0
"""The parity of round, centred clusters."""

LEAST_TRANSFER = 0.05
"""Square of the beam's transfer below which modes of a cutout say more of its pixels than of the sky."""


def fold(images: np.ndarray) -> np.ndarray:
    """Cutouts (n, 40, 40) as fields of definite parity on one quarter, (4, n, 400): an orthogonal change."""
    south, north = images[:, :_HALF], images[:, : _HALF - 1 : -1]
    quarters = np.stack(
        [south[..., :_HALF], south[..., : _HALF - 1 : -1], north[..., :_HALF], north[..., : _HALF - 1 : -1]]
    )
    return np.tensordot(0.5 * _SIGNS, quarters, axes=1).reshape(4, len(images), -1)


def unfold(fields: np.ndarray) -> np.ndarray:
    """The cutouts (n, 40, 40) of which `fold` gives fields (4, n, 400)."""
    n = fields.shape[1]
    quarters = np.tensordot(0.5 * _SIGNS.T, fields, axes=1).reshape(4, n, _HALF, _HALF)
    images = np.empty((n, N_PIXELS, N_PIXELS), quarters.dtype)
    images[:, :_HALF, :_HALF] = quarters[0]
    images[:, :_HALF, _HALF:] = quarters[1][:, :, ::-1]
    images[:, _HALF:, :_HALF] = quarters[2][:, ::-1]
    images[:, _HALF:, _HALF:] = quarters[3][:, ::-1, ::-1]
    return images


class BeamModes:
    """Cutouts of one band behind one Gaussian beam, in the eigenmodes of the sky's covariance.

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
        if not isinstance(band.beam, Beam):
            raise TypeError("modes are known for Gaussian beams")
        self.band = band
        self._model = model
        by_lag = lag_covariance_uk2(power, [band])[0, 0]
        self._variance_uk2, self._vectors = _eigenmodes(by_lag)
        self._smoothing = _folded_smoothing(band.beam)
        self._smoothed = np.einsum("pij,pjk->pik", self._smoothing.transpose(0, 2, 1), self._vectors)
        self._power_of_mode = np.einsum("pij,pij->pj", self._smoothed, self._smoothed) / N_PIXELS**2
        stamps = ClusterStamps([band], model)
        self._ln_size = np.log(np.geomspace(*BeamedProfile.THETA500_RANGE_ARCMIN, self.N_SIZES))
        sizes = ClusterScales(np.exp(self._ln_size), np.ones(self.N_SIZES))
        shapes = fold(stamps.images(sizes)[..., 0].astype(float))[EVEN]
        self._shapes = shapes @ self._vectors[EVEN]

    def coefficients(self, images_uk: np.ndarray) -> np.ndarray:
        """Cutouts (n, 40, 40) [µK] in eigenmodes, (4, n, 400) [µK]."""
        with one_blas_thread():
            return fold(np.asarray(images_uk, float)) @ self._vectors

    def smoothed(self, images_uk: np.ndarray) -> np.ndarray:
        """Cutouts (n, 40, 40) [µK] smoothed by the beam once more; see `stamp_smoothing`."""
        with one_blas_thread():
            return unfold(fold(np.asarray(images_uk, float)) @ self._smoothing.transpose(0, 2, 1))

    def deviations(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """B C^-1 d over each pixel's own standard deviation on bare sky, (n, 40, 40) [sigma]."""
        inverse = self._inverse_variance(noise_uk_arcmin)
        with one_blas_thread():
            fields = (coefficients_uk * inverse) @ self._smoothed.transpose(0, 2, 1)
            # fields of different parity are independent: a pixel has a quarter of the variance of each
            variance = 0.25 * (inverse @ (self._smoothed**2).transpose(0, 2, 1)).sum(axis=0)
        quarter = variance.reshape(-1, _HALF, _HALF)
        rows = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
        return unfold(fields) / np.sqrt(np.concatenate([rows, rows[:, :, ::-1]], axis=2))

    def likeliest_noise_uk_arcmin(self, images_uk: np.ndarray, levels_uk_arcmin: np.ndarray) -> np.ndarray:
        """White noise (n,) [µK-arcmin], of some levels (k,), that gives cutouts the greatest likelihood.

        Only fields that are odd in some direction count, to which a round, centred cluster adds nothing, and
        only modes that the beam lets through: finer ones show the pixels of the map that was cut.
        """
        odd = slice(EVEN + 1, None)
        c2 = self.coefficients(images_uk)[odd] ** 2
        seen = N_PIXELS**2 * self._power_of_mode[odd] > LEAST_TRANSFER
        ln_likelihood = np.zeros((len(levels_uk_arcmin), len(images_uk)))
        for index, level in enumerate(levels_uk_arcmin):
            variance = self._variance_uk2[odd] + pixel_noise_uk(float(level)) ** 2
            terms = np.log(variance)[:, None] + c2 / variance[:, None]
            ln_likelihood[index] = -0.5 * np.einsum("pnj,pj->n", terms, seen.astype(float))
        return levels_uk_arcmin[ln_likelihood.argmax(axis=0)]

    def filtered(self, coefficients_uk: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """B C^-1 d over its standard deviation on bare sky, (n, 40, 40); see `StampSky.sz_filter`.

        Parameters
        ----------
        coefficients_uk : numpy.ndarray, shape (4, n, 400)
            Of `coefficients`.
        noise_uk_arcmin : numpy.ndarray, shape (n,)
            White noise of each cutout.
        """
        inverse = self._inverse_variance(noise_uk_arcmin)
        spread = np.sqrt(np.einsum("pnj,pj->n", inverse, self._power_of_mode))
        with one_blas_thread():
            fields = (coefficients_uk * inverse) @ self._smoothed.transpose(0, 2, 1)
        return unfold(fields) / spread[:, None, None]

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
        weighted = templates * self._inverse_variance(noise_uk_arcmin)[EVEN][:, None, :]
        projection = np.einsum("nkj,nj->nk", weighted, coefficients_uk[EVEN])
        return projection, np.einsum("nkj,nkj->nk", weighted, templates)

    def templates(self, m200c_msun, redshift: np.ndarray) -> np.ndarray:
        """Mean clusters (n, k) of masses (k,) or (n, k) [Msun] in even modes, (n, k, 400) [µK]."""
        masses = np.asarray(m200c_msun, float)
        masses = np.broadcast_to(masses, (len(redshift), masses.shape[-1]))
        scales = cluster_scales(masses, np.asarray(redshift, float)[:, None], self._model)
        BeamedProfile.check_size(scales.theta500_arcmin)
        position = np.interp(np.log(scales.theta500_arcmin), self._ln_size, np.arange(self.N_SIZES))
        low = np.minimum(position.astype(int), self.N_SIZES - 2)
        upper = (position - low)[..., None]
        shape = self._shapes[low] * (1.0 - upper) + self._shapes[low + 1] * upper
        return shape * scales.y_scale[..., None]

    def template_images(self, m200c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Images (n, 40, 40) [µK] of mean clusters of masses (n,) [Msun] at redshifts (n,)."""
        even = self.templates(np.asarray(m200c_msun)[:, None], redshift)[:, 0]
        fields = np.zeros((4, *even.shape))
        fields[EVEN] = even @ self._vectors[EVEN].T
        return unfold(fields)

    def _inverse_variance(self, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """1 / (lambda + sigma^2) of every mode, (4, n, 400) [µK^-2]."""
        noise = pixel_noise_uk(np.asarray(noise_uk_arcmin, float)) ** 2
        return 1.0 / (self._variance_uk2[:, None, :] + noise[None, :, None])


def _eigenmodes(by_lag_uk2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances (4, 400) and orthonormal modes (4, 400, 400), in columns, of a covariance by lag (40, 40)."""
    half = np.arange(_HALF)
    near = np.abs(np.subtract.outer(half, half))
    far = N_PIXELS - 1 - np.add.outer(half, half)  # from a pixel to the mirror image of another
    lags = [(y, x) for y in (near, far) for x in (near, far)]
    blocks = np.stack([by_lag_uk2[y[:, None, :, None], x[None, :, None, :]] for y, x in lags])
    covariances = np.tensordot(_SIGNS, blocks, axes=1).reshape(4, _HALF**2, _HALF**2)
    with one_blas_thread():
        variance, modes = np.linalg.eigh(covariances)
    return np.maximum(variance, 0.0), modes


def _folded_smoothing(beam: Beam) -> np.ndarray:
    """`stamp_smoothing` on fields of each parity, (4, 400, 400)."""
    apart = np.subtract.outer(pixel_offsets_arcmin(), pixel_offsets_arcmin())
    kernel = np.exp(-0.5 * (apart * ARCMIN / beam.sigma_rad) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    near, far = kernel[:_HALF, :_HALF], kernel[:_HALF, : _HALF - 1 : -1]
    by_sign = {1: near + far, -1: near - far}
    # the second quarter mirrors columns, the third rows
    return np.stack([np.kron(by_sign[row], by_sign[column]) for _, column, row, _ in _SIGNS])
