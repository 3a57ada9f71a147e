"""`train --dry-run` says what would be done and for how long; `--quick` makes a toy of any configuration."""

import json

import pytest

from szmass_cli.config import SurveyConfig, TrainingConfig, load_config
from szmass_cli.training.checks import check_trainable
from szmass_cli.training.heads import HEADS
from szmass_cli.training.quick import AT_MOST, quick_config
from szmass_cli.training.rehearsal import Trial, training_seconds

TINY = """
instruments: {training: 2, in_each_epoch: 2, max_bands: 1, filtered: 0, depths: 1}
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
network: {base_filters: 2}
training: {cutouts_per_epoch: 256, validation_cutouts: 128, batch_size: 32, max_epochs: 2}
"""


def timed(cutouts="fresh", n_workers=0, n_epochs=4, n_instruments=3):
    training = TrainingConfig(
        cutouts=cutouts, cutouts_per_epoch=1000, validation_cutouts=100, batch_size=50, max_epochs=10
    )
    trial = Trial(instrument=2.0, cutout=0.01, step=0.5)
    return training_seconds(SurveyConfig(training=training), trial, n_epochs, n_instruments, n_workers)


def test_time_is_that_of_cutouts_instruments_and_steps():
    validation = 100 * 0.01 + 100 * 4 * 0.5 / 50
    assert timed() == pytest.approx(validation + 4 * (1000 * 0.01 + 3 * 2.0) + 4 * 20 * 0.5)
    # drawn once, whatever the number of epochs
    assert timed("fixed") == pytest.approx(validation + 1000 * 0.01 + 3 * 2.0 + 4 * 20 * 0.5)


def test_processes_that_simulate_work_beside_the_network():
    validation = 100 * 0.01 + 100 * 4 * 0.5 / 50
    drawing, steps = 4 * (10.0 + 6.0), 40.0
    assert timed(n_workers=1) == pytest.approx(validation + max(drawing, steps))
    assert timed(n_workers=8) == pytest.approx(validation + steps)


def test_what_is_finished_takes_no_time_but_to_validate():
    assert timed(n_epochs=0) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["survey", "gaussian", "paper", "paper-fresh"])
def test_a_toy_of_every_shipped_recipe_is_small_and_can_be_trained(name):
    whole, toy = load_config(name), quick_config(load_config(name))
    check_trainable(toy)
    for section, largest in AT_MOST.items():
        for key, value in largest.items():
            assert getattr(getattr(toy, section), key) <= value, key
    assert toy.sky == whole.sky and toy.clusters == whole.clusters
    assert toy.network.head == whole.network.head and toy.training.seed == whole.training.seed
    assert SurveyConfig.model_validate(toy.model_dump()) == toy
    assert quick_config(toy) == toy


def test_heads_know_what_costs_time():
    survey, gaussian, paper = (load_config(name) for name in ("survey", "gaussian", "paper-fresh"))
    assert HEADS["correction"].instruments_each_epoch(survey) == 12
    assert HEADS["correction"].calibration_cutouts(survey) == 32_768
    assert HEADS["correction"].calibration_cutouts(gaussian) == 12_288
    assert HEADS["mass"].instruments_each_epoch(paper) == 0
    assert HEADS["mass"].calibration_cutouts(paper) == 8000


@pytest.mark.slow
def test_a_dry_run_takes_a_few_steps_and_leaves_nothing(szmass_process, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    arguments = ("train", "-c", "tiny.yaml", "-o", "model", "--dry-run", "--json")
    outcome = szmass_process(*arguments, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["dry_run"] and told["epochs"] == 2 and told["epochs_done"] == 0
    assert told["calibration_seconds"] > 0.0 and 0.0 < told["training_seconds"] < 600.0
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.slow
def test_a_toy_is_a_bundle_with_its_report(szmass_process, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    outcome = szmass_process("train", "-c", "tiny.yaml", "-o", "toy", "--quick", "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "toy" in outcome.err and json.loads(outcome.out)["name"] == "toy"
    names = {path.name for path in (tmp_path / "toy").iterdir()}
    assert names >= {"weights.h5", "calibration.h5", "recipe.yaml", "report", "README.md"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.yaml", "toy"]
