"""A matched filter of a whole flat map, written apart from szmass: signal-to-noise at catalogue positions.

Profiles are 1 / (1 + r^2 / r_c^2) behind the beam, of the core radii of SPT's own search, and the best of
them counts. The noise is the power of the map around the clusters, in the plane of multipoles, and the error
of a row what scatters around it: a map that fades towards its edges fades in both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy import ndimage

CORES_ARCMIN = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
MASKED_ARCMIN, AROUND_ARCMIN, OFF_ARCMIN = 6.0, 22.5, 0.5
SMOOTHED_PIXELS = 6
Passed = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PlainFilter:
    """A flat map with its filters.

    Parameters
    ----------
    image : numpy.ndarray, shape (n, n)
        The map, 0 where there is none.
    x, y : numpy.ndarray, shape (rows,)
        Pixels of the clusters.
    blank : numpy.ndarray of bool, shape (n, n)
        Where there is a map and no cluster.
    filters : tuple of numpy.ndarray
        Transforms of the filters, one for each core radius.
    rings : tuple of numpy.ndarray
        What each filter makes of a cluster of its own size in the middle of a map, 1 at the centre.
    pixel_arcmin : float
        Size of a pixel.
    """

    image: np.ndarray
    x: np.ndarray
    y: np.ndarray
    blank: np.ndarray
    filters: tuple[np.ndarray, ...]
    rings: tuple[np.ndarray, ...]
    pixel_arcmin: float

    @classmethod
    def of(cls, sky: Path, clusters: Table, beam_arcmin: float, passed: Passed) -> "PlainFilter":
        """Return the filter of a map.

        Parameters
        ----------
        sky : Path
            Square map in HDU 1, with columns along right ascension.
        clusters : Table
            RA and DEC [deg].
        beam_arcmin : float
            Full width of the beam at half its maximum.
        passed : callable
            Which multipoles (ell_x, ell_y) are in the map.
        """
        with fits.open(sky) as hdus:
            image, wcs = np.asarray(hdus[1].data, float), WCS(hdus[1].header)
        step = 60.0 * abs(wcs.wcs.cdelt[0])
        n = len(image)
        x, y = wcs.wcs_world2pix(clusters["RA"], clusters["DEC"], 0)
        rows, columns = np.mgrid[:n, :n]
        blank = image != 0.0
        for one_x, one_y in zip(x, y, strict=True):
            blank &= np.hypot(columns - one_x, rows - one_y) > MASKED_ARCMIN / step
        ell = 2.0 * np.pi * np.fft.fftfreq(n, np.radians(step / 60.0))
        ell_x, ell_y = np.meshgrid(ell, ell)
        kept = passed(ell_x, ell_y)
        power = np.abs(np.fft.fft2(np.where(blank, image, 0.0))) ** 2 / blank.mean()
        power = ndimage.gaussian_filter(power, SMOOTHED_PIXELS, mode="wrap")
        sigma = np.radians(beam_arcmin / 60.0) / np.sqrt(8.0 * np.log(2.0))
        beam = np.exp(-0.5 * (ell_x**2 + ell_y**2) * sigma**2) * kept
        far = step * np.hypot(columns - n // 2, rows - n // 2)
        filters, rings = [], []
        for core in CORES_ARCMIN:
            profile = np.fft.fft2(np.fft.ifftshift(1.0 / (1.0 + (far / core) ** 2))).real * beam
            filters.append(np.where(kept, profile / power, 0.0))
            ring = np.fft.fftshift(np.fft.ifft2(filters[-1] * profile).real)
            rings.append(ring / ring.max())
        return cls(image, x, y, blank, tuple(filters), tuple(rings), step)

    def snr(self) -> np.ndarray:
        """Return the S/N (rows,) of the best size within 0.5' of each position, NaN off the map."""
        modes = np.fft.fft2(self.image)
        found = np.full((len(self.filters), len(self.x)), np.nan)
        rows, columns = np.mgrid[: len(self.image), : len(self.image)]
        for size, one in enumerate(self.filters):
            image = np.fft.ifft2(modes * one).real
            for row, (x, y) in enumerate(zip(self.x, self.y, strict=True)):
                away = self.pixel_arcmin * np.hypot(columns - x, rows - y)
                near, around = away < OFF_ARCMIN, self.blank & (away < AROUND_ARCMIN)
                if near.any() and around.any():
                    error = 1.4826 * np.median(np.abs(image[around]))
                    found[size, row] = image[near].max() / error
        there = np.isfinite(found).all(axis=0)
        return np.where(there, np.max(found, axis=0, where=there, initial=0.0), np.nan)

    def at_neighbour(self, row: int, other: int, core_arcmin: float) -> float:
        """Return what the filter makes of a cluster at another one's place, over its own signal.

        Parameters
        ----------
        row, other : int
            The cluster, and the one at whose place is looked.
        core_arcmin : float
            Core radius of filter and cluster, one of `CORES_ARCMIN`.
        """
        ring = self.rings[CORES_ARCMIN.index(core_arcmin)]
        middle = len(ring) // 2
        along, across = self.y[other] - self.y[row], self.x[other] - self.x[row]
        return float(ring[middle + round(along), middle + round(across)])
