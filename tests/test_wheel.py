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


def run(*command, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel file."""
    folder = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, REPOSITORY)
    run(*build, check=True)
    (path,) = folder.glob("szmass-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel) -> Path:
    """A folder that it is installed into, its dependencies being those of the test environment."""
    target = wheel.parent / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target, wheel, check=True)
    return target


def assert_estimates(szmass, field, folder, **environment):
    """The command gives masses of the test field's clusters."""
    arguments = ("estimate", field.map_path, field.catalog_path, "-o", "masses.fits")
    done = run(*szmass, *arguments, cwd=folder, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    assert np.isfinite(Table.read(folder / "masses.fits")["M200c"]).sum() > 0
    assert fits.getheader(folder / "masses.fits", 1)["SZM_MODL"] == "survey"


def test_wheel_estimates_with_the_default_model_away_from_the_repository(installed, field, tmp_path):
    environment = {"PYTHONPATH": str(installed)}
    where = (sys.executable, "-c", "import szmass_cli; print(szmass_cli.__file__)")
    found = run(*where, check=True, cwd=tmp_path, env={**os.environ, **environment})
    assert Path(found.stdout.strip()).is_relative_to(installed)
    assert_estimates((sys.executable, "-m", "szmass_cli"), field, tmp_path, **environment)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_wheel_in_an_empty_environment(wheel, field, tmp_path):
    """Nothing but what the wheel itself asks for is installed."""
    run(sys.executable, "-m", "venv", tmp_path / "venv", check=True)
    pins = ("-c", REPOSITORY / "constraints.txt")
    run(tmp_path / "venv" / "bin" / "python", "-m", "pip", "install", "--quiet", *pins, wheel, check=True)
    assert_estimates((tmp_path / "venv" / "bin" / "szmass",), field, tmp_path, PYTHONPATH="")


def test_wheel_holds_presets_and_licence(installed):
    assert {p.stem for p in (installed / "szmass_cli" / "presets").glob("*.yaml")} >= {"survey", "paper"}
    assert list(installed.glob("szmass-*.dist-info/licenses/LICENSE"))
