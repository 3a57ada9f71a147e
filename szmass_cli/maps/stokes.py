"""Which plane of an image is the intensity."""

from __future__ import annotations

from pathlib import Path

from szmass_cli.errors import InputError
from szmass_cli.maps.cards import number_of, text_of

_UNNAMED_IQU = 3
"""Three planes of an axis without a name are I, Q, U."""


def intensity_plane(path: Path, header) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return where Stokes I is along the axes before the last two, and what had to be assumed to find it.

    Parameters
    ----------
    path : Path
        The map's file, named in messages.
    header : astropy.io.fits.Header
        Header of an image with two or more axes.

    Raises
    ------
    InputError
        The Stokes axis has no I plane.
    """
    index, notes = [], []
    for axis in range(header["NAXIS"], 2, -1):
        length, name = header[f"NAXIS{axis}"], text_of(header, f"CTYPE{axis}").upper()
        plane, note = 0, ""
        if name == "STOKES":
            plane, note = _intensity_of_stokes(path, header, axis, length)
        elif length > 1 and (name or length != _UNNAMED_IQU):
            note = f"Axis {axis} ({name or 'unnamed'}) has {length} planes: the first one taken."
        index.append(plane)
        notes += [note] if note else []
    return tuple(index), tuple(notes)


def _intensity_of_stokes(path: Path, header, axis: int, length: int) -> tuple[int, str]:
    """Return the plane of Stokes I, which is 1 in FITS (standard 4.0, table 29), and a note."""
    value = number_of(header, f"CRVAL{axis}")
    step = number_of(header, f"CDELT{axis}")
    if step is None:
        step = number_of(header, f"CD{axis}_{axis}")
    reference = number_of(header, f"CRPIX{axis}")
    step, reference = 1.0 if step is None else step, 1.0 if reference is None else reference
    if value is None:
        return 0, f"The Stokes axis does not say where it begins: the first of {length} planes taken for I."
    if step == 0.0:
        if value not in (0.0, 1.0):
            raise _no_intensity(path, axis, f"it begins at {value:g}")
        note = f"The Stokes axis has CDELT{axis} = 0: the first of {length} planes taken for I."
        return 0, note if length > 1 else ""
    first = value + (1.0 - reference) * step
    if (value, reference, step) == (0.0, 1.0, 1.0):
        # 0 is no Stokes parameter: programs that count from 0 write I, Q, U as 0, 1, 2
        return 0, "The Stokes axis counts from 0: its first plane taken for I." if length > 1 else ""
    plane = (1.0 - first) / step
    if abs(plane - round(plane)) > 1e-6 or not 0 <= round(plane) < length:
        raise _no_intensity(path, axis, f"it goes from {first:g} to {first + (length - 1) * step:g}")
    return round(plane), ""


def _no_intensity(path: Path, axis: int, how: str) -> InputError:
    return InputError(
        f"{path}: its Stokes axis has no I plane, which is Stokes 1: {how}.",
        f"Give an intensity map, or correct CRVAL{axis}, CRPIX{axis} and CDELT{axis}.",
    )
