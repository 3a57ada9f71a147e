"""What `szmass estimate` says of maps, weights, splits and filters that do not go together.

A field of two bands is simulated, and spoiled in one way at a time. For each the command runs as a user
runs it; its exit code and what it says are printed. Where it goes on, all rows must be flagged
UNCALIBRATED_MAP, or a note must say what was not looked at. It fails where a fault passes in silence.

Usage: python benchmarks/badmaps.py [--only NAME ...]          (three minutes of CPU)
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import Flag
from szmass_cli.config import parse_config
from szmass_cli.simulation.field import simulate_survey_field

FIELD = """
sky:
  bands:
    - {frequency_ghz: 95, beam_fwhm_arcmin: 1.8, noise_uk_arcmin: 8}
    - {frequency_ghz: 150, beam_fwhm_arcmin: 1.4, noise_uk_arcmin: 8}
clusters: {masses: {kind: log_uniform, min_m200c_msun: 3.0e+14, max_m200c_msun: 1.0e+15}}
field: {center_ra_deg: 10, center_dec_deg: -40, width_deg: 4.5, height_deg: 4, pixel_arcmin: 0.5}
"""
NOISE_UK_ARCMIN, PIXEL_ARCMIN = 8.0, 0.5
N_CLUSTERS, N_CROWDED = 24, 2500


def changed(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray], *without: str) -> None:
    """Write a map with other values, and without some of its header."""
    with fits.open(path) as hdus:
        hdus[0].data = change(hdus[0].data.astype(float)).astype(np.float32)
        for key in without:
            hdus[0].header.remove(key, ignore_missing=True)
        hdus.writeto(path.with_name(name), overwrite=True)


def noise_of(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """White noise as deep as the maps'."""
    return np.random.default_rng(seed).normal(0.0, NOISE_UK_ARCMIN / PIXEL_ARCMIN, shape)


def high_passed(image: np.ndarray) -> np.ndarray:
    """A map without its modes of |l_x| < 500."""
    ell_x = 2.0 * np.pi * np.fft.fftfreq(image.shape[1], np.radians(PIXEL_ARCMIN / 60.0))
    return np.fft.ifft(np.fft.fft(image, axis=1) * (np.abs(ell_x) > 500.0), axis=1).real


def write_files(folder: Path) -> None:
    """Write the field, and all that is made of it."""
    config = parse_config(FIELD, "field.yaml")
    simulate_survey_field(config, folder / "field.fits", seed=5, n_clusters=N_CLUSTERS)
    truth = Table.read(folder / "field_truth.csv")
    rows = truth["name", "ra", "dec", "redshift"]
    rows.write(folder / "rows.csv")
    rng = np.random.default_rng(3)
    south, north = np.sin(np.radians([-41.8, -38.2]))
    dec = np.degrees(np.arcsin(rng.uniform(south, north, N_CROWDED)))
    crowd = {"ra": rng.uniform(7.4, 12.6, N_CROWDED), "dec": dec, "redshift": np.full(N_CROWDED, 0.5)}
    names = [f"CROWD-{number}" for number in range(N_CROWDED)]
    Table({"name": [*rows["name"], *names]} | {key: [*rows[key], *crowd[key]] for key in crowd}).write(
        folder / "crowded.csv"
    )
    low, high = folder / "field_95.fits", folder / "field_150.fits"
    changed(low, "a.fits", np.array, "FREQ", "BEAM")
    changed(high, "b.fits", np.array, "FREQ", "BEAM")
    changed(high, "filtered.fits", high_passed)
    changed(high, "half1.fits", lambda image: image + noise_of(image.shape, 1))
    changed(high, "half2.fits", lambda image: image - noise_of(image.shape, 1))
    changed(low, "other1.fits", lambda image: image + noise_of(image.shape, 2))
    changed(low, "other2.fits", lambda image: image - noise_of(image.shape, 2))
    changed(high, "small.fits", lambda image: image[:200, :200])
    right = (PIXEL_ARCMIN / NOISE_UK_ARCMIN) ** 2
    changed(high, "ivar.fits", lambda image: np.full(image.shape, right), "BUNIT")
    changed(high, "ivar_ten.fits", lambda image: np.full(image.shape, 10.0 * right), "BUNIT")
    changed(high, "ivar_k.fits", lambda image: np.full(image.shape, 1e12 * right), "BUNIT")
    # a filter at l_x = 500: right, on multipoles over 2 pi, and on those of a map with pixels of 30'
    ell = np.unique([*np.arange(-2000.0, 2001.0, 20.0), -3e4, 3e4])
    passed = np.tile(np.where(np.abs(ell) > 500.0, 1.0, 0.0), (ell.size, 1))
    for name, unit in (("filter.npz", 1.0), ("other_units.npz", 2.0 * np.pi), ("other_grid.npz", 60.0)):
        np.savez(folder / name, ell_x=ell / unit, ell_y=ell / unit, tf=passed)


