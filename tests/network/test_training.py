"""Loss, schedules, stopping and checkpoints; whole runs are in tests/test_train.py."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import InputError, SzmassError
from szmass_cli.hdf5 import Hdf5Sink
from szmass_cli.network import checkpoints, training
from szmass_cli.network.checkpoints import Checkpoints, TrainingState
from szmass_cli.network.training import (
    fit,
    learning_rate,
    update_state,
    weighted_mse,
)

PLATEAU = TrainingConfig(schedule="plateau", learning_rate=1e-3, halve_after_epochs=5, stop_after_epochs=15)
COSINE = TrainingConfig(schedule="cosine", learning_rate=2e-3, max_epochs=20, stop_after_epochs=3)


def test_weighted_mse_is_what_numpy_says():
    rng = np.random.default_rng(1)
    targets = rng.random((3, 5, 5, 4)).astype(np.float32)
    outputs = rng.random((3, 5, 5, 2)).astype(np.float32)
    expected = np.mean(targets[..., 2:] * (targets[..., :2] - outputs) ** 2)
    assert float(weighted_mse(targets, outputs)) == pytest.approx(expected, rel=1e-5)
    assert float(weighted_mse(targets, targets[..., :2])) == 0.0


def test_plateau_halves_after_five_epochs_without_gain_as_the_paper_does():
    state = TrainingState()
    assert update_state(state, PLATEAU, 1.0)
    rates = []
    for _ in range(15):
        assert not update_state(state, PLATEAU, 1.0)  # equal is no gain
        rates.append(learning_rate(PLATEAU, state, state.epoch))
    np.testing.assert_allclose(rates, [1e-3] * 4 + [5e-4] * 5 + [2.5e-4] * 5 + [1.25e-4])
    assert state.epochs_without_gain == 15 and state.best_epoch == 1


def test_a_gain_starts_the_count_anew_and_keeps_the_rate():
    state = TrainingState()
    for loss in (1.0, 2.0, 2.0, 2.0, 2.0, 0.9, 1.0, 1.0, 1.0, 1.0):
        update_state(state, PLATEAU, loss)
    assert state.learning_rate_factor == 1.0 and state.epochs_without_gain == 4
    update_state(state, PLATEAU, 1.0)
    assert state.learning_rate_factor == 0.5
    update_state(state, PLATEAU, 0.5)
    assert state.learning_rate_factor == 0.5 and state.epochs_without_gain == 0
    assert state.best_epoch == state.epoch == 12 and state.best_loss == 0.5


def test_cosine_warms_up_and_falls_to_nothing():
    state = TrainingState()
    assert learning_rate(COSINE, state, 0.0) < 1e-5
    assert learning_rate(COSINE, state, 0.25) == pytest.approx(1e-3, rel=0.01)
    assert learning_rate(COSINE, state, 0.5) == pytest.approx(2e-3, rel=0.01)
    assert learning_rate(COSINE, state, 10.0) == pytest.approx(1e-3)
    assert learning_rate(COSINE, state, 20.0) == pytest.approx(0, abs=1e-9)
    after_warm_up = [learning_rate(COSINE, state, e) for e in np.linspace(0.5, 20, 100)]
    assert np.all(np.diff(after_warm_up) < 0)


def test_cosine_does_not_halve():
    state = TrainingState()
    for _ in range(12):
        update_state(state, COSINE, 1.0)
    assert state.learning_rate_factor == 1.0


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=40))
@settings(max_examples=80, deadline=None)
def test_the_best_epoch_is_the_first_with_the_lowest_loss(losses):
    state = TrainingState()
    for loss in losses:
        update_state(state, PLATEAU, loss)
    assert state.best_loss == min(losses)
    assert state.best_epoch == losses.index(min(losses)) + 1
    assert state.epochs_without_gain == len(losses) - state.best_epoch


class Moment:
    """Stands where one of Adam's moments does."""

    def __array__(self, dtype=None, copy=None):
        return np.array(0.5)

    def assign(self, value):
        assert value == 0.5


