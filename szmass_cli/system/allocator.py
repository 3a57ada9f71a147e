"""The C library's memory allocator, told to keep what is freed."""

import ctypes

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_KEPT_BYTES = 2**31 - 1
_LARGEST_BYTES = 32 * 2**20  # the most that glibc takes
_STEP_BYTES = 64 * 2**20


def keep_freed_memory() -> None:
    """Let freed memory be used again instead of going back to the system.

    A large network allocates and frees the same few hundred MB in every step. Handed back each time, every
    page of it is a fault again, and half of the time goes into the kernel. Does nothing where the C library
    is another than glibc.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_TOP_PAD, _STEP_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_BYTES)
