"""Pixels of the plate carrée projection (CAR), as ACT and Simons Observatory maps have them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from astropy.wcs import WCS

from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Part, Ring, numbers_of, separation


@dataclass(frozen=True)
class CarPixels:
    """Rows along parallels, from south to north, with right ascension running to the left.

    Parameters
    ----------
    n_rows, n_columns : int
        Pixels along a meridian, and along a parallel.
    per_turn : int
        Pixels on a whole circle, which fixes the step.
    first_row, first_column : int
        Declination of row 0 and right ascension of column 0, in steps: pixels are centred on whole numbers
        of steps, so that all maps of one step are pieces of the same map of the whole sky.
    """

    n_rows: int
    n_columns: int
    per_turn: int
    first_row: int
    first_column: int

    @classmethod
    def covering(cls, patch: Patch, pixel_arcmin: float) -> "CarPixels":
        """Return the pixels of a patch; their side is rounded so that a whole number goes round the sky."""
        per_turn = round(360.0 * 60.0 / pixel_arcmin)
        step = 360.0 / per_turn
        n_rows = max(round((patch.north_deg - patch.south_deg) / step), 1)
        n_columns = max(round(patch.width_deg / step), 1)
        middle = (patch.south_deg + patch.north_deg) / 2.0
        first_row = round(middle / step - (n_rows - 1) / 2.0)
        first_column = round(patch.center_ra_deg / step + (n_columns - 1) / 2.0)
        return cls(n_rows, n_columns, per_turn, first_row, first_column)

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_rows, self.n_columns

    @property
    def size(self) -> int:
        return self.n_rows * self.n_columns

    @property
    def step(self) -> float:
        """Return the step between rows, and between columns [rad]."""
        return 2.0 * np.pi / self.per_turn

    @property
    def pixel_arcmin(self) -> float:
        return 360.0 * 60.0 / self.per_turn

    @property
    def description(self) -> str:
        return f"CAR {self.n_columns} x {self.n_rows}"

    @property
    def wcs(self) -> WCS:
        """Return the WCS, with the reference on the equator, where plate carrée steps are true."""
        middle = (self.n_columns - 1) / 2.0  # nothing is more than 180 degrees away from it
        step_deg = 360.0 / self.per_turn
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---CAR", "DEC--CAR"]
        wcs.wcs.crval = [(self.first_column - middle) * step_deg % 360.0, 0.0]
        wcs.wcs.crpix = [middle + 1.0, 1.0 - self.first_row]
        wcs.wcs.cdelt = [-step_deg, step_deg]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.set()
        return wcs

    @cached_property
    def _longitude(self) -> np.ndarray:
        return (self.first_column - np.arange(self.n_columns)) * self.step

    @cached_property
    def _latitude(self) -> np.ndarray:
        return (self.first_row + np.arange(self.n_rows)) * self.step

    def lon_lat(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        row, column = np.divmod(numbers_of(part), self.n_columns)
        return self._longitude[column], self._latitude[row]

    def ra_dec_deg(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = self.lon_lat(part)
        return np.degrees(lon), np.degrees(lat)

    def to_frame(self, ra_deg, dec_deg) -> tuple[np.ndarray, np.ndarray]:
        return np.radians(ra_deg), np.radians(dec_deg)

    def area_arcmin2(self, part: Part) -> np.ndarray:
        row = numbers_of(part) // self.n_columns
        upright = 2.0 * np.sin(self.step / 2.0) * np.cos(self._latitude)  # sin of both edges, subtracted
        return (upright * self.step * np.degrees(60.0) ** 2)[row]

    def within(self, lon: float, lat: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
        rows = np.flatnonzero(np.abs(self._latitude - lat) <= radius)
        widest, reach = np.cos(lat), np.sin(min(radius, np.pi / 2.0))
        half = np.arcsin(reach / widest) if reach < widest else np.pi  # a meridian touches the circle there
        first = int(np.ceil(self.first_column - (lon + half) / self.step))
        count = min(int(2.0 * half / self.step) + 1, self.per_turn)
        columns = np.arange(first, first + count) % self.per_turn
        columns = columns[columns < self.n_columns]
        distance = separation(self._longitude[columns], self._latitude[rows][:, None], lon, lat)
        inside = distance <= radius
        return (rows[:, None] * self.n_columns + columns)[inside], distance[inside]

    def rings(self) -> list[Ring]:
        first = float(self._longitude[0]) - (self.per_turn - 1) * self.step
        return [Ring(np.pi / 2.0 - lat, first % (2.0 * np.pi), self.per_turn) for lat in self._latitude]

    def on_ring(self, ring: int) -> tuple[slice, np.ndarray]:
        # column 0 is the last of the ring, and longitudes fall
        columns = np.arange(self.n_columns)
        start = ring * self.n_columns
        return slice(start, start + self.n_columns), self.per_turn - 1 - columns
