"""The measured power of patches over that of a model, in the plane of multipoles, and the noise it makes.

Every mode is divided by the square root of the model's covariance between bands, so that modes of all
multipoles and patches of all depths can be averaged: where the model is right the mean is the identity.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from szmass_cli.physics.planenoise import PlaneNoise, passed_noise
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer

EDGES = np.array(
    [0, 150, 300, 450, 600, 800, 1000, 1300, 1700, 2200, 2800, 3500, 4500, 6000, 8000, 11_000, 15_000, 1e5]
)
"""Multipoles between the bins, along each axis: narrow where stripes and filters are."""

WINDOW_CORRELATION = 3.78
"""Modes of a patch under a Hann window for each independent one: (35/128 / (3/8)^2)^2."""

PRIOR_MODES = 12.0
"""Modes with the power of the model that are added to each bin: one of few modes stays near it."""

LEAST_NOISE = 0.05
"""Of the white noise: less than this in any direction or combination of bands is not believed."""

MIRRORED_CHI2 = 1.5
"""Above this, per bin, stripes lie at an angle."""


class PlaneRatio:
    """Sums of whitened power in bins of the plane, between f bands.

    Parameters
    ----------
    ell_x, ell_y : numpy.ndarray, shape (m,)
        Multipoles of the modes along right ascension and declination; the latter not negative.
    n_bands : int
        f.
    """

    def __init__(self, ell_x: np.ndarray, ell_y: np.ndarray, n_bands: int):
        last = len(EDGES) - 2
        along_x = np.clip(np.digitize(np.abs(ell_x), EDGES) - 1, 0, last)
        self._y = np.clip(np.digitize(ell_y, EDGES) - 1, 0, last)
        # bins of negative ell_x first, so that both signs ascend
        self._x = np.where(ell_x < 0.0, last - along_x, last + 1 + along_x)
        self._shape = (last + 1, 2 * (last + 1))
        self._bin = np.ravel_multi_index((self._y, self._x), self._shape)
        self._sums = np.zeros((n_bands, n_bands, *self._shape))
        self.n_modes = np.zeros(self._shape)

    def add(self, modes: np.ndarray, expected: np.ndarray) -> None:
        """Add the modes (m, f) of a patch, whose model's power is (m, f, f)."""
        lower = np.linalg.cholesky(expected)
        white = np.linalg.solve(lower, modes[..., None])[..., 0]
        size = self.n_modes.size
        self.n_modes += np.bincount(self._bin, minlength=size).reshape(self._shape)
        for i in range(white.shape[1]):
            for j in range(i, white.shape[1]):
                product = (white[:, i] * white[:, j].conj()).real
                found = np.bincount(self._bin, product, size).reshape(self._shape)
                self._sums[i, j] += found
                if i != j:
                    self._sums[j, i] += found

    @property
    def independent(self) -> np.ndarray:
        """Return the number of independent modes in each bin, (ny, 2 nx)."""
        return self.n_modes / WINDOW_CORRELATION

    def is_mirrored(self) -> bool:
        """Return whether power is the same at ell_x and -ell_x, to within its errors."""
        ratio = np.einsum("iiyx->iyx", self._sums) / np.maximum(self.n_modes, 1.0)
        n = self.independent
        both = (n > 8.0) & (n[:, ::-1] > 8.0)
        if not both.any():
            return True
        difference = ratio - ratio[..., ::-1]
        variance = ratio**2 / np.maximum(n, 1.0) + ratio[..., ::-1] ** 2 / np.maximum(n[:, ::-1], 1.0)
        chi2 = float(np.mean((difference**2 / np.maximum(variance, 1e-300))[:, both]))
        return chi2 < MIRRORED_CHI2

    def mean(self, mirrored: bool) -> np.ndarray:
        """Return the mean whitened power (f, f, ny, 2 nx); `mirrored` if it is the same at -ell_x.

        Where a bin has few modes it is near the mean of all directions, and where that has few, near 1.
        """
        sums, n = self._sums / WINDOW_CORRELATION, self.independent
        if mirrored:
            sums, n = sums + sums[..., ::-1], n + n[:, ::-1]
        ring = self._rings()
        of_rings = np.stack(
            [
                np.stack([np.bincount(ring.ravel(), one.ravel(), len(EDGES)) for one in row])
                for row in self._sums / WINDOW_CORRELATION
            ]
        )
        n_rings = np.bincount(ring.ravel(), self.independent.ravel(), len(EDGES))
        one = np.eye(len(sums))[:, :, None]
        round_mean = (of_rings + PRIOR_MODES * one) / (n_rings + PRIOR_MODES)
        return (sums + PRIOR_MODES * round_mean[:, :, ring]) / (n + PRIOR_MODES)

    def _rings(self) -> np.ndarray:
        """Return the ring of the multipole that each bin lies in, (ny, 2 nx)."""
        middles = bin_middles()
        across = np.concatenate([middles[::-1], middles])
        return np.clip(np.digitize(np.hypot(middles[:, None], across), EDGES) - 1, 0, len(EDGES) - 2)


