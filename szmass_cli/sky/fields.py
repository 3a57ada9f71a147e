"""Gaussian microwave skies: exact draws on a cutout, and large fields on a plane."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.special import j0

from szmass_cli.config import SkyConfig
from szmass_cli.physics.beams import ARCMIN, Beam
from szmass_cli.physics.spectra import cl_from_dl, cmb_dl_uk2, foreground_dl_uk2
from szmass_cli.stamp import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin


def sky_dl_uk2(config: SkyConfig, ell) -> dict[str, np.ndarray]:
    """Power D_ell [µK^2] of each component that is switched on, before the beam."""
    components = {}
    if config.cmb:
        components["cmb"] = cmb_dl_uk2(ell)
    for name, dl3000 in config.foregrounds_dl3000_uk2:
        if dl3000 > 0:
            components[name] = foreground_dl_uk2(name, ell, dl3000)
    return components


@dataclass(frozen=True)
class SkyPower:
    """Total power of the unbeamed sky, tabulated so that it can travel with a trained model.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Ascending multipoles.
    cl_uk2_sr : numpy.ndarray, shape (n,)
        C_ell [µK^2 sr], interpolated in ln-ln, zero beyond the last multipole.
    """

    ell: np.ndarray
    cl_uk2_sr: np.ndarray

    def __post_init__(self):
        if self.ell.ndim != 1 or self.ell.shape != self.cl_uk2_sr.shape or not np.all(np.diff(self.ell) > 0):
            raise ValueError("the sky's power is not a table of ascending multipoles")

    @classmethod
    def from_config(cls, config: SkyConfig) -> "SkyPower":
        ell_max = Beam(config.beam_fwhm_arcmin).ell_max
        # every multipole where the acoustic peaks are, then steps fine against their width
        ell = np.unique(np.concatenate([np.arange(2.0, 3000.0), np.arange(3000.0, ell_max + 20.0, 20.0)]))
        dl = sum(sky_dl_uk2(config, ell).values(), np.zeros_like(ell))
        return cls(ell, cl_from_dl(ell, dl))

    def cl(self, ell) -> np.ndarray:
        """C_ell [µK^2 sr] at any multipole; nothing below 2 or beyond the table."""
        if not np.any(self.cl_uk2_sr > 0):
            return np.zeros_like(np.asarray(ell, float))
        value = np.exp(np.interp(np.log(np.maximum(ell, 1e-3)), np.log(self.ell), np.log(self.cl_uk2_sr)))
        return np.where((np.asarray(ell) < 2.0) | (np.asarray(ell) > self.ell[-1]), 0.0, value)


def pixel_noise_uk(noise_uk_arcmin: float, pixel_arcmin: float = PIXEL_ARCMIN) -> float:
    """Standard deviation [µK] of white noise in one pixel; 5 µK-arcmin is 20 µK in 0.25'."""
    return noise_uk_arcmin / pixel_arcmin


def stamp_covariance_uk2(power: SkyPower, beam: Beam) -> np.ndarray:
    """Covariance of the beamed sky between the pixels of a cutout, without noise.

    Returns
    -------
    numpy.ndarray, shape (1600, 1600)
        C(theta) = sum (2 ell + 1) / 4 pi C_ell B_ell^2 J0((ell + 1/2) theta) [µK^2].
    """
    lags = np.arange(N_PIXELS)
    squared = lags[:, None] ** 2 + lags[None, :] ** 2
    distances, where = np.unique(squared, return_inverse=True)
    theta = np.sqrt(distances) * PIXEL_ARCMIN * ARCMIN
    measure = np.gradient(power.ell) * (2.0 * power.ell + 1.0) / (4.0 * np.pi)
    spectrum = measure * power.cl_uk2_sr * beam.b_ell(power.ell) ** 2
    by_distance = np.concatenate(
        [j0(np.outer(part, power.ell + 0.5)) @ spectrum for part in np.array_split(theta, 16)]
    )
    by_lag = by_distance[where.reshape(squared.shape)]
    difference = np.abs(lags[:, None] - lags[None, :])
    covariance = by_lag[difference[:, None, :, None], difference[None, :, None, :]]
    return covariance.reshape(N_PIXELS**2, N_PIXELS**2)


