"""Time and size of the HTML report of a measured catalogue, beside those of the measurement.

Usage: python benchmarks/report.py [--rows 10000] [--keep FOLDER]

A field of 15 x 10 degrees is simulated with so many clusters of the mass function, one in fifty of them at a
position beside the field or without a redshift, and measured with `szmass estimate` as a user does. So many
rows on 86 deg^2 leave no blank sky to measure the noise in: every row is flagged UNCALIBRATED_MAP, and the
table of flagged rows is as long as it gets. The report is then made of the output alone, as `estimate
--report` makes it at the end of its run: opening maps and model is in the time.

Prints seconds by the clock and of CPU, and the size of the page. `--keep` leaves the page in a folder.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.config import FieldConfig, load_config
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.pictures.report import write_report
from szmass_cli.simulation.field import simulate_survey_field

LIMIT_S, LIMIT_MB = 60.0, 30.0
SPOILT = 50
FIELD = {
    "width_deg": 15,
    "height_deg": 10,
    "masses": {"kind": "mass_function", "min_m200c_msun": 4e13, "max_m200c_msun": 3e15},
    "redshift": {"kind": "volume", "min": 0.1, "max": 2.0},
}


def catalogue(truth: Table, path: Path) -> None:
    """Write what a user knows of the clusters, some of it wrong, with a column to draw masses against."""
    rng = np.random.default_rng(5)
    table = truth["name", "ra", "dec", "redshift"].copy()
    table["richness"] = np.round(
        40.0 * np.asarray(truth["M200c_true"]) * rng.lognormal(0.0, 0.3, len(truth)), 1
    )
    table["dec"][::SPOILT] += 11.0  # beyond the edge
    table["redshift"][SPOILT // 2 :: SPOILT] = np.nan
    table.write(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    config = load_config("survey").model_copy(update={"field": FieldConfig.model_validate(FIELD)})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        field = simulate_survey_field(config, folder / "map.fits", seed=1, n_clusters=arguments.rows)
        catalogue(field.truth, folder / "clusters.csv")
        begin = time.perf_counter()
        words = ["estimate", "map.fits", "clusters.csv", "-o", "masses.fits", "--quiet"]
        subprocess.run([sys.executable, "-m", "szmass_cli", *words], cwd=folder, check=True)
        print(
            f"{os.cpu_count()} cores; estimate of {arguments.rows:,} rows {time.perf_counter() - begin:.0f} s"
        )
        begin, cpu = time.perf_counter(), time.process_time()
        measurement = Measurement.open(folder / "masses.fits")
        write_report(measurement, folder / "report.html")
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        megabytes = (folder / "report.html").stat().st_size / 1e6
        print(f"report {seconds:.1f} s by the clock, {cpu:.1f} s of CPU (limit {LIMIT_S:g} s)")
        print(f"page {megabytes:.1f} MB (limit {LIMIT_MB:g} MB), {measurement.flagged.size:,} flagged rows")
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "report.html", arguments.keep / "report.html")


if __name__ == "__main__":
    main()
