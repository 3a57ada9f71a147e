"""The mixture in ln M: its loss, its likelihood and its density on a grid, against scipy's Gaussians."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from szmass_cli.network.mixture import (
    MIN_SIGMA,
    PIVOT_MSUN,
    density_on_grid,
    first_biases,
    ln_likelihood,
    loss,
    split,
)

LN_RANGE = (float(np.log(0.3e14)), float(np.log(20e14)))


@pytest.fixture(scope="module")
def heads():
    """Numbers of 50 heads of three components, some of whose probability is beyond the range."""
    rng = np.random.default_rng(3)
    return np.concatenate(
        [rng.normal(0, 1, (50, 3)), rng.normal(0, 1.5, (50, 3)), rng.normal(0, 1, (50, 3))], 1
    )


@pytest.fixture(scope="module")
def ln_mass():
    return np.random.default_rng(4).uniform(*LN_RANGE, 50)


def by_scipy(heads, ln_mass):
    """ln p of Gaussians cut off at the ends of the range."""
    weights = softmax(heads[:, :3], axis=1)
    sigma = MIN_SIGMA + np.log1p(np.exp(heads[:, 6:]))
    components = norm(heads[:, 3:6] + np.log(PIVOT_MSUN), sigma)
    inside = np.sum(weights * (components.cdf(LN_RANGE[1]) - components.cdf(LN_RANGE[0])), axis=1)
    return np.log(np.sum(weights * components.pdf(ln_mass[:, None]), axis=1) / inside)


def test_likelihood_is_that_of_gaussians_cut_off_at_the_range(heads, ln_mass):
    expected = by_scipy(heads, ln_mass)
    np.testing.assert_allclose(ln_likelihood(heads, ln_mass, LN_RANGE), expected, atol=1e-9)


def test_loss_is_minus_the_likelihood(heads, ln_mass):
    target = (ln_mass - np.log(PIVOT_MSUN))[:, None].astype(np.float32)
    values = np.asarray(loss(LN_RANGE)(target, heads.astype(np.float32)))
    np.testing.assert_allclose(values, -by_scipy(heads, ln_mass), atol=2e-4)


def test_density_on_a_grid_is_the_likelihood_and_sums_to_one(heads):
    step = (LN_RANGE[1] - LN_RANGE[0]) / 2000
    grid = LN_RANGE[0] + (np.arange(2000) + 0.5) * step
    density = density_on_grid(heads, grid)
    np.testing.assert_allclose(density.sum(axis=1), 1.0, rtol=1e-12)
    for node in (0, 700, 1999):
        expected = by_scipy(heads, np.full(len(heads), grid[node]))
        likely = expected > -15
        np.testing.assert_allclose(np.log(density[likely, node] / step), expected[likely], atol=0.01)


@pytest.mark.parametrize("n_components", [1, 2, 3])
def test_an_untrained_head_has_equal_components_side_by_side(n_components):
    ln_weights, means, sigma = split(first_biases(n_components)[None])
    np.testing.assert_allclose(np.exp(ln_weights), 1.0 / n_components)
    assert np.all(np.diff(means[0]) > 0)
    assert np.all((sigma > 0.5) & (sigma < 1.5))
    low, high = np.array(LN_RANGE) - np.log(PIVOT_MSUN)
    assert np.all((means > low) & (means < high))
