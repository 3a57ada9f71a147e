"""With --dry-run a simulation says what it would write and how long it will take, and writes nothing."""

import json

import pytest
from surveys import survey

from szmass_cli.errors import UsageError
from szmass_cli.simulation.rehearsal import rehearse_field, seconds_of_area

QUIET = """
sky: {cmb: false, foregrounds_dl3000_uk2: {tsz: 0, ksz: 0, dusty_poisson: 0, dusty_clustered: 0, radio: 0}}
field: {width_deg: 12, height_deg: 9, center_dec_deg: -50}
"""


@pytest.fixture
def recipe(tmp_path):
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "quiet.yaml").write_text(QUIET)
    return folder / "quiet.yaml"


def files_of(folder):
    return sorted(path.name for path in folder.iterdir())


def test_cutouts_are_tried_and_not_written(szmass_here, recipe, tmp_path):
    arguments = ("simulate", "cutouts", "-c", recipe, "--n", "70000", "-o", "c.h5", "--dry-run")
    told = json.loads(szmass_here(*arguments, "--json", cwd=tmp_path).out)
    assert told["dry_run"] and told["outputs"] == ["c.h5"] and told["seconds"] > 0.0
    # image and sz in single precision, and a few numbers
    assert told["gigabytes"] == pytest.approx(70_000 * 2 * 40 * 40 * 4 / 1e9, rel=0.01)
    assert files_of(tmp_path) == ["recipe"]


def test_a_field_is_tried_and_not_written(szmass_here, recipe, tmp_path):
    arguments = ("simulate", "field", "-c", recipe, "--n-clusters", "40", "-o", "f.fits", "--dry-run")
    outcome = szmass_here(*arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    words = " ".join(outcome.out.split())
    for expected in (
        "150 GHz, beam 1', 5 µK-arcmin",
        "CAR 1440 x 1080; 40 clusters",
        "f_truth.csv",
        "by a trial",
    ):
        assert expected in words, expected
    assert files_of(tmp_path) == ["recipe"]


def test_what_a_simulation_would_refuse_is_refused(szmass_here, recipe, tmp_path):
    (tmp_path / "c.h5").touch()
    arguments = ("simulate", "cutouts", "-c", recipe, "--dry-run")
    there = szmass_here(*arguments, "-o", "c.h5", cwd=tmp_path)
    assert there.code == 2 and "already there" in there.err
    wrong = szmass_here(*arguments, "-o", "c.fits", cwd=tmp_path)
    assert wrong.code == 2
    with pytest.raises(UsageError, match="two sets of clusters"):
        rehearse_field(
            survey(), tmp_path / "f.fits", seed=1, catalog=recipe, columns=None, n_clusters=3, overwrite=False
        )


def test_halos_of_a_map_are_not_tried(szmass_here, recipe, tmp_path):
    arguments = ("simulate", "cutouts", "-c", recipe, "-o", "c.h5", "--dry-run")
    outcome = szmass_here(*arguments, "--from-y-map", "y.fits", "--halos", "h.csv", cwd=tmp_path)
    assert outcome.code == 2 and "--from-y-map" in outcome.err


def test_time_grows_with_area_beyond_the_first_trial():
    assert seconds_of_area([4.0, 16.0], [10.0, 8.0], 4.0) == 10.0
    assert seconds_of_area([4.0, 16.0], [10.0, 8.0], 164.0) == pytest.approx(10.0 + 8.0 * 160.0 / 16.0)


def test_a_simulation_says_what_it_wrote_as_json(szmass_here, recipe, tmp_path):
    arguments = ("simulate", "cutouts", "-c", recipe, "--n", "8", "-o", "c.h5", "--json", "-q")
    assert json.loads(szmass_here(*arguments, cwd=tmp_path).out) == {"output": "c.h5", "cutouts": 8}
