"""Where maps have data: cells of HEALPix, in tiles, and blank positions drawn from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import healpy
import numpy as np

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.blanks import EXHAUSTED, MOST_BATCHES, NONE, Blanks, free_of, have_data
from szmass_cli.estimation.rows import Rows

COARSE_NSIDE, FINE_NSIDE = 256, 2048
"""Cells of 14' in which data are looked for, and of 1.7' to which those of a small map are divided."""

MOST_CELLS = 2_000_000
"""Cells are not divided further once they are so many."""

_SUBDIVISION = 4**8


@dataclass(frozen=True)
class Footprint:
    """Cells of the sky that have data in a band, in tiles.

    Parameters
    ----------
    nside : int
        Resolution of the cells.
    cells : numpy.ndarray of int, shape (c,)
        Numbers of the cells in nested order.
    tile_of : numpy.ndarray of int, shape (c,)
        Number of the tile of each cell.
    tile_names : tuple of str, length t
        Names of the tiles.
    """

    nside: int
    cells: np.ndarray
    tile_of: np.ndarray
    tile_names: tuple[str, ...]

    @property
    def area_deg2(self) -> np.ndarray:
        """Return the area with data in each tile, (t,) [deg^2]."""
        cell = healpy.nside2pixarea(self.nside, degrees=True)
        return np.bincount(self.tile_of, minlength=len(self.tile_names)) * cell

    def spread(self, tile: int, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return up to n positions [deg] spread over a tile: right ascensions and declinations."""
        cells = self.cells[self.tile_of == tile]
        some = cells[np.linspace(0, cells.size - 1, min(n, cells.size)).astype(int)]
        return healpy.pix2ang(self.nside, some, nest=True, lonlat=True)

    def draw(self, n: int, rng: np.random.Generator) -> Blanks:
        """Return n positions drawn evenly from the area, each with the number of its tile."""
        which = rng.integers(self.cells.size, size=n)
        inside = self.cells[which] * _SUBDIVISION + rng.integers(_SUBDIVISION, size=n)
        ra, dec = healpy.pix2ang(self.nside * 256, inside, nest=True, lonlat=True)
        return Blanks(self.tile_of[which], ra, dec)


def footprint_of(maps: Sequence[BandMap], tile_deg: float) -> Footprint:
    """Return the cells in which one of the maps has data, in tiles of about a given side [deg]."""
    nside, cells = COARSE_NSIDE, np.arange(healpy.nside2npix(COARSE_NSIDE))
    cells = cells[_has_data(maps, nside, cells)]
    if cells.size:
        # a map may begin in a cell whose centre it does not reach
        around = healpy.get_all_neighbours(nside, cells, nest=True)
        cells = np.unique(np.concatenate([cells, around[around >= 0]]))
    while nside < FINE_NSIDE and 4 * cells.size <= MOST_CELLS:
        nside, cells = 2 * nside, (4 * cells[:, None] + np.arange(4)).ravel()
    cells = cells[_has_data(maps, nside, cells)]
    tile_of, names = _tiles(nside, cells, tile_deg)
    return Footprint(nside, cells, tile_of, names)


def blanks_of(
    footprint: Footprint, maps: Sequence[BandMap], known: Rows, n: int, rng: np.random.Generator
) -> Blanks:
    """Return up to n blank positions, each with the number of its tile, away from known clusters.

    Parameters
    ----------
    footprint : Footprint
        Where to look.
    maps : sequence of BandMap
        The maps of all bands; a position needs data in one of them all over its cutout.
    known : Rows
        Known clusters; none is near a position.
    n : int
        Number of positions; there are fewer where the maps have no room for them.
    rng : numpy.random.Generator
        Draws positions.
    """
    found = NONE
    if not footprint.cells.size:
        return found
    for _ in range(MOST_BATCHES):
        free = free_of(maps, footprint.draw(2 * n, rng), known, found)
        found = found.and_more(free)
        if len(found) >= n or len(free) < EXHAUSTED * 2 * n:
            break
    return found[:n]


def _has_data(maps: Sequence[BandMap], nside: int, cells: np.ndarray) -> np.ndarray:
    """Return whether a band has data in the middle of cells."""
    found = []
    for part in np.array_split(cells, max(1, cells.size // 200_000)):
        ra, dec = healpy.pix2ang(nside, part, nest=True, lonlat=True)
        found.append(have_data(maps, ra, dec, np.zeros(1)))
    return np.concatenate(found)


def _tiles(nside: int, cells: np.ndarray, tile_deg: float) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the tile of each cell and the names of tiles: bands in declination, cut in right ascension."""
    if not cells.size:
        return np.zeros(0, int), ()
    ra, dec = healpy.pix2ang(nside, cells, nest=True, lonlat=True)
    x, y = np.cos(np.radians(ra)).mean(), np.sin(np.radians(ra)).mean()
    middle = np.degrees(np.arctan2(y, x)) % 360.0
    east = (ra - middle + 180.0) % 360.0 - 180.0
    band = _slices(dec, tile_deg)
    column = np.zeros(cells.size, int)
    for number in np.unique(band):
        rows = np.flatnonzero(band == number)
        column[rows] = _slices(east[rows], tile_deg / np.cos(np.radians(dec[rows].mean())))
    pairs, tile_of = np.unique(np.stack([band, column], axis=1), axis=0, return_inverse=True)
    return tile_of.reshape(-1), tuple(f"tile_{b + 1}_{c + 1}" for b, c in pairs)


def _slices(values: np.ndarray, width: float) -> np.ndarray:
    """Return the number of the slice of each value, of as many equal ones as are at most so wide."""
    low, span = values.min(), np.ptp(values)
    count = max(1, int(np.ceil(span / width - 1e-9)))
    return np.minimum((values - low) / max(span, 1e-9) * count, count - 1).astype(int)
