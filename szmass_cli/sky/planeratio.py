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

SIGMA_OF_RINGS, SIGMA_OF_WHITE, SIGMA_OF_SKY = 0.3, 0.05, 0.02
"""How far noise may be from the fit at a multipole, white noise from being the same in all directions, and
the sky from the model's, in parts of their power: standard deviations of what is held likely beforehand."""

STRENGTHS = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
"""Standard deviations, of which one is chosen, that 1/f noise has over directions, in parts of it."""

LEAST_MODES = 4.0
"""Independent modes of bins by which that is chosen."""

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
        self._sums, self._red, self._white = np.zeros((3, n_bands, n_bands, *self._shape))
        self.n_modes = np.zeros(self._shape)

    def add(self, modes: np.ndarray, sky: np.ndarray, noise: np.ndarray, white: np.ndarray) -> None:
        """Add a patch.

        Parameters
        ----------
        modes : numpy.ndarray, shape (m, f)
            Its modes.
        sky, noise : numpy.ndarray, shape (m, f, f)
            The model's power of its sky and of its noise [µK^2 sr].
        white : numpy.ndarray, shape (m, f)
            The white part of the noise [µK^2 sr].
        """
        lower = np.linalg.cholesky(sky + noise)
        whitened = np.linalg.solve(lower, modes[..., None])[..., 0]
        of_white = white[..., None] * np.eye(white.shape[1])
        parts = [_whitened(lower, part) for part in (noise - of_white, of_white)]
        self.n_modes += np.bincount(self._bin, minlength=self.n_modes.size).reshape(self._shape)
        for i in range(whitened.shape[1]):
            for j in range(i, whitened.shape[1]):
                product = (whitened[:, i] * whitened[:, j].conj()).real
                self._put(self._sums, i, j, product)
                self._put(self._red, i, j, parts[0][:, i, j])
                self._put(self._white, i, j, parts[1][:, i, j])

    def _put(self, sums: np.ndarray, i: int, j: int, values: np.ndarray) -> None:
        """Add values (m,) of modes to both elements of the sums over bins."""
        found = np.bincount(self._bin, values, self.n_modes.size).reshape(self._shape)
        sums[i, j] += found
        if i != j:
            sums[j, i] += found

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

        As a Gaussian prior has it: that of all directions is near 1 where the sky is most of the power or
        modes are few, and that of a bin near that of all directions. How far 1/f noise may depart from that
        is what makes the bins likeliest: without stripes, bins do not follow their few modes.
        """
        f = len(self._sums)
        parts = [np.moveaxis(one, (0, 1), (2, 3)) for one in (self._sums, self._red, self._white)]
        n, ring = self.n_modes, self._rings().ravel()
        of_rings = [_in_rings(ring, one.reshape(-1, f, f)) for one in parts]
        rings = _Means.of(of_rings, _in_rings(ring, n.ravel()))
        around = rings.shrunk(np.eye(f), SIGMA_OF_RINGS, SIGMA_OF_RINGS)[ring]
        if mirrored:
            parts, n = [one + one[:, ::-1] for one in parts], n + n[:, ::-1]
        bins = _Means.of([one.reshape(-1, f, f) for one in parts], n.ravel())
        costs = [bins.cost(around, strength, SIGMA_OF_WHITE) for strength in STRENGTHS]
        found = bins.shrunk(around, STRENGTHS[int(np.argmin(costs))], SIGMA_OF_WHITE)
        return np.moveaxis(found.reshape(*self._shape, f, f), (2, 3), (0, 1))

    def _rings(self) -> np.ndarray:
        """Return the ring of the multipole that each bin lies in, (ny, 2 nx)."""
        middles = bin_middles()
        across = np.concatenate([middles[::-1], middles])
        return np.clip(np.digitize(np.hypot(middles[:, None], across), EDGES) - 1, 0, len(EDGES) - 2)


@dataclass(frozen=True)
class _Means:
    """Mean whitened power (k, f, f) of k sets of modes, with the parts that 1/f and white noise have of it.

    Parameters
    ----------
    measured, red, white : numpy.ndarray, shape (k, f, f)
        Means over the modes; of the latter two what the model has.
    independent : numpy.ndarray, shape (k,)
        Number of independent modes.
    """

    measured: np.ndarray
    red: np.ndarray
    white: np.ndarray
    independent: np.ndarray

    @classmethod
    def of(cls, sums: list[np.ndarray], n_modes: np.ndarray) -> "_Means":
        """Return the means of sums (k, f, f) over modes (k,) under a window."""
        means = [one / np.maximum(n_modes, 1.0)[:, None, None] for one in sums]
        return cls(means[0], means[1], means[2], n_modes / WINDOW_CORRELATION)

    def shrunk(self, around: np.ndarray, red: float, white: float) -> np.ndarray:
        """Return means (k, f, f) as likely as measured ones and a prior around others (k, f, f) make them.

        Parameters
        ----------
        around : numpy.ndarray, shape (k, f, f)
            Mean of the prior.
        red, white : float
            Its standard deviation in parts of the power of 1/f noise and of white noise.
        """
        turned, sigma, noise = self._departures(around, red, white)
        kept = sigma**2 / (sigma**2 + noise[:, None, None])
        vectors = self._axes(red, white)[1]
        return around + vectors @ (turned * kept) @ vectors.swapaxes(-1, -2)

    def cost(self, around: np.ndarray, red: float, white: float) -> float:
        """Return -2 ln of how likely the measured means are under such a prior, up to a constant."""
        turned, sigma, noise = self._departures(around, red, white)
        used = self.independent >= LEAST_MODES
        found = np.einsum("kii->ki", turned)[used]
        total = np.einsum("kii->ki", sigma)[used] ** 2 + noise[used, None]
        return float(np.sum(found**2 / total + np.log(total)))

    def _departures(self, around, red: float, white: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return departures (k, f, f) along the prior's axes, their sigma, and chance variance (k,)."""
        sizes, vectors = self._axes(red, white)
        turned = vectors.swapaxes(-1, -2) @ (self.measured - around) @ vectors
        sigma = np.sqrt(sizes[:, :, None] * sizes[:, None, :])
        return turned, sigma, 1.0 / np.maximum(self.independent, 1e-3)

    def _axes(self, red: float, white: float) -> tuple[np.ndarray, np.ndarray]:
        """Return standard deviations (k, f) of the prior and the axes (k, f, f) that they are along."""
        sky = np.eye(self.red.shape[-1]) - self.red - self.white
        sizes, vectors = np.linalg.eigh(red * self.red + white * self.white + SIGMA_OF_SKY * sky)
        return np.maximum(sizes, 1e-3), vectors


def _in_rings(ring: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sums (rings, ...) of values (k, ...) of bins over their rings (k,)."""
    sums = np.zeros((len(EDGES), *values.shape[1:]))
    np.add.at(sums, ring, values)
    return sums


def _whitened(lower: np.ndarray, power: np.ndarray) -> np.ndarray:
    """Return L^-1 P L^-T (m, f, f) of lower triangular L and power P."""
    half = np.linalg.solve(lower, power)
    return np.linalg.solve(lower, half.swapaxes(-1, -2))


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
