"""What is measured of estimates, on estimates whose quality is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.evaluation.statistics import (
    PERCENTILES,
    at_one_mass,
    gaussian_width,
    is_better_than_possible,
    mass_scatter,
)


def normal_estimates(n, bias, scatter, seed):
    """Truth, and percentiles of an estimator with an honest log-normal posterior but for its bias."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(2e14, 7e14, n)
    middle = truth * np.exp(scatter * rng.standard_normal(n))
    quantiles = scatter * np.array([-1.96, -0.99446, 0.0, 0.99446, 1.96])
    return truth, middle[:, None] * np.exp(quantiles + bias)


def test_the_percentiles_are_those_that_the_statistics_take_apart():
    assert PERCENTILES == (2.5, 16.0, 50.0, 84.0, 97.5)


def test_mass_scatter_measures_a_known_scatter():
    truth, percentiles = normal_estimates(20_000, 0.0, 0.15, 2)
    scatter = mass_scatter(percentiles, truth)
    assert scatter.std == pytest.approx(0.15, abs=0.003)
    assert scatter.gaussian_sigma == pytest.approx(0.15, abs=0.005)
    assert scatter.median == pytest.approx(0.0, abs=0.005)
    assert scatter.coverage_68 == pytest.approx(0.68, abs=0.012)
    assert scatter.coverage_95 == pytest.approx(0.95, abs=0.006)


def test_a_bias_is_seen_in_the_median_and_in_the_coverage_not_in_the_scatter():
    truth, percentiles = normal_estimates(20_000, 0.15, 0.15, 3)
    scatter = mass_scatter(percentiles, truth)
    assert scatter.median == pytest.approx(0.15, abs=0.005)
    assert scatter.std == pytest.approx(0.15, abs=0.003)
    # one sigma off: a normal deviate falls between 0.00554 and 1.99446 with probability 0.4747
    assert scatter.coverage_68 == pytest.approx(0.4747, abs=0.012)


def test_both_ends_belong_to_an_interval():
    percentiles = np.array([[1.0, 2.0, 3.0, 4.0, 5.0]] * 6)
    truth = np.array([0.9, 1.0, 2.0, 4.0, 5.0, 5.1])
    scatter = mass_scatter(percentiles, truth)
    assert scatter.coverage_68 == pytest.approx(2 / 6)
    assert scatter.coverage_95 == pytest.approx(4 / 6)


def test_the_gaussian_fit_looks_past_the_tails():
    rng = np.random.default_rng(3)
    values = np.concatenate([0.1 * rng.standard_normal(9000), rng.uniform(-1, 1, 600)])
    assert values.std() > 0.16
    assert gaussian_width(values) == pytest.approx(0.1, abs=0.01)


def test_a_hopeless_estimator_still_has_a_width():
    """A model of groups below 5e13 Msun, judged as all models are on 2-7e14: all ln ratios below -1.2."""
    values = np.random.default_rng(4).normal(-2.0, 0.3, 1000)
    values = values[values < -1.25]
    with np.errstate(all="ignore"):
        assert not gaussian_width(values) < 0.1


@pytest.mark.parametrize("sigma", [0.003, 0.01, 0.03, 0.17, 0.5])
def test_the_gaussian_fit_finds_any_width(sigma):
    values = sigma * np.random.default_rng(5).standard_normal(5000)
    assert gaussian_width(values) == pytest.approx(sigma, rel=0.06)


@pytest.mark.parametrize("n", [140, 1000])
def test_the_gaussian_fit_takes_the_few_clusters_of_figure_6(n):
    """A fit to 140 values has an error of 6 per cent and more; it must not come out twice as wide."""
    widths = [gaussian_width(0.17 * np.random.default_rng(seed).standard_normal(n)) for seed in range(40)]
    assert np.mean(widths) == pytest.approx(0.17, rel=0.05)
    assert np.std(widths) < 4 * 0.17 / np.sqrt(2 * n)


def test_what_does_not_scatter_has_no_width():
    assert gaussian_width(np.full(100, 0.1)) == 0.0


def test_at_one_mass_is_the_median_and_half_of_what_lies_between_16_and_84():
    found = at_one_mass(np.linspace(1e14, 3e14, 101))
    assert found.median_msun == pytest.approx(2e14)
    assert found.sigma_msun == pytest.approx(0.5 * (0.84 - 0.16) * 2e14)
    assert found.relative_error == pytest.approx(0.34)
    assert found.bias_over_sigma(1.32e14) == pytest.approx(1.0)
    assert found.bias_over_sigma(2.68e14) == pytest.approx(-1.0)


@given(st.floats(1e13, 1e15), st.floats(0.01, 0.5), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_relative_error_and_bias_do_not_depend_on_the_unit(mass, scatter, seed):
    estimates = np.exp(scatter * np.random.default_rng(seed).standard_normal(50))
    one, scaled = at_one_mass(estimates), at_one_mass(mass * estimates)
    assert scaled.relative_error == pytest.approx(one.relative_error, rel=1e-9)
    assert scaled.bias_over_sigma(mass) == pytest.approx(one.bias_over_sigma(1.0), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("errors", "leak"), [(-4, False), (0, False), (2, False), (2.9, False), (3.1, True)])
@pytest.mark.parametrize("n", [100, 10_000])
def test_three_standard_errors_below_the_best_possible_are_too_good(errors, leak, n):
    error = 0.17 / np.sqrt(2 * n)
    assert is_better_than_possible(0.17 - errors * error, 0.17, n) is leak


def test_an_honest_estimator_is_hardly_ever_accused():
    """Standard deviations of 300 sets of 200 values, against the truth: 3 sigma is one in 741."""
    rng = np.random.default_rng(6)
    accused = [is_better_than_possible(rng.normal(0, 0.17, 200).std(), 0.17, 200) for _ in range(300)]
    assert sum(accused) <= 3
