"""Power spectra measured on flat patches of sky, and what to expect of them under the same window."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from szmass_cli.geometry import N_PIXELS
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.lags import correlated_lags_uk2, plane_filters, red_noise_cl_uk2_sr
from szmass_cli.sky.power import SkyPower

_PATCHES_AT_A_TIME = 64
_DIRECTIONS = 90
"""At which filters are averaged, over half a turn."""


@dataclass(frozen=True)
class MeasuredSpectra:
    """Power spectra [µK^2] of patches beside what they were made from, between f bands.

    Parameters
    ----------
    label : str
        What the patches are.
    ell : numpy.ndarray, shape (bins,)
        Mean multipole of each bin.
    measured, expected, error : numpy.ndarray, shape (f, f, bins)
        Mean D_ell of the patches, what it is on average under their window, and its standard deviation.
    input : numpy.ndarray, shape (f, f, bins)
        D_ell of beamed sky and noise, without a window.
    """

    label: str
    ell: np.ndarray
    measured: np.ndarray
    expected: np.ndarray
    error: np.ndarray
    input: np.ndarray

    @property
    def unwindowed(self) -> np.ndarray:
        """Return D_ell without the power that the window mixed into it, (f, f, bins)."""
        return self.measured - (self.expected - self.input)


def hann_window(shape: tuple[int, int]) -> np.ndarray:
    """Return a taper (ny, nx) that falls to zero, with its slope, at all edges: a patch is not periodic."""
    ny, nx = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape)
    return np.outer(ny, nx)


class PatchSpectra:
    """Binned power spectra of patches of square pixels under a window.

    A patch is multiplied by the window and Fourier transformed; D_ell is the mean of
    ell (ell + 1) / 2 pi |F|^2 A / sum w^2 over the modes of a bin, A the area of a pixel. The window mixes
    multipoles, so this is not quite the sky's D_ell: `expect` says what it is on average, exactly.

    Parameters
    ----------
    window : numpy.ndarray, shape (ny, nx)
        What patches are multiplied by; `hann_window`, or that times a mask.
    pixel_arcmin : float
        Side of the square pixels [arcmin].
    edges : array_like, shape (bins + 1,)
        Ascending multipoles between bins. Each bin must hold a mode.
    """

    def __init__(self, window: np.ndarray, pixel_arcmin: float, edges):
        self._window = np.asarray(window, float)
        pixel_rad = pixel_arcmin * ARCMIN
        ell_y, ell_x = (2.0 * np.pi * fft.fftfreq(n, pixel_rad) for n in self._window.shape)
        ell = np.hypot(ell_y[:, None], ell_x[None, :]).ravel()
        self._bin = np.digitize(ell, edges) - 1
        self._used = (self._bin >= 0) & (self._bin < len(edges) - 1)
        self._n_modes = np.bincount(self._bin[self._used], minlength=len(edges) - 1)
        if not self._n_modes.all():
            raise ValueError("the patch has no modes in some of the bins")
        self._ell = ell
        self.ell = self._binned(ell)
        self._dl_of_power = ell * (ell + 1.0) / (2.0 * np.pi) * pixel_rad**2 / np.sum(self._window**2)

    def measure(self, patches_uk: np.ndarray) -> np.ndarray:
        """Return the D_ell [µK^2] of patches (n, f, ny, nx) between their f bands, shape (n, f, f, bins)."""
        parts = range(0, len(patches_uk), _PATCHES_AT_A_TIME)
        windowed = (patches_uk[i : i + _PATCHES_AT_A_TIME] * self._window for i in parts)
        return np.concatenate([self.measure_windowed(part) for part in windowed])

    def measure_windowed(self, patches_uk: np.ndarray) -> np.ndarray:
        """Return the same for patches already multiplied by the window, such as those of a masked map."""
        modes = fft.fft2(patches_uk)
        n, f = modes.shape[:2]
        modes = modes.reshape(n, f, -1)
        dl = np.empty((n, f, f, len(self._n_modes)))
        for i in range(f):
            for j in range(i, f):
                power = (modes[:, i] * modes[:, j].conj()).real * self._dl_of_power
                dl[:, i, j] = dl[:, j, i] = [self._binned(row) for row in power]
        return dl

    def expect(self, lag_covariance_uk2: np.ndarray) -> np.ndarray:
        """Return the mean of `measure` over skies with the given covariance.

        Parameters
        ----------
        lag_covariance_uk2 : numpy.ndarray, shape (f, f, ny, nx)
            Between pixels so many rows and columns apart, noise included; the same in all directions.

        Returns
        -------
        numpy.ndarray, shape (f, f, bins)
            Mean binned D_ell [µK^2].
        """
        ny, nx = self._window.shape
        # twice as large, so that lags do not wrap around
        autocorrelation = fft.irfft2(np.abs(fft.rfft2(self._window, (2 * ny, 2 * nx))) ** 2)
        lag_y, lag_x = (np.abs(fft.fftfreq(2 * n, 0.5 / n)).astype(int) % n for n in (ny, nx))
        f = len(lag_covariance_uk2)
        dl = np.empty((f, f, len(self._n_modes)))
        for i in range(f):
            for j in range(f):
                covariance = lag_covariance_uk2[i, j][np.ix_(lag_y, lag_x)]
                power = fft.fft2(covariance * autocorrelation).real[::2, ::2]
                dl[i, j] = self._binned(power.ravel() * self._dl_of_power)
        return dl

    def errors(self, expected: np.ndarray, n_patches: int) -> np.ndarray:
        """Return the standard deviation of the mean of `measure` over n Gaussian patches, shape (f, f, bins).

        Parameters
        ----------
        expected : numpy.ndarray, shape (f, f, bins)
            Mean binned D_ell [µK^2], see `expect`.
        n_patches : int
            Independent patches that the mean is taken over.
        """
        autos = np.einsum("iib->ib", expected)
        return np.sqrt((expected**2 + autos[:, None] * autos[None, :]) / (self._independent * n_patches))

    @cached_property
    def _independent(self) -> np.ndarray:
        """Return the number of independent modes in each bin.

        The window correlates neighbouring modes, by the transform of its square.
        """
        correlation = np.abs(fft.fft2(self._window**2)) ** 2 / np.sum(self._window**2) ** 2
        spread = fft.fft2(correlation).real
        pairs = []
        for number in range(len(self._n_modes)):
            ring = np.abs(fft.fft2((self._bin == number).reshape(self._window.shape))) ** 2
            pairs.append(np.sum(ring * spread) / ring.size)
        return self._n_modes**2 / np.array(pairs)

    def average(self, dl_uk2: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the mean (f, f, bins) over each bin's modes of power spectra.

        The spectra are a function of ell, (n,) to (f, f, n).
        """
        # a smooth function of ell; the mode at ell = 0 is in no bin
        ell = np.linspace(1.0, self._ell.max(), 4000)
        spectra = dl_uk2(ell)
        of_modes = [[self._binned(np.interp(self._ell, ell, dl)) for dl in row] for row in spectra]
        return np.array(of_modes)

    def _binned(self, values: np.ndarray) -> np.ndarray:
        used = self._used
        return np.bincount(self._bin[used], values[used], len(self._n_modes)) / self._n_modes


