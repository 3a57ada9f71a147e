"""With --dry-run a run says what it would do, refuses what it would refuse, and writes nothing."""

import json

import numpy as np
import pytest


@pytest.fixture
def some_rows(field, tmp_path):
    """Nine of the field's clusters: one without a position, and one beside the map."""
    table = field.truth[:9]["name", "ra", "dec", "redshift"].copy()
    table["ra"][3], table["dec"][5] = np.nan, 40.0
    table.write(tmp_path / "in.csv")
    return tmp_path / "in.csv"


def test_it_says_what_is_understood_and_writes_nothing(field, some_rows, szmass_here, tmp_path):
    arguments = (field.map_path, some_rows, "--noise", "5", "-o", "out.fits", "--dry-run")
    outcome = szmass_here("estimate", *arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    for words in ("uK (header)", "beam 1'", "noise 5", "9, 8 with position", "7 of 8 rows", "M200c_p16"):
        assert words in " ".join(outcome.out.split()), words
    told = json.loads(szmass_here("estimate", *arguments, "--json", cwd=tmp_path).out)
    assert told["dry_run"] and told["n_usable"] == 8 and told["bands"][0]["frequency_ghz"] == 150.0
    assert 0.0 < told["seconds"] < 600.0 and "szmass_flags" in told["new_columns"]
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_it_refuses_what_the_run_would_refuse(field, some_rows, szmass_here, tmp_path):
    (tmp_path / "out.fits").touch()
    outcome = szmass_here("estimate", field.map_path, some_rows, "-o", "out.fits", "--dry-run", cwd=tmp_path)
    assert outcome.code == 2 and "already there" in outcome.err
