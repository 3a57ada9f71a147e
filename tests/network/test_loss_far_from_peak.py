"""The loss of corrections where the likelihood is far below its peak."""

import numpy as np
import pytest

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.features import Features, LabelledFeatures, mass_nodes
from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.lessons import CorrectionLesson
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.clusters import mass_range


def test_a_correction_that_raises_a_hopeless_mass_changes_nothing():
    """ln L of -400 at the lightest masses, raised by 150, is still as good as none."""
    config = SurveyConfig()
    grid = mass_grid(mass_range(config.clusters))
    truth = grid[300]
    ln_l = -np.minimum(0.5 * ((grid - truth) / 0.1) ** 2, 400.0)[None]
    nothing = np.zeros((1, 40, 40), np.float32)
    seen = Features(np.zeros((1, 20, 20, 4)), np.zeros((1, 97)), ln_l, np.ones(1), nothing, np.ones(1))
    block = LabelledFeatures(seen, np.exp([truth]), np.array([0.5]), nothing)
    lesson = CorrectionLesson(config)
    targets = lesson(block)[1]["g"]
    raised = np.where(mass_nodes(grid) < truth - 2.5, 150.0, 0.0)[None].astype(np.float32)
    ops = load_keras().ops
    loss = lesson.losses["loss"]["g"]
    values = [
        float(loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(g))[0]) for g in (0 * raised, raised)
    ]
    assert values == pytest.approx([0.0, 0.0], abs=1e-3)
