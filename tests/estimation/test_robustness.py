"""Whatever happens while a file is written, it ends whole or not at all."""

import contextlib
import json
import os
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

SIGNAL_AT = """
import os, signal, time

def stop(*arguments, **options):
    os.kill(os.getpid(), signal.{signal})
    time.sleep(60)

{patch}
"""
BEFORE_THE_NETWORK = "from szmass_cli.network.massmodel import MassModel\nMassModel.from_bundle = stop"
AT_THE_RENAMING = "os.replace = stop"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def words(panel):
    return " ".join(panel.replace("│", " ").split())


def arguments_of(field, command):
    return {
        "estimate": ("estimate", field.map_path, field.catalog_path, "-o", "out.fits"),
        "simulate cutouts": ("simulate", "cutouts", "--n", "20", "-o", "out.h5"),
        "simulate field": ("simulate", "field", "-c", "small.yaml", "--n-clusters", "3", "-o", "out.fits"),
    }[command]


@pytest.fixture
def folder(tmp_path):
    """A folder to work in, which holds nothing but a small configuration."""
    (tmp_path / "small.yaml").write_text("field: {width_deg: 1, height_deg: 1}\n")
    return tmp_path


# --- interruptions ------------------------------------------------------------------------------------------

INTERRUPTIONS = [
    ("estimate", BEFORE_THE_NETWORK, "SIGINT"),
    ("estimate", BEFORE_THE_NETWORK, "SIGTERM"),
    ("simulate field", AT_THE_RENAMING, "SIGINT"),
    ("simulate cutouts", AT_THE_RENAMING, "SIGTERM"),
]


@pytest.fixture(scope="module", params=INTERRUPTIONS, ids=lambda case: f"{case[2]} in {case[0]}")
def interrupted(request, field, szmass_fork, tmp_path_factory):
    """What an interrupted command left, with the folder it ran in."""
    command, patch, signal = request.param
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "small.yaml").write_text("field: {width_deg: 1, height_deg: 1}\n")
    code = SIGNAL_AT.format(signal=signal, patch=patch)
    return szmass_fork(*arguments_of(field, command), cwd=folder, before=code), folder


def test_an_interruption_leaves_nothing(interrupted):
    outcome, folder = interrupted
    assert outcome.code == 130
    assert "Traceback" not in outcome.err and outcome.out == ""
    assert names(folder) == ["small.yaml"]


def test_an_interruption_is_announced(interrupted):
    outcome, _ = interrupted
    assert outcome.err.count("╭─ error") == 1 and "Interrupted." in outcome.err


def test_an_interruption_while_masses_are_written_leaves_the_old_file(
    field, szmass_here, folder, monkeypatch
):
    (folder / "out.fits").write_text("last week's masses")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    outcome = szmass_here(*arguments_of(field, "estimate"), "--overwrite", cwd=folder)
    assert outcome.code == 130
    assert names(folder) == ["out.fits", "small.yaml"]
    assert (folder / "out.fits").read_text() == "last week's masses"


