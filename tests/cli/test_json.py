"""With --json everything that a script asks for comes as JSON on stdout, errors too."""

import json


def test_an_error_is_an_object_on_stdout_and_a_panel_on_stderr(szmass_fork, tmp_path):
    outcome = szmass_fork("estimate", "no.fits", "no.csv", "-o", "out.fits", "--json", cwd=tmp_path)
    error = json.loads(outcome.out)["error"]
    assert outcome.code == error["exit_code"] == 2
    assert "no." in error["message"] and error["hint"] and "error" in outcome.err
    assert szmass_fork("estimate", "no.fits", "no.csv", "-o", "out.fits", cwd=tmp_path).out == ""


def test_wrong_options_are_an_object_too(szmass_fork, tmp_path):
    outcome = szmass_fork("train", "--json", "--nonsense", cwd=tmp_path)
    assert outcome.code == json.loads(outcome.out)["error"]["exit_code"] == 2


def test_an_interruption_is_an_object_too(szmass_fork, tmp_path):
    bundle = "szmass_cli.network.bundle.bundle"
    stop = f"import {bundle} as b; b.read_bundle = lambda model: (x for x in ()).throw(KeyboardInterrupt)"
    outcome = szmass_fork("info", "--json", cwd=tmp_path, before=stop)
    assert outcome.code == json.loads(outcome.out)["error"]["exit_code"] == 130


def test_shards_answer_and_name_the_command_that_joins_them(field, szmass_here, tmp_path):
    options = ["--noise", "5", "--json", "--block-rows", "1", "-o", "my masses.fits"]
    rows = 0
    for shard in ("1/2", "2/2"):
        outcome = szmass_here(
            "estimate", field.map_path, field.catalog_path, *options, "--shard", shard, cwd=tmp_path
        )
        answer = json.loads(outcome.out)
        assert (outcome.code, answer["shard"]) == (0, shard)
        assert answer["merge"] == "szmass merge 'my masses.fits'" and (tmp_path / answer["parts"]).is_dir()
        rows += answer["rows"]
    assert rows == len(field.truth)
    merged = json.loads(szmass_here("merge", "my masses.fits", "--json", cwd=tmp_path).out)
    assert merged["model"] == "survey" and merged["prior"].startswith("flat in ln M200c")
    assert merged["maps"] == [
        {
            "file": "field.fits",
            "frequency_ghz": 150.0,
            "unit": "uK",
            "unit_source": "header",
            "beam_fwhm_arcmin": 1.0,
            "beam_source": "header",
            "noise": 5.0,
            "noise_uk_arcmin": 5.0,
            "noise_source": "option",
        }
    ]
