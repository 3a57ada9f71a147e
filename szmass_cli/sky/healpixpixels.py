"""HEALPix pixels (Gorski et al. 2005): the whole sky or part of it, equatorial or galactic."""

from dataclasses import dataclass
from functools import cached_property

import healpy
import numpy as np
from astropy.coordinates import SkyCoord

from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import BLOCK_PIXELS, Part, Ring, numbers_of, separation


@dataclass(frozen=True, eq=False)
class HealpixPixels:
    """Pixels kept in RING order, which the rings of a sky in harmonics need; files may be NESTED.

    Parameters
    ----------
    nside : int
        Resolution: the whole sky has 12 nside^2 pixels.
    nested, galactic : bool
        Order of the pixels in files, and frame.
    numbers : numpy.ndarray or None
        Ascending pixel numbers (RING) of a part of the sky; None for all of it.
    """

    nside: int
    nested: bool
    galactic: bool
    numbers: np.ndarray | None

    @classmethod
    def covering(cls, patch: Patch, nside: int, nested: bool, galactic: bool) -> "HealpixPixels":
        """Return the pixels whose centres lie in a patch."""
        whole = cls(nside, nested, galactic, None)
        if patch.is_full_sky:
            return whole
        ra_deg, dec_deg, radius_deg = patch.bounding_circle_deg()
        lon, lat = whole.to_frame(ra_deg, dec_deg)
        found = [
            numbers[patch.contains(*whole._ra_dec_deg_of(numbers))]
            for numbers in _circle_by_rings(nside, float(lon), float(lat), np.radians(radius_deg) + 1e-9)
        ]
        return cls(nside, nested, galactic, np.sort(np.concatenate(found)))

    @property
    def shape(self) -> tuple[int]:
        return (self.size,)

    @property
    def size(self) -> int:
        return healpy.nside2npix(self.nside) if self.numbers is None else len(self.numbers)

    @property
    def pixel_arcmin(self) -> float:
        return float(healpy.nside2resol(self.nside, arcmin=True))

    @property
    def description(self) -> str:
        extent = "full sky" if self.numbers is None else "partial"
        return f"HEALPix nside {self.nside} {extent}, {self.size:,} pixels"

    def _numbers(self, part: Part) -> np.ndarray:
        return numbers_of(part) if self.numbers is None else self.numbers[part]

    def lon_lat(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        theta, phi = healpy.pix2ang(self.nside, self._numbers(part))
        return phi, np.pi / 2.0 - theta

    def ra_dec_deg(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        return self._ra_dec_deg_of(self._numbers(part))

    def _ra_dec_deg_of(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self.galactic:
            return healpy.pix2ang(self.nside, numbers, lonlat=True)
        x, y, z = _galactic_rotation().T @ np.array(healpy.pix2vec(self.nside, numbers))
        return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))

    def to_frame(self, ra_deg, dec_deg) -> tuple[np.ndarray, np.ndarray]:
        if not self.galactic:
            return np.radians(ra_deg), np.radians(dec_deg)
        position = SkyCoord(ra_deg, dec_deg, unit="deg").galactic
        return position.l.rad, position.b.rad

    def area_arcmin2(self, part: Part) -> np.ndarray:
        return np.full(len(self._numbers(part)), self.pixel_arcmin**2)

    def within(self, lon: float, lat: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
        centre = healpy.ang2vec(np.pi / 2.0 - lat, lon)
        numbers = healpy.query_disc(self.nside, centre, radius)
        places = numbers
        if self.numbers is not None:
            places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
            there = self.numbers[places] == numbers
            places, numbers = places[there], numbers[there]
        theta, phi = healpy.pix2ang(self.nside, numbers)
        return places, separation(phi, np.pi / 2.0 - theta, lon, lat)

    @cached_property
    def _ring_numbers(self) -> np.ndarray:
        """Return the numbers of the rings with pixels here, counted from 1 at the north pole as in healpy."""
        if self.numbers is None:
            return np.arange(1, 4 * self.nside)
        ends = healpy.pix2ring(self.nside, self.numbers[[0, -1]])
        return np.arange(ends[0], ends[1] + 1)

    @cached_property
    def _starts(self) -> np.ndarray:
        """Return the number of the first pixel of each ring, and of the one after the last ring."""
        start, count, *_ = healpy.ringinfo(self.nside, self._ring_numbers)
        return np.append(start, start[-1] + count[-1])

    def rings(self) -> list[Ring]:
        _, count, cosine, sine, shifted = healpy.ringinfo(self.nside, self._ring_numbers)
        first = np.where(shifted, np.pi / count, 0.0)
        rows = zip(np.arctan2(sine, cosine), first, count, strict=True)
        return [Ring(float(theta), float(phi), int(n)) for theta, phi, n in rows]

    def on_ring(self, ring: int) -> tuple[slice, np.ndarray | slice]:
        start, stop = self._starts[ring : ring + 2]
        if self.numbers is None:
            return slice(start, stop), slice(None)
        here = slice(*np.searchsorted(self.numbers, (start, stop)))
        return here, self.numbers[here] - start


def _galactic_rotation() -> np.ndarray:
    """Return the (3, 3) matrix that takes ICRS unit vectors into galactic ones."""
    axes = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg")
    return np.array(axes.galactic.cartesian.xyz)


def _circle_by_rings(nside: int, lon: float, lat: float, radius: float):
    """Yield the numbers (RING) of the pixels within a circle and a few more, some rings at a time."""
    rings = np.arange(1, 4 * nside)
    start, count, cosine, sine, shifted = healpy.ringinfo(nside, rings)
    near = np.abs(np.arctan2(cosine, sine) - lat) <= radius
    start, count, cosine, sine, shifted = (x[near] for x in (start, count, cosine, sine, shifted))
    # half the arc of each parallel inside the circle, from the spherical law of cosines
    arc = (np.cos(radius) - cosine * np.sin(lat)) / np.maximum(sine * np.cos(lat), 1e-12)
    half = np.arccos(np.clip(arc, -1.0, 1.0))
    step = 2.0 * np.pi / count
    first = np.floor((lon - half) / step - 0.5 * shifted).astype(np.int64)
    length = np.minimum(np.ceil(2.0 * half / step).astype(np.int64) + 2, count)
    for some in np.array_split(np.arange(len(start)), length.sum() // BLOCK_PIXELS + 1):
        ring = np.repeat(some, length[some])
        along = np.arange(ring.size) - np.repeat(np.cumsum(length[some]) - length[some], length[some])
        yield start[ring] + (first[ring] + along) % count[ring]