INTERRUPT_AT_IMPORT = """
import os, signal, sys

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Stop())
from szmass_cli.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["typer", "h5py"])
def test_an_interruption_while_modules_are_loaded(field, szmass_python, folder, module):
    code = INTERRUPT_AT_IMPORT.format(module=module)
    outcome = szmass_python("-c", code, *arguments_of(field, "estimate"), cwd=folder)
    assert "Traceback" not in outcome.err
    assert outcome.code == 130
    assert names(folder) == ["small.yaml"]


# --- disks --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(folder, options):
    """A file system of its own on a folder, with what it takes to make one."""
    disk = folder / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("only root may mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_full_disk(field, szmass_here, folder):
    with small_disk(folder, "size=4k") as disk:
        arguments = ("estimate", field.map_path, field.catalog_path, "-o", "disk/out.fits")
        outcome = szmass_here(*arguments, cwd=folder)
        assert outcome.code == 1
        assert "disk/out.fits.parts/" in words(outcome.err) and "could not be written" in words(outcome.err)
        assert "space" in words(outcome.err)
        assert outcome.err.count("╭") == 1 and "Traceback" not in outcome.err and outcome.out == ""
        assert names(disk) == []


@pytest.mark.parametrize("output", ["out.fits", "out.csv"])
def test_a_disk_that_fills_up_at_the_end_and_is_cleared(field, szmass_here, folder, output):
    """What was measured is kept and used; of a CSV and its sidecar both are there or neither is."""
    with small_disk(folder, "size=64k") as disk:
        (disk / "ballast").write_bytes(bytes(52 * 1024))
        arguments = ("estimate", field.map_path, field.catalog_path, "-o", f"disk/{output}")
        outcome = szmass_here(*arguments, cwd=folder)
        assert outcome.code == 1
        assert f"disk/{output}" in words(outcome.err) and "could not be written" in words(outcome.err)
        assert names(disk) == ["ballast", f"{output}.parts"]
        (disk / "ballast").unlink()
        again = szmass_here(*arguments, cwd=folder)
        assert again.code == 0, again.err
        assert not [name for name in names(disk) if name.endswith(".parts")]
        assert len(Table.read(disk / output)) == 24


@pytest.fixture(scope="module", params=["simulate cutouts", "simulate field"])
def beyond_quota(request, field, szmass_fork, tmp_path_factory):
    """What a command left that may write no file beyond 20 kB."""
    folder = tmp_path_factory.mktemp("quota")
    (folder / "small.yaml").write_text("field: {width_deg: 1, height_deg: 1}\n")
    return (
        request.param,
        szmass_fork(*arguments_of(field, request.param), cwd=folder, largest_file=20_000),
        folder,
    )


def test_a_quota(beyond_quota):
    _, outcome, folder = beyond_quota
    assert outcome.code == 1, outcome.err
    assert "could not be written" in words(outcome.err)
    assert outcome.err.count("╭") == 1 and outcome.out == ""
    assert names(folder) == ["small.yaml"]


def test_a_quota_gives_no_traceback(beyond_quota):
    _, outcome, _ = beyond_quota
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", ["estimate", "simulate field"])
def test_a_read_only_folder(field, szmass_fork, folder, command):
    with small_disk(folder, "ro,size=64k") as disk:
        *rest, output = arguments_of(field, command)
        outcome = szmass_fork(*rest, f"disk/{output}", cwd=folder)
        assert outcome.code == 2
        assert f"disk/{output}: cannot be written: Read-only file system" in words(outcome.err)
        assert outcome.err.count("╭") == 1
        assert names(disk) == []


def test_a_failing_write_leaves_the_file_that_was_there(field, szmass_here, folder):
    with small_disk(folder, "size=8k") as disk:
        (disk / "out.fits").write_text("last week's masses")
        arguments = (
            "estimate",
            field.map_path,
            field.catalog_path,
            "-o",
            "disk/out.fits",
            "--overwrite",
        )
        assert szmass_here(*arguments, cwd=folder).code == 1
        assert "out.fits" in names(disk)
        assert (disk / "out.fits").read_text() == "last week's masses"


# --- odd but allowed ----------------------------------------------------------------------------------------


def test_odd_file_names(field, szmass_here, folder):
    odd = folder / "Ωmega [bold] 'q' ünï"
    odd.mkdir()
    (odd / "my map.fits").write_bytes(field.map_path.read_bytes())
    (odd / "a,b.csv").write_bytes(field.catalog_path.read_bytes())
    outcome = szmass_here("estimate", "my map.fits", "a,b.csv", "-o", "o u t.v1.fits", "--json", cwd=odd)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["output"] == "o u t.v1.fits"
    assert len(Table.read(odd / "o u t.v1.fits")) == 24
    assert names(odd) == ["a,b.csv", "my map.fits", "o u t.v1.fits"]


def test_a_catalogue_of_which_no_row_is_on_the_map(field, szmass_here, folder):
    (folder / "in.csv").write_text("name,ra,dec\na,220,30\nb,221,30\nc,,\n")
    outcome = szmass_here("estimate", field.map_path, "in.csv", "-o", "out.csv", "--json", cwd=folder)
    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)
    assert (summary["rows"], summary["with_mass"], summary["m200c_1e14_msun"]) == (3, 0, None)
    assert summary["flags"]["OFF_MAP"] == 2 and summary["flags"]["BAD_COORDINATES"] == 1
    out = Table.read(folder / "out.csv")
    assert len(out) == 3 and np.isnan(np.ma.filled(out["M200c"].astype(float), np.nan)).all()


def test_a_map_without_noise_or_cmb_is_not_refused_when_the_user_states_the_unit(field, measure, folder):
    """A flat map has nothing to check the unit by; with --units it is the user's word that counts."""
    with fits.open(field.map_path) as hdus:
        fits.writeto(folder / "map.fits", np.full_like(hdus[0].data, 1e-3), hdus[0].header)
    estimates = measure(folder / "map.fits", field.catalog_path, units="uK")
    assert np.isfinite(estimates.columns["M200c"]).all()
    assert estimates.flag_counts()["NOISE_MISMATCH"] == 24
