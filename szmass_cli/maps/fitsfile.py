"""Opening FITS files so that whatever is wrong with one becomes a clear InputError."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits

from szmass_cli.errors import InputError

_FITS_BLOCK = 2880


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file, memory-mapped and unscaled, and turn any failure inside into an InputError.

    Raises
    ------
    InputError
        The file is missing, not FITS, truncated or corrupt.
    """
    if not path.is_file():
        raise InputError(f"Map file not found: {path}", "Check the path.")
    try:
        with warnings.catch_warnings():
            # Truncation is checked below; the rest (header fixes) changes nothing.
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=True, do_not_scale_image_data=True) as hdus:
                len(hdus)  # reads every header
                _check_complete(path, hdus)
                yield hdus
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be read as a FITS map: {_one_line(error)}",
            "It may be truncated, corrupt or of another format: check it with `fitsinfo`, or copy it again.",
        ) from error


def _check_complete(path: Path, hdus: fits.HDUList) -> None:
    with open(path, "rb") as file:
        if file.read(6) != b"SIMPLE":
            return  # .gz and the like fail while they are unpacked
    size = path.stat().st_size
    for number, hdu in enumerate(hdus):
        place = hdu.fileinfo()
        # The last block's padding is often left out; a plain HDU's own size is known to the byte.
        spare = _FITS_BLOCK - 1 if isinstance(hdu, fits.CompImageHDU) else place["datSpan"] - hdu.size
        expected = place["datLoc"] + place["datSpan"] - spare
        if size < expected:
            raise InputError(
                f"{path} is truncated: HDU {number} needs {expected:,} bytes and the file has {size:,}.",
                "Copy or download the file again.",
            )


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
