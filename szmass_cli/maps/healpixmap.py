"""Maps that are HEALPix tables: RING or NESTED, full sky or part of it, in any frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import BaseCoordinateFrame

from szmass_cli.errors import InputError
from szmass_cli.maps.cards import number_of, text_of
from szmass_cli.maps.frames import frame_of_coordsys, rotation_from_icrs
from szmass_cli.maps.hdus import Part
from szmass_cli.maps.healpixcolumns import read_columns
from szmass_cli.maps.healpixplane import angles_of, charts_of, lattice_of, pixels_of
from szmass_cli.maps.instrument import StatedInstrument
from szmass_cli.maps.opening import Opening
from szmass_cli.maps.skymap import has_data, scattered_slices
from szmass_cli.maps.stored import StoredValues
from szmass_cli.maps.units import MapUnits

_SCAN_PIXELS = 4_000_000


@dataclass(frozen=True)
class HealpixMap:
    """A map on HEALPix; a `skymap.SkyMap`. A chart is (quadrant, hemisphere), see `healpixplane`."""

    path: Path
    nside: int
    nested: bool
    values: StoredValues
    """The table's column, (rows, pixels a row), memory-mapped where the file allows."""
    pixel_numbers: np.ndarray | None
    """Ascending pixel numbers of a partial-sky map, None for a full sky."""
    rotation: np.ndarray
    """(3, 3) from ICRS to the map's frame."""
    pixel_arcmin: float
    units: MapUnits
    instrument: StatedInstrument
    description: str
    assumptions: tuple[str, ...]

    @property
    def raw(self) -> np.ndarray:
        return self.values.raw

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
        """Return the values of pixels, NaN outside the map, and which pixels are outside."""
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
        return self.values[np.divmod(place, self.values.shape[1])]


def open_healpix_map(path: Path, part: Part, opening: Opening) -> HealpixMap:
    """Make a map of a HEALPix table HDU, see `healpixcolumns.read_columns`.

    Raises
    ------
    InputError
        A table whose columns, size, NSIDE, ORDERING or COORDSYS make no sense, unknown units, or no data at
        all.
    """
    header = part.hdu.header
    columns = read_columns(path, part.hdu, part.column, opening.role)
    values, numbers = columns.values, columns.numbers
    rows, across = values.shape
    if not has_data(values[part] for part in scattered_slices(rows, max(_SCAN_PIXELS // max(across, 1), 1))):
        raise InputError(f"{path} has no data: its pixels are UNSEEN, NaN or zero.", "Is it the right file?")
    nested, frame, assumptions = _conventions(path, header, opening.name)
    nside = _nside(path, header, nested, values.raw.size, numbers)
    units, unit_notes = opening.units_of(header, columns.unit, str(path))
    extent = "full sky" if numbers is None else "partial"
    return HealpixMap(
        path=path,
        nside=nside,
        nested=nested,
        values=values,
        pixel_numbers=numbers,
        rotation=rotation_from_icrs(frame),
        pixel_arcmin=float(healpy.nside2resol(nside, arcmin=True)),
        units=units,
        instrument=opening.instrument_of(header),
        description=f"HEALPix nside {nside} {'NESTED' if nested else 'RING'} {_plain_name(frame)} {extent}",
        assumptions=(*opening.notes, *columns.notes, *assumptions, *unit_notes),
    )


def _nside(path: Path, header, nested: bool, size: int, numbers: np.ndarray | None) -> int:
    stated = number_of(header, "NSIDE")
    if stated is None and numbers is None and healpy.isnpixok(size):
        stated = healpy.npix2nside(size)
    if stated is None or stated != int(stated) or not healpy.isnsideok(int(stated), nest=nested):
        raise InputError(
            f"{path}: NSIDE = {header.get('NSIDE')} is not a HEALPix resolution.", "Correct the header."
        )
    nside, pixels = int(stated), healpy.nside2npix(int(stated))
    if numbers is None and size != pixels:
        raise InputError(
            f"{path}: nside {nside} needs {pixels:,} pixels and the table has {size:,}.",
            "A partial map needs a PIXEL column: see healpy.write_map(..., partial=True).",
        )
    if numbers is not None and (numbers[0] < 0 or numbers[-1] >= pixels):
        raise InputError(f"{path}: pixel numbers do not fit nside {nside}.", "Correct either.")
    return nside


def _conventions(path: Path, header, name: str) -> tuple[bool, BaseCoordinateFrame, tuple[str, ...]]:
    """Return whether the order is NESTED, the frame, and what had to be assumed."""
    assumptions: list[str] = []
    ordering = text_of(header, "ORDERING").upper()
    if not ordering:
        assumptions.append(f"{name} does not state its pixel ordering: RING assumed.")
    elif ordering not in ("RING", "NESTED", "NEST"):
        raise InputError(f"{path}: ORDERING = {ordering!r} is neither RING nor NESTED.", "Correct it.")
    # WMAP's files say SKYCOORD, spt3g's COORDREF
    coordsys = next(filter(None, (text_of(header, key) for key in ("COORDSYS", "SKYCOORD", "COORDREF"))), "")
    frame = frame_of_coordsys(coordsys or "C")
    if frame is None:
        raise InputError(f"{path}: COORDSYS = {coordsys!r} is not a frame we know.", "Use C, G or E.")
    if not coordsys:
        assumptions.append(
            f"{name} does not state its frame: equatorial (ICRS) assumed. If it is galactic, as WMAP's and "
            "Planck's are, set COORDSYS = 'G' in its header."
        )
    equinox = number_of(header, "EQUINOX")
    old = text_of(header, "RADESYS").upper().startswith("FK4") or (equinox is not None and equinox != 2000.0)
    if old and frame.name == "icrs":
        raise InputError(
            f"{path}: its frame is of equinox {text_of(header, 'EQUINOX') or 'B1950'}.",
            "Turn it into J2000 or ICRS.",
        )
    return ordering.startswith("NEST"), frame, tuple(assumptions)


def _plain_name(frame: BaseCoordinateFrame) -> str:
    return {"icrs": "ICRS", "galactic": "galactic"}.get(frame.name, "ecliptic")
