"""Gaussian skies on one cutout, exact to the covariance: no box, so no missing gradient."""

from collections.abc import Sequence
from functools import cached_property, reduce
from operator import add

import numpy as np
from scipy.special import j0

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, AnyBeam, Beam, beam_profile
from szmass_cli.physics.spectra import PIVOT_GHZ, tsz_f
from szmass_cli.sky.mirrors import HALF, PARITIES, MirrorMatrix
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.blas import one_blas_thread


def pixel_noise_uk(noise_uk_arcmin, pixel_arcmin: float = PIXEL_ARCMIN):
    """Standard deviation [µK] of white noise in one pixel; 5 µK-arcmin is 20 µK in 0.25'."""
    return noise_uk_arcmin / pixel_arcmin


def reference_band(frequencies_ghz: Sequence[float]) -> int:
    """The band whose SZ signal stands for all: the one nearest to 150 GHz."""
    return int(np.argmin([abs(frequency - PIVOT_GHZ) for frequency in frequencies_ghz]))


def sz_weights(bands: Sequence[Band]) -> np.ndarray:
    """SZ signal of each band over that of the reference band, (f,)."""
    frequencies = [band.frequency_ghz for band in bands]
    signal = np.array([tsz_f(frequency) for frequency in frequencies])
    return signal / signal[reference_band(frequencies)]


def lag_covariance_uk2(power: SkyPower, bands: Sequence[Band]) -> np.ndarray:
    """Covariance of the beamed sky between pixels of a cutout that lie some rows and columns apart.

    Returns
    -------
    numpy.ndarray, shape (f, f, 40, 40)
        C(theta) = sum (2 ell + 1) / 4 pi C_ell B_ell B_ell J0((ell + 1/2) theta) [µK^2].
    """
    lags = np.arange(N_PIXELS)
    squared = lags[:, None] ** 2 + lags[None, :] ** 2
    distances, where = np.unique(squared, return_inverse=True)
    theta = np.sqrt(distances) * PIXEL_ARCMIN * ARCMIN
    beams = np.array([band.beam.b_ell(power.ell) for band in bands])
    measure = np.gradient(power.ell) * (2.0 * power.ell + 1.0) / (4.0 * np.pi)
    spectra = (measure * power.cl_uk2_sr * beams[:, None] * beams[None, :]).reshape(-1, power.ell.size)
    by_distance = np.concatenate(
        [j0(np.outer(part, power.ell + 0.5)) @ spectra.T for part in np.array_split(theta, 16)]
    )
    return by_distance.T.reshape(len(bands), len(bands), -1)[..., where.reshape(squared.shape)]


def stamp_covariance_uk2(power: SkyPower, bands: Sequence[Band]) -> np.ndarray:
    """Covariance of the beamed sky between the pixels of a cutout, without noise.

    Returns
    -------
    numpy.ndarray, shape (1600 f, 1600 f)
        Pixels and bands in the order of a flattened image (40, 40, f) [µK^2].
    """
    by_lag = lag_covariance_uk2(power, bands)
    difference = np.abs(np.subtract.outer(np.arange(N_PIXELS), np.arange(N_PIXELS)))
    covariance = by_lag[:, :, difference[:, None, :, None], difference[None, :, None, :]]
    size = N_PIXELS**2 * len(bands)
    return covariance.transpose(2, 3, 0, 4, 5, 1).reshape(size, size)


def stamp_smoothing(beam: AnyBeam) -> np.ndarray:
    """Matrix (1600, 1600) that smooths a cutout by a beam, its rows normalised at the edges."""
    offsets = pixel_offsets_arcmin()
    apart = np.subtract.outer(offsets, offsets)
    if isinstance(beam, Beam):
        kernel = np.exp(-0.5 * (apart * ARCMIN / beam.sigma_rad) ** 2)
        kernel /= kernel.sum(axis=1, keepdims=True)
        return np.kron(kernel, kernel)
    distances, where = np.unique(
        np.hypot(apart[:, None, :, None], apart[None, :, None, :]).round(9), return_inverse=True
    )
    kernel = beam_profile(beam, distances)[where.ravel()].reshape(N_PIXELS**2, N_PIXELS**2)
    return kernel / kernel.sum(axis=1, keepdims=True)