BANDS = ("--beam", "95=1.8", "--beam", "150=1.4", "--units", "uK")
STATED, NOT_COMPARED = ("--noise", "8"), "could not be compared"
ONE = ("field_150.fits", "rows.csv")


@dataclass(frozen=True)
class Case:
    """A fault, the command's arguments, and what must come of it."""

    name: str
    arguments: Sequence[str]
    says: str
    code: int = 2
    flagged: bool = False


CASES = (
    Case("nothing wrong", (*ONE, "--ivar", "ivar.fits"), "The noise of the map at 150 GHz was measured", 0),
    Case(
        "transfer of another grid",
        ("filtered.fits", "rows.csv", "--transfer", "other_grid.npz"),
        "it is of another grid",
    ),
    Case(
        "transfer on other multipoles",
        ("filtered.fits", "rows.csv", "--transfer", "other_units.npz"),
        "The transfer function given does not say so",
        0,
        True,
    ),
    Case("filter not stated", ("filtered.fits", "rows.csv"), "--transfer", 0, True),
    Case("ivar times ten", (*ONE, "--ivar", "ivar_ten.fits"), "by these inverse variances"),
    Case("ivar in 1/K^2", (*ONE, "--ivar", "ivar_k.fits"), "by these inverse variances"),
    Case("splits of another map", (*ONE, "--split", "other1.fits,other2.fits"), "do not match"),
    Case("a split of other pixels", (*ONE, "--split", "half1.fits,small.fits"), "does not match"),
    Case("bands exchanged, header", ("--map", "150=field_95.fits", "rows.csv"), "its header says"),
    Case(
        "bands exchanged, no header",
        ("--map", "95=b.fits", "--map", "150=a.fits", "rows.csv", *BANDS),
        "The maps look exchanged",
    ),
    Case("no blank sky", ("field_150.fits", "crowded.csv"), "enough blank sky", 0, True),
    Case("no blank sky, noise stated", ("field_150.fits", "crowded.csv", *STATED), NOT_COMPARED, 0),
    Case("noise stated twice", (*ONE, "--noise", "16"), "is not that of the map", 0, True),
)


def passes(case: Case, folder: Path) -> bool:
    """Run a case, print what it says, and return whether it is what it must be."""
    output = folder / "masses.fits"
    command = [sys.executable, "-m", "szmass_cli", "estimate", *case.arguments]
    told = ("-o", output.name, "--check", "0")
    run = subprocess.run([*command, *told], cwd=folder, capture_output=True, text=True, check=False)
    said = " ".join(run.stderr.replace("│", " ").split())
    at = said.find(case.says)
    right = run.returncode == case.code and at >= 0 and said.count(case.says) == 1
    flagged = False
    if run.returncode == 0:
        flags = np.asarray(Table.read(output)["szmass_flags"])
        flagged = bool(np.all(flags & Flag.UNCALIBRATED_MAP))
        right &= flagged == case.flagged
    else:
        right &= not output.exists() and said.count("╭") == 1
    print(f"--- {case.name}: exit code {run.returncode}, all rows flagged: {flagged}")
    print(f"    szmass estimate {' '.join(case.arguments)}")
    print("".join(f"    {line}\n" for line in run.stderr.splitlines() if line.strip()))
    output.unlink(missing_ok=True)
    shutil.rmtree(folder / "masses.fits.parts", ignore_errors=True)
    return right


def main() -> None:
    """Run all cases, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES], metavar="NAME")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        wrong = [
            case.name
            for case in CASES
            if (given.only is None or case.name in given.only) and not passes(case, folder)
        ]
    if wrong:
        sys.exit(f"passed in silence, or with another message: {', '.join(wrong)}")
    print("every fault is refused, flagged or told")


if __name__ == "__main__":
    main()
