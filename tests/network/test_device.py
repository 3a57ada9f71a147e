"""Where training runs: numbers chosen, and several devices that train as one."""

import json

import numpy as np
import pytest

from szmass_cli.config import NetworkConfig, SurveyConfig, TrainingConfig
from szmass_cli.errors import ConfigError
from szmass_cli.network.backend import usable_cores
from szmass_cli.network.fit import device
from szmass_cli.network.fit.device import Device, training_device
from szmass_cli.network.fit.loop import compiled_model
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.network.paper.lesson import Encoder

pytestmark = pytest.mark.timeout(900)  # tracing a network for two devices takes most of a minute

TINY = SurveyConfig(
    network=NetworkConfig(
        head="mass", base_filters=2, dropout_rate=0.0, input="plain", batch_norm_momentum=0.9
    ),
    training=TrainingConfig(seed=3, batch_size=8, cutouts_per_epoch=32, average_decay=0.5, max_epochs=2),
)

# two virtual devices on the CPU, which can only be split before TensorFlow begins: a process of its own
BOTH_WAYS = """
import json, sys
from pathlib import Path
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from szmass_cli.config import parse_config
from szmass_cli.network import mresunet
from szmass_cli.network.fit import loop as training
from szmass_cli.network.fit.checkpoints import Checkpoints
from szmass_cli.network.fit.device import training_device
from szmass_cli.network.paper.inputs import Labels
from szmass_cli.network.paper.lesson import Encoder
from szmass_cli.sky.cutouts import CutoutBlock

mresunet.DILATIONS = (1, 2)  # compiled in half of the time
config = parse_config(Path("recipe.yaml").read_text(), "recipe.yaml")


class Cutouts:
    def __init__(self, teacher, draw, folder):
        self.lesson = teacher.lesson

    def epoch(self, index):
        rng = np.random.default_rng(index)
        for _ in range(4):
            yield self.lesson(block(rng))


def block(rng):
    mass = rng.uniform(1e14, 8e14, 8)
    sz = np.zeros((8, 40, 40, 1), np.float32)
    sz[:, 15:25, 15:25] = -mass[:, None, None, None] / 4e12
    image = (sz + rng.normal(0, 30, sz.shape)).astype(np.float32)
    return CutoutBlock(image, sz, mass, np.full(8, 0.7), np.ones(8))


class Simulator:
    block_size = 8

    def blocks(self, clusters, n, seed, stream):
        return [block(np.random.default_rng(99)) for _ in range(2)]


class Plain:
    channels = 1

    def __call__(self, images):
        return images / np.float32(600)


training.source_of = Cutouts
encoder = Encoder(config, Plain(), Labels(600.0, 4.5e14))
found = {}
for name, devices in (("one", ["CPU:0"]), ("two", ["CPU:0", "CPU:1"])):
    where = training_device(config.training, devices)
    model, state = training.fit(config, Simulator(), encoder, Path(name), device=where)
    found[name] = {
        "replicas": where.n_replicas,
        "description": where.description,
        "history": state.history,
        "steps": int(model.optimizer.iterations.numpy()),
    }
    np.savez(name + ".npz", *[np.asarray(v) for v in model.variables])
    if name == "two":  # a killed run goes on: what is saved comes back on both devices
        again, _ = training.compiled_model(config, encoder, where)
        variables = {"model": again.variables}
        Checkpoints(Path(name)).restore(state.epoch, variables)
        own = [np.asarray(v) for v in again.variables]
        found["copies differ by"] = max(
            float(np.abs(np.asarray(copy) - values).max())
            for variable, values in zip(again.variables, own, strict=True)
            for copy in getattr(variable.value, "values", ())
        )
        found["copies"] = max(len(getattr(v.value, "values", ())) for v in again.variables)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory, szmass_python):
    """The same training on one device and on two: what it says, and the folder with the weights."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "recipe.yaml").write_text(TINY.to_yaml())
    (folder / "both_ways.py").write_text(BOTH_WAYS)
    outcome = szmass_python("both_ways.py", cwd=folder)
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out.splitlines()[-1]), folder


@pytest.mark.slow
def test_two_devices_are_two(both_ways):
    found, _ = both_ways
    assert (found["one"]["replicas"], found["two"]["replicas"]) == (1, 2)
    assert "as 2 devices, float32" in found["two"]["description"]
    assert "devices" not in found["one"]["description"]


