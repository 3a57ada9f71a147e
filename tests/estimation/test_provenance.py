"""An output says of itself how it was made, and gives the command line that makes it again."""

import hashlib
import json
import shlex
import subprocess
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.commandline import command_of
from szmass_cli.estimation.provenance import KEYWORDS
from szmass_cli.estimation.recorded import command_again, read_provenance
from szmass_cli.estimation.request import MapRequest, Request, SkyRequest
from szmass_cli.physics.beams import Beam


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def inputs(field, tmp_path_factory):
    """A folder with an awkward name: map, mask and three rows of the catalogue."""
    folder = tmp_path_factory.mktemp("inputs") / "µ 'maps' of Zoë"
    folder.mkdir()
    for path in (field.map_path, field.map_path.with_name("field_mask.fits")):
        (folder / path.name).symlink_to(path)
    Table.read(field.catalog_path)[:3].write(folder / "three rows.csv")
    return folder


@pytest.fixture(scope="module")
def made(inputs, measure):
    """The estimates with all of these, and where they were written."""
    options = {
        "mask": inputs / "field_mask.fits",
        "mass_definitions": ["200c", "500c"],
        "columns": {"name": "name"},
        "posteriors": inputs / "out.hdf5",
    }
    output = inputs / "out.fits"
    return output, measure(inputs / "field.fits", inputs / "three rows.csv", output, **options)


def test_digests_of_all_inputs_stand_in_the_header(inputs, made):
    header = fits.getheader(made[0], 1)
    for key, name in (
        ("SZM_MAPH", "field.fits"),
        ("SZM_MSKH", "field_mask.fits"),
        ("SZM_CATH", "three rows.csv"),
    ):
        assert header[key] == sha256(inputs / name), key


def test_digests_of_small_files_are_taken_when_the_map_is_opened(field, tmp_path):
    ell = np.arange(0, 30_001, 10)
    np.savetxt(tmp_path / "beam.txt", np.column_stack([ell, Beam(1.0).b_ell(ell)]))
    np.savetxt(tmp_path / "noise.txt", [[0, 1e-6], [30_000, 1e-6]])
    request = MapRequest(field.map_path, beam=str(tmp_path / "beam.txt"), noise=str(tmp_path / "noise.txt"))
    digests = BandMap.open(request).table_sha256
    assert digests["beam"] == sha256(tmp_path / "beam.txt") and digests["transfer"] is None
    assert digests["noise"] == sha256(tmp_path / "noise.txt")


def test_versions_cosmology_and_noise_are_in_numbers(made):
    meta = made[1].meta
    assert f"numpy {version('numpy')}" in meta["SZM_LIBS"] and "python 3." in meta["SZM_LIBS"]
    assert "h0_km_s_mpc 67.66, omega_m 0.3111" in meta["SZM_COSM"] and "sigma8 0.8102" in meta["SZM_COSM"]
    assert (meta["SZM_BEAM"], meta["SZM_BMSR"], meta["SZM_IVRH"]) == (1.0, "header", "")
    assert set(meta) <= set(KEYWORDS) and max(map(len, meta)) <= 8


def test_the_command_is_read_back_from_catalogue_and_posteriors(made):
    output, estimates = made
    assert read_provenance(output)["SZM_CMD"] == estimates.meta["SZM_CMD"]
    assert read_provenance(output.with_suffix(".hdf5")) == estimates.meta


def test_the_printed_command_makes_the_same_bytes_again(made, szmass_here, szmass_fork, tmp_path):
    output, _ = made
    told = szmass_fork("info", output, "--command", cwd=tmp_path)
    assert told.code == 0
    shell = subprocess.run(["sh", "-c", f"printf '%s\\0' {told.out}"], capture_output=True, check=True)
    program, *words = shell.stdout.decode().split("\0")[:-1]
    assert program == "szmass"
    assert szmass_here(*words, cwd=tmp_path).code == 0
    for suffix in (".fits", ".hdf5"):
        again = output.with_name(f"out_again{suffix}")
        assert again.read_bytes() == output.with_suffix(suffix).read_bytes()


def test_info_of_an_output_is_for_eyes_and_for_scripts(made, szmass_fork, tmp_path):
    output, estimates = made
    shown = szmass_fork("info", output, cwd=tmp_path)
    assert shown.code == 0 and max(map(len, shown.out.splitlines())) <= 80
    for words in ("SHA-256", "cosmology", "field_mask.fits", "begun"):
        assert words in shown.out
    meta = json.loads(szmass_fork("info", output, "--json", cwd=tmp_path).out)
    assert meta["SZM_CMD"] == estimates.meta["SZM_CMD"] and meta["SZM_VER"] == estimates.meta["SZM_VER"]


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".vot", ".parquet"])
def test_every_format_holds_the_command(field, measure, tmp_path, suffix):
    output = tmp_path / f"out{suffix}"
    meta = measure(field.map_path, field.catalog_path, output).meta
    assert read_provenance(output)["SZM_CMD"] == meta["SZM_CMD"]
    assert shlex.split(command_again(output, meta))[-1] == str(tmp_path / f"out_again{suffix}")


