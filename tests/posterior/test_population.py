"""Populations from likelihoods whose answers are known."""

import numpy as np
import pytest
from scipy.special import erf

from szmass_cli.posterior.curves import Curves, relative_likelihood, thinned, thinning
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.posterior.population import Undetermined, inferred_population

GRID = mass_grid((3e13, 2e15))
MEAN = float(np.log(2.5e14))


def gaussian_curves(found, width):
    """Curves of measurements of ln M (n,) with a Gaussian error."""
    ln_likelihood = -0.5 * ((GRID - found[:, None]) / width) ** 2
    return thinned(GRID, iter([ln_likelihood]), len(found))


def ones(n):
    return np.ones((n, 1))


def sz_curves(ln_mass, snr_at_mean, rng):
    """Curves of clusters whose S/N goes as M^1.7, with 20 per cent scatter, and their S/N."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    expected = snr_at_mean * np.exp(1.7 * (GRID - MEAN))
    true = snr_at_mean * np.exp(1.7 * (ln_mass - MEAN) + 0.2 * rng.standard_normal(ln_mass.size))
    found = true + rng.standard_normal(ln_mass.size)
    likelihood = sum(
        weight * np.exp(-0.5 * (found[:, None] - np.exp(0.2 * node) * expected) ** 2)
        for node, weight in zip(nodes, weights / weights.sum(), strict=True)
    )
    return thinned(GRID, iter([np.log(np.maximum(likelihood, 1e-300))]), ln_mass.size), found


def test_gaussian_likelihoods_give_the_mean_and_scatter_of_textbooks():
    rng = np.random.default_rng(1)
    found = MEAN + np.hypot(0.3, 0.2) * rng.standard_normal(4000)
    population = inferred_population(gaussian_curves(found, 0.2), ones(4000))
    # the sum of two Gaussians: variance of the measurements less that of their errors
    total = found.std()
    scatter = np.sqrt(total**2 - 0.2**2)
    assert population.coefficients[0] == pytest.approx(found.mean(), abs=2e-4)
    assert population.scatter == pytest.approx(scatter, abs=1e-3)
    mean_error = total / np.sqrt(4000)
    scatter_error = total**2 / scatter / np.sqrt(2 * 4000)
    np.testing.assert_allclose(population.errors, [mean_error, scatter_error], rtol=0.02)


def test_few_rows_do_not_fix_the_scatter_and_say_so():
    found = MEAN + 0.1 * np.array([-1.0, 1.0, 0.0, 0.5, -0.5])
    population = inferred_population(gaussian_curves(found, 0.3), ones(5))
    assert population.coefficients[0] == pytest.approx(MEAN, abs=0.01)
    assert population.errors[1] > 0.07 and population.errors[0] > 0.3 / np.sqrt(5)


def test_the_slope_of_gaussian_likelihoods_is_that_of_least_squares():
    rng = np.random.default_rng(2)
    x = rng.uniform(-0.8, 0.8, 1500)
    found = MEAN + 1.3 * x + np.hypot(0.25, 0.2) * rng.standard_normal(1500)
    population = inferred_population(
        gaussian_curves(found, 0.2), np.column_stack([np.ones(1500), x]), np.array([MEAN, 0.0])
    )
    slope, middle = np.polyfit(x, found, 1)
    np.testing.assert_allclose(population.coefficients, [middle, slope], atol=2e-3)
    residual = (found - middle - slope * x).std()
    assert population.scatter == pytest.approx(np.sqrt(residual**2 - 0.2**2), abs=3e-3)
    assert population.errors[1] == pytest.approx(residual / (x.std() * np.sqrt(1500)), rel=0.03)


def test_a_known_offset_is_taken_away():
    rng = np.random.default_rng(3)
    offset = rng.uniform(-0.6, 0.6, 2000)
    found = MEAN + offset + np.hypot(0.3, 0.2) * rng.standard_normal(2000)
    population = inferred_population(gaussian_curves(found, 0.2), ones(2000), offset=offset)
    assert abs(population.coefficients[0] - (found - offset).mean()) < 2e-3
    assert population.scatter == pytest.approx(0.3, abs=0.02)


def test_faint_rows_give_an_unbiased_mean_with_an_honest_error():
    pulls = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        ln_mass = MEAN + 0.35 * rng.standard_normal(400)
        curves, snr = sz_curves(ln_mass, 1.2, rng)
        assert np.mean(snr < 3.0) > 0.75
        population = inferred_population(curves, ones(400))
        pulls.append(
            (np.append(population.coefficients, population.scatter) - [MEAN, 0.35]) / population.errors
        )
    pulls = np.array(pulls)
    # 30 of them: the mean is known to 0.18, and 30 squares sum to 30 +- 8
    assert np.all(np.abs(pulls.mean(axis=0)) < 0.6)
    assert np.all(np.abs((pulls**2).sum(axis=0) - 30.0) < 25.0)


def test_the_mean_of_all_clusters_is_found_from_those_above_a_cut():
    rng = np.random.default_rng(5)
    ln_mass = MEAN + 0.35 * rng.standard_normal(8000)
    curves, snr = sz_curves(ln_mass, 3.0, rng)
    above = np.flatnonzero(snr > 5.0)
    assert 500 < above.size < 2500
    expected = 3.0 * np.exp(1.7 * (curves.ln_mass - MEAN))
    nodes = np.linspace(-4.0, 4.0, 161)
    weights = np.exp(-0.5 * nodes**2)
    chances = 0.5 * (1.0 + erf((np.exp(0.2 * nodes)[:, None] * expected - 5.0) / np.sqrt(2.0)))
    chance = (weights @ chances / weights.sum()).astype(np.float32)
    selected = Curves(curves.ln_mass, curves.likelihood[above], np.tile(chance, (above.size, 1)))
    blind = inferred_population(Curves(curves.ln_mass, curves.likelihood[above]), ones(above.size))
    told = inferred_population(selected, ones(above.size))
    assert blind.coefficients[0] - MEAN > 0.3  # what a cut does
    assert abs(told.coefficients[0] - MEAN) < 3.0 * told.errors[0] < 0.3
    assert abs(told.scatter - 0.35) < 3.0 * told.errors[1]


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(8)
    x = rng.uniform(-0.5, 0.5, 300)
    curves, _ = sz_curves(MEAN + x + 0.3 * rng.standard_normal(300), 2.0, rng)
    design = np.column_stack([np.ones(300), x])
    order = rng.permutation(300)
    one = inferred_population(curves, design, np.array([MEAN, 0.5]))
    other = inferred_population(curves[order], design[order], np.array([MEAN, 0.5]))
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-6)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=1e-3)


def test_rows_that_say_nothing_are_an_error_not_a_number():
    nothing = Curves(GRID[thinning(GRID)], np.ones((50, GRID[thinning(GRID)].size), np.float32))
    with pytest.raises(Undetermined, match="do not say"):
        inferred_population(nothing, ones(50))


def test_thinning_keeps_steps_narrow_and_likelihoods_finite():
    assert thinning(GRID).step == 4
    assert thinning(np.linspace(0.0, 1.0, 21)).step == 1
    curves = relative_likelihood(np.array([[-2000.0, 0.0, -1.0]]))
    assert curves.dtype == np.float32 and curves[0, 0] > 0.0 and curves[0, 1] == 1.0


def test_one_row_that_is_wrong_by_far_moves_no_sample():
    found = MEAN + np.hypot(0.3, 0.2) * np.random.default_rng(5).standard_normal(300)
    wrong = found.copy()
    wrong[7] = GRID[-1]
    one, other = (inferred_population(gaussian_curves(of, 0.2), ones(300)) for of in (found, wrong))
    assert abs(other.scatter - one.scatter) < 0.5 * one.errors[1]