@pytest.mark.slow
def test_two_devices_have_the_losses_of_one(both_ways):
    """Each sees half of every batch; normalisation, loss and gradients are those of the whole.

    To rounding: with a loss that is added up, or statistics of half a batch, they differ by tens of per cent.
    """
    found, _ = both_ways
    one, two = found["one"]["history"], found["two"]["history"]
    assert len(one) == len(two) == 2 and found["one"]["steps"] == found["two"]["steps"] == 8
    for a, b in zip(one, two, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-4)
        assert b["validation_loss"] == pytest.approx(a["validation_loss"], rel=1e-4)


@pytest.mark.slow
def test_two_devices_end_with_the_weights_of_one(both_ways):
    _, folder = both_ways
    with np.load(folder / "one.npz") as one, np.load(folder / "two.npz") as two:
        assert one.files == two.files
        pairs = [(one[name], two[name]) for name in one.files]
    last_kernel = pairs[-2][0]
    assert np.all(last_kernel != 0.0)  # it began at zero: these are weights that have been trained
    for a, b in pairs:
        # Adam's steps are as large where a gradient is mere rounding, hence a little of the rate
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=0.1 * TINY.training.learning_rate)


@pytest.mark.slow
def test_a_checkpoint_comes_back_on_every_device(both_ways):
    found, _ = both_ways
    assert found["copies"] == 2 and found["copies differ by"] == 0.0


class TwoReplicas:
    num_replicas_in_sync = 2


def test_a_batch_that_cannot_be_shared_is_a_configuration_error():
    config = TINY.model_copy(update={"training": TINY.training.model_copy(update={"batch_size": 9})})
    with pytest.raises(ConfigError, match=r"training\.batch_size: 9 cannot be shared by 2 devices") as caught:
        compiled_model(config, None, Device(TwoReplicas(), "float32", "two"))
    assert "multiple" in caught.value.hint


@pytest.mark.parametrize(
    ("precision", "policy", "words"),
    [
        ("float32", "float32", "float32"),
        ("bfloat16", "mixed_bfloat16", "mixed bfloat16"),
        ("float16", "mixed_float16", "mixed float16"),
    ],
)
def test_the_precision_asked_for_is_used_and_named(precision, policy, words):
    found = training_device(TrainingConfig(precision=precision), ["CPU:0"])
    assert found.policy == policy and found.n_replicas == 1
    assert found.description.endswith(f", {words}")


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((9, 0), "bfloat16"),
        ((8, 0), "bfloat16"),
        ((7, 5), "float16"),
        ((6, 1), "float32"),
        ((0, 0), "float32"),
    ],
)
def test_a_gpu_computes_in_the_half_it_has_units_for(capability, expected):
    assert device._half_of(capability) == expected


def test_a_gpu_is_fed_by_processes_and_a_cpu_is_not():
    cores = usable_cores()
    assert Device(None, "float32", "a GPU", is_gpu=True).n_feeding_processes == min(max(cores - 1, 1), 24)
    assert Device(None, "float32", "a CPU").n_feeding_processes == 0


@pytest.mark.parametrize(("backend", "words"), [("torch", "tensorflow and jax"), ("", "tensorflow and jax")])
def test_another_backend_of_keras_is_refused(monkeypatch, backend, words):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    with pytest.raises(ConfigError, match=words):
        training_device(TrainingConfig())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_in_every_precision_weights_are_single_and_a_step_changes_them(precision, quick_training):
    training = TINY.training.model_copy(update={"precision": precision})
    config = TINY.model_copy(update={"training": training})
    where = training_device(training, ["CPU:0"])
    lesson = Encoder(config, NetworkInput(None, 600.0), Labels(600.0, 4.5e14))
    model, average = compiled_model(config, lesson, where)
    halves = {str(layer.compute_dtype) for layer in model.layers if layer.name.startswith("dilated")}
    assert halves == {precision}
    kinds = {str(v.dtype) for v in (*model.variables, *average.variables) if "int" not in str(v.dtype)}
    assert not any("16" in kind for kind in kinds), kinds
    rng = np.random.default_rng(1)
    x = rng.standard_normal((8, 40, 40, 1)).astype(np.float32)
    targets = np.concatenate([rng.standard_normal((8, 40, 40, 2)), np.ones((8, 40, 40, 2))], -1)
    before = [np.asarray(v) for v in model.trainable_variables]
    for _ in range(2):  # the last layer begins at zero: nothing before it moves in the first step
        loss = model.train_on_batch(x, targets.astype(np.float32))
    assert np.isfinite(loss)
    assert all(np.isfinite(np.asarray(v)).all() for v in model.trainable_variables)
    moved = [not np.array_equal(v, b) for v, b in zip(model.trainable_variables, before, strict=True)]
    assert np.mean(moved) > 0.9
    assert model.predict_on_batch(x).dtype == np.float32
