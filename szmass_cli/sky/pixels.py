"""What a survey map's pixels are to the simulator, whatever the pixelisation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

BLOCK_PIXELS = 1 << 20


@dataclass(frozen=True)
class Ring:
    """A parallel of the map's frame with pixels at equal steps all round, of which the map holds some.

    Parameters
    ----------
    colatitude, first_longitude : float
        Of the ring, and of its pixel number 0 [rad]; longitudes ascend.
    n : int
        Pixels on the whole circle.
    """

    colatitude: float
    first_longitude: float
    n: int


Part = slice | np.ndarray
"""Some pixels of a map: a slice with both ends, or their numbers."""


class Pixels(Protocol):
    """The pixels of a map, numbered from 0 in the order in which they are kept in memory.

    Longitudes and latitudes are those of the map's own frame, which may be another than the equatorial.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the map as an array."""
        ...

    @property
    def size(self) -> int:
        """Return the number of pixels."""
        ...

    @property
    def pixel_arcmin(self) -> float:
        """Return the side of a pixel."""
        ...

    @property
    def description(self) -> str:
        """Return a description of the pixels in one line."""
        ...

    def lon_lat(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Return the longitude and latitude [rad] of pixels in the map's frame."""
        ...

    def ra_dec_deg(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """Return the equatorial (ICRS) positions [deg] of pixels."""
        ...

    def to_frame(self, ra_deg, dec_deg) -> tuple[np.ndarray, np.ndarray]:
        """Return the longitude and latitude [rad] in the map's frame of equatorial positions [deg]."""
        ...

    def area_arcmin2(self, part: Part) -> np.ndarray:
        """Return the area of pixels [arcmin^2]."""
        ...

    def within(self, lon: float, lat: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the pixels within a radius of a position, and their distance.

        Position, radius and distances are in radians, in the map's frame.
        """
        ...

    def rings(self) -> list[Ring]:
        """Return the rings that the pixels lie on."""
        ...

    def on_ring(self, ring: int) -> tuple[np.ndarray | slice, np.ndarray | slice]:
        """Return which of the map's pixels lie on a ring, and which of the ring's pixels they are."""
        ...


def numbers_of(part: Part) -> np.ndarray:
    """Return the numbers of the pixels of a part."""
    return np.arange(part.start, part.stop) if isinstance(part, slice) else part


def blocks(size: int) -> Iterator[slice]:
    """Yield slices that cover range(size) in order."""
    for start in range(0, size, BLOCK_PIXELS):
        yield slice(start, min(start + BLOCK_PIXELS, size))


def separation(lon, lat, lon_0: float, lat_0: float) -> np.ndarray:
    """Return the angle between directions by the haversine formula, exact at small angles; all in radians."""
    haversine = np.sin((lat - lat_0) / 2.0) ** 2
    haversine = haversine + np.cos(lat) * np.cos(lat_0) * np.sin((lon - lon_0) / 2.0) ** 2
    return 2.0 * np.arcsin(np.sqrt(np.minimum(haversine, 1.0)))
