"""Patches: pieces of a map of a degree or two on the tangent plane, from which its power is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage
from scipy.interpolate import RectBivariateSpline

from szmass_cli.maps.sampling import fill_from_nearest
from szmass_cli.maps.skymap import PixelStatus, SkyMap, pixel_status
from szmass_cli.maps.tangent import tangent_directions
from szmass_cli.maps.weights import LEAST_MASK, Weights

FINEST_ARCMIN = 0.25
"""Pixels of patches are those of the map, but no finer than those of cutouts, whose noise counts."""

_SPLINE_ORDER = 5
_MARGIN = 12
_LARGEST_WINDOW = 4_000_000
_NODES = 20
_SMOOTH_PIXELS = 1.0


@dataclass(frozen=True)
class PatchGrid:
    """The square of pixels of a patch.

    Parameters
    ----------
    n_pixels : int
        Pixels along a side.
    pixel_arcmin : float
        Side of a pixel [arcmin].
    """

    n_pixels: int
    pixel_arcmin: float

    @property
    def side_deg(self) -> float:
        """Return the side of the patch [deg]."""
        return self.n_pixels * self.pixel_arcmin / 60.0

    @property
    def offsets_arcmin(self) -> np.ndarray:
        """Return the offsets (n,) of rows northwards, or columns westwards, from the centre [arcmin]."""
        return (np.arange(self.n_pixels) - 0.5 * (self.n_pixels - 1)) * self.pixel_arcmin

    def directions(self, ra_deg: float, dec_deg: float) -> np.ndarray:
        """Return the ICRS unit vectors (n, n, 3) of the pixels of a patch around a position."""
        axis = self.offsets_arcmin
        centre = np.array([ra_deg]), np.array([dec_deg])
        return tangent_directions(*centre, axis[:, None], axis[None, :])[0]


def grid_for(pixels_arcmin: list[float], side_deg: float) -> PatchGrid:
    """Return the pixels of patches of maps with pixels of given sides [arcmin], about so wide [deg]."""
    pixel = max(FINEST_ARCMIN, *pixels_arcmin)
    return PatchGrid(int(fft.next_fast_len(round(60.0 * side_deg / pixel), real=True)), pixel)


def cut_patch(
    sky_map: SkyMap, grid: PatchGrid, ra_deg: float, dec_deg: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cut a patch out of a map.

    Parameters
    ----------
    sky_map : SkyMap
        The opened map to cut from.
    grid : PatchGrid
        Pixels of the patch.
    ra_deg, dec_deg : float
        Its centre, ICRS [deg].

    Returns
    -------
    values_uk, bad : numpy.ndarray, shape (n, n)
        Map [µK_CMB], row 0 the most southern and column 0 the most eastern, 0 in pixels without data; and
        which these are. None where the map's lattice bends within the patch.
    """
    directions = grid.directions(ra_deg, dec_deg)
    chart = sky_map.charts(directions[grid.n_pixels // 2, grid.n_pixels // 2][None])
    pixels = _pixels(sky_map, grid, directions, chart)
    if pixels is None:
        return None
    low = np.floor(pixels.min(axis=(0, 1))).astype(int) - _MARGIN
    high = np.floor(pixels.max(axis=(0, 1))).astype(int) + 2 + _MARGIN
    if np.prod(high - low) > _LARGEST_WINDOW:
        return None
    window, outside = sky_map.read(chart[0], (low[0], high[0]), (low[1], high[1]))
    status = pixel_status(window, outside, sky_map.units.to_uk)
    local = np.moveaxis(pixels - low, -1, 0)
    bad = np.zeros(directions.shape[:2], bool)
    if status.any():
        row, column = np.floor(local).astype(int)
        wrong = status != PixelStatus.GOOD
        for up in (0, 1):
            for right in (0, 1):
                bad |= wrong[row + up, column + right]
        if bad.all():
            return np.zeros(bad.shape), bad
        window = fill_from_nearest(window, wrong)
    coefficients = ndimage.spline_filter(window, _SPLINE_ORDER, mode="mirror")
    values = ndimage.map_coordinates(coefficients, local, order=_SPLINE_ORDER, mode="mirror", prefilter=False)
    return np.where(bad, 0.0, values * sky_map.units.to_uk), bad


def _pixels(sky_map: SkyMap, grid: PatchGrid, directions: np.ndarray, chart: np.ndarray) -> np.ndarray | None:
    """Return the map's rows and columns (n, n, 2) of a patch's pixels; None where its lattice bends."""
    every = np.append(np.arange(0, grid.n_pixels - 1, max(1, grid.n_pixels // _NODES)), grid.n_pixels - 1)
    some = directions[np.ix_(every, every)]
    known = sky_map.to_pixels(some.reshape(1, -1, 3), chart).reshape(*some.shape[:2], 2)
    # the last node need not be as far as the others are from one another
    steps = [np.diff(known[:-1, :-1], 3, axis=axis) for axis in (0, 1)]
    if np.isnan(known).any() or max(np.abs(step).max() for step in steps) > _SMOOTH_PIXELS:
        return None
    spline = [RectBivariateSpline(every, every, known[..., axis], kx=5, ky=5) for axis in (0, 1)]
    all_pixels = np.arange(grid.n_pixels)
    return np.stack([one(all_pixels, all_pixels) for one in spline], axis=-1)


def patch_weights(
    weights: Weights, grid: PatchGrid, ra_deg: float, dec_deg: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return which pixels (n, n) of a patch a mask or weights leave out, and its inverse variances.

    Inverse variances (n, n) are in the map's unit to the -2 per pixel of the weights' map, 0 where there are
    none; None without weights.
    """
    directions = grid.directions(ra_deg, dec_deg)
    bad = np.zeros(directions.shape[:2], bool)
    if weights.mask is not None:
        bad |= ~(weights.mask.nearest(directions) >= LEAST_MASK)
    if weights.ivar is None:
        return bad, None
    ivar = weights.ivar.nearest(directions)
    ivar = np.where(np.isfinite(ivar) & (ivar > 0.0), ivar, 0.0)
    return bad | (ivar == 0.0), ivar
