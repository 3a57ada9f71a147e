"""Small input files, from strangers: read whole, within limits, and never executed."""

import bz2
import gzip
import io
import lzma
import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAX_BYTES = 2**28
"""A table, a configuration or an archive of arrays that takes more memory is none of ours."""

_STREAMS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a shell puts what it pipes into a command."""

_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def read_bytes(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> bytes:
    """Read a file, unpacked where its name ends in ``.gz``, ``.bz2`` or ``.xz``.

    Parameters
    ----------
    path : path
        An ordinary file, or the pipe that a shell has put in a file's place.
    max_bytes : int
        Size, unpacked, that it may have.

    Raises
    ------
    OSError
        It cannot be read, or is no ordinary file: a pipe would be waited for, a device has no end.
    ValueError
        It is larger.
    """
    path = Path(path)
    piped = str(path).startswith(_STREAMS) and path.is_fifo()
    if path.exists() and not (path.is_file() or piped):
        raise OSError("it is no ordinary file")
    opener = _OPENERS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rb") as stream:
            content: bytes = stream.read(max_bytes + 1)
    except (EOFError, lzma.LZMAError) as error:
        raise OSError(f"it cannot be unpacked: {error}") from error
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes / 1e6:,.0f} MB")
    return content


def read_table(path: str | os.PathLike[str], columns: Sequence[int] | None) -> np.ndarray:
    """Read some or all columns of numbers from text, (rows, columns), with comments after ``#``.

    Raises
    ------
    OSError, ValueError
        See `read_bytes`; or it is no text, or no table of numbers.
    """
    text = read_bytes(path).decode("utf-8-sig")
    return np.loadtxt(io.StringIO(text), ndmin=2, usecols=columns, dtype=float)


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str], max_bytes: int = MAX_BYTES
) -> list[np.ndarray]:
    """Read arrays of numbers from an ``.npz`` archive; no objects, which are programs in disguise.

    Parameters
    ----------
    path : path
        The archive; read whole, so the limits of `read_bytes` hold for it, too.
    names : sequence of str
        Names of the arrays to read.
    max_bytes : int
        Memory that one of them may take, whatever the size of the archive.

    Raises
    ------
    KeyError
        One of them is not there.
    OSError, ValueError
        It cannot be read, is no such archive, or holds something else.
    """
    content = io.BytesIO(read_bytes(path))
    try:
        with zipfile.ZipFile(content) as archive:
            return [_read_member(archive, f"{name}.npy", max_bytes) for name in names]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(f"it is no archive of arrays: {error}") from error
    except (KeyError, ValueError, OSError):
        raise
    except Exception as error:  # what unpacking raises of damaged members
        raise ValueError(f"it is damaged: {error}") from error


def _read_member(archive: zipfile.ZipFile, member: str, max_bytes: int) -> np.ndarray:
    if archive.getinfo(member).file_size > max_bytes:
        raise ValueError(f"{member} would take {archive.getinfo(member).file_size / 1e9:.3g} GB")
    content = io.BytesIO(archive.read(member))
    version = np.lib.format.read_magic(content)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f"{member} is of an unknown version")
    shape, _, dtype = read_header(content)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ValueError(f"{member} holds no numbers")
    if math.prod(shape) * dtype.itemsize != len(content.getbuffer()) - content.tell():
        raise ValueError(f"{member} is not as long as its header says")
    content.seek(0)
    return np.load(content, allow_pickle=False)
