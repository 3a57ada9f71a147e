"""Maps that are images with a celestial WCS: CAR and every other FITS projection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.coordinates import BaseCoordinateFrame
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_area

from szmass_cli.errors import InputError
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.maps.frames import frame_of_wcs, to_lon_lat_deg
from szmass_cli.maps.instrument import Instrument, stated_instrument
from szmass_cli.maps.skymap import has_data, scattered_slices
from szmass_cli.maps.units import MapUnits, resolve_units

_CYLINDRICAL = ("CAR", "CEA", "MER", "CYP")
# Points of a stamp further than this many stamp sides from its centre lie across a cut of the projection.
_REACH_STAMPS = 10
_SCAN_PIXELS = 4_000_000


@dataclass(frozen=True)
class ImagePlane:
    """The temperature plane of an image HDU: raw values and the linear scale that FITS stores beside them."""

    raw: np.ndarray
    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None

    def __getitem__(self, key) -> np.ndarray:
        raw = self.raw[key]
        values = raw.astype(np.float64)
        if (self.scale, self.zero) != (1.0, 0.0):
            values = values * self.scale + self.zero
        if self.blank is not None:
            values[raw == self.blank] = np.nan
        return values


@dataclass(frozen=True)
class WcsMap:
    """A map on a WCS image; a `skymap.SkyMap`. A chart is the pixel (row, column) of the stamp's centre."""

    path: Path
    plane: ImagePlane
    wcs: WCS
    frame: BaseCoordinateFrame
    pixel_arcmin: float
    units: MapUnits
    instrument: Instrument
    description: str
    assumptions: tuple[str, ...]
    turn_columns: float | None
    """Columns in 360 degrees of longitude, for projections where longitude simply repeats."""

    @property
    def raw(self) -> np.ndarray:
        return self.plane.raw

    @property
    def full_circle(self) -> int | None:
        """The whole number of columns after which the image repeats, if it goes all the way round."""
        if self.turn_columns is None:
            return None
        turn = round(self.turn_columns)
        closes = abs(turn - self.turn_columns) < 1e-3 and self.plane.raw.shape[1] >= turn
        return turn if closes else None

    def charts(self, centres: np.ndarray) -> np.ndarray:
        charts = self._pixels(centres)
        if self.turn_columns is not None:
            middle = (self.plane.raw.shape[1] - 1) / 2
            charts[:, 1] = _nearest_turn(charts[:, 1], middle, self.turn_columns)
        return charts

    def to_pixels(self, directions: np.ndarray, charts: np.ndarray) -> np.ndarray:
        pixels = self._pixels(directions)
        if self.turn_columns is not None:
            pixels[..., 1] = _nearest_turn(pixels[..., 1], charts[:, None, 1], self.turn_columns)
            return pixels
        reach = _REACH_STAMPS * N_PIXELS * PIXEL_ARCMIN / self.pixel_arcmin
        pixels[~(np.abs(pixels - charts[:, None]).max(axis=-1) < reach)] = np.nan
        return pixels

    def read(
        self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        height, width = self.plane.raw.shape
        if min(rows[0], columns[0]) >= 0 and rows[1] <= height and columns[1] <= width:
            values = self.plane[slice(*rows), slice(*columns)]
            return values, np.zeros(values.shape, dtype=bool)
        row, column = np.arange(*rows), np.arange(*columns)
        if self.full_circle is not None:
            column %= self.full_circle
        row_in, column_in = (row >= 0) & (row < height), (column >= 0) & (column < width)
        inside = row_in[:, None] & column_in[None, :]
        values = np.full(inside.shape, np.nan)
        if inside.any():
            values[inside] = self.plane[np.ix_(row[row_in], column[column_in])].ravel()
        return values, ~inside

    def nearest(self, directions: np.ndarray) -> np.ndarray:
        height, width = self.plane.raw.shape
        pixels = self._pixels(directions)
        row, column = pixels[..., 0], pixels[..., 1]
        if self.turn_columns is not None:
            column = _nearest_turn(column, (width - 1) / 2, self.turn_columns)
        # comparisons with NaN, where the projection does not reach, are false
        inside = (row > -0.5) & (row < height - 0.5) & (column > -0.5) & (column < width - 0.5)
        values = np.full(inside.shape, np.nan)
        values[inside] = self.plane[np.rint(row[inside]).astype(int), np.rint(column[inside]).astype(int)]
        return values

    def kinked_pixels(self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> None:
        return None

    def _pixels(self, directions: np.ndarray) -> np.ndarray:
        lon_deg, lat_deg = to_lon_lat_deg(directions.reshape(-1, 3), self.frame)
        world = np.empty((lon_deg.size, 2))
        world[:, self.wcs.wcs.lng], world[:, self.wcs.wcs.lat] = lon_deg, lat_deg
        if self.wcs.has_distortion:
            pixels = self.wcs.all_world2pix(world, 0, quiet=True)[:, ::-1]
        else:
            pixels = self.wcs.wcs_world2pix(world, 0)[:, ::-1]
        return pixels.reshape(*directions.shape[:-1], 2)


def open_wcs_map(path: Path, hdu, units: str | None, frequency_ghz: float) -> WcsMap:
    """Make a map of an image HDU that has a celestial WCS.

    A plain image stays on disk, memory-mapped; of a compressed one the intensity plane is unpacked
    into memory.

    Raises
    ------
    InputError
        Fewer than two axes, sky axes that are not the image's, unknown units, or no data at all.
    """
    wcs = WCS(hdu.header)
    if {wcs.wcs.lng, wcs.wcs.lat} != {0, 1}:
        raise InputError(f"{path}: its sky axes are not the first two axes.", "Reorder its axes.")
    plane_index, assumptions = _intensity_plane(path, hdu)
    plane = _read_plane(hdu, plane_index)
    height, width = plane.raw.shape
    rows = max(1, _SCAN_PIXELS // width)
    if not has_data(plane[part] for part in scattered_slices(height, rows)):
        raise InputError(f"{path} has no data: all its pixels are NaN or zero.", "Is it the right file?")
    wcs = wcs.celestial
    frame = frame_of_wcs(wcs)
    pixel_arcmin = float(np.sqrt(proj_plane_pixel_area(wcs)) * 60)
    map_units = resolve_units(units, hdu.header.get("BUNIT"), frequency_ghz, str(path))
    if map_units.source == "assumed":
        assumptions = (*assumptions, "The map does not state its unit: µK_CMB assumed.")
    projection = wcs.wcs.ctype[0][5:8]
    description = f"{projection} {width}x{height}, {pixel_arcmin:.2f}', {frame.name.upper()}"
    return WcsMap(
        path=path,
        plane=plane,
        wcs=wcs,
        frame=frame,
        pixel_arcmin=pixel_arcmin,
        units=map_units,
        instrument=stated_instrument(hdu.header),
        description=description,
        assumptions=assumptions,
        turn_columns=_turn_columns(wcs),
    )


def _intensity_plane(path: Path, hdu) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Index of Stokes I along the axes before the last two, and what had to be assumed to find it."""
    header, index, assumptions = hdu.header, [], []
    for axis in range(header["NAXIS"], 2, -1):
        length, name = header[f"NAXIS{axis}"], header.get(f"CTYPE{axis}", "").strip().upper()
        plane = 0
        if name == "STOKES":
            step = header.get(f"CDELT{axis}", 1.0)
            first = header.get(f"CRVAL{axis}", 1.0) + (1.0 - header.get(f"CRPIX{axis}", 1.0)) * step
            plane = round((1.0 - first) / step)  # Stokes I is 1
            if not 0 <= plane < length:
                raise InputError(f"{path}: its Stokes axis has no I plane.", "Give an intensity map.")
        elif length > 1 and (name or length != 3):  # three unnamed planes are I, Q, U
            assumptions.append(f"Axis {axis} ({name or 'unnamed'}) has {length} planes: the first one taken.")
        index.append(plane)
    return tuple(index), tuple(assumptions)


def _read_plane(hdu, index: tuple[int, ...]) -> ImagePlane:
    header = hdu.header
    scale, zero = header.get("BSCALE", 1.0), header.get("BZERO", 0.0)
    if isinstance(hdu, fits.CompImageHDU):
        raw = np.asarray(hdu.section[(*index, slice(None), slice(None))])
    else:
        raw = hdu.data[index]
    blank = header.get("BLANK") if raw.dtype.kind in "iu" else None
    return ImagePlane(raw, scale, zero, blank)


def _turn_columns(wcs: WCS) -> float | None:
    matrix = wcs.pixel_scale_matrix
    aligned = wcs.wcs.lng == 0 and matrix[0, 1] == 0.0 and matrix[1, 0] == 0.0
    if not aligned or wcs.wcs.ctype[0][5:8] not in _CYLINDRICAL:
        return None
    return float(360.0 / abs(matrix[0, 0]))


def _nearest_turn(columns: np.ndarray, reference, turn: float) -> np.ndarray:
    return columns + turn * np.round((reference - columns) / turn)
