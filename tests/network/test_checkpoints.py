"""The state of a run on disk: it comes back as it was, and a damaged one is refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.errors import InputError, SzmassError
from szmass_cli.network.fit import checkpoints
from szmass_cli.network.fit.checkpoints import Checkpoints, TrainingState
from szmass_cli.system.hdf5 import Hdf5Sink


class Number:
    """Stands where a variable does."""

    def __init__(self, value):
        self.value = np.asarray(value)

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = np.asarray(value)


def some_variables():
    """More than ten of the model: the names of numbers are sorted as text."""
    return {"model": [Number(float(i)) for i in range(12)], "optimizer": [Number([1.0, 2.0])], "average": []}


def test_all_variables_come_back_to_their_places(tmp_path):
    written, read = some_variables(), some_variables()
    Checkpoints(tmp_path).save(TrainingState(epoch=3, best_epoch=3), written)
    for group in read.values():
        for variable in group:
            variable.assign(-variable.value)
    Checkpoints(tmp_path).restore(3, read)
    for name, group in written.items():
        for got, wanted in zip(read[name], group, strict=True):
            np.testing.assert_array_equal(got.value, wanted.value)


def test_a_part_of_the_variables_can_be_restored(tmp_path):
    """A finished network needs its weights, and no optimiser."""
    Checkpoints(tmp_path).save(TrainingState(epoch=1, best_epoch=1), some_variables())
    model = [Number(-1.0) for _ in range(12)]
    Checkpoints(tmp_path).restore(1, {"model": model})
    assert [float(variable.value) for variable in model] == list(range(12))


@given(st.lists(st.fixed_dictionaries({"epoch": st.integers(1, 99), "loss": st.floats(0, 9)}), max_size=4))
@settings(max_examples=20, deadline=None)
def test_the_state_comes_back_as_it_was(tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("run")
    state = TrainingState(4, 0.5, 2, 2, 0.25, history, "r")
    Checkpoints(folder).save(state, some_variables())
    assert Checkpoints(folder).load("r") == state


@pytest.mark.parametrize("state", ["{", "[]", '{"epochs": 3}'])
def test_a_damaged_checkpoint_is_an_input_error(tmp_path, state):
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(InputError):
        Checkpoints(tmp_path).load("")


def test_a_full_disk_leaves_the_state_before(tmp_path, monkeypatch):
    saved = Checkpoints(tmp_path)
    saved.save(TrainingState(epoch=1, best_epoch=1, recipe="r"), some_variables())
    before = sorted(p.name for p in tmp_path.iterdir())
    monkeypatch.setattr(checkpoints, "Hdf5Sink", lambda part: Hdf5Sink("/dev/full"))
    with pytest.raises(SzmassError, match=r"epoch-00002\.h5.*space"):
        saved.save(TrainingState(epoch=2, best_epoch=1, recipe="r"), some_variables())
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert saved.load("r").epoch == 1


@pytest.mark.parametrize("spoil", ["missing", "garbage", "other variables", "no average"])
def test_damaged_variables_are_an_input_error(tmp_path, spoil):
    saved = Checkpoints(tmp_path)
    saved.save(TrainingState(epoch=1, best_epoch=1), some_variables())
    if spoil == "missing":
        (tmp_path / "epoch-00001.h5").unlink()
    if spoil == "garbage":
        (tmp_path / "epoch-00001.h5").write_text("no numbers")
    wanted = some_variables()
    if spoil == "other variables":
        wanted["model"].append(Number(0.0))
    if spoil == "no average":
        wanted["average"] = [Number(0.0)]
    with pytest.raises(InputError, match=r"epoch-00001\.h5"):
        saved.restore(1, wanted)


def test_an_endless_best_loss_survives_the_state_file(tmp_path):
    state = TrainingState(recipe="r")
    Checkpoints(tmp_path).save(state, some_variables())
    assert Checkpoints(tmp_path).load("r").best_loss == math.inf
    assert Checkpoints(tmp_path / "elsewhere").load("r") is None
