"""Time `simulate field` takes: CAR 0.5', 20 x 10 degrees, 500 clusters, CAMB and files included.

Usage: python benchmarks/field.py
"""

import os
import tempfile
import time
from pathlib import Path

from szmass_cli.config import FieldConfig, SurveyConfig
from szmass_cli.simulation.field import simulate_survey_field

LIMIT_S = 60.0


def field_seconds() -> float:
    """Wall-clock seconds of the whole command, but for the start of Python."""
    config = SurveyConfig(field=FieldConfig(width_deg=20, height_deg=10, pixel_arcmin=0.5))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        simulate_survey_field(config, Path(folder) / "field.fits", seed=1, n_clusters=500)
        return time.perf_counter() - start


def main() -> None:
    seconds = field_seconds()
    print(f"{os.cpu_count()} cores")
    rate = f"{seconds:6.1f} s, {LIMIT_S / seconds:.1f} times as fast as {LIMIT_S:g} s"
    print(f"simulate field, CAR 0.5', 20 x 10 deg, 500 clusters {rate}")


if __name__ == "__main__":
    main()