def test_what_was_in_memory_has_no_command(field, measure, tmp_path, szmass_fork):
    measure(field.map_path, Table.read(field.catalog_path)[:3], tmp_path / "out.fits")
    told = szmass_fork("info", tmp_path / "out.fits", "--command", cwd=tmp_path)
    assert told.code == 2 and "in memory" in told.err and told.out == ""


def test_a_table_of_somebody_else_has_no_provenance(field, szmass_fork, tmp_path):
    told = szmass_fork("info", field.catalog_path, cwd=tmp_path)
    assert told.code == 2 and "Traceback" not in told.err
    # a map is told of as one, but nothing makes it again
    assert szmass_fork("info", field.map_path, "--command", cwd=tmp_path).code == 2


def parsed(words, monkeypatch, folder):
    """The request that the command line makes of words, without running it."""
    import szmass_cli.estimation.run as run
    from szmass_cli.cli.console import run as run_command

    found = []

    def noted(request, *arguments, **options):
        found.append(request)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "estimate_catalog", noted)
    monkeypatch.chdir(folder)
    run_command([*words[1:], "-o", "out.fits"])
    return found[0]


def test_a_command_of_several_maps_with_every_option_is_parsed_to_the_same_request(
    field, tmp_path, monkeypatch
):
    table = field.catalog_path
    noise = tmp_path / "noise.txt"
    np.savetxt(noise, [[0, 1e-6], [30_000, 1e-6]])
    low = MapRequest(field.map_path, 97.8, None, "uK", str(table), True, table, str(noise), table, table)
    high = MapRequest(field.map_path, 149.6, table, None, 1.4, True, None, "14,3000,-3.5")
    request = Request(
        (low, high),
        table,
        "survey",
        SkyRequest(0.5, 0.25, False, 0.1, 0.0),
        percentiles=[2.5, 16.0],
        mass_definitions=["500c"],
        prior="flat",
        mass_scale="act-kids",
        mass_bias=None,
        suffix="_x",
        flag_names=True,
        columns={"ra": "ra", "name": "my name"},
        batch_size=32,
    )
    words = shlex.split(command_of(request))
    assert parsed(words, monkeypatch, tmp_path) == request
    halves = replace(low, noise=None, survey="none", split=(table, noise))
    for split in (replace(request, maps=(halves, high)), replace(request, maps=(halves,))):
        assert parsed(shlex.split(command_of(split)), monkeypatch, tmp_path) == split
    biased = replace(request, mass_scale=None, mass_bias=0.2, maps=(replace(high, frequency_ghz=None),))
    assert parsed(shlex.split(command_of(biased)), monkeypatch, tmp_path) == biased


def test_the_day_is_that_of_the_begin_however_often_a_run_is_resumed(field, measure, tmp_path, monkeypatch):
    """And the bytes are those of a run that was not interrupted."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    whole, resumed = tmp_path / "whole.fits", tmp_path / "resumed.fits"
    measure(field.map_path, field.catalog_path, whole)

    def stop(task, done, total, detail=""):
        if task == "clusters" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(field.map_path, field.catalog_path, resumed, block_rows=1, progress=stop)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "864000")
    assert Path(f"{resumed}.parts").is_dir()
    estimates = measure(field.map_path, field.catalog_path, resumed, block_rows=1)
    assert estimates.meta["SZM_DATE"] == "1970-01-02"
    assert resumed.read_bytes() == whole.read_bytes()
    later = measure(field.map_path, field.catalog_path, whole, overwrite=True)
    assert later.meta["SZM_DATE"] == "1970-01-11"


def test_paths_that_were_relative_are_absolute_in_the_command(field, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sources.csv").touch()
    (tmp_path / "mine.yaml").write_text("one_minus_b: 0.8")
    sky = SkyRequest(sources="sources.csv")
    request = Request((MapRequest(field.map_path),), field.catalog_path, sky=sky, mass_scale="mine.yaml")
    words = shlex.split(command_of(request))
    for option, name in (("--sources", "sources.csv"), ("--mass-scale", "mine.yaml")):
        assert words[words.index(option) + 1] == str(tmp_path / name)
