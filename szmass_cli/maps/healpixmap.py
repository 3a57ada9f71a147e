"""Maps that are HEALPix tables: RING or NESTED, full sky or part of it, in any frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import BaseCoordinateFrame

from szmass_cli.errors import InputError
from szmass_cli.maps.frames import frame_of_coordsys, rotation_from_icrs
from szmass_cli.maps.healpixplane import angles_of, charts_of, lattice_of, pixels_of
from szmass_cli.maps.instrument import Instrument, stated_instrument
from szmass_cli.maps.skymap import has_data, scattered_slices
from szmass_cli.maps.units import MapUnits, resolve_units

_SCAN_PIXELS = 4_000_000
_INDEX_COLUMNS = ("PIXEL", "PIX", "PIXNUM", "IPIX", "INDEX")


@dataclass(frozen=True)
class HealpixMap:
    """A map on HEALPix; a `skymap.SkyMap`. A chart is (quadrant, hemisphere), see `healpixplane`."""

    path: Path
    nside: int
    nested: bool
    values: np.ndarray
    """The table's column, (rows, pixels a row), memory-mapped where the file allows."""
    pixel_numbers: np.ndarray | None
    """Ascending pixel numbers of a partial-sky map, None for a full sky."""
    rotation: np.ndarray
    """(3, 3) from ICRS to the map's frame."""
    pixel_arcmin: float
    units: MapUnits
    instrument: Instrument
    description: str
    assumptions: tuple[str, ...]

    @property
    def raw(self) -> np.ndarray:
        return self.values

    def charts(self, centres: np.ndarray) -> np.ndarray:
        return charts_of(centres @ self.rotation.T)

    def to_pixels(self, directions: np.ndarray, charts: np.ndarray) -> np.ndarray:
        return lattice_of(directions @ self.rotation.T, charts, self.nside)

    def read(
        self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        numbers = pixels_of(rows, columns, chart, self.nside, self.nested)
        if numbers is None:
            row, column = np.mgrid[slice(*rows), slice(*columns)]
            theta, phi = angles_of(row, column, chart, self.nside)
            numbers = healpy.ang2pix(self.nside, theta, phi, nest=self.nested)
        return self._values_of(numbers)

    def nearest(self, directions: np.ndarray) -> np.ndarray:
        in_frame = np.moveaxis(directions @ self.rotation.T, -1, 0)
        return self._values_of(healpy.vec2pix(self.nside, *in_frame, nest=self.nested))[0]

    def _values_of(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of pixels, NaN outside, and which are outside."""
        if self.pixel_numbers is None:
            return self._values_at(numbers), np.zeros(numbers.shape, dtype=bool)
        place = np.minimum(np.searchsorted(self.pixel_numbers, numbers), len(self.pixel_numbers) - 1)
        outside = self.pixel_numbers[place] != numbers
        return np.where(outside, np.nan, self._values_at(place)), outside

    def kinked_pixels(self, chart: np.ndarray, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
        row, column = np.mgrid[slice(*rows), slice(*columns)]
        theta, phi = angles_of(row, column, chart, self.nside)
        return healpy.ang2vec(theta.ravel(), phi.ravel()).reshape(*theta.shape, 3) @ self.rotation

    def _values_at(self, place: np.ndarray) -> np.ndarray:
        return self.values[np.divmod(place, self.values.shape[1])].astype(np.float64)


def open_healpix_map(path: Path, hdu, units: str | None, frequency_ghz: float) -> HealpixMap:
    """Make a map of a HEALPix table HDU; its temperature is the first column that is not the pixel number.

    Raises
    ------
    InputError
        A table whose size, NSIDE, ORDERING or COORDSYS make no sense, unknown units, or no data at all.
    """
    values, numbers, stated = _read_table(path, hdu)
    if not has_data(values[part] for part in scattered_slices(len(values), _SCAN_PIXELS // values.shape[1])):
        raise InputError(f"{path} has no data: its pixels are UNSEEN, NaN or zero.", "Is it the right file?")
    nested, frame, assumptions = _conventions(path, hdu.header)
    nside = _nside(path, hdu.header, nested, values.size, numbers)
    map_units = resolve_units(units, stated, frequency_ghz, str(path))
    if map_units.source == "assumed":
        assumptions = (*assumptions, "The map does not state its unit: µK_CMB assumed.")
    extent = "full sky" if numbers is None else "partial"
    return HealpixMap(
        path=path,
        nside=nside,
        nested=nested,
        values=values,
        pixel_numbers=numbers,
        rotation=rotation_from_icrs(frame),
        pixel_arcmin=float(healpy.nside2resol(nside, arcmin=True)),
        units=map_units,
        instrument=stated_instrument(hdu.header),
        description=f"HEALPix nside {nside} {'NESTED' if nested else 'RING'} {_plain_name(frame)} {extent}",
        assumptions=assumptions,
    )


def _read_table(path: Path, hdu) -> tuple[np.ndarray, np.ndarray | None, str | None]:
    """The temperature column, the pixel numbers of a partial map, and the stated unit."""
    names = hdu.columns.names
    index_name = next((name for name in names if name.upper() in _INDEX_COLUMNS), None)
    value_name = next((name for name in names if name != index_name), None)
    if value_name is None or not hdu.header["NAXIS2"]:
        raise InputError(f"{path}: its HEALPix table has no values.", "Is it the right file?")
    values = _two_axes(hdu.data.field(value_name))
    stated = hdu.header.get(f"TUNIT{names.index(value_name) + 1}")
    if index_name is not None:
        numbers = np.ravel(hdu.data.field(index_name)).astype(np.int64)
        return *_sorted_by_number(path, numbers, values), stated
    if str(hdu.header.get("INDXSCHM", "")).strip().upper() == "EXPLICIT":
        raise InputError(
            f"{path}: INDXSCHM is EXPLICIT but there is no PIXEL column.",
            "Rewrite the map with healpy.write_map(..., partial=True).",
        )
    return values, None, stated


def _two_axes(column: np.ndarray) -> np.ndarray:
    return column.reshape(len(column), -1)


def _sorted_by_number(path: Path, numbers: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(numbers) != values.size:
        raise InputError(
            f"{path}: {len(numbers):,} pixel numbers for {values.size:,} values.", "Is it the right file?"
        )
    if np.all(numbers[1:] > numbers[:-1]):
        return values, numbers
    order = np.argsort(numbers, kind="stable")
    return _two_axes(np.ravel(values)[order]), numbers[order]


def _nside(path: Path, header, nested: bool, size: int, numbers: np.ndarray | None) -> int:
    nside = header.get("NSIDE")
    if nside is None and numbers is None and healpy.isnpixok(size):
        nside = healpy.npix2nside(size)
    if nside is None or not healpy.isnsideok(int(nside), nest=nested):
        raise InputError(f"{path}: NSIDE = {nside} is not a HEALPix resolution.", "Correct the header.")
    pixels = healpy.nside2npix(int(nside))
    if numbers is None and size != pixels:
        raise InputError(
            f"{path}: nside {nside} needs {pixels:,} pixels and the table has {size:,}.",
            "A partial map needs a PIXEL column: see healpy.write_map(..., partial=True).",
        )
    if numbers is not None and (numbers[0] < 0 or numbers[-1] >= pixels):
        raise InputError(f"{path}: pixel numbers do not fit nside {nside}.", "Correct either.")
    return int(nside)


def _conventions(path: Path, header) -> tuple[bool, BaseCoordinateFrame, tuple[str, ...]]:
    """Whether NESTED, the frame, and what had to be assumed."""
    assumptions: list[str] = []
    ordering = str(header.get("ORDERING", "")).strip().upper()
    if not ordering:
        assumptions.append("The map does not state its pixel ordering: RING assumed.")
    elif ordering not in ("RING", "NESTED", "NEST"):
        raise InputError(f"{path}: ORDERING = {ordering!r} is neither RING nor NESTED.", "Correct it.")
    # WMAP's files say SKYCOORD
    coordsys = str(header.get("COORDSYS") or header.get("SKYCOORD", "")).strip()
    frame = frame_of_coordsys(coordsys or "C")
    if frame is None:
        raise InputError(f"{path}: COORDSYS = {coordsys!r} is not a frame we know.", "Use C, G or E.")
    if not coordsys:
        assumptions.append(
            "The map does not state its frame: equatorial (ICRS) assumed. If it is galactic, as WMAP's and "
            "Planck's are, set COORDSYS = 'G' in its header."
        )
    return ordering.startswith("NEST"), frame, tuple(assumptions)


def _plain_name(frame: BaseCoordinateFrame) -> str:
    return {"icrs": "ICRS", "galactic": "galactic"}.get(frame.name, "ecliptic")
