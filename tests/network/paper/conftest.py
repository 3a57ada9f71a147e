"""A bundle of the paper's network that was never trained."""

import numpy as np
import pytest
from papersky import paper_clusters

from szmass_cli.config import NetworkConfig, SurveyConfig
from szmass_cli.network.backend import load_keras
from szmass_cli.network.mresunet import build_mresunet
from szmass_cli.network.paper.bundle import write_paper_bundle
from szmass_cli.network.paper.calibration import fit_calibration
from szmass_cli.network.paper.inputs import Labels
from szmass_cli.network.weights import model_variables

RECIPE = SurveyConfig(
    clusters=paper_clusters(),
    network=NetworkConfig(head="mass", base_filters=2, input="filtered"),
)


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
    facts = {"name": "toy", "szmass_version": "0.0", "cutouts_trained_on": 0}
    write_paper_bundle(folder, facts, RECIPE, labels, random_weights, calibration, simulator.power)
    return folder
