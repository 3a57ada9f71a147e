"""Results go to stdout or a file, messages to stderr, and scripts can read what they need."""

import json

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import Flag
from szmass_cli.config import load_config


def test_estimate_in_a_process_of_its_own_and_again_in_another(field, szmass_process, tmp_path):
    folders = [tmp_path / "loud", tmp_path / "quiet"]
    for folder in folders:
        folder.mkdir()
    arguments = ("estimate", field.map_path, field.catalog_path, "-o", "out.csv", "--json")
    loud = szmass_process(*arguments, cwd=folders[0], PYTHONHASHSEED="1")

    assert loud.code == 0
    summary = json.loads(loud.out)
    assert loud.out.count("\n") == 1
    assert summary["rows"] == summary["with_mass"] == 24
    assert summary["output"] == "out.csv" and set(summary["flags"]) <= {flag.name for flag in Flag}
    masses = Table.read(folders[0] / "out.csv")["M200c"]
    np.testing.assert_allclose(summary["m200c_1e14_msun"], np.percentile(masses, [16, 50, 84]), atol=1e-4)
    for words in ("written to", "out.csv", "field.fits", "uK (header)"):
        assert words in loud.err
    assert max(map(len, loud.err.splitlines())) <= 80
    assert "Traceback" not in loud.err and "Warning" not in loud.err and "{" not in loud.err

    quiet = szmass_process(*arguments, "-q", cwd=folders[1], PYTHONHASHSEED="2")
    assert quiet.code == 0 and quiet.err == ""
    assert quiet.out == loud.out
    for folder in folders:
        assert sorted(p.name for p in folder.iterdir()) == ["out.csv", "out.csv.meta.json"]
    for name in ("out.csv", "out.csv.meta.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_without_json_nothing_is_printed_to_stdout(field, szmass_here, tmp_path):
    arguments = ("estimate", field.map_path, field.catalog_path, "-o", "out.fits")
    outcome = szmass_here(*arguments, cwd=tmp_path)
    assert outcome.code == 0 and outcome.out == "" and "written to" in outcome.err


def test_options_reach_the_masses(field, szmass_here, tmp_path):
    renamed = field.truth.copy()
    renamed.rename_column("ra", "x1")
    renamed["RADeg"] = 0.0
    renamed.write(tmp_path / "in.csv")
    outcome = szmass_here(
        *(
            "estimate",
            field.map_path,
            "in.csv",
            "-o",
            "out.fits",
            "--column",
            "ra=x1",
            "--units",
            "uK",
        ),
        *("--percentiles", "2.5,97.5", "--mass-def", "500c", "--beam", "1.02", "-q"),
        cwd=tmp_path,
    )
    assert outcome.code == 0, outcome.err
    header, table = fits.getheader(tmp_path / "out.fits", 1), Table.read(tmp_path / "out.fits")
    assert header["SZM_BEAM"] == 1.02 and header["SZM_UNSR"] == "option"
    assert np.all(table["M500c_p2p5"] < table["M500c"]) and np.all(table["M500c"] < table["M500c_p97p5"])
    assert not any(name.startswith("M200c_p") for name in table.colnames)


def test_config_prints_a_whole_configuration(szmass_fork, tmp_path):
    (tmp_path / "mine.yaml").write_text("sky: {noise_uk_arcmin: 7}\n")
    outcome = szmass_fork("config", "mine.yaml", cwd=tmp_path)
    assert outcome.code == 0 and outcome.err == ""
    (tmp_path / "all.yaml").write_text(outcome.out)
    assert load_config(tmp_path / "all.yaml") == load_config(tmp_path / "mine.yaml")
    assert yaml.safe_load(outcome.out)["sky"]["noise_uk_arcmin"] == 7
    assert szmass_fork("config", "all.yaml", cwd=tmp_path) == outcome


@pytest.mark.parametrize("preset", ["survey", "paper"])
def test_presets_print(szmass_fork, tmp_path, preset):
    outcome = szmass_fork("config", preset, cwd=tmp_path)
    assert outcome.code == 0 and set(yaml.safe_load(outcome.out)) >= {
        "sky",
        "clusters",
        "network",
        "training",
    }


@pytest.mark.parametrize(
    ("model", "words", "key", "value"),
    [
        (
            "survey",
            ("survey", "1 to 4 bands", "70 to 280 GHz", "radio galaxies", "realistic sky", "act-dr6, three"),
            "trained_bands",
            [1, 4],
        ),
        ("gaussian", ("gaussian", "1 to 4 bands", "27 to 280 GHz"), "trained_bands", [1, 4]),
        ("paper", ("paper", "150 GHz", "1' FWHM", "5 µK-arcmin"), "beam_fwhm_arcmin", 1.0),
    ],
)
def test_info_says_what_a_model_is(szmass_fork, tmp_path, model, words, key, value):
    shown = szmass_fork("info", model, cwd=tmp_path)
    assert shown.code == 0 and shown.err == ""
    assert max(map(len, shown.out.splitlines())) <= 80
    for word in words:
        assert word in shown.out
    listed = szmass_fork("info", model, "--json", cwd=tmp_path)
    facts = json.loads(listed.out)
    assert facts[key] == value and set(facts["sha256"]) >= {"weights.h5", "calibration.h5"}


def test_a_simulated_field_can_be_measured(szmass_fork, szmass_here, tmp_path):
    (tmp_path / "small.yaml").write_text("field: {width_deg: 1, height_deg: 1, center_dec_deg: 0}\n")
    simulate = ("simulate", "field", "-c", "small.yaml", "--n-clusters", "4", "--seed", "3", "-o", "sim.fits")
    outcome = szmass_fork(*simulate, cwd=tmp_path)
    assert outcome.code == 0 and outcome.out == ""
    assert "CAR 120 x 120 written to sim.fits, sim_ivar.fits" in outcome.err
    assert "sim_truth.csv" in outcome.err
    done = szmass_here("estimate", "sim.fits", "sim_truth.csv", "-o", "out.ecsv", cwd=tmp_path)
    assert done.code == 0, done.err
    table = Table.read(tmp_path / "out.ecsv")
    assert list(table["name"]) == [f"SIM-{i:05d}" for i in range(4)]
    assert np.isfinite(table["M200c"]).all()


@pytest.mark.parametrize("command", ["cutouts", "field"])
def test_a_configuration_is_never_replaced(szmass_fork, tmp_path, command):
    (tmp_path / "survey.yaml").write_text("sky: {noise_uk_arcmin: 6}\n")
    arguments = ("simulate", command, "-c", "survey.yaml", "-o", "survey.yaml", "--overwrite")
    outcome = szmass_fork(*arguments, cwd=tmp_path)
    assert outcome.code == 2 and "is an input" in outcome.err
    assert (tmp_path / "survey.yaml").read_text() == "sky: {noise_uk_arcmin: 6}\n"
