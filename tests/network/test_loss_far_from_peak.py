"""The loss of corrections where the likelihood is far below its peak."""

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.features import Features, LabelledFeatures, mass_nodes
from szmass_cli.network.backend import load_keras
from szmass_cli.network.correction import interpolation
from szmass_cli.network.fit.lessons import FLOOR, CorrectionLesson
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.sky.clusters import mass_range

CONFIG = SurveyConfig()
GRID = mass_grid(mass_range(CONFIG.clusters))


def losses(ln_l, truth, corrections):
    """The losses of corrections (k, 24) of one cutout."""
    nothing = np.zeros((1, 40, 40), np.float32)
    seen = Features(np.zeros((1, 20, 20, 4)), np.zeros((1, 97)), ln_l[None], np.ones(1), nothing, np.ones(1))
    lesson = CorrectionLesson(CONFIG)
    targets = lesson(LabelledFeatures(seen, np.exp([truth]), np.array([0.5]), nothing))[1]["g"]
    ops, loss = load_keras().ops, lesson.losses["loss"]["g"]
    return [
        float(loss(ops.convert_to_tensor(targets), ops.convert_to_tensor(g[None].astype(np.float32)))[0])
        for g in corrections
    ]


def test_a_correction_that_raises_a_hopeless_mass_changes_nothing():
    """ln L of -400 at the lightest masses, raised by 150, is still as good as none."""
    truth = GRID[300]
    ln_l = -np.minimum(0.5 * ((GRID - truth) / 0.1) ** 2, 400.0)
    raised = np.where(mass_nodes(GRID) < truth - 2.5, 150.0, 0.0)
    assert losses(ln_l, truth, [0.0 * raised, raised]) == pytest.approx([0.0, 0.0], abs=1e-3)


def test_a_truth_that_the_likelihood_thinks_hopeless_gains_what_its_posterior_gains():
    """With ln L of -800 at the true mass, as behind a bright source, which no density holds."""
    truth = GRID[120] + 0.3 * (GRID[1] - GRID[0])
    ln_l = -np.minimum(0.5 * ((GRID - GRID[320]) / 0.05) ** 2, 800.0)
    gain = -0.5 * ((mass_nodes(GRID) - truth) / 0.3) ** 2 + 700.0
    corrected = ln_l + gain @ interpolation(GRID, GRID)
    probability = np.interp(truth, GRID, np.exp(corrected - logsumexp(corrected)))
    after = np.log((1.0 - FLOOR) * probability * GRID.size + FLOOR)
    little = gain - 400.0
    assert losses(ln_l, truth, [gain, little]) == pytest.approx([np.log(FLOOR) - after, 0.0], abs=5e-3)
    assert after < 5.0