def plane_lag_covariance_uk2(
    power: SkyPower, instrument: Instrument, shape: tuple[int, int], pixel_arcmin: float
) -> np.ndarray:
    """Return the covariance of sky and red noise between pixels that lie some rows and columns apart.

    For patches of degrees: by FFT, on a box so much larger that only scales of the patch itself are amiss.
    Of cutouts it is `cutout_lag_covariance_uk2`. Where a filter depends on direction it is the mean of lags
    to the east and to the west, which is all that spectra in rings of ell depend on.

    Returns
    -------
    numpy.ndarray, shape (f, f, ny, nx)
        Covariance between bands at each lag in rows and columns [µK^2].
    """
    box = [2 * n for n in shape]
    pixel_rad = pixel_arcmin * ARCMIN
    ell_y, ell_x = (2.0 * np.pi * fft.fftfreq(n, pixel_rad) for n in box)
    ell_y, ell_x = ell_y[:, None], ell_x[None, : box[1] // 2 + 1]
    ell = np.hypot(ell_y, ell_x)
    f = len(instrument)
    beams = np.array([band.optics.b_ell(power.ell) for band in instrument.bands])
    red = red_noise_cl_uk2_sr(instrument, power.ell)
    covariance = np.empty((f, f, *shape))
    for i in range(f):
        for j in range(i, f):
            pair = instrument.only((i, j))
            seen = power.cl_uk2_sr[i, j] * beams[i] * beams[j]
            cl = np.interp(ell, power.ell, seen, left=0.0, right=0.0)
            if not pair.is_isotropic:
                cl *= 0.5 * sum(np.prod(plane_filters(pair, x, ell_y), axis=0) for x in (ell_x, -ell_x))
            of_noise = np.interp(ell, power.ell, red[i, j], left=0.0, right=0.0)
            if instrument.stripes is not None:
                of_noise *= 0.5 * sum(instrument.stripes.power(x, ell_y) for x in (ell_x, -ell_x))
            cl += of_noise
            whole = fft.irfft2(cl, s=box) / pixel_rad**2
            covariance[i, j] = covariance[j, i] = whole[: shape[0], : shape[1]]
    return covariance


def cutout_lag_covariance_uk2(power: SkyPower, instrument: Instrument) -> np.ndarray:
    """Return the covariance (f, f, 40, 40) of `plane_lag_covariance_uk2` for cutouts.

    It is exact, and holds all of the largest scales.
    """
    lags = correlated_lags_uk2(power, instrument)
    none = N_PIXELS - 1
    return 0.5 * (lags[:, :, none:, none:] + lags[:, :, none:, none::-1])


def with_white_noise(
    lag_covariance_uk2: np.ndarray, bands: Sequence[Band], pixel_arcmin: float
) -> np.ndarray:
    """Return a covariance by lags (f, f, ny, nx) to which the bands' noise is added [µK^2]."""
    total = lag_covariance_uk2.copy()
    for i, band in enumerate(bands):
        total[i, i, 0, 0] += (band.noise_uk_arcmin / pixel_arcmin) ** 2
    return total


def passed_power(instrument: Instrument, ell: np.ndarray) -> np.ndarray:
    """Return the fraction of the sky's power that beams, pixels and filters leave in maps.

    Parameters
    ----------
    instrument : Instrument
        Beams, pixels and filters of the f bands.
    ell : numpy.ndarray, shape (n,)
        Multipoles to evaluate at.

    Returns
    -------
    numpy.ndarray, shape (f, f, n)
        Between bands, the mean over all directions.
    """
    beams = np.array([band.optics.b_ell(ell) for band in instrument.bands])
    passed = beams[:, None] * beams[None, :]
    if instrument.is_isotropic:
        return passed
    angle = (np.arange(_DIRECTIONS) + 0.5) * np.pi / _DIRECTIONS
    filters = plane_filters(instrument, ell[:, None] * np.cos(angle), ell[:, None] * np.sin(angle))
    return passed * np.einsum("ina,jna->ijn", filters, filters) / _DIRECTIONS


def noise_dl_uk2(instrument: Instrument, ell: np.ndarray) -> np.ndarray:
    """Return D_ell [µK^2] of the noise between bands, white and red, (f, f, n) at multipoles (n,)."""
    white = np.diag((instrument.noise_uk_arcmin * ARCMIN) ** 2)
    cl = white[:, :, None] + red_noise_cl_uk2_sr(instrument, ell)
    return cl * ell * (ell + 1.0) / (2.0 * np.pi)


def beamed_dl_uk2(power: SkyPower, instrument: Instrument, ell: np.ndarray) -> np.ndarray:
    """Return D_ell [µK^2] of the sky as it is seen and of noise, (f, f, n) at multipoles (n,)."""
    sky = power.cl(ell) * passed_power(instrument, ell) * ell * (ell + 1.0) / (2.0 * np.pi)
    return sky + noise_dl_uk2(instrument, ell)


def measured_spectra(
    label: str,
    patches_uk: np.ndarray,
    spectra: PatchSpectra,
    lag_covariance_uk2: np.ndarray,
    power: SkyPower,
    instrument: Instrument,
) -> MeasuredSpectra:
    """Measure patches (n, f, ny, nx) of sky and noise, and say what was to be expected of them.

    `lag_covariance_uk2` (f, f, ny, nx) is that of sky and noise; see `PatchSpectra.expect`.
    """
    expected = spectra.expect(lag_covariance_uk2)
    return MeasuredSpectra(
        label,
        spectra.ell,
        spectra.measure(patches_uk).mean(axis=0),
        expected,
        spectra.errors(expected, len(patches_uk)),
        spectra.average(lambda ell: beamed_dl_uk2(power, instrument, ell)),
    )
