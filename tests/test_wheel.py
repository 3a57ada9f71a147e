"""The wheel, installed away from the repository, estimates masses with the default model."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that the wheel is installed into, its dependencies being those of the test environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(REPOSITORY),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = folder.glob("szmass-*.whl")
    target = folder / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(target),
        str(wheel),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    return target


def test_wheel_estimates_with_the_default_model_away_from_the_repository(installed, field, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    arguments = ["estimate", str(field.map_path), str(field.catalog_path), "-o", "masses.fits"]
    where = [sys.executable, "-c", "import szmass_cli; print(szmass_cli.__file__)"]
    found = subprocess.run(where, check=True, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert Path(found.stdout.strip()).is_relative_to(installed)

    command = [sys.executable, "-m", "szmass_cli", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stderr
    masses = Table.read(tmp_path / "masses.fits")
    assert np.isfinite(masses["M200c"]).sum() > 0
    assert fits.getheader(tmp_path / "masses.fits", 1)["SZM_MODL"] == "z07"


def test_wheel_holds_presets_and_licence(installed):
    assert {p.stem for p in (installed / "szmass_cli" / "presets").glob("*.yaml")} >= {"default", "paper"}
    assert list(installed.glob("szmass-*.dist-info/licenses/LICENSE"))
