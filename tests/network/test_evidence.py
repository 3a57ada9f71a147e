"""Evidence of how much a posterior was changed."""

from dataclasses import replace

import numpy as np
import pytest

from szmass_cli.likelihood.features import N_MASSES, N_PLAIN_CURVES, Features, mass_nodes
from szmass_cli.network.evidence import Corrected
from szmass_cli.posterior.grid import mass_grid, moments

GRID = mass_grid((3e13, 2e15))
CENTRES = np.log([2e14, 5e14, 9e14])


@pytest.fixture
def seen():
    """Gaussian likelihoods of sigma 0.2, to which gas alone contributes."""
    n = len(CENTRES)
    ln_likelihood = -0.5 * ((GRID - CENTRES[:, None]) / 0.2) ** 2
    curves = np.zeros((n, N_PLAIN_CURVES + 2 * N_MASSES), np.float32)
    nothing = np.zeros((n, 20, 20, 4), np.float32)
    return Features(nothing, curves, ln_likelihood, np.full(n, 9.0), np.zeros((n, 40, 40)), np.ones(n))


def test_nothing_is_said_of_what_was_not_changed(seen):
    found = Corrected.of(seen, np.zeros_like(seen.ln_likelihood), GRID)
    np.testing.assert_allclose(found.evidence, 0.0, atol=1e-12)
    np.testing.assert_allclose(found.density.sum(axis=1), 1.0)


def test_gains_are_those_at_the_mean_mass(seen):
    at_nodes = np.stack([mass_nodes(GRID) - 33.0, 2.0 * (mass_nodes(GRID) - 30.0)])
    curves = seen.curves.copy()
    curves[:, N_PLAIN_CURVES:] = np.arcsinh(at_nodes).reshape(-1)
    found = Corrected.of(replace(seen, curves=curves), np.zeros_like(seen.ln_likelihood), GRID)
    expected = np.stack([CENTRES - 33.0, 2.0 * (CENTRES - 30.0)], axis=1)
    np.testing.assert_allclose(np.sinh(found.evidence[:, :2]), expected, atol=2e-3)


def test_shift_and_width_are_those_of_the_correction(seen):
    wanted = -0.5 * ((GRID - CENTRES[:, None] - 0.1) / 0.25) ** 2
    found = Corrected.of(seen, wanted - seen.ln_likelihood, GRID)
    mean, sigma = moments(GRID, found.density)
    np.testing.assert_allclose(mean, CENTRES + 0.1, atol=0.01)
    np.testing.assert_allclose(np.sinh(found.evidence[:, 2]), 3.0 * 0.1 / 0.25, rtol=0.05)
    np.testing.assert_allclose(found.evidence[:, 3], np.log(0.2 / sigma), atol=0.02)


def test_cutouts_whose_numbers_are_none_do_not_end_the_block(seen):
    ln_likelihood = seen.ln_likelihood.copy()
    ln_likelihood[1] = np.nan
    found = Corrected.of(replace(seen, ln_likelihood=ln_likelihood), np.zeros_like(ln_likelihood), GRID)
    assert np.isnan(found.density[1]).all() and np.isfinite(found.density[[0, 2]]).all()
    assert np.isfinite(found.evidence[[0, 2]]).all()