class ScriptedModel:
    """Stands where a Keras model does: its validation losses are written down, its weights count epochs."""

    input_shape, output_shape, trainable_variables = (None, 40, 40, 1), (None, 40, 40, 2), ()

    def __init__(self, losses):
        self.losses, self.loaded, self.seen = iter(losses), [], []
        self.epochs = 0
        self.variables = [self]
        self.optimizer = type(
            "Optimizer",
            (),
            {"learning_rate": 0.0, "variables": [Moment()], "build": lambda self, variables: None},
        )()

    def compile(self, *_, **__):
        pass

    def evaluate(self, *_, **__):
        loss = next(self.losses)
        self.epochs += 1
        return loss

    def __array__(self, dtype=None, copy=None):
        return np.array(self.epochs)

    def assign(self, epochs):
        self.epochs = int(epochs)
        self.loaded.append(f"epoch-{self.epochs:05d}.h5")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A function that fits a model of scripted validation losses; returns it and its state."""

    def run(losses, resume=True, **settings):
        model = ScriptedModel(losses)
        monkeypatch.setattr(training, "build_mresunet", lambda *_: model)
        monkeypatch.setattr(training, "_validation_set", lambda *_: (None, None))
        monkeypatch.setattr(training, "SOURCES", {"fresh": lambda *_: Epochs()})

        def one_epoch(model, epoch, *_):
            model.seen.append(epoch)
            return 1.0

        monkeypatch.setattr(training, "_train_epoch", one_epoch)
        config = SurveyConfig(training=TrainingConfig(**settings))
        encoder = type("Encoder", (), {"inputs": type("Inputs", (), {"channels": 1})})
        _, state = fit(config, None, encoder, tmp_path / "run.training", resume)
        return model, state

    return run


class Epochs:
    def epoch(self, index):
        return index


def test_training_stops_early_and_takes_the_best_weights(run):
    losses = [5.0, 3.0, 4.0, 3.5, 3.2, 9.0]
    model, state = run(losses, max_epochs=20, stop_after_epochs=3)
    assert state.epoch == 5 and state.best_epoch == 2
    assert model.loaded == ["epoch-00002.h5"]
    assert [row["validation_loss"] for row in state.history] == losses[:5]
    assert [row["epoch"] for row in state.history] == [1, 2, 3, 4, 5]


def test_training_ends_after_its_epochs(run):
    model, state = run([3.0, 2.0, 1.0, 0.5], max_epochs=3)
    assert state.epoch == 3 and model.seen == [0, 1, 2]
    assert model.loaded == ["epoch-00003.h5"]


def test_only_the_last_and_the_best_weights_are_kept(run, tmp_path):
    run([5.0, 3.0, 4.0, 3.5], max_epochs=4)
    names = sorted(p.name for p in (tmp_path / "run.training").iterdir())
    assert names == ["epoch-00002.h5", "epoch-00004.h5", "state.json"]


def test_an_interrupted_run_goes_on_where_it_stopped(run):
    def losses_then_kill():
        yield from (5.0, 3.0, 4.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(losses_then_kill(), max_epochs=6)
    model, state = run([2.0, 2.5, 2.6], max_epochs=6)
    assert model.seen == [3, 4, 5]
    assert model.loaded == ["epoch-00003.h5", "epoch-00004.h5"]
    assert [row["validation_loss"] for row in state.history] == [5.0, 3.0, 4.0, 2.0, 2.5, 2.6]


def test_a_finished_run_is_not_trained_again(run):
    run([2.0, 1.0], max_epochs=2)
    model, state = run([], max_epochs=2)
    assert model.seen == [] and state.epoch == 2
    assert model.loaded[-1] == "epoch-00002.h5"


def test_no_resume_begins_anew(run):
    run([2.0, 1.0], max_epochs=2)
    model, state = run([7.0, 8.0], resume=False, max_epochs=2)
    assert model.seen == [0, 1]
    assert state.best_epoch == 1 and model.loaded == ["epoch-00001.h5"]


def test_a_run_of_another_configuration_is_not_continued(run):
    run([2.0], max_epochs=1)
    with pytest.raises(InputError, match="another configuration") as caught:
        run([1.0], max_epochs=2)
    assert "--no-resume" in caught.value.hint
    with pytest.raises(InputError, match="another configuration"):
        run([1.0], max_epochs=1, seed=2)


@pytest.mark.parametrize("state", ["{", "[]", '{"epochs": 3}'])
def test_a_damaged_checkpoint_is_an_input_error(tmp_path, state):
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(InputError):
        Checkpoints(tmp_path).load("")


def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch):
    model, saved = ScriptedModel([]), Checkpoints(tmp_path)
    saved.save(TrainingState(epoch=1, best_epoch=1, recipe="r"), model)
    before = sorted(p.name for p in tmp_path.iterdir())
    monkeypatch.setattr(checkpoints, "Hdf5Sink", lambda part: Hdf5Sink("/dev/full"))
    with pytest.raises(SzmassError, match=r"epoch-00002\.h5.*space"):
        saved.save(TrainingState(epoch=2, best_epoch=1, recipe="r"), model)
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert saved.load("r").epoch == 1


@pytest.mark.parametrize("spoil", ["missing", "garbage", "other variables"])
def test_damaged_variables_are_an_input_error(tmp_path, spoil):
    model, saved = ScriptedModel([]), Checkpoints(tmp_path)
    saved.save(TrainingState(epoch=1, best_epoch=1), model)
    if spoil == "missing":
        (tmp_path / "epoch-00001.h5").unlink()
    if spoil == "garbage":
        (tmp_path / "epoch-00001.h5").write_text("no numbers")
    if spoil == "other variables":
        model.variables.append(Moment())
    with pytest.raises(InputError, match=r"epoch-00001\.h5"):
        saved.restore(1, model)


def test_an_endless_best_loss_survives_the_state_file(tmp_path):
    state = TrainingState(recipe="r")
    Checkpoints(tmp_path).save(state, ScriptedModel([]))
    assert Checkpoints(tmp_path).load("r").best_loss == math.inf
    assert Checkpoints(tmp_path / "elsewhere").load("r") is None


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_ends_the_run(loss):
    class Diverged(ScriptedModel):
        def fit(self, *_, **__):
            return type("History", (), {"history": {"loss": [loss]}})

    with pytest.raises(SzmassError, match=f"loss became {loss} in epoch 1") as caught:
        training._train_epoch(Diverged([]), iter(()), None, COSINE, TrainingState(), lambda *_: None)
    assert "learning_rate" in caught.value.hint and caught.value.exit_code == 1