def stamp_smoothing(beam: Beam) -> np.ndarray:
    """Matrix (1600, 1600) that smooths a cutout by a beam, its rows normalised at the edges."""
    offsets = pixel_offsets_arcmin() * ARCMIN
    kernel = np.exp(-0.5 * ((offsets[:, None] - offsets[None, :]) / beam.sigma_rad) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return np.kron(kernel, kernel)


class StampSky:
    """Draws of sky plus noise on one cutout, exact to the covariance: no box, so no missing gradient.

    Parameters
    ----------
    power : SkyPower
        The sky before the beam.
    beam : Beam
        The survey's beam.
    noise_uk_arcmin : float
        White noise, added after the beam.
    """

    def __init__(self, power: SkyPower, beam: Beam, noise_uk_arcmin: float):
        self.noise_uk = pixel_noise_uk(noise_uk_arcmin)
        self.sky_covariance_uk2 = stamp_covariance_uk2(power, beam)

    @cached_property
    def _factor(self) -> np.ndarray:
        """Square root of the sky covariance, (modes, 1600) float32; modes below 1e-3 of the noise are cut."""
        variance, modes = np.linalg.eigh(self.sky_covariance_uk2)
        keep = variance > (1e-3 * self.noise_uk) ** 2
        return np.ascontiguousarray((modes[:, keep] * np.sqrt(variance[keep])).T.astype(np.float32))

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """n independent cutouts of sky plus noise, shape (n, 40, 40) float32 [µK]."""
        modes = rng.standard_normal((n, self._factor.shape[0]), dtype=np.float32)
        sky = modes @ self._factor
        noise = rng.standard_normal((n, N_PIXELS**2), dtype=np.float32)
        return (sky + np.float32(self.noise_uk) * noise).reshape(n, N_PIXELS, N_PIXELS)

    @cached_property
    def covariance_uk2(self) -> np.ndarray:
        """Covariance of sky plus noise, (1600, 1600) [µK^2]."""
        return self.sky_covariance_uk2 + self.noise_uk**2 * np.eye(N_PIXELS**2)

    @cached_property
    def inverse_covariance(self) -> np.ndarray:
        """Inverse of `covariance_uk2` [µK^-2]."""
        return np.linalg.inv(self.covariance_uk2)


def plane_field(
    rng: np.random.Generator, shape: tuple[int, int], pixel_arcmin: float, power: SkyPower, beam: Beam
) -> np.ndarray:
    """A beamed Gaussian sky on a plane, made on a larger periodic box and cropped.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Pixels in y and x.
    pixel_arcmin : float
        Pixel side.
    power : SkyPower
    beam : Beam

    Returns
    -------
    numpy.ndarray, shape `shape`, float32 [µK]
    """
    margin = int(np.ceil(120.0 / pixel_arcmin))  # two degrees: opposite edges stay uncorrelated
    box = [fft.next_fast_len(size + margin, real=True) for size in shape]
    pixel_rad = pixel_arcmin * ARCMIN
    ell_y = 2.0 * np.pi * fft.fftfreq(box[0], pixel_rad)
    ell_x = 2.0 * np.pi * fft.rfftfreq(box[1], pixel_rad)
    modes = fft.rfft2(rng.standard_normal(box, dtype=np.float32))
    for row, ly in zip(modes, ell_y, strict=True):  # a row at a time: the box can be 10^8 pixels
        ell = np.hypot(ly, ell_x)
        row *= np.sqrt(power.cl(ell)) * beam.b_ell(ell) / pixel_rad
    return fft.irfft2(modes, s=box)[: shape[0], : shape[1]].astype(np.float32)