@dataclass(frozen=True)
class PlaneModel:
    """A model of the power of patches at any multipoles.

    Parameters
    ----------
    sky : callable
        Power of the sky (f, f, ...) [µK^2 sr], as beams and filters leave it, at ell_x and ell_y (...).
    noise : callable
        Power of the noise (f, f, ...) [µK^2 sr], before any filter, at multipoles (...).
    white_uk2_sr : numpy.ndarray, shape (f,)
        White part of the noise.
    transfers : tuple, length f
        Filters of the noise, None where it went through none.
    """

    sky: Callable[[np.ndarray, np.ndarray], np.ndarray]
    noise: Callable[[np.ndarray], np.ndarray]
    white_uk2_sr: np.ndarray
    transfers: tuple[IsotropicTransfer | PlaneTransfer | None, ...]

    def passed(self, ell_x, ell_y) -> np.ndarray:
        """Return the amplitude of noise that filters leave, (f, ...)."""
        return np.stack([passed_noise(one, ell_x, ell_y) for one in self.transfers])

    def filtered_noise(self, ell_x, ell_y) -> np.ndarray:
        """Return the power of the noise in the map, (f, f, ...) [µK^2 sr]."""
        passed = self.passed(ell_x, ell_y)
        return self.noise(np.hypot(ell_x, ell_y)) * passed[:, None] * passed[None, :]


def plane_nodes(ell_max: float) -> np.ndarray:
    """Return the multipoles (k,) along one axis at which measured noise is tabulated, from 0."""
    return np.concatenate([np.arange(0.0, 1000.0, 75.0), np.geomspace(1000.0, ell_max, 28)])


def measured_noise_plane(ratio: PlaneRatio, model: PlaneModel, ell_max: float) -> PlaneNoise:
    """Return the noise that makes a model's total power that which was measured.

    Total power is L W L^T with L L^T the model's and W the measured mean of whitened power; the noise is
    what is left of it without the sky.
    """
    mirrored = ratio.is_mirrored() and all(one is None or one.mirror_symmetric for one in model.transfers)
    half = plane_nodes(ell_max)
    ell_x, ell_y = np.concatenate([-half[:0:-1], half]), half
    x, y = np.meshgrid(ell_x, ell_y)
    whitened = _at_nodes(ratio.mean(mirrored), x, y)
    sky = np.moveaxis(model.sky(x, y), (0, 1), (2, 3))
    noise = np.moveaxis(model.filtered_noise(x, y), (0, 1), (2, 3))
    lower = np.linalg.cholesky(sky + noise)
    total = lower @ whitened @ lower.swapaxes(-1, -2)
    passed = np.moveaxis(model.passed(x, y), 0, 2)
    # in units of white noise, before filters, where a least noise can be set
    scale = passed * np.sqrt(model.white_uk2_sr)
    unit = (total - sky) / (scale[..., :, None] * scale[..., None, :])
    values, vectors = np.linalg.eigh(unit)
    unit = (vectors * np.maximum(values, LEAST_NOISE)[..., None, :]) @ vectors.swapaxes(-1, -2)
    root = np.sqrt(model.white_uk2_sr)
    power = np.moveaxis(unit * root[:, None] * root[None, :], (2, 3), (0, 1))
    if mirrored:
        power = 0.5 * (power + power[..., ::-1])
    return PlaneNoise(ell_x, ell_y, power, model.white_uk2_sr, model.transfers)


def bin_middles() -> np.ndarray:
    """Return the middle of each bin along one axis."""
    middles = 0.5 * (EDGES[:-1] + EDGES[1:])
    middles[-1] = 1.5 * EDGES[-2]
    return middles


def _at_nodes(whitened: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return whitened power (ny, nx, f, f) at nodes, between the middles of its bins."""
    middles = bin_middles()
    both = np.concatenate([-middles[::-1], middles])
    values = np.moveaxis(whitened, (0, 1), (2, 3))
    at = RegularGridInterpolator((middles, both), values, method="linear")
    return at(np.stack([np.clip(y, middles[0], middles[-1]), np.clip(x, both[0], both[-1])], axis=-1))
