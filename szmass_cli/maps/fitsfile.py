"""Opening FITS files so that whatever is wrong with one becomes a clear InputError."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits

from szmass_cli.errors import InputError, SzmassError

_FITS_BLOCK = 2880
_PACKED = {b"\x1f\x8b", b"BZ", b"PK", b"\xfd7"}  # gzip, bzip2, zip, xz


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
    except (SzmassError, MemoryError):
        raise
    except Exception as error:  # astropy and wcslib have exceptions of their own for each kind of damage
        raise InputError(
            f"{path} cannot be read as a FITS map: {_one_line(error)}",
            "It may be truncated, corrupt or of another format: check it with `fitsinfo`, or copy it again.",
        ) from error


def _check_complete(path: Path, hdus: fits.HDUList) -> None:
    with open(path, "rb") as file:
        start = file.read(6)
    if start[:2] in _PACKED:  # these fail while they are unpacked, into memory
        check_fits_in_memory(path, max(hdu.size for hdu in hdus))
    if start != b"SIMPLE":
        return
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


def check_fits_in_memory(path: Path, size: int) -> None:
    """Refuse what would be unpacked into more memory than the machine has.

    Raises
    ------
    InputError
        `size` [bytes] is more than that.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory:
        raise InputError(
            f"{path}: unpacked it would take {size / 1e9:,.0f} GB, and this machine has {memory / 1e9:,.0f}.",
            "Unpack it on disk: what is not compressed stays there.",
        )


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
