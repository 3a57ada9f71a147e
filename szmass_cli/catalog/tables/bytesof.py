"""The bytes of a catalogue: of a file or a pipe, unpacked, and never more than can be meant."""

import bz2
import errno
import gzip
import io
import lzma
import os
import stat
import time
from pathlib import Path
from typing import IO, Any

from szmass_cli.errors import InputError

_UNPACKERS: dict[bytes, Any] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
_PACKED_AT_LEAST = 1 << 26
_PACKED_FOLD = 100
"""Tables are packed to a third or a tenth; what unpacks to 64 MiB and a hundred times its size is none."""
PIPE_LIMIT_BYTES = 1 << 32
_PATIENCE_SECONDS = 5.0


def is_plain_file(path: Path, magic: bytes) -> bool:
    """Return whether a path is a file, no pipe, that begins with certain bytes."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return False
    with open(path, "rb") as stream:
        return stream.read(len(magic)) == magic


def bytes_of(path: Path) -> bytes:
    """Return all bytes of a file or pipe.

    Raises
    ------
    InputError
        The file is a device or empty, or no process writes into the pipe.
    OSError
        It cannot be read.
    """
    kind = os.stat(path).st_mode
    if stat.S_ISFIFO(kind):
        data = _of_pipe(path)
    elif stat.S_ISREG(kind) or stat.S_ISDIR(kind):  # the latter for the system's own words
        data = path.read_bytes()
    else:
        raise InputError(f"{path}: is neither a file nor a pipe", "Give a catalogue file, or pipe one in.")
    if not data:
        raise InputError(f"{path}: the file is empty", "Fetch or write it again.")
    return data


def _of_pipe(path: Path) -> bytes:
    """Return what comes through a pipe until its end; after a while, nothing if no process writes into it."""
    pieces: list[bytes] = []
    begun, length = time.monotonic(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # blocking, it would wait for a writer for ever
    try:
        while True:
            piece = _piece(descriptor)
            if piece:
                pieces.append(piece)
                length += len(piece)
            elif piece is not None and (pieces or time.monotonic() - begun > _PATIENCE_SECONDS):
                return b"".join(pieces)
            else:
                time.sleep(0.01)
            if length > PIPE_LIMIT_BYTES:
                raise InputError(f"{path}: the pipe does not end", "Write the catalogue to a file.")
    finally:
        os.close(descriptor)


def _piece(descriptor: int) -> bytes | None:
    """Return the next bytes: empty where there is no writer, None where there is one but no data yet."""
    try:
        return os.read(descriptor, 1 << 20)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return None
        raise


def unpacked(path: Path, data: bytes) -> bytes:
    """Return what gzip, bzip2 or xz packed; other bytes as they are.

    Raises
    ------
    InputError
        It unpacks to far more than any table does.
    """
    for magic, unpacker in _UNPACKERS.items():
        if data.startswith(magic):
            limit = _PACKED_AT_LEAST + _PACKED_FOLD * len(data)
            stream: IO[bytes] = unpacker(io.BytesIO(data))
            with stream:
                plain = stream.read(limit + 1)
            if len(plain) > limit:
                raise InputError(
                    f"{path}: unpacks to more than {limit >> 20} MiB, {_PACKED_FOLD} times its size",
                    "No table is packed so tightly. If it is one, unpack it yourself and give that file.",
                )
            return plain
    return data
