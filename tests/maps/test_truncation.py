"""A map that is cut short while it is mapped: reads go on, and the process lives."""

import pytest

READ_BEYOND = """
import os, threading
import numpy as np
from astropy.io import fits
from pathlib import Path
from szmass_cli.maps.truncation import survive_truncation

path = Path("map.fits")
fits.writeto(path, np.ones((2000, 2000), "f4"))
with fits.open(path, memmap=True) as hdus:
    data = hdus[0].data
survive_truncation(path, data)
assert data.astype(float).sum() == 4e6
os.truncate(path, 2880 + 2000 * 4 * 500)
sums = []
threads = [threading.Thread(target=lambda: sums.append(data[::{step}].astype(float).sum())) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(sums) == 4 and all(1e6 / {step} - 1e3 <= s < 1.1e6 / {step} + 1e3 for s in sums), sums
print("alive")
"""


@pytest.mark.parametrize("step", [1, 100])
def test_reads_go_on(szmass_python, tmp_path, step):
    outcome = szmass_python("-c", READ_BEYOND.format(step=step), cwd=tmp_path)
    assert (outcome.code, outcome.out) == (0, "alive\n"), outcome.err


def test_without_the_guard_it_is_the_end(szmass_python, tmp_path):
    code = READ_BEYOND.format(step=1).replace("survive_truncation(path, data)", "")
    assert szmass_python("-c", code, cwd=tmp_path).code < 0
