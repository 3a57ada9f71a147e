"""Maps that scripts hold in memory, as files for as long as they are measured."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from szmass_cli.errors import InputError, SzmassError

FRAMES = ("C", "G", "E")
"""Letters for equatorial, Galactic and ecliptic HEALPix maps, as healpy has them."""

_PREFIX = "szmass-maps-"

_HINT = (
    "Give a file, a pixell ndmap, an astropy NDData with a WCS, (array, WCS), or (HEALPix array, frame) with "
    "the frame C, G or E."
)


def was_in_memory(path: Path) -> bool:
    """Return whether a file is, or was, one that `on_disk` made."""
    return path.parent.name.startswith(_PREFIX)


def is_in_memory(value: Any) -> bool:
    """Return whether a value is a map itself, and no name of a file."""
    is_pair = isinstance(value, tuple) and len(value) == 2
    return is_pair or isinstance(value, np.ndarray) or (hasattr(value, "data") and hasattr(value, "wcs"))


@contextmanager
def on_disk(maps: Any) -> Iterator[Any]:
    """Write maps in memory to a temporary folder, which is removed when the context exits.

    Workers, and the opening of maps with all its checks, then need to know of files only.

    Parameters
    ----------
    maps : object
        One map or a mapping of several: pixell ``ndmap``, astropy ``NDData`` with a WCS, ``(array, WCS)``,
        ``(array, frame)`` of a HEALPix map in RING order, or anything else, which is handed on as it is.

    Yields
    ------
    object
        The same with paths in place of the maps that were in memory.

    Raises
    ------
    InputError
        An array does not say where on the sky it is, or how its pixels are ordered.
    SzmassError
        Any error raised meanwhile, which names maps in memory in place of files that nobody knows.
    """
    several = isinstance(maps, Mapping)
    if not any(map(is_in_memory, maps.values() if several else [maps])):
        yield maps
        return
    with TemporaryDirectory(prefix=_PREFIX) as folder:
        names: dict[Path, str] = {}
        paths: dict[Any, Any] = {}
        for number, (band, one) in enumerate(maps.items() if several else [("", maps)]):
            paths[band] = one
            if is_in_memory(one):
                file, words = (f"map_{number}.fits", f" ({band})") if several else ("map.fits", "")
                paths[band] = _written(one, Path(folder) / file)
                names[paths[band]] = f"the map in memory{words}"
        try:
            yield paths if several else paths[""]
        except SzmassError as error:
            for path, name in names.items():
                error.message = error.message.replace(str(path), name).replace(path.name, name)
                error.hint = error.hint.replace(str(path), name)
            error.args = (error.message,)
            raise


def _written(value: Any, path: Path) -> Path:
    """Write one map, and return its path."""
    if isinstance(value, tuple) and isinstance(value[1], str):
        return _healpix(np.asarray(value[0]), value[1].upper(), path)
    if isinstance(value, tuple):
        data, wcs, unit = *value, None
    else:
        data, wcs, unit = np.asarray(getattr(value, "data", value)), getattr(value, "wcs", None), None
        unit = getattr(value, "unit", None)
        if isinstance(value, np.ndarray):
            data = np.asarray(value)  # the data of an array is its buffer
    if not isinstance(wcs, WCS):
        raise InputError("the map in memory: nothing says where its pixels are on the sky.", _HINT)
    header = wcs.to_header()
    if unit is not None:
        header["BUNIT"] = str(unit)
    fits.PrimaryHDU(np.asarray(data), header).writeto(path)
    return path


def _healpix(values: np.ndarray, frame: str, path: Path) -> Path:
    import healpy  # late, as it loads all of matplotlib

    if frame not in FRAMES or values.ndim != 1 or not healpy.isnpixok(values.size):
        raise InputError(f"the map in memory: {values.shape} pixels in frame {frame!r} are no map.", _HINT)
    healpy.write_map(path, values, coord=frame, dtype=values.dtype)
    return path
