"""Loss, schedules, stopping and checkpoints; whole runs are in tests/test_train.py."""

import csv
import math
import os
import signal
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import InputError, Interrupted, SzmassError
from szmass_cli.network.fit import loop as training
from szmass_cli.network.fit.checkpoints import TrainingState
from szmass_cli.network.fit.loop import best_so_far, fit, learning_rate, update_state
from szmass_cli.network.paper.lesson import weighted_mse

PLATEAU = TrainingConfig(schedule="plateau", learning_rate=1e-3, halve_after_epochs=5, stop_after_epochs=15)
COSINE = TrainingConfig(schedule="cosine", learning_rate=2e-3, max_epochs=20, stop_after_epochs=3)


def test_weighted_mse_is_what_numpy_says():
    rng = np.random.default_rng(1)
    targets = rng.random((3, 5, 5, 4)).astype(np.float32)
    outputs = rng.random((3, 5, 5, 2)).astype(np.float32)
    expected = np.mean(targets[..., 2:] * (targets[..., :2] - outputs) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(weighted_mse(targets, outputs), expected, rtol=1e-5)
    np.testing.assert_array_equal(weighted_mse(targets, targets[..., :2]), np.zeros(3))


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


@given(st.floats(0.01, 5), st.floats(0, 20))
@settings(max_examples=80, deadline=None)
def test_warm_up_is_a_straight_line_for_as_long_as_configured(warm_up, epochs):
    """A share of the cosine that is the share of the warm-up that is over; none is the cosine itself."""
    state = TrainingState()
    warmed = COSINE.model_copy(update={"warm_up_epochs": warm_up})
    at_once = COSINE.model_copy(update={"warm_up_epochs": 0.0})
    full = learning_rate(at_once, state, epochs)
    expected = min(epochs / warm_up, 1.0) * full
    # it begins at a thousandth of an epoch: a rate of zero would waste the first step
    assert learning_rate(warmed, state, epochs) == pytest.approx(expected, abs=full * 0.0011 / warm_up)


def test_warm_up_is_for_the_cosine_only():
    plateau = PLATEAU.model_copy(update={"warm_up_epochs": 5.0})
    assert learning_rate(plateau, TrainingState(), 0.0) == 1e-3


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
        self.optimizer = type("Optimizer", (), {"learning_rate": 0.0, "variables": [Moment()]})()

    def evaluate(self, *_, **__):
        loss = next(self.losses)
        self.epochs += 1
        return {"loss": loss}

    def __array__(self, dtype=None, copy=None):
        return np.array(self.epochs)

    def assign(self, epochs):
        self.epochs = int(epochs)
        self.loaded.append(f"epoch-{self.epochs:05d}.h5")


class ScriptedSteps:
    """Stands where what trains a model does."""

    def __init__(self, model, average, like, batch_size):
        self._model = model

    def epoch(self, course):
        self._model.seen.append(course.first_step // course.n_batches)
        return 1.0


class Blocks:
    """Stands where a simulator does that is never asked."""

    block_size = 256


class Judged:
    """Stands where a lesson does."""

    judged_by, counts_untrained = "loss", True


class NoAverage:
    """Stands where a running average does that was not asked for."""

    variables = ()

    def in_place(self):
        return nullcontext()

    def take(self):
        pass


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A function that fits a model of scripted validation losses; returns it and its state."""

    def run(losses, resume=True, untrained=math.inf, **settings):
        model = ScriptedModel(losses)
        monkeypatch.setattr(training, "compiled_model", lambda *_: (model, NoAverage()))
        monkeypatch.setattr(training, "_validation_set", lambda *_: (None, None))
        monkeypatch.setattr(training, "_untrained_loss", lambda *_: untrained)
        monkeypatch.setattr(training, "source_of", lambda *_: None)
        monkeypatch.setattr(training, "STEPS", {"tensorflow": ScriptedSteps})
        config = SurveyConfig(training=TrainingConfig(**settings))
        _, state = fit(config, Blocks(), Judged(), tmp_path / "run.training", resume)
        return model, state

    return run


def test_training_stops_early_and_takes_the_best_weights(run):
    losses = [5.0, 3.0, 4.0, 3.5, 3.2, 9.0]
    model, state = run(losses, max_epochs=20, stop_after_epochs=3)
    assert state.epoch == 5 and state.best_epoch == 2
    assert model.loaded == ["epoch-00002.h5"]
    assert [row["validation_loss"] for row in state.history] == losses[:5]
    assert [row["epoch"] for row in state.history] == [1, 2, 3, 4, 5]


def test_what_is_worse_than_no_training_is_not_kept(run, tmp_path):
    model, state = run([0.3, 0.1, 0.2], untrained=0.0, max_epochs=3)
    assert state.best_epoch == 0 and state.best_loss == 0.0
    assert model.loaded == ["epoch-00000.h5"]
    names = {p.name for p in (tmp_path / "run.training").glob("*.h5")}
    assert names == {"epoch-00000.h5", "epoch-00003.h5"}


def test_training_ends_after_its_epochs(run):
    model, state = run([3.0, 2.0, 1.0, 0.5], max_epochs=3)
    assert state.epoch == 3 and model.seen == [0, 1, 2]
    assert model.loaded == ["epoch-00003.h5"]


def test_only_the_last_and_the_best_weights_are_kept(run, tmp_path):
    run([5.0, 3.0, 4.0, 3.5], max_epochs=4)
    names = sorted(p.name for p in (tmp_path / "run.training").iterdir())
    assert names == ["epoch-00002.h5", "epoch-00004.h5", "log.csv", "state.json", "tensorboard"]


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


def interrupt_after(*losses):
    """Validation losses, and Ctrl-C in the epoch of the last one."""
    *before, last = losses
    yield from before
    os.kill(os.getpid(), signal.SIGINT)
    yield last


def test_ctrl_c_ends_the_epoch_and_the_run_goes_on_after_it(run, tmp_path):
    with pytest.raises(Interrupted, match="after epoch 2 of 5, which is saved") as told:
        run(interrupt_after(3.0, 4.0), max_epochs=5)
    assert told.value.exit_code == 130
    assert "of epoch 1," in told.value.hint and "--finish" in told.value.hint
    assert str(tmp_path / "run.training") in told.value.hint
    model, state = run([2.0, 2.5, 2.6], max_epochs=5)
    assert model.seen == [2, 3, 4]
    assert [row["validation_loss"] for row in state.history] == [3.0, 4.0, 2.0, 2.5, 2.6]
    assert state.best_epoch == 3


def test_ctrl_c_in_the_last_epoch_ends_the_run_as_usual(run):
    _, state = run(interrupt_after(3.0, 2.0), max_epochs=2)
    assert state.epoch == 2 and state.best_epoch == 2


def test_the_log_has_a_line_for_each_epoch_of_all_sessions(run, tmp_path):
    with pytest.raises(Interrupted):
        run(interrupt_after(3.0, 4.0), max_epochs=3)
    _, state = run([2.0], max_epochs=3)
    with (tmp_path / "run.training" / "log.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["epoch"]) for line in lines] == [1, 2, 3]
    assert [float(line["validation_loss"]) for line in lines] == [3.0, 4.0, 2.0]
    assert [{k: float(v) for k, v in line.items()} for line in lines] == state.history


def test_the_best_of_an_unfinished_run_is_that_of_its_best_epoch(run, tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        run(interrupt_after(3.0, 2.0, 4.0), max_epochs=9)
    model = ScriptedModel([])
    monkeypatch.setattr(training, "compiled_model", lambda *_: (model, NoAverage()))
    config = SurveyConfig(training=TrainingConfig(max_epochs=9))
    found, state = best_so_far(config, None, tmp_path / "run.training")
    assert found is model and model.loaded == ["epoch-00002.h5"]
    assert (state.epoch, state.best_epoch, state.best_loss) == (3, 2, 2.0)
    with pytest.raises(InputError, match="no training run to finish"):
        best_so_far(config, None, tmp_path / "elsewhere.training")


def test_a_run_of_another_configuration_is_not_continued(run):
    run([2.0], max_epochs=1)
    with pytest.raises(InputError, match="another configuration") as caught:
        run([1.0], max_epochs=2)
    assert "--no-resume" in caught.value.hint
    with pytest.raises(InputError, match="another configuration"):
        run([1.0], max_epochs=1, seed=2)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_ends_the_run(run, tmp_path, loss):
    """In training or in validation; the epoch is not saved."""
    with pytest.raises(SzmassError, match=f"loss became {loss} in epoch 2") as caught:
        run([1.0, loss], max_epochs=3)
    assert "learning_rate" in caught.value.hint and caught.value.exit_code == 1
    assert not (tmp_path / "run.training" / "epoch-00002.h5").exists()


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_training_loss_that_is_not_a_number_ends_the_run(run, monkeypatch, loss):
    monkeypatch.setattr(ScriptedSteps, "epoch", lambda self, course: loss)
    with pytest.raises(SzmassError, match=f"loss became {loss} in epoch 1"):
        run([1.0], max_epochs=3)
