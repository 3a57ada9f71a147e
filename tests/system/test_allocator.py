"""Freed memory is kept: allocating it again touches no new page."""

import json
import platform

import pytest

CODE = """
import ctypes, json, resource
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        blocks = [libc.malloc(3 * 2**20) for _ in range(20)]
        for block in blocks:
            libc.memset(block, 1, 3 * 2**20)
        for block in blocks:
            libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults()
from szmass_cli.system.allocator import keep_freed_memory
keep_freed_memory()
faults()
print(json.dumps([first, faults()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="speaks to glibc's allocator")
def test_memory_that_was_freed_is_used_again_without_page_faults(szmass_python, tmp_path):
    done = szmass_python("-c", CODE, cwd=tmp_path)
    assert done.code == 0, done.err
    as_it_comes, kept = json.loads(done.out)
    assert as_it_comes > 10_000  # 60 MB, five times, in pages of 4 kB
    assert kept < 100
