"""The paper's sky, and a bundle whose network was never trained: quick to make, and as good to open."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from szmass_cli.config import ClusterConfig, NetworkConfig, SurveyConfig
from szmass_cli.network.backend import load_keras
from szmass_cli.network.bundle.writing import write_bundle
from szmass_cli.network.inputs import Labels
from szmass_cli.network.model import model_variables
from szmass_cli.network.mresunet import build_mresunet
from szmass_cli.posterior import fit_calibration
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.system.files import sha256_of

RECIPE = SurveyConfig(network=NetworkConfig(base_filters=2, input="filtered", dropout_rate=0.0))


@pytest.fixture(scope="session")
def cutouts(simulator):
    """600 cutouts, masses uniform in 1-8e14, 20 per cent scatter."""
    return CutoutBlock.concatenate(list(simulator.blocks(ClusterConfig(), 600, 5, Stream.USER)))


@pytest.fixture(scope="session")
def random_weights():
    """Weights of a network of 2 base filters whose answers are of the order of cluster masses."""
    load_keras().utils.set_random_seed(9)
    weights = [np.asarray(v) for v in model_variables(build_mresunet(RECIPE.network, 2))]
    rng = np.random.default_rng(9)
    for index in (-2, -1):  # the last layer begins at zero
        weights[index] = (0.02 * rng.standard_normal(weights[index].shape)).astype(np.float32)
    return weights


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory, simulator, random_weights):
    """A sealed bundle, to be read only."""
    rng = np.random.default_rng(10)
    mass = rng.uniform(1e14, 8e14, (1, 400))
    calibration = fit_calibration(
        [0.7], mass * np.exp(0.2 * rng.standard_normal((1, 400))), mass, (1e14, 8e14)
    )
    folder = tmp_path_factory.mktemp("bundle") / "toy"
    folder.mkdir()
    labels = Labels(scale_uk=600.0, mean_mass_msun=4.5e14)
    facts = {
        "name": "toy",
        "szmass_version": "0.0",
        "cutouts_trained_on": 0,
    }
    write_bundle(folder, facts, RECIPE, labels, random_weights, calibration, simulator.power)
    return folder


@pytest.fixture
def bundle_folder(tmp_path, toy_bundle):
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(toy_bundle, tmp_path / "toy"))


@pytest.fixture
def seal():
    """A function that makes a bundle's metadata fit its files again, as a forger would."""

    def seal(folder, **changes):
        path = folder / "metadata.json"
        metadata = json.loads(path.read_text())
        metadata["sha256"] = {name: sha256_of(folder / name) for name in metadata["sha256"]}
        path.write_text(json.dumps(metadata | changes))

    return seal
