"""Bundles whose networks were never trained: quick to make, and as good to open."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from papersky import paper_clusters

from szmass_cli.config import parse_config
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.network.backend import load_keras
from szmass_cli.network.bundle.writing import write_bundle
from szmass_cli.network.correction import build_correction
from szmass_cli.network.weights import model_variables
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.system.files import sha256_of

RECIPE = """
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
network: {base_filters: 2}
"""
MASSES = (1e14, 1.5e15)


@pytest.fixture(scope="session")
def cutouts(simulator):
    """600 cutouts, masses uniform in 1-8e14, 20 per cent scatter."""
    return CutoutBlock.concatenate(list(simulator.blocks(paper_clusters(), 600, 5, Stream.USER)))


@pytest.fixture(scope="session")
def recipe():
    """A small correction."""
    return parse_config(RECIPE, "recipe.yaml")


@pytest.fixture(scope="session")
def correction_weights(recipe):
    """Weights of a correction that is not zero."""
    load_keras().utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    network = build_correction(recipe.network)
    weights = [np.asarray(v) for v in model_variables(network)]
    # the last layers begin at zero
    return [w if w.any() else (0.05 * rng.standard_normal(w.shape)).astype(np.float32) for w in weights]


@pytest.fixture(scope="session")
def toy_sky(recipe):
    """A sky whose CMB is a power law: CAMB takes half a minute."""
    return SkyModel(recipe, 5000.0 * (CMB_ELL / 200.0) ** -1.5)


@pytest.fixture(scope="session")
def toy_bundle(tmp_path_factory, toy_sky, correction_weights):
    """A sealed bundle, to be read only."""
    folder = tmp_path_factory.mktemp("bundle") / "toy"
    folder.mkdir()
    facts = {"name": "toy", "szmass_version": "0.0", "cutouts_trained_on": 0}
    write_bundle(folder, facts, toy_sky, correction_weights, Recalibration.identity(MASSES))
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
