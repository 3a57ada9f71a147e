"""Sky frames: from ICRS directions to the frame a map is drawn in."""

from __future__ import annotations

import numpy as np
from astropy.coordinates import (
    ICRS,
    BarycentricMeanEcliptic,
    BaseCoordinateFrame,
    Galactic,
    SkyCoord,
    Supergalactic,
)
from astropy.time import Time
from astropy.wcs import WCS
from astropy.wcs.utils import wcs_to_celestial_frame

_FRAME_OF_COORDSYS = {
    **dict.fromkeys(("c", "celestial", "equatorial", "eq", "icrs", "fk5", "q", "radec", "j2000"), ICRS),
    **dict.fromkeys(("g", "galactic", "gal"), Galactic),
    **dict.fromkeys(("e", "ecliptic", "ecl"), BarycentricMeanEcliptic),
}


def frame_of_coordsys(coordsys: str) -> BaseCoordinateFrame | None:
    """Return the frame that a HEALPix COORDSYS keyword names, or None for a name that is not known."""
    frame = _FRAME_OF_COORDSYS.get(coordsys.strip().lower())
    return None if frame is None else frame()


def wcs_of(header) -> WCS:
    """Return the WCS of an image's header; axes beyond the first two may lack a step."""
    stepless = [
        axis
        for axis in range(3, int(header.get("NAXIS", 0)) + 1)
        if header.get(f"CDELT{axis}") == 0 or header.get(f"CD{axis}_{axis}") == 0
    ]
    if stepless:  # the matrix could not be inverted
        header = header.copy()
        for axis in stepless:
            key = f"CD{axis}_{axis}" if f"CD{axis}_{axis}" in header else f"CDELT{axis}"
            header[key] = 1.0
    return WCS(header)


def frame_of_wcs(wcs: WCS) -> BaseCoordinateFrame:
    """Return the frame of a celestial WCS: equatorial of any kind, galactic, supergalactic or ecliptic.

    Raises
    ------
    ValueError
        A frame that astropy does not know.
    """
    prefix = wcs.wcs.ctype[wcs.wcs.lng][:4]
    if prefix == "ELON":
        equinox = wcs.wcs.equinox
        return BarycentricMeanEcliptic(equinox=Time(2000.0 if np.isnan(equinox) else equinox, format="jyear"))
    if prefix == "SLON":
        return Supergalactic()
    return wcs_to_celestial_frame(wcs)


def to_lon_lat_deg(directions: np.ndarray, frame: BaseCoordinateFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the longitude and latitude in `frame`, in degrees, of ICRS unit vectors (..., 3)."""
    x, y, z = np.moveaxis(directions, -1, 0)
    lon_deg = np.degrees(np.arctan2(y, x))
    lat_deg = np.degrees(np.arctan2(z, np.hypot(x, y)))
    if isinstance(frame, ICRS):
        return lon_deg, lat_deg
    coordinates = SkyCoord(lon_deg, lat_deg, unit="deg", frame="icrs").transform_to(frame).spherical
    return coordinates.lon.deg, coordinates.lat.deg


def rotation_from_icrs(frame: BaseCoordinateFrame) -> np.ndarray:
    """Return the (3, 3) matrix that takes ICRS unit vectors into `frame`, which must be a plain rotation."""
    axes = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame="icrs")
    return np.array(axes.transform_to(frame).cartesian.xyz)
