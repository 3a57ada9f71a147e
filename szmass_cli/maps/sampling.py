"""From a map's pixels to a cutout's, by quintic splines.

Interpolation smooths, and what it smooths away is mass: bilinear costs 5 per cent on a 0.5' map, a quintic
spline about 0.1 per cent.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage
from scipy.interpolate import RBFInterpolator

from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN, pixel_offsets_arcmin
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.maps.cutoutpixels import CutoutPixels
from szmass_cli.maps.neargrid import MAX_DEPARTURE_PIXELS, NearGrid, spline_coefficients
from szmass_cli.maps.skymap import ABSURD, PixelStatus, SkyMap, pixel_status
from szmass_cli.maps.tangent import tangent_offsets_arcmin

_SPLINE_ORDER = 5
# The prefilter's memory of a window's edge falls by 0.43 a pixel, so 12 leave less than 1e-4 of it.
_MARGIN = 12
_RBF_REACH_PIXELS = 6.0
_RBF_TILES = 5


def sample(
    sky_map: SkyMap, laid: CutoutPixels, i: int, exchange: BeamExchange | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate a map at the pixels of cutout `i`, its beam exchanged where there is an `exchange`.

    Returns
    -------
    values : (40, 40) float64 array
        In the map's units; meaningless where `status` is not 0.
    status : (40, 40) uint8 array
        `PixelStatus` bits of the four map pixels around each point.
    """
    chart, pixels = laid.charts[i], laid.pixels[i]
    nowhere = np.isnan(pixels).any(axis=-1)
    if nowhere.all():
        return np.zeros(nowhere.shape), np.full(nowhere.shape, PixelStatus.OUTSIDE, dtype=np.uint8)
    if nowhere.any():
        pixels = np.where(nowhere[..., None], np.nanmean(pixels, axis=(0, 1)), pixels)
    low = np.floor(pixels.min(axis=(0, 1))).astype(int) - _MARGIN
    high = np.floor(pixels.max(axis=(0, 1))).astype(int) + 2 + _MARGIN
    if exchange is not None:
        high = low + [fft.next_fast_len(int(size), real=True) for size in high - low]
    rows, columns = (low[0], high[0]), (low[1], high[1])
    window, outside = sky_map.read(chart, rows, columns)
    window_status = pixel_status(window, outside, sky_map.units.to_uk)
    local = pixels - low
    if window_status.any():
        status = _around(window_status, local)
        window = fill_from_nearest(window, window_status != 0)
    else:
        status = np.zeros(nowhere.shape, np.uint8)
    status[nowhere] = PixelStatus.OUTSIDE
    if (status != 0).all():
        return np.zeros(status.shape), status
    scattered = sky_map.kinked_pixels(chart, rows, columns) if laid.rough[i] else None
    if scattered is None:
        if exchange is not None:
            window = exchange.on_lattice(window, pixels_per_arcmin(pixels))
        return _interpolate_lattice(window, local), status
    north, west = tangent_offsets_arcmin(laid.ra_deg[i], laid.dec_deg[i], scattered)
    values = _interpolate_scattered(window, north, west, sky_map.pixel_arcmin)
    if exchange is not None:
        values = exchange.on_cutout(values, PIXEL_ARCMIN, sky_map.pixel_arcmin)
    return values, status


def sample_around(sky_map: SkyMap, laid: CutoutPixels, i: int) -> np.ndarray:
    """Return the smallest value (40, 40) of the four map pixels around each pixel of a cutout.

    NaN where one of the four is missing. Masks and weights are sampled so, as they must not be interpolated.
    """
    chart, pixels = laid.charts[i], laid.pixels[i]
    nowhere = np.isnan(pixels).any(axis=-1)
    if nowhere.all():
        return np.full(nowhere.shape, np.nan)
    low = np.floor(np.nanmin(pixels, axis=(0, 1))).astype(int)
    high = np.floor(np.nanmax(pixels, axis=(0, 1))).astype(int) + 2
    window, outside = sky_map.read(chart, (low[0], high[0]), (low[1], high[1]))
    window = np.where(outside | ~(np.abs(window) < ABSURD), np.nan, window)
    row, column = np.moveaxis(np.floor(np.where(nowhere[..., None], 0.0, pixels - low)).astype(int), -1, 0)
    corners = [window[row + up, column + right] for up in (0, 1) for right in (0, 1)]
    return np.where(nowhere, np.nan, np.min(corners, axis=0))


def pixels_per_arcmin(pixels: np.ndarray) -> np.ndarray:
    """Return the change of row and column (2, 2) per arcmin north and west.

    It is measured in the middle of a cutout's pixels (40, 40, 2).
    """
    south, north = N_PIXELS // 4, N_PIXELS - N_PIXELS // 4
    core = pixels[south:north:, south:north]
    steps = core[-1].mean(axis=0) - core[0].mean(axis=0), core[:, -1].mean(axis=0) - core[:, 0].mean(axis=0)
    return np.stack(steps, axis=1) / ((len(core) - 1) * PIXEL_ARCMIN)


def _around(status: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Return the combined status bits of the 2 x 2 pixels around each point."""
    row, column = np.moveaxis(np.floor(local).astype(int), -1, 0)
    south = status[row, column] | status[row, column + 1]
    return south | status[row + 1, column] | status[row + 1, column + 1]


def fill_from_nearest(window: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Give pixels without data their nearest neighbour's value: a spline rings less than at a step."""
    if not bad.any():
        return window
    nearest = ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
    return window[tuple(nearest)]


def _interpolate_lattice(window: np.ndarray, local: np.ndarray) -> np.ndarray:
    if not NearGrid.is_out_of_question(local):
        grid = NearGrid.of(local)
        if grid.departure < MAX_DEPARTURE_PIXELS:
            return grid.interpolate(window)
    places = np.moveaxis(local, -1, 0)
    coefficients = spline_coefficients(window)
    return ndimage.map_coordinates(coefficients, places, order=_SPLINE_ORDER, mode="mirror", prefilter=False)


def _interpolate_scattered(
    window: np.ndarray, north_arcmin: np.ndarray, west_arcmin: np.ndarray, pixel_arcmin: float
) -> np.ndarray:
    """Interpolate pixels by their place on the tangent plane, whatever their order in the window.

    Polyharmonic splines, one for each tile of the cutout; slower than on a lattice, but indifferent to kinks.
    """
    offsets = pixel_offsets_arcmin()
    reach = _RBF_REACH_PIXELS * pixel_arcmin
    near = (np.abs(north_arcmin) < offsets[-1] + reach) & (np.abs(west_arcmin) < offsets[-1] + reach)
    places = np.stack([north_arcmin[near], west_arcmin[near]], axis=-1)
    # Around a corner of HEALPix a window can hold a pixel twice.
    _, first = np.unique(np.round(places / pixel_arcmin, 3), axis=0, return_index=True)
    places, values = places[first], window[near][first]
    image = np.empty((N_PIXELS, N_PIXELS))
    for north in np.array_split(np.arange(N_PIXELS), _RBF_TILES):
        for west in np.array_split(np.arange(N_PIXELS), _RBF_TILES):
            tile = np.stack(np.meshgrid(offsets[north], offsets[west], indexing="ij"), axis=-1)
            around = np.all((places > tile[0, 0] - reach) & (places < tile[-1, -1] + reach), axis=1)
            spline = RBFInterpolator(places[around], values[around], kernel="quintic")
            image[np.ix_(north, west)] = spline(tile.reshape(-1, 2)).reshape(tile.shape[:2])
    return image
