"""Recalibrated posteriors under another prior than the model's own."""

import numpy as np
import pytest

from szmass_cli.estimation.recalibrated import recalibrated
from szmass_cli.physics.cosmology import PLANCK18
from szmass_cli.posterior.grid import mass_grid, probability_below
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.tempering import FLOOR, Tempering

RANGE = (3e13, 2e15)
GRID = mass_grid(RANGE)


def test_the_floor_decides_under_no_prior():
    """Of a massive cluster, which by the floor alone the mass function would put among small ones."""
    nothing = Tempering(np.array([1.0]), np.zeros(1), np.ones(1), RANGE)
    change = PriorChange(Prior.FLAT_LOG, Prior.MASS_FUNCTION, PLANCK18)
    ln_likelihood = -0.5 * ((GRID - np.log(1e15)) / 0.1)[None] ** 2
    found = recalibrated(nothing, change, np.array([0.7]), np.array([30.0]), ln_likelihood)
    shift = np.log(found.wanted.percentiles((50.0,))[0, 0] / 1e15)
    # the mass function falls as M^-5 there: 5 sigma^2
    assert shift == pytest.approx(-0.05, abs=0.02)
    below = probability_below(GRID, found.wanted.density, np.log([5e14]))[0]
    assert below == pytest.approx(FLOOR, rel=0.05)
    np.testing.assert_allclose(
        found.ln_likelihood[0] - found.ln_likelihood.max(), ln_likelihood[0] - ln_likelihood.max(), atol=1e-6
    )
