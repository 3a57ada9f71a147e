"""Regions around the rows of a catalogue, in which the noise of maps is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.rows import Rows
from szmass_cli.maps.patches import PatchGrid, cut_patch, grid_for, patch_weights
from szmass_cli.maps.tangent import tangent_offsets_arcmin, unit_vectors
from szmass_cli.maps.weights import nearest_with_data
from szmass_cli.sky.measured import hann_window
from szmass_cli.sky.patchpower import apodised, broad_window, discs
from szmass_cli.system.progress import Progress, silent

SIDE_DEG = 2.0
"""Of a region: atmospheres rise below ell = 3000, and the modes of 2 degrees are 180 apart."""

MOST_REGIONS = 16
"""A depth of 1 per cent, and tens of independent modes in each bin of the plane, whatever the survey."""

MOST_TRIED, MOST_LOOKED_AT = 80, 4000
"""Centres that are tried, and rows that they are taken from."""

APART = 0.45
"""Of a side that centres are apart at least: windows fall towards the edges, so neighbours overlap little."""

LEAST_BLANK = 0.35
"""Of a region's window that rows, sources and holes may not take."""

ROW_RADIUS_ARCMIN, SOURCE_RADIUS_ARCMIN, TAPER_ARCMIN = 5.0, 4.0, 5.0
_COARSE = 24
_NEAR_CENTRE_ARCMIN = 4.0


@dataclass(frozen=True, eq=False)
class Region:
    """A patch of all maps around some rows.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Its centre, ICRS [deg].
    grid : PatchGrid
        Its pixels, n along a side.
    images_uk : numpy.ndarray, shape (f, n, n)
        The maps [µK_CMB].
    bad : numpy.ndarray of bool, shape (n, n)
        Pixels that a map has no data in, and those of rows and sources.
    noise_uk_arcmin : numpy.ndarray, shape (f,)
        White noise at the centre by the inverse variances, NaN without.
    variance : numpy.ndarray, shape (f, n, n)
        Variance of the noise over that at the centre, by the inverse variances; 1 without.
    difference_uk, halves_uk : numpy.ndarray, shape (f, n, n), optional
        Half the difference of the maps' splits, and half their sum [µK_CMB]; None without splits.
    """

    ra_deg: float
    dec_deg: float
    grid: PatchGrid
    images_uk: np.ndarray
    bad: np.ndarray
    noise_uk_arcmin: np.ndarray
    variance: np.ndarray
    difference_uk: np.ndarray | None = None
    halves_uk: np.ndarray | None = None

    @cached_property
    def window(self) -> np.ndarray:
        """Return what the region is multiplied with before its power is taken, (n, n)."""
        return apodised(self.bad, self.grid.pixel_arcmin, TAPER_ARCMIN)

    @cached_property
    def broad(self) -> np.ndarray:
        """Return the window of its large scales, which reach across the holes of rows and sources, (n, n)."""
        return broad_window(self.bad, self.grid.pixel_arcmin)

    @property
    def blank(self) -> float:
        """Return how much of the window rows, sources and holes have left."""
        whole = hann_window(self.bad.shape)
        return float(np.sum(self.window**2) / np.sum(whole**2))

    def without(self, north_arcmin: np.ndarray, west_arcmin: np.ndarray) -> "Region":
        """Return the region with sources at positions (k,) on it masked."""
        found = discs(north_arcmin, west_arcmin, self.grid.offsets_arcmin, SOURCE_RADIUS_ARCMIN)
        return replace(self, bad=self.bad | found)

    def depth(self) -> np.ndarray:
        """Return the white noise (f,) [µK-arcmin] of the region under its window; NaN without weights."""
        weight = self.window**2
        mean = np.sum(self.variance * weight, axis=(1, 2)) / np.sum(weight)
        return self.noise_uk_arcmin * np.sqrt(mean)


def regions_around(
    maps: Sequence[BandMap],
    rows: Rows,
    most: int = MOST_REGIONS,
    known: Rows | None = None,
    progress: Progress = silent,
) -> list[Region]:
    """Return at most so many regions, the same whatever is done with the rows.

    Centres are rows in random order, far enough apart, moved to where there are more data.

    Parameters
    ----------
    maps : sequence of BandMap, length f
        The opened maps.
    rows : Rows
        All rows of the catalogue.
    most : int
        Regions at most.
    known : Rows, optional
        Clusters that are masked in the regions; the rows themselves by default.
    progress : Progress
        Called with the number of regions so far, and the most there will be.
    """
    grid = grid_for([one.sky_map.pixel_arcmin for one in maps], SIDE_DEG)
    vectors = _directions(rows)
    masked = vectors if known is None else _directions(known)
    # catalogues are sorted in some way
    order = np.random.default_rng(0).permutation(len(vectors))[:MOST_LOOKED_AT]
    order = order[_have_data(maps, vectors[order])] if len(order) else order
    cosine = np.cos(np.radians(APART * grid.side_deg))
    centres: list[np.ndarray] = []
    regions: list[Region] = []
    tried = 0
    for number in order:
        if centres and max(vectors[number] @ np.array(centres).T) > cosine:
            continue
        if len(regions) == most or tried == MOST_TRIED:
            break
        progress("regions", len(regions), most)
        tried += 1
        centre = _moved(maps, grid, vectors[number])
        if centre is None or (centres and max(centre @ np.array(centres).T) > cosine):
            continue
        region = _cut(maps, grid, centre, masked)
        if region is not None:
            centres.append(centre)
            regions.append(region)
    progress("regions", most, most)
    return regions


