"""Densities on the grid of masses against Gaussians in ln M, whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from szmass_cli.posterior import MassPosterior, mixture
from szmass_cli.posterior.grid import ln_density_at, mass_grid, probability_below

PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)
LEVELS = norm.ppf(np.array(PERCENTS) / 100)
CENTRE = np.log(4e14)
GRID = CENTRE + 8.0 * (np.arange(1600) + 0.5) / 1600 - 4.0


def gaussian(mean, sigma, ln_mass=GRID):
    """Posteriors N(mean, sigma²) in ln M, each cell with its probability."""
    mean, sigma = np.atleast_1d(mean).astype(float), np.atleast_1d(sigma).astype(float)
    edges = np.append(ln_mass, 2 * ln_mass[-1] - ln_mass[-2]) - 0.5 * (ln_mass[1] - ln_mass[0])
    density = np.diff(norm.cdf((edges - mean[:, None]) / sigma[:, None]), axis=1)
    return MassPosterior(ln_mass, density / density.sum(axis=1, keepdims=True))


def test_the_grid_cuts_a_range_into_cells():
    grid = mass_grid((1e14, 4e14))
    step = np.log(4) / 400
    np.testing.assert_allclose(np.diff(grid), step)
    np.testing.assert_allclose([grid[0] - step / 2, grid[-1] + step / 2], np.log([1e14, 4e14]))


def test_percentiles_of_a_gaussian():
    mean, sigma = CENTRE + np.array([-1.0, 0.0, 0.7]), np.array([0.05, 0.2, 0.5])
    got = np.log(gaussian(mean, sigma).percentiles(PERCENTS))
    np.testing.assert_allclose(got, mean[:, None] + sigma[:, None] * LEVELS, atol=3e-4)


def test_moments_and_median_of_a_gaussian():
    posterior = gaussian([CENTRE - 0.5, CENTRE + 0.3], [0.1, 0.4])
    mean, sigma = posterior.moments
    np.testing.assert_allclose(mean, CENTRE + np.array([-0.5, 0.3]), atol=1e-4)
    np.testing.assert_allclose(sigma, [0.1, 0.4], rtol=1e-3)
    median = np.log(posterior.percentiles((50.0,))[:, 0])
    np.testing.assert_allclose(median, CENTRE + np.array([-0.5, 0.3]), atol=5e-3)


def test_percentiles_of_an_even_density_are_even():
    posterior = MassPosterior(np.log([1e14, 2e14, 4e14]), np.array([[0.25, 0.5, 0.25]]))
    edges = np.log([1e14, 2e14, 4e14, 8e14]) - 0.5 * np.log(2)
    got = np.log(posterior.percentiles((0, 25, 50, 75, 100))[0])
    np.testing.assert_allclose(got, [edges[0], edges[1], np.log(2e14), edges[2], edges[3]], rtol=1e-12)


def test_density_and_probability_at_one_mass():
    posterior = gaussian([CENTRE, CENTRE], [0.2, 0.2])
    at = CENTRE + np.array([0.1, -0.3])
    ln_p = ln_density_at(GRID, posterior.density, at)
    np.testing.assert_allclose(ln_p, norm.logpdf(at, CENTRE, 0.2), atol=1e-3)
    below = probability_below(GRID, posterior.density, at)
    np.testing.assert_allclose(below, norm.cdf(at, CENTRE, 0.2), atol=1e-4)


@pytest.mark.parametrize("slope", [-6.0, -1.0, 2.0])
def test_a_power_law_moves_a_gaussian_by_slope_times_variance(slope):
    """N(m, s²) exp(a x) ∝ N(m + a s², s²)."""
    sigma = np.array([0.1, 0.3])
    before = gaussian([CENTRE, CENTRE], sigma)
    got = np.log(before.reweighted(slope * before.ln_mass).percentiles(PERCENTS))
    expected = CENTRE + slope * sigma[:, None] ** 2 + sigma[:, None] * LEVELS
    np.testing.assert_allclose(got, expected, atol=5e-4)


@pytest.mark.parametrize("offset", [-1e6, 0.0, 1e6])
@pytest.mark.parametrize("slope", [-1e5, 1e5])
def test_no_prior_is_too_steep(slope, offset):
    posterior = gaussian(CENTRE, 0.5, np.linspace(CENTRE - 2, CENTRE + 2, 50))
    after = posterior.reweighted(slope * posterior.ln_mass + offset)
    np.testing.assert_allclose(after.density.sum(axis=1), 1)
    assert after.density[0, 0 if slope < 0 else -1] == pytest.approx(1)


def test_a_prior_may_forbid_masses_but_not_all_of_them():
    posterior = gaussian([CENTRE, CENTRE], [0.2, 0.2])
    ln_ratio = np.tile(np.where(GRID > CENTRE, 0.0, -np.inf), (2, 1))
    ln_ratio[1] = -np.inf
    got = posterior.reweighted(ln_ratio).percentiles((50,))[:, 0]
    assert np.log(got[0]) == pytest.approx(CENTRE + 0.2 * norm.ppf(0.75), abs=2e-3)
    assert np.isnan(got[1])


def test_masses_without_probability_need_no_ratio():
    posterior = MassPosterior(np.log([1e14, 2e14, 4e14]), np.array([[0.0, 0.5, 0.5]]))
    after = posterior.reweighted(np.array([[np.inf, 0.0, 0.0]]))
    np.testing.assert_array_equal(after.density, posterior.density)


def test_a_floor_takes_its_share_of_any_prior_and_no_more():
    """Spread before a prior of M^-4 it would be all that counts: the lowest masses gain most of it."""
    told, ln_ratio = gaussian(CENTRE + 2.0, 0.1), -4.0 * GRID
    sharp = told.reweighted(ln_ratio)
    floored = sharp.with_floor(0.003, ln_ratio)
    np.testing.assert_allclose(floored.percentiles((16, 50, 84)), sharp.percentiles((16, 50, 84)), rtol=2e-3)
    below = probability_below(GRID, floored.density, np.array([CENTRE]))
    assert below == pytest.approx(0.003, rel=1e-3) and floored.density.sum() == pytest.approx(1.0)
    assert told.with_floor(0.003).reweighted(ln_ratio).percentiles((50,))[0, 0] < np.exp(CENTRE)
    assert sharp.with_floor(0.0, ln_ratio) is sharp


def mixed_quantile(level, means, sigmas, weights):
    return brentq(
        lambda x: np.sum(weights * norm.cdf(x, means, sigmas)) - level, CENTRE - 3, CENTRE + 3, xtol=1e-10
    )


def test_a_mixture_is_the_weighted_mean_of_its_parts():
    means, sigmas, weights = CENTRE + np.array([-0.2, 0.1, 0.3]), [0.1, 0.3, 0.15], np.array([0.2, 0.5, 0.3])
    mixed = mixture([gaussian(mean, sigma) for mean, sigma in zip(means, sigmas, strict=True)], weights)
    assert mixed.density.sum() == pytest.approx(1)
    expected = [mixed_quantile(percent / 100, means, sigmas, weights) for percent in PERCENTS]
    np.testing.assert_allclose(np.log(mixed.percentiles(PERCENTS))[0], expected, atol=1e-3)


def test_every_cluster_may_have_weights_of_its_own():
    low, high = gaussian([CENTRE - 0.5] * 2, [0.1] * 2), gaussian([CENTRE + 0.5] * 2, [0.1] * 2)
    got = mixture([low, high], np.array([[1.0, 0.0], [0.0, 1.0]])).percentiles((16, 50, 84))
    np.testing.assert_allclose(got[0], low.percentiles((16, 50, 84))[0], rtol=1e-9)
    np.testing.assert_allclose(got[1], high.percentiles((16, 50, 84))[0], rtol=1e-9)


def test_what_has_no_answer_at_one_node_has_none():
    one, other = gaussian([CENTRE] * 2, [0.1] * 2), gaussian([CENTRE] * 2, [0.2] * 2)
    lost = MassPosterior(GRID, np.where([[True], [False]], np.nan, other.density))
    for posterior in (lost, lost.reweighted(lost.ln_mass), mixture([one, lost], [0.5, 0.5])):
        assert np.isnan(posterior.percentiles(PERCENTS)).all(axis=1).tolist() == [True, False]


def test_posteriors_on_different_grids_are_not_mixed():
    with pytest.raises(ValueError, match="different grids"):
        mixture([gaussian(CENTRE, 0.1), gaussian(CENTRE, 0.1, GRID + 0.01)], [0.5, 0.5])


@pytest.mark.parametrize("density", [np.ones((2, 3)), np.ones(4)])
def test_masses_and_densities_fit(density):
    with pytest.raises(ValueError, match=r"not \(m,\) and \(n, m\)"):
        MassPosterior(np.ones(4), density)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6), q=st.integers(2, 20), slope=st.floats(-50, 50))
@settings(max_examples=80, deadline=None)
def test_rows_do_not_know_of_each_other_and_percentiles_ascend(seed, n, q, slope):
    rng = np.random.default_rng(seed)
    density = rng.random((n, q)) * (rng.random((n, q)) < 0.7)
    density[:, 0] += 1e-3
    grid = CENTRE + np.linspace(-1, 1, q)
    posterior = MassPosterior(grid, density / density.sum(axis=1, keepdims=True))
    after = mixture([posterior, posterior.reweighted(slope * grid)], [0.3, 0.7])
    got = after.percentiles((0, 2.5, 50, 99, 100))
    assert np.all(np.diff(got, axis=1) >= -1e-9 * got[:, 1:])
    for row in range(n):
        own = posterior[row : row + 1]
        alone = mixture([own, own.reweighted(slope * grid)], [0.3, 0.7]).percentiles((0, 2.5, 50, 99, 100))
        np.testing.assert_allclose(alone[0], got[row], rtol=1e-12)
