"""Power of patches in the plane of multipoles, between bands, and that of models under the same window."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft, ndimage

from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.holefilling import filled
from szmass_cli.sky.measured import hann_window

SMOOTH_ARCMIN = 4.0
"""Width (standard deviation) of the Gaussian that divides small scales from large ones."""

LARGE_ARCMIN, LARGE_TAPER_ARCMIN = 16.0, 15.0
"""Side of areas without data that smooth waves are not carried across, and the taper around them."""


@dataclass(frozen=True)
class PlaneModes:
    """The modes of square patches, half of the plane: the other half is the same.

    Parameters
    ----------
    n_pixels : int
        Pixels along a side of a patch.
    pixel_arcmin : float
        Side of a pixel [arcmin].
    ell_range : (float, float)
        Multipoles between which modes are used.
    """

    n_pixels: int
    pixel_arcmin: float
    ell_range: tuple[float, float]

    @cached_property
    def _plane(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the multipoles along right ascension and declination of a patch's transform, (n, n)."""
        ell = 2.0 * np.pi * fft.fftfreq(self.n_pixels, self.pixel_arcmin * ARCMIN)
        # columns run westwards
        return np.broadcast_to(-ell[None, :], (ell.size, ell.size)), np.broadcast_to(
            ell[:, None], (ell.size, ell.size)
        )

    @cached_property
    def where(self) -> np.ndarray:
        """Return the places of the modes in a flattened transform, (m,)."""
        x, y = self._plane
        ell = np.hypot(x, y)
        low, high = self.ell_range
        half = (y > 0.0) | ((y == 0.0) & (x > 0.0))
        return np.flatnonzero((half & (ell >= low) & (ell <= high)).ravel())

    @cached_property
    def _half_where(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of the modes in a transform of which half the columns are kept."""
        row, column = np.divmod(self.where, self.n_pixels)
        other = column > self.n_pixels // 2
        return np.where(other, -row, row), np.where(other, self.n_pixels - column, column)

    @property
    def ell_x(self) -> np.ndarray:
        """Return the multipoles along right ascension, (m,)."""
        return self._plane[0].ravel()[self.where]

    @property
    def ell_y(self) -> np.ndarray:
        """Return the multipoles along declination, (m,), not negative."""
        return self._plane[1].ravel()[self.where]

    @property
    def ell(self) -> np.ndarray:
        """Return the multipoles, (m,)."""
        return np.hypot(self.ell_x, self.ell_y)

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Return multipoles along right ascension (1, 2n) and declination (2n, 1) of a box twice as wide."""
        ell = 2.0 * np.pi * fft.fftfreq(2 * self.n_pixels, self.pixel_arcmin * ARCMIN)
        return -ell[None, :], ell[:, None]

    def transform(self, patches_uk: np.ndarray, window: np.ndarray, broad: np.ndarray) -> np.ndarray:
        """Return the modes (m, f) of patches (f, n, n), whose squares are power [µK^2 sr].

        What is smooth is carried across small holes, and has a window without them: they would spread the
        power of large scales, a million times that of small ones, over all of them.

        Parameters
        ----------
        patches_uk : numpy.ndarray, shape (f, n, n)
            Maps; what they hold where the window is 0 does not count.
        window, broad : numpy.ndarray, shape (n, n)
            Window of small scales, as from `apodised`, and of large ones, as from `broad_window`.
        """
        width = SMOOTH_ARCMIN / self.pixel_arcmin
        small_window, large_window = _normalised(window), _normalised(broad)
        total = np.zeros((len(patches_uk), self.n_pixels**2), complex)
        for index, patch in enumerate(patches_uk):
            level = np.sum(np.where(window > 0.0, patch, 0.0) * window) / np.sum(window)
            whole = filled(patch - level, window <= 0.0, self.pixel_arcmin)
            smooth = ndimage.gaussian_filter(whole, width, mode="nearest")
            total[index] = fft.fft2((whole - smooth) * small_window + smooth * large_window).ravel()
        return total[:, self.where].T * self.pixel_arcmin * ARCMIN

    def lags(self, power_uk2_sr: np.ndarray) -> np.ndarray:
        """Return covariances (3, f, f, 2n, 2n) of pixels by their distance: of small waves, large ones, both.

        Parameters
        ----------
        power_uk2_sr : numpy.ndarray, shape (f, f, 2n, 2n)
            Power in `box`; the same at opposite points.
        """
        ell_x, ell_y = self.box()
        smooth = np.exp(-0.5 * (ell_x**2 + ell_y**2) * (SMOOTH_ARCMIN * ARCMIN) ** 2)
        parts = np.stack([(1.0 - smooth) ** 2, smooth**2, 2.0 * smooth * (1.0 - smooth)])
        f, size = len(power_uk2_sr), 2 * self.n_pixels
        lags = np.empty((3, f, f, size, size))
        for i in range(f):
            for j in range(i, f):
                lags[:, i, j] = lags[:, j, i] = fft.fft2(power_uk2_sr[i, j] * parts).real / size**2
        return lags

    def expected(self, lags: np.ndarray, window: np.ndarray, broad: np.ndarray) -> np.ndarray:
        """Return the mean power (m, f, f) [µK^2 sr] of `transform` over skies with covariances by `lags`.

        Parameters
        ----------
        lags : numpy.ndarray, shape (3, f, f, 2n, 2n)
            Of what is in the patches.
        window, broad : numpy.ndarray, shape (n, n)
            As for `transform`.
        """
        shape = (2 * self.n_pixels,) * 2
        small, large = (fft.rfft2(_normalised(one), shape) for one in (window, broad))
        spectra = (np.abs(small) ** 2, np.abs(large) ** 2, (small * large.conj()).real)
        overlaps = np.stack([fft.irfft2(one, shape) for one in spectra])
        f = lags.shape[1]
        power = np.empty((self.where.size, f, f))
        for i in range(f):
            for j in range(i, f):
                plane = fft.rfft2(np.einsum("kyx,kyx->yx", lags[:, i, j], overlaps)).real[::2, ::2]
                power[:, i, j] = power[:, j, i] = plane[self._half_where]
        return power


def _normalised(window: np.ndarray) -> np.ndarray:
    return window / np.sqrt(np.sum(window**2))


def apodised(bad: np.ndarray, pixel_arcmin: float, taper_arcmin: float) -> np.ndarray:
    """Return a window (n, n) that falls to 0 at a patch's edges and, over a taper, at its bad pixels."""
    window = hann_window(bad.shape)
    if not bad.any():
        return window
    distance = ndimage.distance_transform_edt(~bad) * pixel_arcmin
    return window * np.sin(0.5 * np.pi * np.minimum(distance / taper_arcmin, 1.0)) ** 2


def broad_window(bad: np.ndarray, pixel_arcmin: float) -> np.ndarray:
    """Return a window (n, n) like `apodised` that only large areas without data are taken out of."""
    size = round(LARGE_ARCMIN / pixel_arcmin)
    # beyond its edges a patch counts as data: its window is 0 there
    inner = ndimage.minimum_filter(bad, size, mode="constant", cval=0)
    large = ndimage.maximum_filter(inner, size, mode="constant", cval=0).astype(bool)
    return apodised(large, pixel_arcmin, LARGE_TAPER_ARCMIN)


def discs(north_arcmin, west_arcmin, offsets_arcmin: np.ndarray, radius_arcmin: float) -> np.ndarray:
    """Return which pixels (n, n) of a patch lie within a radius of any of some positions (k,) on it."""
    found = np.zeros((offsets_arcmin.size,) * 2, bool)
    reach = offsets_arcmin[-1] + radius_arcmin
    for north, west in zip(north_arcmin, west_arcmin, strict=True):
        if abs(north) < reach and abs(west) < reach:
            square = (offsets_arcmin[:, None] - north) ** 2 + (offsets_arcmin[None, :] - west) ** 2
            found |= square < radius_arcmin**2
    return found
