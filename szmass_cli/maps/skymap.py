"""What every map offers, whatever its pixels: charts to lay the sky flat, and windows to read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy import ndimage

from szmass_cli.errors import InputError
from szmass_cli.maps.instrument import StatedInstrument
from szmass_cli.maps.units import MapUnits

ABSURD = 1e25
"""HEALPix's UNSEEN is -1.6375e30; no map or weights in any unit come near this."""

ABSURD_UK = 1e10
"""No temperature [µK]: planets and the galactic centre stay below a thousandth of it.

A map in µK that is said to be in K must still be seen, to be refused for its unit.
"""

NOTHING_UK = 1e-6
"""Below it, a temperature [µK] is a zero that was stored as a scaled integer, or added to and taken from."""


class PixelStatus(IntFlag):
    """Why a pixel has no data; 0 means that it has."""

    GOOD = 0
    OUTSIDE = 1
    NONFINITE = 2
    ZERO = 4


class SkyMap(Protocol):
    """A map of the sky.

    Every pixelisation here is, near any one place, a lattice of rows and columns. A *chart* says how that
    neighbourhood is laid flat: which turn around the sky, or which corner of HEALPix, counts as contiguous.
    """

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        ...

    @property
    def raw(self) -> np.ndarray:
        """Return the values as they lie in the file, memory-mapped where the file allows."""
        ...

    @property
    def pixel_arcmin(self) -> float:
        """Return the mean side of a pixel."""
        ...

    @property
    def units(self) -> MapUnits:
        """Return the unit of the values and its worth in µK_CMB."""
        ...

    @property
    def instrument(self) -> StatedInstrument:
        """Return what the file states of frequency and beam."""
        ...

    @property
    def description(self) -> str:
        """Return a description of the map in one line."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Return the assumptions made where the file says nothing."""
        ...

    def charts(self, centres: np.ndarray) -> np.ndarray:
        """Return the charts (n, 2) of the neighbourhoods of ICRS unit vectors (n, 3)."""
        ...

    def to_pixels(self, directions: np.ndarray, charts: np.ndarray) -> np.ndarray:
        """Return rows and columns (n, m, 2), counted from 0 at pixel centres, of ICRS unit vectors (n, m, 3).

        They are contiguous within a chart (n, 2), and NaN where the pixelisation does not reach.
        """
        ...

    def read(
        self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the values (ny, nx) of a window of a chart, and which are outside the map.

        The values are float64, in map units.
        """
        ...

    def nearest(self, directions: np.ndarray) -> np.ndarray:
        """Return the values (...) of the pixels that ICRS unit vectors (..., 3) lie in.

        They are in map units, and NaN outside the map.
        """
        ...

    def kinked_pixels(
        self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
    ) -> np.ndarray | None:
        """Return the ICRS unit vectors (ny, nx, 3) of a window's pixels.

        None from lattices that never bend sharply.
        """
        ...


def pixel_status(values: np.ndarray, outside: np.ndarray, to_uk: float = 1.0) -> np.ndarray:
    """Return the `PixelStatus` (uint8) of each pixel of a window.

    NaN, infinity, UNSEEN and other values that no temperature has are not data. Neither is a zero in a block
    of 2 x 2 zeros or more, which is how maps fill what they did not observe; a lone zero can happen in an
    integer-coded map and is data.

    Parameters
    ----------
    values : numpy.ndarray, shape (ny, nx)
        Of the window's pixels, in the map's units.
    outside : numpy.ndarray of bool, the same shape
        Pixels beyond the map.
    to_uk : float
        What one unit of the values is worth [µK].
    """
    size = np.abs(values)
    nonfinite = ~(size < ABSURD_UK / abs(to_uk)) & ~outside
    status = np.where(outside, np.uint8(PixelStatus.OUTSIDE), np.uint8(0))
    status[nonfinite] = PixelStatus.NONFINITE
    zeros = (size < NOTHING_UK / abs(to_uk)) & ~outside
    if zeros.any():
        status[ndimage.binary_opening(zeros, np.ones((2, 2)))] = PixelStatus.ZERO
    return status


def has_data(chunks: Iterable[np.ndarray]) -> bool:
    """Return whether any chunk of map values holds one that is finite, seen and not zero."""
    return any(bool(np.any((np.abs(chunk) < ABSURD) & (chunk != 0.0))) for chunk in chunks)


def scattered_slices(length: int, step: int, passes: int = 16) -> Iterable[slice]:
    """Yield slices of `step` that cover range(length) once.

    They come coarsely spaced at first, so that a search soon looks everywhere.
    """
    starts = range(0, length, max(step, 1))
    for first in range(passes):
        for start in starts[first::passes]:
            yield slice(start, min(start + step, length))


def check_resolution(sky_map: SkyMap, beam_fwhm_arcmin: float) -> None:
    """Refuse a map whose pixels are wider than its beam.

    Raises
    ------
    InputError
        The pixel is larger than the beam's full width at half maximum.
    """
    if sky_map.pixel_arcmin > beam_fwhm_arcmin:
        raise InputError(
            f"{sky_map.path}: its pixels are {sky_map.pixel_arcmin:.3g}' wide, coarser than the "
            f"{beam_fwhm_arcmin:.3g}' beam: it cannot show a cluster's profile.",
            "Use a map with pixels of half the beam or less, or correct --beam.",
        )
