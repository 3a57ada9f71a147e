"""Maps that fade towards the edges of their field: how fast, and how much of a cluster is left there.

Map makers multiply maps with a taper before they filter or combine them. Clusters in it are damped, and so is
the noise: without a taper noise never falls towards an edge, where a survey has looked less often.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.tangent import tangent_directions
from szmass_cli.maps.weights import Weights, nearest_with_data

STEP_ARCMIN, REACH_ARCMIN = 3.0, 90.0
"""Of the lattice of points that is looked at around a position."""

COARSE_STEPS = 5
"""Of the lattice, at which is looked first whether anything is missing."""

HOLE_STEPS = 8
"""Holes that are narrower along either axis, as those of point sources, are no edges."""

RINGS_ARCMIN = np.arange(0.0, 61.0, 5.0)
"""Distances from the edge between which what is left is measured."""

MIDDLES_ARCMIN = 0.5 * (RINGS_ARCMIN[1:] + RINGS_ARCMIN[:-1])
INNER_ARCMIN = 60.0
"""Points further than this from all edges show the map as it is."""

MOST_LOOKED_AT, MOST_WINDOWS = 256, 24
LEAST_POINTS = 150
"""Of a ring, and of the inner part: medians of as many scatter by 10 per cent in power."""

FADED = 0.35
"""Power in the outermost ring over that of the inner part, below which a map is said to fade."""

WHOLE = 0.9
"""Rings with more power than this are whole: the amplitude is within 5 per cent."""

LEAST_LEFT = 0.3
"""Of the amplitude: where less is left, a map is taken to have no data."""

_ROWS_AT_A_TIME = 32


@dataclass(frozen=True)
class Fade:
    """What is left of the sky near the edges of a map.

    Parameters
    ----------
    amplitude : tuple of float, length k
        In rings around `MIDDLES_ARCMIN` from the edge; 1 further inside.
    """

    amplitude: tuple[float, ...]

    @property
    def width_arcmin(self) -> float:
        """Return the distance from the edge at which all of the sky is left [arcmin]."""
        below = np.flatnonzero(np.array(self.amplitude) < 1.0)
        return float(RINGS_ARCMIN[below[-1] + 1]) if below.size else 0.0

    def left(
        self,
        sky_map: SkyMap,
        weights: Weights,
        ra_deg: np.ndarray,
        dec_deg: np.ndarray,
        offsets_arcmin: np.ndarray,
    ) -> np.ndarray:
        """Return the amplitude that is left around positions, (n, k, k), rows northwards, columns westwards.

        Parameters
        ----------
        sky_map, weights : SkyMap, Weights
            The map that fades.
        ra_deg, dec_deg : numpy.ndarray, shape (n,)
            ICRS positions [deg].
        offsets_arcmin : numpy.ndarray, shape (k,)
            Offsets of rows and columns from them, less than `REACH_ARCMIN`.
        """
        found = np.ones((len(ra_deg), offsets_arcmin.size, offsets_arcmin.size))
        place = (offsets_arcmin + REACH_ARCMIN) / STEP_ARCMIN
        middles = np.concatenate([[0.0], MIDDLES_ARCMIN, [RINGS_ARCMIN[-1] + STEP_ARCMIN]])
        amplitude = np.concatenate([[0.0], self.amplitude, [1.0]])
        for some in _near_edges(sky_map, weights, ra_deg, dec_deg):
            values = _values(sky_map, weights, ra_deg[some], dec_deg[some], _axis())
            for row, one in zip(some, values, strict=True):
                distance = _from_edge(~np.isfinite(one))
                grid = np.meshgrid(place, place, indexing="ij")
                near = ndimage.map_coordinates(distance, grid, order=1, mode="nearest")
                found[row] = np.interp(near, middles, amplitude)
        return found


def measured_fade(sky_map: SkyMap, weights: Weights, ra_deg: np.ndarray, dec_deg: np.ndarray) -> Fade | None:
    """Return how a map fades towards its edges, None where it does not or has no edge near any position.

    Second differences of points of the map are compared: CMB and large scales drop out of them.

    Parameters
    ----------
    sky_map, weights : SkyMap, Weights
        The map, with what says where it has data.
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        ICRS positions [deg]; edges near some of them are looked at, always the same ones.
    """
    order = np.random.default_rng(0).permutation(len(ra_deg))[:MOST_LOOKED_AT]
    distances, sizes, inner = [], [], []
    windows = 0
    for some in _near_edges(sky_map, weights, ra_deg[order], dec_deg[order]):
        chosen = order[some]
        for one in _values(sky_map, weights, ra_deg[chosen], dec_deg[chosen], _axis()):
            size, from_edge = _second_differences(one), _from_edge(~np.isfinite(one))
            good = np.isfinite(size)
            # what lies beyond the window may be nearer than what is in it
            known = good & (from_edge <= _TO_BORDER)
            distances.append(from_edge[known])
            sizes.append(size[known])
            inner.append(size[good & (np.minimum(from_edge, _TO_BORDER) >= INNER_ARCMIN)])
            windows += 1
        if windows >= MOST_WINDOWS:
            break
    if not windows:
        return None
    whole, size = np.concatenate(inner), np.concatenate(sizes)
    ring = np.digitize(np.concatenate(distances), RINGS_ARCMIN, right=True) - 1
    count = np.bincount(ring[ring >= 0], minlength=MIDDLES_ARCMIN.size)[: MIDDLES_ARCMIN.size]
    if whole.size < LEAST_POINTS or np.any(count[1:] < LEAST_POINTS):
        return None
    power = np.array([np.median(size[ring == one]) for one in range(MIDDLES_ARCMIN.size) if count[one]])
    power = np.append(np.full(MIDDLES_ARCMIN.size - power.size, power[0]), power)
    if not np.median(whole) > 0.0:
        return None  # a flat map fades nowhere
    power = (power / np.median(whole)) ** 2
    power[0] = min(power[0], power[1])  # few of its points have neighbours on all sides
    if power[1] > FADED:
        return None
    # a taper only ever falls towards the edge, up to where the map is whole
    below = np.flatnonzero(power < WHOLE)
    power[below[-1] + 1 :] = 1.0
    return Fade(tuple(float(one) for one in np.sqrt(np.minimum(np.maximum.accumulate(power), 1.0))))


def _near_edges(
    sky_map: SkyMap, weights: Weights, ra_deg: np.ndarray, dec_deg: np.ndarray
) -> list[np.ndarray]:
    """Return the numbers of positions that have something missing around them, a few at a time."""
    placed = np.flatnonzero(np.isfinite(ra_deg + dec_deg) & (np.abs(dec_deg) <= 90.0))
    groups = []
    for start in range(0, len(placed), _ROWS_AT_A_TIME):
        some = placed[start : start + _ROWS_AT_A_TIME]
        values = _values(sky_map, weights, ra_deg[some], dec_deg[some], _axis()[::COARSE_STEPS])
        good = np.isfinite(values)
        near = ~good.all(axis=(1, 2)) & good.any(axis=(1, 2))
        if near.any():
            groups.append(some[near])
    return groups


def _values(
    sky_map: SkyMap, weights: Weights, ra_deg: np.ndarray, dec_deg: np.ndarray, axis: np.ndarray
) -> np.ndarray:
    """Return the map at lattices around positions (n, k, k), NaN where it has no data."""
    directions = tangent_directions(ra_deg, dec_deg, axis[:, None], axis[None, :])
    return nearest_with_data(sky_map, weights, directions)


def _axis() -> np.ndarray:
    return np.arange(-REACH_ARCMIN, REACH_ARCMIN + 0.5 * STEP_ARCMIN, STEP_ARCMIN)


def _to_border() -> np.ndarray:
    inside = REACH_ARCMIN - np.abs(_axis())
    return np.minimum(inside[:, None], inside[None, :])


_TO_BORDER = _to_border()


def _from_edge(missing: np.ndarray) -> np.ndarray:
    """Return the distance (k, k) of points from what is missing beyond the field [arcmin]."""
    around = np.pad(missing, HOLE_STEPS, mode="edge")
    beyond = ndimage.binary_opening(around, np.ones((HOLE_STEPS, HOLE_STEPS)))
    beyond = beyond[HOLE_STEPS:-HOLE_STEPS, HOLE_STEPS:-HOLE_STEPS]
    if not beyond.any():
        return np.full(missing.shape, 4.0 * REACH_ARCMIN)
    return ndimage.distance_transform_edt(~beyond) * STEP_ARCMIN


def _second_differences(values: np.ndarray) -> np.ndarray:
    """Return the mean size (k, k) of second differences along both axes, NaN where a point is missing."""
    found = np.full(values.shape, np.nan)
    middle = values[1:-1, 1:-1]
    across = np.abs(2.0 * middle - values[1:-1, :-2] - values[1:-1, 2:])
    along = np.abs(2.0 * middle - values[:-2, 1:-1] - values[2:, 1:-1])
    found[1:-1, 1:-1] = 0.5 * (across + along)
    return found
