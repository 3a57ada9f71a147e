"""Keras on JAX, as ``KERAS_BACKEND=jax`` has it: the same training, and the same answers of equal weights."""

import json

import numpy as np
import pytest

from szmass_cli.config import parse_config

pytestmark = pytest.mark.slow

RECIPE = """
network: {head: mass, base_filters: 2, dropout_rate: 0, input: filtered}
training: {cutouts_per_epoch: 512, validation_cutouts: 128, batch_size: 32, max_epochs: 2,
  learning_rate: 3.0e-3, average_decay: 0.9, mass_error: relative}
"""

QUICKLY = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
"""What is compiled is used for seconds: not worth optimising."""

SCRIPT = """
import json, os, sys
from pathlib import Path

import numpy as np

from szmass_cli.config import load_config
from szmass_cli.training.papernetwork import PaperHead
from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.checkpoints import Checkpoints
from szmass_cli.network.fit.device import training_device
from szmass_cli.network.paper.predictor import Predictor, network_of
from szmass_cli.network.weights import model_variables
from szmass_cli.network.fit import loop as training
from szmass_cli.network.fit.averaging import WeightAverage
from szmass_cli.network.fit.loop import best_so_far, compiled_model, fit
from szmass_cli.sky.cutouts import Stream

if __name__ == "__main__":
    config = load_config("recipe.yaml")
    head = PaperHead(config)
    device = training_device(config.training)
    told = []
    if sys.argv[1] == "train":
        # both backends begin with the same weights, as they draw other ones from the same seed
        compiled, _ = compiled_model(config, head.lesson, device)
        rng = np.random.default_rng(1)
        for v in compiled.trainable_variables:
            if "kernel" in v.path:
                v.assign(0.1 * rng.standard_normal(v.shape))
        training.compiled_model = lambda *_: (compiled, WeightAverage(compiled, 0.9))
        kill_at = int(sys.argv[4]) if len(sys.argv) > 4 else None

        def tell(name, done, total, detail=""):
            told.append((done, total))
            if kill_at is not None and done > kill_at:
                os._exit(0)

        fit(
            config, head.simulator, head.lesson, Path(sys.argv[2]), progress=tell,
            n_workers=int(sys.argv[3]),
        )
    block = next(iter(head.simulator.blocks(config.clusters, 40, 3, Stream.USER)))
    found = {"backend": load_keras().backend.backend(), "device": device.description, "told": told[-1:]}
    for folder in ("jax.training", sys.argv[2]):
        if not Path(folder).exists():
            continue
        model, state = best_so_far(config, head.lesson, Path(folder))
        network = network_of(config.network, 2, [np.asarray(v) for v in model_variables(model)])
        answers = Predictor(network, head.inputs, head.labels)(block.image)
        found[folder] = {
            "mass": answers.raw_mass_msun.tolist(), "peak": answers.sz_uk[:, 20, 20].tolist(),
        }
    print(json.dumps({**found, "history": state.history, **found[sys.argv[2]]}))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backends")
    (folder / "recipe.yaml").write_text(parse_config(RECIPE, "recipe.yaml").to_yaml())
    (folder / "run.py").write_text(SCRIPT)
    return folder


@pytest.fixture(scope="module")
def run(folder, szmass_python):
    def run(backend, *arguments):
        outcome = szmass_python("run.py", *arguments, cwd=folder, KERAS_BACKEND=backend, **QUICKLY)
        assert outcome.code == 0, outcome.err
        return json.loads(outcome.out.splitlines()[-1])

    return run


@pytest.fixture(scope="module")
def by_jax(run):
    """Trained by JAX, its cutouts drawn by a worker process."""
    return run("jax", "train", "jax.training", 1)


@pytest.fixture(scope="module")
def by_tensorflow(run, by_jax):
    """Trained by TensorFlow, which then gives the answers of what JAX trained, too."""
    return run("tensorflow", "train", "tensorflow.training", 0)


def test_the_backend_asked_for_is_used_and_named(by_jax, by_tensorflow):
    assert by_jax["backend"] == "jax" and by_jax["device"].endswith("CPU cores by JAX, float32")
    assert by_tensorflow["backend"] == "tensorflow" and "JAX" not in by_tensorflow["device"]


def test_losses_are_those_of_tensorflow(by_jax, by_tensorflow):
    """From the same weights and on the same cutouts, through steps, rates and averages, to rounding."""
    assert len(by_jax["history"]) == len(by_tensorflow["history"]) == 2
    for one, other in zip(by_jax["history"], by_tensorflow["history"], strict=True):
        for name in ("loss", "validation_loss"):
            assert one[name] == pytest.approx(other[name], rel=0.01), name
        assert one["learning_rate"] == pytest.approx(other["learning_rate"], rel=1e-4)
    first, last = by_jax["history"][0], by_jax["history"][-1]
    assert last["loss"] < 0.8 * first["loss"]


def test_progress_is_told_to_the_end(by_jax, by_tensorflow):
    assert by_jax["told"] == by_tensorflow["told"] == [[1024, 1024]]


def test_what_jax_trained_tensorflow_finishes_with_the_same_answers(by_jax, by_tensorflow):
    found = by_tensorflow["jax.training"]
    np.testing.assert_allclose(found["mass"], by_jax["mass"], rtol=1e-4)
    np.testing.assert_allclose(found["peak"], by_jax["peak"], rtol=1e-3, atol=0.01)
    assert np.std(np.log(by_jax["mass"])) > 0.1


def test_a_killed_run_goes_on_as_if_nothing_had_been(by_jax, folder, szmass_python, run):
    """Killed in its second epoch: moments, rates, averages and cutouts are those of the unbroken run."""
    broken = "run.py", "train", "broken.training", 0, 512
    killed = szmass_python(*broken, cwd=folder, KERAS_BACKEND="jax", **QUICKLY)
    assert killed.code == 0 and not killed.out
    assert json.loads((folder / "broken.training" / "state.json").read_text())["epoch"] == 1
    found = run("jax", "train", "broken.training", 0)
    assert [row["epoch"] for row in found["history"]] == [1, 2]
    for one, other in zip(found["history"], by_jax["history"], strict=True):
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-5)
    np.testing.assert_allclose(found["mass"], by_jax["mass"], rtol=1e-5)
