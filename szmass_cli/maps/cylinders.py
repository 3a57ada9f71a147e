"""Cylindrical maps whose headers mean something else than the FITS standard makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from szmass_cli.errors import InputError

CYLINDRICAL = ("CAR", "CEA", "MER", "CYP")
_ROWS_ARE_DECLINATIONS = (*CYLINDRICAL, "SFL", "PAR")
_SAME_PIXELS = 0.05
_CLOSED_WITHIN_COLUMNS = 0.5
_MIN_DIGITS = 3


def projection_of(wcs: WCS) -> str:
    """Return the three letters of a celestial WCS's projection."""
    return str(wcs.wcs.ctype[wcs.wcs.lng][5:8])


def check_reference_latitude(path: Path, wcs: WCS, shape: tuple[int, int], header) -> None:
    """Refuse a cylindrical map whose header does not determine the latitude of its rows.

    By the standard CRVAL2 is the latitude of the projection's own equator point: if it is not 0, it rotates
    the whole projection (Calabretta & Greisen 2002, section 2.4). Many programs mean by it only the latitude
    of row CRPIX2. Both readings are in use, and nothing in such a header tells which applies.

    Parameters
    ----------
    path : Path
        The map's file, named in messages.
    wcs : astropy.wcs.WCS
        Celestial WCS of the map, with two axes.
    shape : tuple of int
        Number of rows and columns.
    header : astropy.io.fits.Header
        PV1_1 and PV1_2 in it state the projection's reference point: the author then means the standard.

    Raises
    ------
    InputError
        The two readings differ by more than a twentieth of a pixel somewhere in the map.
    """
    lng, lat = wcs.wcs.lng, wcs.wcs.lat
    latitude = float(wcs.wcs.crval[lat])
    stated = all(f"PV{lng + 1}_{m}" in header for m in (1, 2))
    if projection_of(wcs) not in _ROWS_ARE_DECLINATIONS or latitude == 0.0 or stated:
        return
    upright = upright_reading(wcs)
    rows, columns = (np.linspace(0, size - 1, 9) for size in shape)
    column, row = (grid.ravel() for grid in np.meshgrid(columns, rows))
    back = upright.wcs_world2pix(wcs.wcs_pix2world(np.stack([column, row], axis=-1), 0), 0)
    turn = 360.0 / np.hypot(*upright.pixel_scale_matrix[:, 0])
    apart = np.abs(back - np.stack([column, row], axis=-1))
    apart[:, 0] = np.abs(apart[:, 0] - turn * np.round(apart[:, 0] / turn))
    if np.nanmax(apart) <= _SAME_PIXELS and np.isfinite(apart).all():
        return
    pixel, lon_axis, lat_axis = upright.wcs.crpix[lat], lng + 1, lat + 1
    raise InputError(
        f"{path}: CRVAL{lat_axis} = {latitude:g} in a {projection_of(wcs)} map. By the FITS standard this "
        "turns the projection; many programs mean that rows are declinations all the same. Clusters would be "
        "looked for in the wrong place by one of the two.",
        f"If its rows are declinations, write CRVAL{lat_axis} = 0 and CRPIX{lat_axis} = {pixel:.10g}, and no "
        "LONPOLE or LATPOLE. If it is turned as the standard has it, say so with "
        f"PV{lon_axis}_1 = 0 and PV{lon_axis}_2 = 0.",
    )


def upright_reading(wcs: WCS) -> WCS:
    """Return the WCS in which CRVAL2 is the latitude of CRPIX2 and rotates nothing."""
    upright, lat = wcs.deepcopy(), wcs.wcs.lat
    reference, crval = upright.wcs.crpix.copy(), upright.wcs.crval.copy()
    turned_to = crval.copy()
    crval[lat] = 0.0
    upright.wcs.crval, upright.wcs.lonpole, upright.wcs.latpole = crval, 0.0, 90.0
    upright.wcs.set()
    upright.wcs.crpix = 2 * reference - upright.wcs_world2pix(turned_to[None], 1)[0]
    upright.wcs.set()
    return upright


@dataclass(frozen=True)
class Circle:
    """Whether a map goes all the way round.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        With its steps made exact where the header rounds them.
    turn_columns : float or None
        Columns in 360 degrees of longitude, for projections where longitude simply repeats.
    full : int or None
        The whole number of columns after which the image repeats, if it goes all the way round.
    notes : tuple of str
        How a rounded step was corrected; empty where none was.
    """

    wcs: WCS
    turn_columns: float | None = None
    full: int | None = None
    notes: tuple[str, ...] = ()


def circle_of(wcs: WCS, width: int) -> Circle:
    """Return whether an image of `width` columns closes around the sky.

    A step written with few digits leaves a full circle open or makes it overlap: it is closed where the
    digits explain it.
    """
    matrix = wcs.pixel_scale_matrix
    aligned = wcs.wcs.lng == 0 and matrix[0, 1] == 0.0 and matrix[1, 0] == 0.0
    if not aligned or projection_of(wcs) not in CYLINDRICAL:
        return Circle(wcs)
    step = abs(float(matrix[0, 0]))
    turn = 360.0 / step
    if abs(turn - round(turn)) < 1e-3 and width >= round(turn):
        return Circle(wcs, turn, round(turn))
    for columns in (width, width - 1):
        if columns > 0 and (
            abs(turn - columns) <= _CLOSED_WITHIN_COLUMNS or _is_rounded(step, 360.0 / columns)
        ):
            note = (
                f"A step of {step:.10g} deg misses the full circle of {columns} columns by "
                f"{abs(turn - columns):.2g}: 360/{columns} taken."
            )
            return Circle(_with_step(wcs, 360.0 / columns / step), float(columns), columns, (note,))
    return Circle(wcs, turn)


def _is_rounded(step: float, exact: float) -> bool:
    """Return whether a step of three digits or more is the exact step after rounding."""
    digits = f"{step:.15g}".lower()
    mantissa, _, exponent = digits.partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    significant = len(mantissa.replace(".", "").strip("0"))
    return significant >= _MIN_DIGITS and decimals > 0 and round(exact, decimals) == step


def _with_step(wcs: WCS, factor: float) -> WCS:
    """Return the WCS with its longitude's step, and its latitude's if that is the same, times a factor."""
    better, matrix = wcs.deepcopy(), wcs.pixel_scale_matrix
    square = np.isclose(abs(matrix[0, 0]), abs(matrix[1, 1]), rtol=1e-9)
    factors = np.array([factor, factor if square else 1.0])
    if better.wcs.has_cd():
        better.wcs.cd = better.wcs.cd * factors[:, None]
    else:
        better.wcs.cdelt = better.wcs.cdelt * factors
    better.wcs.set()
    return better