def _directions(rows: Rows) -> np.ndarray:
    """Return the unit vectors (k, 3) of those rows that have a position."""
    placed = np.flatnonzero(np.isfinite(rows.ra_deg) & (np.abs(rows.dec_deg) <= 90.0))
    return unit_vectors(rows.ra_deg[placed], rows.dec_deg[placed])


def _moved(maps: Sequence[BandMap], grid: PatchGrid, centre: np.ndarray) -> np.ndarray | None:
    """Return a centre (3,) with more data around it; None where there are too few."""
    coarse = PatchGrid(_COARSE, grid.side_deg * 60.0 / _COARSE)
    best, most = None, 0.0
    for _ in range(3):
        directions = coarse.directions(*_angles_deg(centre))
        good = _have_data(maps, directions)
        if good.mean() <= most:
            break
        best, most = centre, float(good.mean())
        if most > 0.97:
            break
        centre = directions[good].mean(axis=0)
        centre /= np.linalg.norm(centre)
    return best if most > LEAST_BLANK else None


def _have_data(maps: Sequence[BandMap], directions: np.ndarray) -> np.ndarray:
    """Return at which unit vectors (..., 3) all maps have data, (...)."""
    values = [nearest_with_data(one.sky_map, one.weights, directions) for one in maps]
    return np.all(np.isfinite(values), axis=0)


def _angles_deg(direction: np.ndarray) -> tuple[float, float]:
    ra = np.degrees(np.arctan2(direction[1], direction[0])) % 360.0
    return float(ra), float(np.degrees(np.arcsin(np.clip(direction[2], -1.0, 1.0))))


def _cut(maps: Sequence[BandMap], grid: PatchGrid, centre: np.ndarray, masked: np.ndarray) -> Region | None:
    """Cut a region out of all maps, clusters (k, 3) masked; None where too little is left of it."""
    ra, dec = _angles_deg(centre)
    images, variances, noise, splits = [], [], [], []
    bad = np.zeros((grid.n_pixels,) * 2, bool)
    near = masked[masked @ centre > np.cos(np.radians(grid.side_deg))]
    north, west = tangent_offsets_arcmin(ra, dec, near)
    half_side = 30.0 * grid.side_deg
    inside = np.count_nonzero(np.maximum(np.abs(north), np.abs(west)) < half_side)
    # clusters at random would leave exp(-x) blank: where that is little, nothing need be cut
    taken = np.pi * (ROW_RADIUS_ARCMIN + 0.5 * TAPER_ARCMIN) ** 2 / (2.0 * half_side) ** 2
    if np.exp(-taken * inside) < LEAST_BLANK:
        return None
    of_clusters = discs(north, west, grid.offsets_arcmin, ROW_RADIUS_ARCMIN)
    for one in maps:
        found = cut_patch(one.sky_map, grid, ra, dec)
        if found is None:
            return None
        left_out, ivar = patch_weights(one.weights, grid, ra, dec)
        images.append(found[0])
        bad |= found[1] | left_out
        if one.fade is not None:
            axis, at = grid.offsets_arcmin, (np.array([ra]), np.array([dec]))
            bad |= one.fade.left(one.sky_map, one.weights, *at, axis)[0] < 1.0
        halves = [cut_patch(split, grid, ra, dec) for split in one.splits]
        for half in halves:
            if half is None:
                return None
            bad |= half[1]
        if halves:
            splits.append([half[0] for half in halves if half is not None])
        variances.append(_relative_variance(ivar, grid, bad))
        at_centre = one.weights.noise_per_arcmin(np.array([ra]), np.array([dec]))
        noise.append(np.nan if at_centre is None else abs(at_centre[0] * one.sky_map.units.to_uk))
    region = Region(ra, dec, grid, np.array(images), bad | of_clusters, np.array(noise), np.array(variances))
    if splits:
        first, second = np.moveaxis(np.array(splits), 1, 0)
        region = replace(region, difference_uk=0.5 * (first - second), halves_uk=0.5 * (first + second))
    return region if region.blank >= LEAST_BLANK else None


def _relative_variance(ivar: np.ndarray | None, grid: PatchGrid, bad: np.ndarray) -> np.ndarray:
    """Return the variance (n, n) over the typical one within 4' of the centre, where `noise` is told."""
    if ivar is None or not np.any(ivar > 0.0):
        return np.ones(bad.shape)
    ivar = ivar.astype(float)  # of a map in another unit they may be beyond single precision
    axis = grid.offsets_arcmin
    near = np.hypot(axis[:, None], axis[None, :]) < _NEAR_CENTRE_ARCMIN
    values = ivar[near & (ivar > 0.0)]
    reference = np.median(values) if values.size else np.median(ivar[ivar > 0.0])
    return np.where(ivar > 0.0, reference / np.where(ivar > 0.0, ivar, 1.0), 1.0)
