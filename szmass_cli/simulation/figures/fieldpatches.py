"""Flat patches cut out of a survey map, to measure power spectra on."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from szmass_cli.config import FieldConfig
from szmass_cli.maps import SkyMap
from szmass_cli.maps.tangent import tangent_directions
from szmass_cli.sky.patch import Patch

MAX_PATCHES = 16
MAX_SIDE_DEG, MAX_SIDE_PIXELS = 4.0, 640
_MARGIN_PIXELS = 12  # what the splines at a patch's edge draw on
_SPLINE_ORDER = 5


@dataclass(frozen=True)
class PatchGrid:
    """Square grids on planes that touch the sky.

    Parameters
    ----------
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        Centres of the patches [deg].
    size : int
        Pixels along a side.
    pixel_arcmin : float
        Step of the grids along both axes, on the plane.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    size: int
    pixel_arcmin: float

    def directions(self, number: int) -> np.ndarray:
        """Return ICRS unit vectors (size, size, 3) of one patch's pixels; rows to the north, columns west."""
        offsets = self._offsets_arcmin
        return self._at(number, offsets[:, None], offsets[None, :])

    def rim(self, number: int) -> np.ndarray:
        """Return the unit vectors (4 size, 3) of the pixels along the edges of one patch."""
        along, end = self._offsets_arcmin, np.full(self.size, self._offsets_arcmin[-1])
        north = np.concatenate([along, along, end, -end])
        return self._at(number, north, np.concatenate([end, -end, along, along]))

    @property
    def _offsets_arcmin(self) -> np.ndarray:
        return (np.arange(self.size) - (self.size - 1) / 2.0) * self.pixel_arcmin

    def _at(self, number: int, north_arcmin: np.ndarray, west_arcmin: np.ndarray) -> np.ndarray:
        centre = slice(number, number + 1)
        return tangent_directions(self.ra_deg[centre], self.dec_deg[centre], north_arcmin, west_arcmin)[0]

    def __len__(self) -> int:
        return len(self.ra_deg)


def lay_patches(field: FieldConfig, pixel_arcmin: float) -> PatchGrid:
    """Return patches of up to 4 degrees inside a field, as many as fit side by side up to `MAX_PATCHES`.

    Those of a large field are spread over it evenly. A field that holds none gets a grid without patches.

    Parameters
    ----------
    field : FieldConfig
        Its centre and size, and the width of its tapered edges, which patches keep clear of.
    pixel_arcmin : float
        Longer side of the map's pixels. Pixels of the patches are as wide as the shorter side, which on a CAR
        map away from the equator is that in right ascension: wider ones would fold its noise onto themselves.
    """
    whole = Patch.of(field)
    if field.pixelisation == "car":
        pixel_arcmin *= np.cos(np.radians(min(max(abs(whole.south_deg), abs(whole.north_deg)), 89.0)))
    edge_deg = (field.apodisation_arcmin + (_MARGIN_PIXELS + 2) * pixel_arcmin) / 60.0
    height_deg = whole.north_deg - whole.south_deg - 2.0 * edge_deg
    width_deg = field.width_deg * np.cos(np.radians(field.center_dec_deg)) - 2.0 * edge_deg
    n_rows = max(int(np.ceil(height_deg / min(MAX_SIDE_DEG, MAX_SIDE_PIXELS * pixel_arcmin / 60.0))), 1)
    # a little less than fits: the sides of a square bend away from parallels
    size = int(min(0.97 * height_deg / n_rows, 0.9 * width_deg) * 60.0 / pixel_arcmin)
    if size < 16:
        return PatchGrid(np.empty(0), np.empty(0), 16, pixel_arcmin)
    candidates = PatchGrid(*_side_by_side(whole, edge_deg, n_rows, height_deg / n_rows), size, pixel_arcmin)
    inside = np.array([_is_inside(candidates, i, whole, edge_deg) for i in range(len(candidates))])
    chosen = np.flatnonzero(inside)
    if len(chosen) > MAX_PATCHES:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MAX_PATCHES).astype(int)]
    return PatchGrid(candidates.ra_deg[chosen], candidates.dec_deg[chosen], size, pixel_arcmin)


def _side_by_side(
    whole: Patch, edge_deg: float, n_rows: int, step_deg: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascensions and declinations of squares in rows along parallels, about a field's middle."""
    middle = (whole.south_deg + whole.north_deg) / 2.0
    ra, dec = [], []
    for row in range(n_rows):
        row_dec = middle + (row - (n_rows - 1) / 2.0) * step_deg
        # the side towards the pole is the longest one in right ascension
        poleward = np.radians(min(abs(row_dec) + step_deg / 2.0, 89.0))
        ra_step = min(step_deg / np.cos(poleward), 360.0)
        n = max(int((whole.width_deg - 2.0 * edge_deg / np.cos(poleward)) / ra_step), 1)
        ra.append(whole.center_ra_deg + (np.arange(n) - (n - 1) / 2.0) * ra_step)
        dec.append(np.full(n, row_dec))
    return np.concatenate(ra), np.concatenate(dec)


def _is_inside(grid: PatchGrid, number: int, whole: Patch, edge_deg: float) -> bool:
    """Return whether the rim of a patch lies within a field, at least this far from the field's edges."""
    ra_deg, dec_deg = positions_deg(grid.rim(number))
    if not whole.contains(ra_deg, dec_deg).all():
        return False
    return all(np.all(distance >= edge_deg) for distance in whole.edge_distance_deg(ra_deg, dec_deg))


def sample_patch(sky_map: SkyMap, directions: np.ndarray) -> np.ndarray:
    """Return the values of a map at unit vectors (ny, nx, 3), interpolated by splines.

    They are in µK, or as they are in a map without a unit.
    """
    centre = directions[directions.shape[0] // 2, directions.shape[1] // 2]
    chart = sky_map.charts(centre[None])
    pixels = sky_map.to_pixels(directions.reshape(1, -1, 3), chart)[0]
    low = np.floor(pixels.min(axis=0)).astype(int) - _MARGIN_PIXELS
    high = np.ceil(pixels.max(axis=0)).astype(int) + _MARGIN_PIXELS + 1
    window, outside = sky_map.read(chart[0], (low[0], high[0]), (low[1], high[1]))
    # corners of a slanted window: nothing there is asked for
    window = np.where(outside | ~np.isfinite(window) | (np.abs(window) > 1e25), 0.0, window)
    values = ndimage.map_coordinates(window, (pixels - low).T, order=_SPLINE_ORDER, mode="nearest")
    return values.reshape(directions.shape[:2]) * sky_map.units.to_uk


def positions_deg(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the right ascension and declination [deg] of unit vectors (..., 3)."""
    ra_deg = np.degrees(np.arctan2(directions[..., 1], directions[..., 0]))
    return ra_deg, np.degrees(np.arcsin(np.clip(directions[..., 2], -1.0, 1.0)))
