"""Gaussian skies on one cutout, exact to the covariance: no box, so no missing gradient."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import add

import numpy as np

from szmass_cli.errors import ConfigError
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN, AnyBeam, Beam, beam_profile
from szmass_cli.physics.spectra import PIVOT_GHZ
from szmass_cli.sky.lags import correlated_lags_uk2
from szmass_cli.sky.mirrors import MirrorMatrix
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.symmetry import HALF, MIRRORS, Symmetry, symmetry_of
from szmass_cli.system.blas import one_blas_thread


def pixel_noise_uk(noise_uk_arcmin, pixel_arcmin: float = PIXEL_ARCMIN):
    """Return the standard deviation [µK] of white noise in one pixel; 5 µK-arcmin is 20 µK in 0.25'."""
    return noise_uk_arcmin / pixel_arcmin


def reference_band(frequencies_ghz: Sequence[float]) -> int:
    """Return the band whose SZ signal stands for all: the one nearest to 150 GHz."""
    return int(np.argmin([abs(frequency - PIVOT_GHZ) for frequency in frequencies_ghz]))


def sz_weights(bands: Sequence[Band]) -> np.ndarray:
    """Return the SZ signal of each band over that of the reference band, (f,)."""
    frequencies = [band.frequency_ghz for band in bands]
    signal = np.array([band.response.tsz_f() for band in bands])
    return signal / signal[reference_band(frequencies)]


