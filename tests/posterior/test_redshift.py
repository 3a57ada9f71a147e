"""Uncertain redshifts against integrals that are known."""

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.posterior import MassPosterior
from szmass_cli.posterior.redshift import marginalised, redshift_nodes

PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)
LEVELS = norm.ppf(np.array(PERCENTS) / 100)
EVERYWHERE = (-10.0, 10.0)


def falling_with_redshift(slope, sigma):
    """ln M is N(ln 4e14 + slope z, sigma²)."""

    grid = np.log(4e14) + np.linspace(-6, 2, 4001)

    def posterior_at(z):
        density = norm.pdf(grid, np.log(4e14) + slope * z[:, None], sigma)
        return MassPosterior(grid, density / density.sum(axis=1, keepdims=True))

    return posterior_at


def test_nodes_have_the_moments_of_a_gaussian():
    z, err = np.array([0.5, 1.0]), np.array([0.05, 0.2])
    nodes, weights = redshift_nodes(z, err, EVERYWHERE)
    assert weights.sum() == pytest.approx(1)
    for power, moment in ((1, 0), (2, 1), (4, 3), (6, 15), (8, 105)):
        got = weights @ ((nodes - z) / err) ** power
        np.testing.assert_allclose(got, moment, atol=1e-9 * max(moment, 1))


def test_nodes_stay_within_the_calibration():
    nodes, _ = redshift_nodes(np.array([0.15, 1.9]), np.array([0.5, 0.5]), (0.1, 2.0))
    assert nodes.min() == 0.1 and nodes.max() == 2.0


@pytest.mark.parametrize("err", [0.01, 0.05, 0.1])
def test_a_gaussian_stays_one_and_is_wider(err):
    slope, sigma, z = -1.5, 0.15, np.array([0.4, 0.9])
    got = marginalised(falling_with_redshift(slope, sigma), z, np.full(2, err), EVERYWHERE)
    expected = np.log(4e14) + slope * z[:, None] + np.hypot(sigma, slope * err) * LEVELS
    np.testing.assert_allclose(np.log(got.percentiles(PERCENTS)), expected, atol=2e-3)


def test_an_error_of_nothing_changes_nothing():
    posterior_at, z = falling_with_redshift(-1.5, 0.15), np.array([0.4, 0.9])
    got = marginalised(posterior_at, z, np.zeros(2), EVERYWHERE).percentiles(PERCENTS)
    np.testing.assert_allclose(got, posterior_at(z).percentiles(PERCENTS), rtol=1e-9)
