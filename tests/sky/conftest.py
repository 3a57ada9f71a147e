"""One simulator of the paper's sky, shared: it costs a CAMB run and an eigendecomposition."""

import pytest

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream


@pytest.fixture(scope="session")
def simulator():
    """1' beam, 5 µK-arcmin, all foregrounds."""
    return CutoutSimulator(SurveyConfig())


@pytest.fixture(scope="session")
def many_cutouts(simulator):
    """3072 cutouts, masses uniform in 1-8e14, 20 per cent scatter."""
    return CutoutBlock.concatenate(list(simulator.blocks(ClusterConfig(), 3072, 11, Stream.USER)))