def cutout_covariance_uk2(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return the covariance between the pixels of a cutout of all but white noise.

    Returns
    -------
    numpy.ndarray, shape (1600 f, 1600 f)
        Pixels and bands in the order of a flattened image (40, 40, f) [µK^2].
    """
    by_lag = correlated_lags_uk2(power, instrument)
    difference = np.subtract.outer(np.arange(N_PIXELS), np.arange(N_PIXELS)) + N_PIXELS - 1
    covariance = by_lag[:, :, difference[:, None, :, None], difference[None, :, None, :]]
    size = N_PIXELS**2 * len(instrument)
    return covariance.transpose(2, 3, 0, 4, 5, 1).reshape(size, size)


def cutout_smoothing(beam: AnyBeam) -> np.ndarray:
    """Return the matrix (1600, 1600) that smooths a cutout by a beam, its rows normalised at the edges."""
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


def red_noise_sky(power: SkyPower, instrument: Instrument) -> "CutoutSky | None":
    """Return a sky on which there is nothing but the red noise of an instrument, None where it has none.

    Parameters
    ----------
    power : SkyPower
        Its multipoles are those of the red noise.
    instrument : Instrument
        Of f bands.
    """
    if all(band.red_noise is None for band in instrument.bands):
        return None
    nothing = np.zeros((len(instrument), len(instrument), power.ell.size))
    bands = tuple(replace(band, transfer=None) for band in instrument.bands)
    return CutoutSky(SkyPower(power.ell, nothing), replace(instrument, bands=bands))


class CutoutSky:
    """Draws of sky plus noise on one cutout.

    Parameters
    ----------
    power : SkyPower
        The sky before the beam, between f bands.
    instrument : Instrument or sequence of Band, length f
        Beams, filters, and noise that is added after them.

    Notes
    -----
    The covariance falls apart into blocks, see `szmass_cli.sky.symmetry`.
    """

    def __init__(self, power: SkyPower, instrument: Instrument | Sequence[Band]):
        if not isinstance(instrument, Instrument):
            instrument = Instrument(tuple(instrument))
        self._power, self.instrument = power, instrument
        self.noise_uk = np.array(
            [pixel_noise_uk(band.noise_uk_arcmin) for band in instrument.bands], np.float32
        )

    @property
    def n_bands(self) -> int:
        return len(self.instrument)

    @property
    def symmetry(self) -> Symmetry:
        """Return the symmetry of the covariance."""
        return symmetry_of(self.instrument)

    @cached_property
    def blocks_uk2(self) -> np.ndarray:
        """Return the covariance of all but white noise (p, q f, q f) [µK^2], in blocks of `symmetry`."""
        return self.symmetry.blocks(correlated_lags_uk2(self._power, self.instrument))

    @cached_property
    def rms_uk(self) -> np.ndarray:
        """Return the standard deviation [µK] of sky and noise in a pixel of each band, (f,)."""
        shares = np.einsum("kii->i", self.blocks_uk2)[: self.n_bands]
        return np.sqrt(shares / len(self.symmetry.parities) + self.noise_uk.astype(float) ** 2)

    @cached_property
    def sky_matrix(self) -> MirrorMatrix:
        """Return the sky's covariance without white noise [µK^2].

        Raises
        ------
        ConfigError
            If a filter is not the same when east and west change places.
        """
        if self.symmetry is not MIRRORS:
            raise ConfigError(
                "network.input: filtered is for filters that are the same when east and west change places, "
                "and transfer_file is not.",
                "Set network.input: plain, or network.head: correction, which holds for any filter.",
            )
        return MirrorMatrix(self.blocks_uk2)

    @cached_property
    def _factors(self) -> list[np.ndarray]:
        """Return, for each parity, the root of the sky's covariance on the symmetry's part, (modes, q f).

        Modes below 1e-3 of the lowest noise are cut.
        """
        floor = (1e-3 * float(self.noise_uk.min())) ** 2
        scale = np.sqrt(len(self.symmetry.flips))
        factors = []
        for block in self.blocks_uk2:
            with one_blas_thread():
                variance, modes = np.linalg.eigh(block)
            keep = variance > floor
            # an eigenvector's sign is the linear algebra library's choice: the same seed, the same sky
            modes = modes * np.sign(np.cos(np.arange(len(modes))) @ modes)
            # each pixel is the sum of fields of all parities, over the root of their number
            factor = (modes[:, keep] * np.sqrt(variance[keep])).T / scale
            factors.append(np.ascontiguousarray(factor.astype(np.float32)))
        return factors

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw n independent cutouts of sky plus noise, shape (n, 40, 40, f) float32 [µK]."""
        image = rng.standard_normal((n, N_PIXELS, N_PIXELS, self.n_bands), dtype=np.float32)
        image *= self.noise_uk
        self._add_sky(image, rng)
        return image

    def draw_sky(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Draw n independent cutouts of the sky without noise, shape (n, 40, 40, f) float32 [µK]."""
        image = np.zeros((n, N_PIXELS, N_PIXELS, self.n_bands), np.float32)
        self._add_sky(image, rng)
        return image

    def _add_sky(self, image: np.ndarray, rng: np.random.Generator) -> None:
        symmetry = self.symmetry
        for factor, signs in zip(self._factors, symmetry.parities, strict=True):
            modes = rng.standard_normal((len(image), len(factor)), dtype=np.float32)
            with one_blas_thread():
                part = (modes @ factor).reshape(len(image), HALF, symmetry.n_columns, self.n_bands)
            for target, sign in zip(symmetry.parts(image), signs, strict=True):
                target += sign * part

    @cached_property
    def sz_filter(self) -> MirrorMatrix:
        """Return the filter of cutouts for SZ signals: inverse covariance, then beams, to one band [1/µK^2].

        Each band is weighted by its SZ signal, f(nu) over that of the reference band. For a cluster of image
        t, the product of the filtered cutout with t is a matched filter's sum, t^T C^-1 d, spread over the
        pixels.
        """
        beams = [MirrorMatrix.of(cutout_smoothing(band.optics)).transposed for band in self.instrument.bands]
        weighted = [
            beam.of_band(index, self.n_bands) * weight
            for index, (beam, weight) in enumerate(zip(beams, sz_weights(self.instrument.bands), strict=True))
        ]
        return reduce(add, weighted) @ self.inverse

    @cached_property
    def sky_covariance_uk2(self) -> np.ndarray:
        """Return the covariance of the sky without noise, (1600 f, 1600 f) [µK^2].

        See `cutout_covariance_uk2`.
        """
        return cutout_covariance_uk2(self._power, self.instrument)

    @cached_property
    def covariance_uk2(self) -> np.ndarray:
        """Return the covariance of sky plus noise, (1600 f, 1600 f) [µK^2]."""
        noise = np.tile(self.noise_uk.astype(float) ** 2, N_PIXELS**2)
        return self.sky_covariance_uk2 + np.diag(noise)

    @cached_property
    def covariance(self) -> MirrorMatrix:
        """Return the covariance that `covariance_uk2` holds, in blocks."""
        noise = np.tile(self.noise_uk.astype(float) ** 2, HALF**2)
        return self.sky_matrix + MirrorMatrix(np.diag(noise)[None])

    @cached_property
    def inverse(self) -> MirrorMatrix:
        """Return the inverse of `covariance` [µK^-2]."""
        with one_blas_thread():
            return self.covariance.inverse
