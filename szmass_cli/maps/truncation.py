"""A memory-mapped map that is cut short while it is read must not kill the process.

Touching a page beyond the end of a mapped file raises SIGBUS, which no `except` catches. The handler here
puts empty memory in the place of the lost pages and lets the read go on; whoever reads then finds, by
`runplan.check_unchanged`, that the file has changed, and says so.
"""

import ctypes
import mmap
import os
import signal
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_MAP_FIXED = 0x10


@dataclass(frozen=True)
class _Mapping:
    """A file in memory."""

    address: int
    length: int
    descriptor: int


class _Guard:
    """The process's handler of SIGBUS: there can be one only, so it lives as long as the process."""

    def __init__(self) -> None:
        self.mappings: list[_Mapping] = []
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._libc.signal.restype = ctypes.c_void_p
        self._libc.signal.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self._handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(self._on_bus_error)
        # not Python's signal.signal: its handlers run only once the read is over, and it never is
        self._libc.signal(signal.SIGBUS, ctypes.cast(self._handler, ctypes.c_void_p))

    def _on_bus_error(self, number: int) -> None:
        replaced = [self._replace_lost_pages(mapping) for mapping in self.mappings]
        if not any(replaced):  # a real one: let it happen
            self._libc.signal(signal.SIGBUS, None)

    def forget(self, mapping: _Mapping) -> None:
        """Stop watching over a file."""
        self.mappings.remove(mapping)
        os.close(mapping.descriptor)

    def _replace_lost_pages(self, mapping: _Mapping) -> bool:
        kept = -(-os.fstat(mapping.descriptor).st_size // mmap.PAGESIZE) * mmap.PAGESIZE
        if kept >= mapping.length:
            return False
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
        place, length = mapping.address + kept, mapping.length - kept
        return self._libc.mmap(place, length, mmap.PROT_READ, flags, -1, 0) == place


_guards: list[_Guard] = []


def survive_truncation(path: Path, values: np.ndarray) -> None:
    """Let reads of an array go on if the file that it is mapped from is cut short.

    Parameters
    ----------
    path : Path
        The file that the array is mapped from.
    values : numpy.ndarray
        Any view of it; an array that is no view of a mapped file needs nothing.
    """
    base: Any = values
    while base is not None and not isinstance(base, mmap.mmap):
        base = base.obj if isinstance(base, memoryview) else getattr(base, "base", None)
    if base is None:
        return
    if not _guards:
        _guards.append(_Guard())
    address = np.frombuffer(base, np.uint8).ctypes.data
    mapping = _Mapping(address, len(base), os.open(path, os.O_RDONLY))
    _guards[0].mappings.append(mapping)
    # once it is unmapped something else may lie there
    weakref.finalize(base, _guards[0].forget, mapping)