class StampSky:
    """Draws of sky plus noise on one cutout.

    Parameters
    ----------
    power : SkyPower
        The sky before the beam, between f bands.
    bands : sequence of Band, length f
        Beams, and white noise that is added after them.

    Notes
    -----
    The covariance is the same from left to right and from top to bottom as the other way round, so that it
    falls apart into four, one for fields even or odd in either direction, each of a quarter of the pixels.
    """

    def __init__(self, power: SkyPower, bands: Sequence[Band]):
        self._power, self._bands = power, tuple(bands)
        self.noise_uk = np.array([pixel_noise_uk(band.noise_uk_arcmin) for band in bands], np.float32)

    @property
    def n_bands(self) -> int:
        return len(self._bands)

    @cached_property
    def sky_matrix(self) -> MirrorMatrix:
        """The sky's covariance without noise [µK^2]."""
        by_lag, half = lag_covariance_uk2(self._power, self._bands), np.arange(HALF)
        near = np.abs(np.subtract.outer(half, half))
        far = N_PIXELS - 1 - np.add.outer(half, half)  # from a pixel to the mirror image of another
        blocks, size = [], HALF**2 * self.n_bands
        for in_y, in_x in PARITIES:
            quarter = np.zeros((self.n_bands, self.n_bands, *[HALF] * 4))
            for y, sign_y in ((near, 1), (far, in_y)):
                for x, sign_x in ((near, 1), (far, in_x)):
                    quarter += sign_y * sign_x * by_lag[:, :, y[:, None, :, None], x[None, :, None, :]]
            blocks.append(quarter.transpose(2, 3, 0, 4, 5, 1).reshape(size, size))
        return MirrorMatrix(np.stack(blocks))

    @cached_property
    def _factors(self) -> list[np.ndarray]:
        """For each parity the root of the sky's covariance on a quarter of the pixels, (modes, 400 f).

        Modes below 1e-3 of the lowest noise are cut.
        """
        floor = (1e-3 * float(self.noise_uk.min())) ** 2
        factors = []
        for block in self.sky_matrix.blocks:
            with one_blas_thread():
                variance, modes = np.linalg.eigh(block)
            keep = variance > floor
            # an eigenvector's sign is the linear algebra library's choice: the same seed, the same sky
            modes = modes * np.sign(np.cos(np.arange(len(modes))) @ modes)
            # a quarter of the variance: each pixel is the sum of four fields of definite parity, over two
            factor = (modes[:, keep] * np.sqrt(variance[keep])).T / 2.0
            factors.append(np.ascontiguousarray(factor.astype(np.float32)))
        return factors

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n independent cutouts of sky plus noise, shape (n, 40, 40, f) float32 [µK]."""
        image = rng.standard_normal((n, N_PIXELS, N_PIXELS, self.n_bands), dtype=np.float32)
        image *= self.noise_uk
        self._add_sky(image, rng)
        return image

    def draw_sky(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n independent cutouts of the sky without noise, shape (n, 40, 40, f) float32 [µK]."""
        image = np.zeros((n, N_PIXELS, N_PIXELS, self.n_bands), np.float32)
        self._add_sky(image, rng)
        return image

    def _add_sky(self, image: np.ndarray, rng: np.random.Generator) -> None:
        for factor, (in_y, in_x) in zip(self._factors, PARITIES, strict=True):
            modes = rng.standard_normal((len(image), len(factor)), dtype=np.float32)
            with one_blas_thread():
                quarter = (modes @ factor).reshape(len(image), HALF, HALF, self.n_bands)
            image[:, :HALF, :HALF] += quarter
            image[:, :HALF, HALF:] += in_x * quarter[:, :, ::-1]
            image[:, HALF:, :HALF] += in_y * quarter[:, ::-1]
            image[:, HALF:, HALF:] += in_y * in_x * quarter[:, ::-1, ::-1]

    @cached_property
    def sz_filter(self) -> MirrorMatrix:
        """The stamp filtered for SZ signals: the inverse covariance, then the beams, to one band [1/µK^2].

        Each band counts by its SZ signal, f(nu) over that of the reference band: for a cluster of image t its
        product with t is what a matched filter adds up, t^T C^-1 d, spread over the pixels.
        """
        beams = [MirrorMatrix.of(stamp_smoothing(band.beam)).transposed for band in self._bands]
        weighted = [
            beam.of_band(index, self.n_bands) * weight
            for index, (beam, weight) in enumerate(zip(beams, sz_weights(self._bands), strict=True))
        ]
        return reduce(add, weighted) @ self.inverse

    @cached_property
    def sky_covariance_uk2(self) -> np.ndarray:
        """Covariance of the sky without noise, (1600 f, 1600 f) [µK^2]; see `stamp_covariance_uk2`."""
        return stamp_covariance_uk2(self._power, self._bands)

    @cached_property
    def covariance_uk2(self) -> np.ndarray:
        """Covariance of sky plus noise, (1600 f, 1600 f) [µK^2]."""
        noise = np.tile(self.noise_uk.astype(float) ** 2, N_PIXELS**2)
        return self.sky_covariance_uk2 + np.diag(noise)

    @cached_property
    def covariance(self) -> MirrorMatrix:
        """What `covariance_uk2` holds, in blocks."""
        noise = np.tile(self.noise_uk.astype(float) ** 2, HALF**2)
        return self.sky_matrix + MirrorMatrix(np.diag(noise)[None])

    @cached_property
    def inverse(self) -> MirrorMatrix:
        """Inverse of `covariance` [µK^-2]."""
        with one_blas_thread():
            return self.covariance.inverse

    @cached_property
    def inverse_covariance(self) -> np.ndarray:
        """Inverse of `covariance_uk2` [µK^-2]."""
        return self.inverse.full()
