"""Positions of a run's maps where clusters can be injected: with data, and away from the catalogue's rows."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.spatial import cKDTree

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.rows import Rows
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.maps.tangent import tangent_directions, unit_vectors
from szmass_cli.maps.weights import nearest_with_data
from szmass_cli.physics.beams import ARCMIN

FROM_ROWS_ARCMIN = 10.0
"""Blank positions are further than this from every row: a cluster of the catalogue is outside the cutout."""

APART_ARCMIN = 5.0
"""Between injected clusters: behind a matched filter the noise of so distant positions is independent."""

REACHES_ARCMIN = (60.0, 120.0, 240.0)
"""Distances from rows within which positions are looked for: the nearest have the depth of the row."""

MOST_BATCHES, EXHAUSTED = 40, 0.01
"""Candidates are tried in batches at each distance, until so small a fraction of a batch is of use."""

_CENTRE = np.zeros(1)
_WHOLE = np.linspace(-0.5, 0.5, 5) * N_PIXELS * PIXEL_ARCMIN


@dataclass(frozen=True)
class Blanks:
    """Blank positions of k clusters.

    Parameters
    ----------
    near : numpy.ndarray of int, shape (k,)
        Number of the row that each position was looked for around.
    ra_deg, dec_deg : numpy.ndarray, shape (k,)
        ICRS positions [deg].
    """

    near: np.ndarray
    ra_deg: np.ndarray
    dec_deg: np.ndarray

    def __len__(self) -> int:
        return len(self.near)

    def __getitem__(self, chosen: slice | np.ndarray) -> "Blanks":
        return Blanks(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def and_more(self, others: "Blanks") -> "Blanks":
        """Return these positions followed by others."""
        pairs = ((getattr(self, field.name), getattr(others, field.name)) for field in fields(self))
        return Blanks(*(np.concatenate(pair) for pair in pairs))

    @property
    def vectors(self) -> np.ndarray:
        """Return the unit vectors (k, 3) of the positions."""
        return unit_vectors(self.ra_deg, self.dec_deg)


NONE = Blanks(np.zeros(0, int), np.zeros(0), np.zeros(0))


def blank_positions(maps: Sequence[BandMap], rows: Rows, n: int, rng: np.random.Generator) -> Blanks:
    """Return up to n blank positions of the maps near rows of the catalogue.

    Each is drawn around a row that is drawn from those with a redshift and data, so that depths are those of
    the catalogue. What the maps show there has no part in the choice.

    Parameters
    ----------
    maps : sequence of BandMap
        The maps of all bands; a position needs data in one of them all over its cutout.
    rows : Rows
        All rows of the catalogue.
    n : int
        Number of positions; there are fewer where the maps have no room for them.
    rng : numpy.random.Generator
        Draws rows, distances and directions.
    """
    usable = np.flatnonzero(np.isfinite(rows.ra_deg + rows.dec_deg + rows.redshift))
    usable = usable[have_data(maps, rows.ra_deg[usable], rows.dec_deg[usable], _CENTRE)]
    if not usable.size:
        return NONE
    found = NONE
    for reach_arcmin in REACHES_ARCMIN:
        for _ in range(MOST_BATCHES):
            some = _around(rows, usable[rng.integers(usable.size, size=2 * n)], reach_arcmin, rng)
            free = free_of(maps, some, rows, found)
            found = found.and_more(free)
            if len(found) >= n:
                return found[:n]
            if len(free) < EXHAUSTED * len(some):
                break
    return found


def free_of(maps: Sequence[BandMap], some: Blanks, rows: Rows, taken: Blanks) -> Blanks:
    """Return those candidates that have data, and are apart from all rows, from others and from each other.

    Parameters
    ----------
    maps : sequence of BandMap
        The maps of all bands.
    some : Blanks
        The candidates; of two that are too close the first is kept.
    rows : Rows
        All rows of the catalogue.
    taken : Blanks
        Positions that are not to be used twice.
    """
    placed = np.isfinite(rows.ra_deg + rows.dec_deg)
    known = unit_vectors(rows.ra_deg[placed], rows.dec_deg[placed])
    vectors = some.vectors
    near = _within(vectors, known, FROM_ROWS_ARCMIN) | _within(vectors, taken.vectors, APART_ARCMIN)
    some = some[~near]
    some = some[have_data(maps, some.ra_deg, some.dec_deg, _WHOLE)]
    return some[_first_of_close(some.vectors)]


def have_data(
    maps: Sequence[BandMap], ra_deg: np.ndarray, dec_deg: np.ndarray, offsets_arcmin: np.ndarray
) -> np.ndarray:
    """Return whether one band has data, unmasked and with weight, at all points of a lattice of offsets.

    Parameters
    ----------
    maps : sequence of BandMap
        The maps of all bands.
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        ICRS positions [deg].
    offsets_arcmin : numpy.ndarray, shape (k,)
        Offsets of the k x k points along both axes [arcmin].
    """
    if not len(ra_deg):
        return np.zeros(0, bool)
    directions = tangent_directions(ra_deg, dec_deg, offsets_arcmin[:, None], offsets_arcmin[None, :])
    whole = np.zeros(len(ra_deg), bool)
    for one in maps:
        whole |= np.isfinite(nearest_with_data(one.sky_map, one.weights, directions)).all(axis=(1, 2))
    return whole


def _around(rows: Rows, near: np.ndarray, reach_arcmin: float, rng: np.random.Generator) -> Blanks:
    """Return positions drawn around rows, evenly over the ring between the least distance and the largest."""
    squares = rng.uniform(FROM_ROWS_ARCMIN**2, reach_arcmin**2, len(near))
    distance = np.sqrt(squares) * ARCMIN
    angle = rng.uniform(0.0, 2.0 * np.pi, len(near))
    dec = np.radians(rows.dec_deg[near])
    sine = np.sin(dec) * np.cos(distance) + np.cos(dec) * np.sin(distance) * np.cos(angle)
    east = np.arctan2(np.sin(angle) * np.sin(distance) * np.cos(dec), np.cos(distance) - np.sin(dec) * sine)
    return Blanks(near, (rows.ra_deg[near] + np.degrees(east)) % 360.0, np.degrees(np.arcsin(sine)))


def _within(vectors: np.ndarray, others: np.ndarray, distance_arcmin: float) -> np.ndarray:
    """Return whether any of the others lies within a distance of each unit vector."""
    if not len(vectors) or not len(others):
        return np.zeros(len(vectors), bool)
    return cKDTree(others).query(vectors)[0] < 2.0 * np.sin(0.5 * distance_arcmin * ARCMIN)


def _first_of_close(vectors: np.ndarray) -> np.ndarray:
    """Return the numbers of unit vectors that are apart from all kept ones before them."""
    if not len(vectors):
        return np.zeros(0, int)
    pairs = cKDTree(vectors).query_pairs(2.0 * np.sin(0.5 * APART_ARCMIN * ARCMIN), output_type="ndarray")
    kept = np.ones(len(vectors), bool)
    for first, second in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        kept[second] &= not kept[first]
    return np.flatnonzero(kept)
