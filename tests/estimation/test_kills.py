"""A run of three bands that is killed twenty times loses nothing: outputs are those of one left alone."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from szmass_cli.config import parse_config
from szmass_cli.simulation.field import simulate_survey_field

KILLS = 20
ROWS = 6000
SURVEY = """
sky:
  noise_correlation: 0.9
  bands:
    - {frequency_ghz: 93, beam_fwhm_arcmin: 2.2, noise_uk_arcmin: 6, ell_knee: 1800, noise_slope: -3.5}
    - {frequency_ghz: 145, beam_fwhm_arcmin: 1.4, noise_uk_arcmin: 6, ell_knee: 3500, noise_slope: -3.5}
    - {frequency_ghz: 225, beam_fwhm_arcmin: 1.0, noise_uk_arcmin: 15, ell_knee: 6300, noise_slope: -3.5}
field: {center_ra_deg: 10, center_dec_deg: -40, width_deg: 2.5, height_deg: 2, pixel_arcmin: 0.5}
"""
NOISE = {93: "6,1800,-3.5", 145: "6,3500,-3.5", 225: "15,6300,-3.5"}


@pytest.fixture(scope="module")
def run(tmp_path_factory, environment):
    """A function that starts `szmass estimate` on the maps of three bands, into a folder."""
    folder = tmp_path_factory.mktemp("three")
    simulate_survey_field(parse_config(SURVEY, "s.yaml"), folder / "sky.fits", seed=5, n_clusters=12)
    rng = np.random.default_rng(6)
    ra, dec = 10.0 + rng.uniform(-1.4, 1.4, ROWS), -40.0 + rng.uniform(-0.9, 0.9, ROWS)
    Table({"ra": ra, "dec": dec, "z": rng.uniform(0.2, 1.2, ROWS)}).write(folder / "crowd.csv")
    options: list[str] = []
    for band, noise in NOISE.items():
        options += ["--map", f"{band}={folder / f'sky_{band}.fits'}", "--noise", f"{band}={noise}"]

    def start(into: Path):
        out, posteriors = into / "out.fits", into / "out.hdf5"
        command = ["estimate", *options, folder / "crowd.csv", "-o", out, "--posteriors", posteriors]
        return subprocess.Popen(
            [sys.executable, "-m", "szmass_cli", *map(str, command), "--block-rows", "128", "-q"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


def parts_in(folder):
    return {path.name for path in (folder / "out.fits.parts").glob("part-*.npz")}


def paces(process, folder):
    """Seconds until a run that is left alone has its first part, and for each part after that."""
    began, first, parts = time.monotonic(), None, 0
    while process.poll() is None:
        parts = max(parts, len(parts_in(folder)))
        if parts and first is None:
            first = time.monotonic() - began
        time.sleep(0.01)
    assert process.returncode == 0 and first is not None
    return first, (time.monotonic() - began - first) / parts


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_twenty_random_moments(run, tmp_path):
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    for folder in (alone, killed):
        folder.mkdir()
    to_first, for_each = paces(run(alone), alone)
    rng, moments, ends = np.random.default_rng(7), [], 0
    for _ in range(KILLS):
        before, process = parts_in(killed), run(killed)
        wanted = rng.integers(0, 3)
        while len(parts_in(killed)) < len(before) + wanted and process.poll() is None:
            time.sleep(0.01)
        # of a quick machine's run nothing would be left for the last kills, were these seconds fixed
        time.sleep(rng.exponential(for_each) if wanted else rng.uniform(0.0, to_first))
        process.kill()
        process.communicate()
        ends += process.returncode == 0
        assert before <= parts_in(killed) or (killed / "out.fits").exists()
        moments.append(len(parts_in(killed)))
        if (killed / "out.fits").exists():
            break
    print(f"parts that were there at each kill: {moments}")
    assert ends == 0 and len(moments) == KILLS and len(set(moments)) > 5
    assert run(killed).wait(300) == 0
    assert sorted(path.name for path in killed.iterdir()) == ["out.fits", "out.hdf5"]
    for name in ("out.fits", "out.hdf5"):
        assert (killed / name).read_bytes() == (alone / name).read_bytes()
