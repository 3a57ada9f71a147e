"""How a map lies on the sky: projection, size, frame, and which way right ascension runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from szmass_cli.maps.cylinders import projection_of
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.wcsmap import WcsMap


@dataclass(frozen=True)
class Layout:
    """How a map lies on the sky.

    Parameters
    ----------
    projection : str
        Three letters of the FITS standard, or HEALPix with its order.
    size : str
        Columns and rows, or nside and how much of the sky there is.
    pixel_arcmin : float
        Mean side of a pixel.
    frame : str
        Frame of the coordinates.
    direction : str
        Which way longitude runs along a row.
    """

    projection: str
    size: str
    pixel_arcmin: float
    frame: str
    direction: str


def layout_of(sky_map: SkyMap) -> Layout:
    """Return how a map lies on the sky."""
    if isinstance(sky_map, WcsMap):
        height, width = sky_map.plane.shape
        return Layout(
            projection_of(sky_map.wcs),
            f"{width} x {height} pixels",
            sky_map.pixel_arcmin,
            sky_map.frame.name.upper(),
            _direction(sky_map, height, width),
        )
    # "HEALPix nside 4096 RING ICRS full sky"
    _, _, nside, order, frame, *part = sky_map.description.split()
    size = f"nside {nside}, {' '.join(part)}"
    return Layout(f"HEALPix {order}", size, sky_map.pixel_arcmin, frame, "as HEALPix numbers pixels")


def _direction(sky_map: WcsMap, height: int, width: int) -> str:
    """Return which way longitude runs with columns in the middle of the image."""
    columns = (width - 1) / 2 + np.array([-0.5, 0.5])
    world = sky_map.wcs.wcs_pix2world(np.column_stack([columns, np.full(2, (height - 1) / 2)]), 0)
    step = np.diff(world[:, sky_map.wcs.wcs.lng])[0]
    step = (step + 180.0) % 360.0 - 180.0
    name = "RA" if sky_map.wcs.wcs.lngtyp == "RA" else "longitude"
    if not np.isfinite(step) or step == 0.0:
        return "not known in its middle"
    return f"{name} falls with columns" if step < 0.0 else f"{name} grows with columns"
