"""Weighted masses against Gaussians in ln M, whose answers are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from szmass_cli.posterior import MassPosterior, mixture

PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)
LEVELS = norm.ppf(np.array(PERCENTS) / 100)
CENTRE = np.log(4e14)


def gaussian(mean, sigma, ln_mass=None):
    """Posteriors N(mean, sigma²) in ln M on a common grid, or on one of their own each."""
    mean, sigma = np.atleast_1d(mean).astype(float), np.atleast_1d(sigma).astype(float)
    if ln_mass is None:
        ln_mass = mean[:, None] + sigma[:, None] * np.linspace(-6, 6, 601)
    ln_mass = np.broadcast_to(ln_mass, (mean.size, np.shape(ln_mass)[-1]))
    weight = norm.pdf(ln_mass, mean[:, None], sigma[:, None])
    return MassPosterior(ln_mass, weight / weight.sum(axis=1, keepdims=True))


def common_grid(q=801):
    return np.linspace(CENTRE - 4, CENTRE + 4, q)


def test_percentiles_of_a_gaussian():
    mean, sigma = CENTRE + np.array([-1.0, 0.0, 0.7]), np.array([0.05, 0.2, 0.5])
    got = np.log(gaussian(mean, sigma).percentiles(PERCENTS))
    np.testing.assert_allclose(got, mean[:, None] + sigma[:, None] * LEVELS, atol=5e-4)


def test_percentiles_beyond_the_masses_are_the_last_masses():
    posterior = MassPosterior(np.log([[1e14, 2e14, 4e14]]), np.array([[0.25, 0.5, 0.25]]))
    np.testing.assert_allclose(
        posterior.percentiles((0, 12.5, 50, 87.5, 100))[0] / 1e14, [1, 1, 2, 4, 4], rtol=1e-12
    )


def test_one_mass_is_its_own_percentiles():
    posterior = MassPosterior(np.log([[3e14]]), np.ones((1, 1)))
    np.testing.assert_allclose(posterior.percentiles((16, 50, 84)), 3e14, rtol=1e-12)


@pytest.mark.parametrize("slope", [-6.0, -1.0, 2.0])
def test_a_power_law_moves_a_gaussian_by_slope_times_variance(slope):
    """N(m, s²) exp(a x) ∝ N(m + a s², s²)."""
    sigma = np.array([0.1, 0.3])
    before = gaussian([CENTRE, CENTRE], sigma, common_grid(4001))
    got = np.log(before.reweighted(slope * before.ln_mass).percentiles(PERCENTS))
    expected = CENTRE + slope * sigma[:, None] ** 2 + sigma[:, None] * LEVELS
    np.testing.assert_allclose(got, expected, atol=5e-4)


@pytest.mark.parametrize("offset", [-1e6, 0.0, 1e6])
@pytest.mark.parametrize("slope", [-1e5, 1e5])
def test_no_prior_is_too_steep(slope, offset):
    posterior = gaussian(CENTRE, 0.2)
    after = posterior.reweighted(slope * posterior.ln_mass + offset)
    np.testing.assert_allclose(after.weight.sum(axis=1), 1)
    assert after.weight[0, 0 if slope < 0 else -1] == pytest.approx(1)


def test_a_prior_may_forbid_masses_but_not_all_of_them():
    posterior = gaussian([CENTRE, CENTRE], [0.2, 0.2])
    ln_ratio = np.where(posterior.ln_mass > CENTRE, 0.0, -np.inf)
    ln_ratio[1] = -np.inf
    got = posterior.reweighted(ln_ratio).percentiles((50,))[:, 0]
    assert np.log(got[0]) == pytest.approx(CENTRE + 0.2 * norm.ppf(0.75), abs=2e-3)
    assert np.isnan(got[1])


def test_masses_without_weight_need_no_ratio():
    posterior = MassPosterior(np.log([[1e14, 2e14, 3e14]]), np.array([[0.0, 0.5, 0.5]]))
    after = posterior.reweighted(np.array([[np.inf, 0.0, 0.0]]))
    np.testing.assert_array_equal(after.weight, posterior.weight)


def mixed_quantile(level, means, sigmas, weights):
    return brentq(
        lambda x: np.sum(weights * norm.cdf(x, means, sigmas)) - level, CENTRE - 3, CENTRE + 3, xtol=1e-10
    )


@pytest.mark.parametrize("grid", [None, common_grid(4001)])
def test_a_mixture_is_the_weighted_mean_of_its_parts(grid):
    means, sigmas, weights = CENTRE + np.array([-0.2, 0.1, 0.3]), [0.1, 0.3, 0.15], np.array([0.2, 0.5, 0.3])
    parts = [gaussian(mean, sigma, grid) for mean, sigma in zip(means, sigmas, strict=True)]
    mixed = mixture(parts, weights)
    assert (mixed.ln_mass is parts[0].ln_mass) == (grid is not None)
    assert np.all(np.diff(mixed.ln_mass) >= 0) and mixed.weight.sum() == pytest.approx(1)
    expected = [mixed_quantile(percent / 100, means, sigmas, weights) for percent in PERCENTS]
    np.testing.assert_allclose(np.log(mixed.percentiles(PERCENTS))[0], expected, atol=2e-3)


def test_every_cluster_may_have_weights_of_its_own():
    low, high = gaussian([CENTRE - 0.5] * 2, [0.1] * 2), gaussian([CENTRE + 0.5] * 2, [0.1] * 2)
    got = mixture([low, high], np.array([[1.0, 0.0], [0.0, 1.0]])).percentiles((16, 50, 84))
    np.testing.assert_allclose(got[0], low.percentiles((16, 50, 84))[0], rtol=1e-3)
    np.testing.assert_allclose(got[1], high.percentiles((16, 50, 84))[0], rtol=1e-3)


def test_what_has_no_answer_at_one_node_has_none():
    one, other = gaussian([CENTRE] * 2, [0.1] * 2), gaussian([CENTRE] * 2, [0.2] * 2)
    lost = MassPosterior(np.where([[True], [False]], np.nan, other.ln_mass), other.weight)
    for posterior in (lost, lost.reweighted(lost.ln_mass), mixture([one, lost], [0.5, 0.5])):
        assert np.isnan(posterior.percentiles(PERCENTS)).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize("weight", [np.ones((2, 3)), np.ones(4)])
def test_masses_and_weights_have_one_shape(weight):
    with pytest.raises(ValueError, match=r"not \(n, q\)"):
        MassPosterior(np.ones((2, 4)), weight)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 6), q=st.integers(1, 20), slope=st.floats(-50, 50))
@settings(max_examples=80, deadline=None)
def test_rows_do_not_know_of_each_other_and_percentiles_ascend(seed, n, q, slope):
    rng = np.random.default_rng(seed)
    weight = rng.random((n, q)) * (rng.random((n, q)) < 0.7)
    weight[:, 0] += 1e-3
    posterior = MassPosterior(
        CENTRE + np.sort(rng.normal(size=(n, q)), axis=1), weight / weight.sum(axis=1, keepdims=True)
    )
    after = mixture([posterior, posterior.reweighted(slope * posterior.ln_mass)], [0.3, 0.7])
    got = after.percentiles((0, 2.5, 50, 99, 100))
    assert np.all(np.diff(got, axis=1) >= -1e-9 * got[:, 1:])
    for row in range(n):
        own = MassPosterior(posterior.ln_mass[row : row + 1], posterior.weight[row : row + 1])
        alone = mixture([own, own.reweighted(slope * own.ln_mass)], [0.3, 0.7]).percentiles(
            (0, 2.5, 50, 99, 100)
        )
        np.testing.assert_array_equal(alone[0], got[row])
