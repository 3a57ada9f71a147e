"""Masses under any prior from a calibration, as catalogue rows get them."""

import numpy as np
import pytest

from szmass_cli.network.paper.calibration import fit_calibration
from szmass_cli.network.paper.masses import CalibratedMasses
from szmass_cli.physics.cosmology import PLANCK18
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.sky.abundance import halo_abundance

RANGE = (1e14, 1.6e15)
SIGMA = 0.2
LEVELS = (2.5, 16.0, 50.0, 84.0, 97.5)
REDSHIFTS = (0.3, 0.6, 1.2)


def network(mass, z, rng):
    """Raw masses that fall with redshift, with noise."""
    return mass * (1.0 + z) ** -0.7 * np.exp(SIGMA * rng.standard_normal(np.shape(mass)))


@pytest.fixture(scope="module")
def calibration():
    rng = np.random.default_rng(1)
    mass = np.exp(rng.uniform(*np.log(RANGE), (3, 40000)))
    raw = np.stack([network(row, z, rng) for row, z in zip(mass, REDSHIFTS, strict=True)])
    return fit_calibration(REDSHIFTS, raw, mass, RANGE)


def masses_under(calibration, wanted):
    return CalibratedMasses(calibration, LEVELS, PriorChange(Prior.FLAT, wanted, PLANCK18))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.3, 1.2, 60)
    raw = network(np.geomspace(1.5e14, 1e15, 60), z, rng)
    return raw, z, np.where(np.arange(60) % 3 == 0, 0.08, 0.0)


def test_the_posterior_has_the_percentiles_of_the_calibration(calibration, rows):
    raw, z, _ = rows
    levels = (0.15, 1.0, *LEVELS, 99.0, 99.85)  # to half a cell
    got = calibration.posterior(raw, z).percentiles(levels)
    np.testing.assert_allclose(got, calibration.percentiles(raw, z, levels), rtol=3.5e-3)


def test_the_posterior_of_what_is_not_a_number_has_none(calibration):
    posterior = calibration.posterior(np.array([np.nan, 4e14, 4e14]), np.array([0.5, np.nan, 0.5]))
    assert np.isnan(posterior.percentiles((50,))[:, 0]).tolist() == [True, True, False]


def test_the_posterior_ends_where_the_prior_does(calibration):
    posterior = calibration.posterior(np.array([-1e15, 0.0, 5e13, 1e15, 1e17]), np.full(5, 0.5))
    np.testing.assert_allclose(posterior.density.sum(axis=1), 1.0)
    assert np.all(posterior.density >= 0)
    ends = np.array([posterior.percentiles((0,)), posterior.percentiles((100,))])
    assert np.all((ends > 0.999 * RANGE[0]) & (ends < 1.001 * RANGE[1]))


def test_the_models_own_prior_and_exact_redshifts_change_no_bit(calibration, rows):
    raw, z, _ = rows
    got, median = masses_under(calibration, Prior.FLAT)(raw, z, np.zeros(60))
    np.testing.assert_array_equal(got, calibration.percentiles(raw, z, LEVELS))
    np.testing.assert_array_equal(median, got[:, 2])


def test_an_uncertain_redshift_makes_its_own_row_wider(calibration, rows):
    raw, z, err = rows
    exact = calibration.percentiles(raw, z, LEVELS)
    got, median = masses_under(calibration, Prior.FLAT)(raw, z, err)
    np.testing.assert_array_equal(got[err == 0], exact[err == 0])
    np.testing.assert_array_equal(median, got[:, 2])
    within = (err > 0) & (exact[:, 2] > 2.5e14) & (exact[:, 2] < 8e14) & (z > 0.5) & (z < 1.0)
    assert within.sum() > 3
    widths = [np.log(values[:, 3] / values[:, 1])[within] for values in (got, exact)]
    assert np.all(widths[0] > widths[1])
    # the raw mass falls as (1+z)^-0.7
    added = 0.7 * 0.08 / (1 + z[within])
    np.testing.assert_allclose(widths[0], np.sqrt(widths[1] ** 2 + (2 * added) ** 2), rtol=0.02)


@pytest.mark.parametrize("wanted", list(Prior))
def test_the_integral_over_redshift_done_by_brute_force(calibration, wanted):
    raw, z, err = np.array([2e14, 5e14]), np.array([0.5, 0.7]), np.array([0.08, 0.05])
    got, _ = masses_under(calibration, wanted)(raw, z, err)
    draws = z[:, None] + err[:, None] * np.linspace(-4, 4, 161)
    weight = np.exp(-0.5 * np.linspace(-4, 4, 161) ** 2)
    weight /= weight.sum()
    change = PriorChange(Prior.FLAT, wanted, PLANCK18)
    for row in range(2):
        posterior = calibration.posterior(np.full(161, raw[row]), draws[row])
        posterior = posterior.reweighted(change.ln_ratio(posterior.ln_mass, draws[row]))
        cumulative = np.cumsum(weight @ posterior.density)
        upper_ends = posterior.ln_mass + 0.5 * (posterior.ln_mass[1] - posterior.ln_mass[0])
        expected = np.exp(np.interp(np.array(LEVELS) / 100, cumulative, upper_ends))
        np.testing.assert_allclose(got[row], expected, rtol=5e-3)


def test_rows_do_not_know_of_each_other(calibration, rows):
    masses = masses_under(calibration, Prior.MASS_FUNCTION)
    got, median = masses(*rows)
    for row in range(0, 60, 7):
        alone, its_median = masses(*(values[row : row + 1] for values in rows))
        np.testing.assert_array_equal(alone[0], got[row])
        np.testing.assert_array_equal(its_median, median[row : row + 1])


def test_an_answer_that_is_not_a_number_spoils_its_own_row(calibration):
    masses = masses_under(calibration, Prior.MASS_FUNCTION)
    got, median = masses(np.array([np.nan, 4e14, np.nan]), np.full(3, 0.6), np.array([0.0, 0.0, 0.1]))
    assert np.isnan(got).all(axis=1).tolist() == np.isnan(median).tolist() == [True, False, True]


def test_clusters_of_the_mass_function_have_no_bias_under_it(calibration):
    """And their intervals cover what they promise; the model's own prior has neither."""
    rng, n = np.random.default_rng(4), 20000
    z = rng.uniform(0.3, 1.2, n)
    mass = halo_abundance(PLANCK18, RANGE, (0.1, 1.5)).draw_masses(z, rng)
    raw = network(mass, z, rng)
    percentiles, own_median = masses_under(calibration, Prior.MASS_FUNCTION)(raw, z, np.zeros(n))
    p2, p16, p50, p84, p97 = percentiles.T
    bright = own_median > 3e14
    assert bright.sum() > 1500
    for chosen in (np.ones(n, bool), bright):
        true = mass[chosen]
        error = 0.5 / np.sqrt(chosen.sum())
        # the calibration's own noise adds as much as counting does
        assert np.mean(p50[chosen] > true) == pytest.approx(0.5, abs=0.015 + 3 * error)
        covered = np.mean((p16[chosen] < true) & (true < p84[chosen]))
        assert covered == pytest.approx(0.68, abs=0.015 + 3 * error)
        covered = np.mean((p2[chosen] < true) & (true < p97[chosen]))
        assert covered == pytest.approx(0.95, abs=0.01 + 2 * error)
        assert np.mean(own_median[chosen] > true) > 0.65
    bias = np.median(np.log(p50 / mass)[bright]), np.median(np.log(own_median / mass)[bright])
    assert abs(bias[0]) < 0.02 and bias[1] > 0.1
