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
from szmass_cli.maps.cards import bad_values
from szmass_cli.maps.cylinders import check_reference_latitude, circle_of, projection_of
from szmass_cli.maps.fitsfile import check_fits_in_memory
from szmass_cli.maps.frames import frame_of_wcs, to_lon_lat_deg, wcs_of
from szmass_cli.maps.hdus import Part
from szmass_cli.maps.instrument import StatedInstrument
from szmass_cli.maps.opening import Opening
from szmass_cli.maps.skymap import has_data, scattered_slices
from szmass_cli.maps.stokes import intensity_plane
from szmass_cli.maps.stored import StoredValues
from szmass_cli.maps.units import MapUnits

# Points of a cutout further than this many cutout sides from its centre lie across a cut of the projection.
_REACH_CUTOUTS = 10
_SCAN_PIXELS = 4_000_000
_BEYOND_ANY_MAP = 1e9


@dataclass(frozen=True)
class WcsMap:
    """A map on a WCS image; a `skymap.SkyMap`. A chart is the pixel (row, column) of the cutout's centre."""

    path: Path
    plane: StoredValues
    wcs: WCS
    frame: BaseCoordinateFrame
    pixel_arcmin: float
    units: MapUnits
    instrument: StatedInstrument
    description: str
    assumptions: tuple[str, ...]
    turn_columns: float | None
    """Columns in 360 degrees of longitude, for projections where longitude simply repeats."""
    full_circle: int | None
    """The whole number of columns after which the image repeats, if it goes all the way round."""

    @property
    def raw(self) -> np.ndarray:
        return self.plane.raw

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
        reach = _REACH_CUTOUTS * N_PIXELS * PIXEL_ARCMIN / self.pixel_arcmin
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
        pixels[~(np.abs(pixels) < _BEYOND_ANY_MAP)] = np.nan
        return pixels.reshape(*directions.shape[:-1], 2)


def open_wcs_map(path: Path, part: Part, opening: Opening) -> WcsMap:
    """Make a map of an image HDU that has a celestial WCS.

    A plain image stays on disk, memory-mapped; of a compressed one the intensity plane is unpacked
    into memory.

    Raises
    ------
    InputError
        Fewer than two axes, sky axes that are not the image's, a latitude of reference that can be read in
        two ways, unknown units, or no data at all.
    """
    header = part.hdu.header
    wcs = wcs_of(header)
    if {wcs.wcs.lng, wcs.wcs.lat} != {0, 1}:
        raise InputError(f"{path}: its sky axes are not the first two axes.", "Reorder its axes.")
    plane_index, assumptions = intensity_plane(path, header)
    plane = _read_plane(path, part.hdu, plane_index)
    height, width = plane.shape
    rows = max(1, _SCAN_PIXELS // width)
    if not has_data(plane[part] for part in scattered_slices(height, rows)):
        raise InputError(f"{path} has no data: all its pixels are NaN or zero.", "Is it the right file?")
    wcs = wcs.celestial
    check_reference_latitude(path, wcs, (height, width), header)
    circle = circle_of(wcs, width)
    frame = frame_of_wcs(circle.wcs)
    pixel_arcmin = float(np.sqrt(proj_plane_pixel_area(circle.wcs)) * 60)
    units, unit_notes = opening.units_of(header, None, str(path))
    description = f"{projection_of(wcs)} {width}x{height}, {pixel_arcmin:.2f}', {frame.name.upper()}"
    return WcsMap(
        path=path,
        plane=plane,
        wcs=circle.wcs,
        frame=frame,
        pixel_arcmin=pixel_arcmin,
        units=units,
        instrument=opening.instrument_of(header),
        description=description,
        assumptions=(*opening.notes, *assumptions, *circle.notes, *unit_notes),
        turn_columns=circle.turn_columns,
        full_circle=circle.full,
    )


def _read_plane(path: Path, hdu, index: tuple[int, ...]) -> StoredValues:
    header = hdu.header
    scale, zero = header.get("BSCALE", 1.0), header.get("BZERO", 0.0)
    if isinstance(hdu, fits.CompImageHDU):
        check_fits_in_memory(
            path, hdu.header["NAXIS1"] * hdu.header["NAXIS2"] * abs(hdu.header["BITPIX"]) // 8
        )
        raw = np.asarray(hdu.section[(*index, slice(None), slice(None))])
    else:
        raw = hdu.data[index]
    if raw.dtype.kind in "iu":
        return StoredValues(raw, scale, zero, header.get("BLANK"), bad_values(header))
    # the standard has BLANK for integers only, and programs write it all the same
    return StoredValues(raw, scale, zero, None, bad_values(header, "BLANK"))


def _nearest_turn(columns: np.ndarray, reference, turn: float) -> np.ndarray:
    return columns + turn * np.round((reference - columns) / turn)
