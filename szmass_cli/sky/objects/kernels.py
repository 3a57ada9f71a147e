"""Images of points, halos and lenses behind beams and filters, on a lattice of steps of a pixel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.interpolate import CubicSpline
from scipy.special import j0

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import form_factor
from szmass_cli.sky.objects.halos import HALO_SIZES_ARCMIN

REACH_FWHM = 2.2
"""Objects are painted up to this many widths of the beam outside of a cutout: a millionth is left there."""

BOX, FILTERED_BOX = 512, 2048
"""Pixels of 0.25' of the periodic box: 2 degrees, and 8.5 for filters, which leave waves of a degree."""

FAINT = 2e-4
"""An image is painted as far out as it is brighter than this fraction of its middle."""

N_RADIAL = 12_000
"""Multipoles between which beams are interpolated: 5 to 10 apart."""

N_RADII = 500
"""Distances between which circular images are interpolated: a sixth of a pixel apart."""

SIZES_ARCMIN = np.geomspace(*HALO_SIZES_ARCMIN, 48)
"""theta500 of tabulated halos: 10 per cent apart; between two of them images are right to 0.1 per cent."""


@dataclass(frozen=True)
class KernelLattice:
    """Where objects may lie around a cutout, and the images of objects there.

    Parameters
    ----------
    bands : tuple of Band, length f
        Beams, pixel windows and filters that images are seen through.
    """

    bands: tuple[Band, ...]

    @cached_property
    def margin(self) -> int:
        """Return how many pixels outside of a cutout objects are still painted."""
        widest_arcmin = max(band.beam.fwhm_arcmin for band in self.bands)
        return max(16, int(np.ceil(REACH_FWHM * widest_arcmin / PIXEL_ARCMIN)))

    @property
    def side_arcmin(self) -> float:
        """Return the side of the square that objects lie in."""
        return (N_PIXELS + 2 * self.margin) * PIXEL_ARCMIN

    def images(
        self,
        forms: Sequence[Callable[[np.ndarray, np.ndarray], np.ndarray]],
        step: int = 1,
        box: int | None = None,
    ) -> np.ndarray:
        """Return images of objects at the middle of a lattice, (n, k, k, f) float32.

        Parameters
        ----------
        forms : sequence of callable, length n
            Fourier transforms of the objects at multipoles (ell_y, ell_x), which the lattice's first axis,
            northwards, and second axis, westwards, have.
        step : int
            Steps in a pixel: the lattice's points are 0.25' / step apart.
        box : int, optional
            Pixels of the periodic box; `BOX`, or `FILTERED_BOX` where a band is filtered, otherwise.

        Returns
        -------
        numpy.ndarray
            k = 2 step (40 + margin) + 1: as far as from one corner of the square to the other.
        """
        filtered = any(band.transfer is not None for band in self.bands)
        box = (FILTERED_BOX if filtered else BOX) if box is None else box
        size = box * step
        side = PIXEL_ARCMIN * ARCMIN / step
        ell_y = 2.0 * np.pi * fft.fftfreq(size, side)[:, None]
        ell_x = 2.0 * np.pi * fft.rfftfreq(size, side)[None, :]
        ell = np.hypot(ell_y, ell_x)
        radial = np.linspace(0.0, float(ell.max()), N_RADIAL)
        half = step * (N_PIXELS + self.margin)
        # right ascension grows eastwards, the second axis westwards
        passed = [
            np.interp(ell, radial, band.optics.b_ell(radial))
            * (1.0 if band.plane_transfer is None else band.plane_transfer(-ell_x, ell_y))
            / side**2
            for band in self.bands
        ]
        images = np.empty((len(forms), 2 * half + 1, 2 * half + 1, len(self.bands)), np.float32)
        near = np.arange(-half, half + 1)
        for image, form in zip(images, forms, strict=True):
            modes = form(ell_y, ell_x)
            for index, optics in enumerate(passed):
                whole = fft.irfft2(modes * optics, s=(size, size), workers=-1)
                image[..., index] = whole[np.ix_(near, near)]
        return images

    @property
    def is_circular(self) -> bool:
        """Return whether no band is filtered along a direction."""
        return all(band.plane_transfer is None for band in self.bands)

    @property
    def is_filtered(self) -> bool:
        """Return whether a band is filtered: the periodic box of `images` is large then."""
        return any(band.transfer is not None for band in self.bands)

    def profiles(
        self,
        forms: Sequence[Callable[[np.ndarray], np.ndarray]],
        bessel: Callable[[np.ndarray], np.ndarray],
        radii_arcmin: np.ndarray,
    ) -> np.ndarray:
        """Return integrals of l dl / 2 pi over circular optics, forms and a Bessel function, (n, r, f).

        Parameters
        ----------
        forms : sequence of callable, length n
            Of the multipole.
        bessel : callable
            `scipy.special.j0` or `j1`, of multipole times radius.
        radii_arcmin : numpy.ndarray, shape (r,)
            Distances from the middle, up to a degree: multipoles are summed in steps of 5.
        """
        highest = max(band.beam.ell_max for band in self.bands)
        ell = np.arange(2.5, highest, 5.0)
        waves = bessel(np.outer(ell, radii_arcmin * ARCMIN)) * (ell * 5.0 / (2.0 * np.pi))[:, None]
        shapes = np.stack([form(ell) for form in forms])
        return np.stack([(shapes * band.optics.b_ell(ell)) @ waves for band in self.bands], axis=-1)

    @cached_property
    def points(self) -> "Kernels":
        """Return images of a source of 1 µK arcmin^2 [µK].

        The source lies in the middle of a pixel, or half a pixel west of it, north of it, or both.
        """
        fine = self.images([lambda ell_y, ell_x: np.full((1, 1), ARCMIN**2)], 2)[0]
        phases = [fine[2 - y : -2 : 2, 2 - x : -2 : 2] for y in (0, 1) for x in (0, 1)]
        return Kernels.of(np.stack(phases))

    @cached_property
    def halos(self) -> "Kernels":
        """Return images of clusters of `SIZES_ARCMIN` of unit central scale."""

        if self.is_filtered and self.is_circular:
            return Kernels.of(self._circular_halos())

        def of_size(size: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
            def form(ell_y: np.ndarray, ell_x: np.ndarray) -> np.ndarray:
                return size**2 * form_factor(np.hypot(ell_y, ell_x) * size)

            return form

        return Kernels.of(self.images([of_size(size) for size in SIZES_ARCMIN * ARCMIN]))

    def _circular_halos(self) -> np.ndarray:
        """Return what `images` would, without a box."""

        def of_size(size: float) -> Callable[[np.ndarray], np.ndarray]:
            return lambda ell: size**2 * form_factor(ell * size)

        axis = PIXEL_ARCMIN * np.arange(-(N_PIXELS + self.margin), N_PIXELS + self.margin + 1)
        radius = np.hypot(axis[:, None], axis[None, :])
        radii = np.linspace(0.0, float(radius.max()), N_RADII)
        profiles = self.profiles([of_size(size) for size in SIZES_ARCMIN * ARCMIN], j0, radii)
        distinct, where = np.unique(radius.round(9), return_inverse=True)
        at = CubicSpline(radii, profiles, axis=1)(distinct).astype(np.float32)
        return at[:, where.reshape(radius.shape)]


@dataclass(frozen=True, eq=False)
class Kernels:
    """Images of objects in the middle of k x k pixels, as `paint.add_objects` takes them.

    Parameters
    ----------
    images : numpy.ndarray, shape (m, k, k f), float32
        The bands of a pixel side by side.
    reach : numpy.ndarray, shape (m,), int64
        How many pixels from the middle an image goes on in either direction.
    """

    images: np.ndarray
    reach: np.ndarray

    @classmethod
    def of(cls, images: np.ndarray) -> "Kernels":
        """Return kernels of images (m, k, k, f), without what is fainter than `FAINT`."""
        bright = np.abs(images) > FAINT * np.abs(images).max(axis=(1, 2), keepdims=True)
        middle = images.shape[1] // 2
        away = np.abs(np.arange(images.shape[1]) - middle)
        farthest = np.maximum(away[:, None], away[None, :])
        reach = (bright.any(axis=-1) * farthest).max(axis=(1, 2))
        flat = np.ascontiguousarray(images.reshape(*images.shape[:2], -1))
        return cls(flat, reach.astype(np.int64))


def place_of_size(theta500_arcmin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the next smaller one of `SIZES_ARCMIN` (h,), and the weight of the next larger one (h,).

    Sizes beyond the table count as its ends.
    """
    ln_size = np.log(SIZES_ARCMIN)
    position = np.interp(np.log(theta500_arcmin), ln_size, np.arange(ln_size.size))
    low = np.minimum(position.astype(np.int64), ln_size.size - 2)
    return low, (position - low).astype(np.float32)
