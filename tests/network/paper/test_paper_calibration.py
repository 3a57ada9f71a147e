"""Calibrated percentiles against posteriors that are known in closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from szmass_cli.network.paper.calibration import N_SIGMA, Calibration, fit_calibration, stretch

PRIOR = (1e14, 8e14)
SIGMA = 0.2
PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)


def noisy(ln_mass, rng, sigma=SIGMA):
    """A network that is right but for Gaussian noise in ln M."""
    return np.exp(ln_mass + sigma * rng.standard_normal(ln_mass.shape))


def flat_in_ln_mass(rng, n, prior=PRIOR):
    return rng.uniform(*np.log(prior), n)


def exact_percentiles(raw, percents, sigma=SIGMA, prior=PRIOR):
    """Of ln M under a prior flat in M: a Gaussian about ln raw + sigma^2, cut at the prior's ends."""
    mean = np.log(raw) + sigma**2
    low, high = ((np.log(edge) - mean) / sigma for edge in prior)
    levels = np.asarray(percents) / 100
    return np.exp(mean[:, None] + sigma * truncnorm.ppf(levels, low[:, None], high[:, None]))


@pytest.fixture(scope="module")
def toy():
    rng = np.random.default_rng(1)
    ln_mass = flat_in_ln_mass(rng, 40000)
    return fit_calibration([0.7], noisy(ln_mass, rng)[None], np.exp(ln_mass)[None], PRIOR)


def by_hand(redshifts=(0.5, 1.0), offsets=(0.0, 0.1)):
    """ln M = ln(1e14) + stretch + offset(z) + 0.1 sigma, exactly."""
    nodes = np.tile(np.linspace(0.5, 3.0, 9), (len(redshifts), 1))
    ln_mass = np.log(1e14) + nodes[:, :, None] + 0.1 * N_SIGMA + np.array(offsets)[:, None, None]
    edges = np.tile([0.6, 2.9], (len(redshifts), 1))
    return Calibration(np.array(redshifts), nodes, ln_mass, edges, PRIOR)


def test_percentiles_are_those_of_the_known_posterior(toy):
    """About 1000 simulations count at each node: 0.2 x 1.25 / sqrt(1000) = 0.008 in ln M for the median."""
    raw = np.geomspace(1.2e14, 7e14, 40)
    got = toy.percentiles(raw, np.full(40, 0.7), PERCENTS)
    difference = np.log(got / exact_percentiles(raw, PERCENTS))
    assert np.abs(difference.mean(axis=0)).max() < 0.012
    assert np.abs(difference[:, 1:4]).max() < 0.035
    assert np.abs(difference[:, [0, 4]]).max() < 0.07


def test_intervals_hold_what_they_promise_on_fresh_clusters(toy):
    rng = np.random.default_rng(2)
    mass = rng.uniform(*PRIOR, 20000)  # the prior: flat in M
    p2, p16, p50, p84, p97 = toy.percentiles(noisy(np.log(mass), rng), np.full(20000, 0.7), PERCENTS).T
    # 3 standard errors are 0.010 and 0.005; the calibration's own noise adds as much
    assert np.mean((p16 < mass) & (mass < p84)) == pytest.approx(0.68, abs=0.015)
    assert np.mean((p2 < mass) & (mass < p97)) == pytest.approx(0.95, abs=0.008)
    assert np.mean(mass < p50) == pytest.approx(0.5, abs=0.015)


def test_a_biased_and_compressed_network_is_put_right():
    """Calibration undoes any monotone error: raw = 3e14 (M / 3e14)^0.6 plus noise."""
    rng = np.random.default_rng(3)

    def network(ln_mass):
        return 3e14 * np.exp(0.6 * (ln_mass - np.log(3e14)) + 0.06 * rng.standard_normal(ln_mass.shape))

    ln_mass = flat_in_ln_mass(rng, 30000)
    calibration = fit_calibration([0.7], network(ln_mass)[None], np.exp(ln_mass)[None], PRIOR)
    mass = rng.uniform(*PRIOR, 10000)
    _, p16, p50, p84, _ = calibration.percentiles(network(np.log(mass)), np.full(10000, 0.7), PERCENTS).T
    assert np.mean((p16 < mass) & (mass < p84)) == pytest.approx(0.68, abs=0.02)
    middle = (mass > 2e14) & (mass < 5e14)
    # noise of 0.06 / 0.6 = 0.1 in ln M
    assert np.log(p50 / mass)[middle].std() == pytest.approx(0.1, abs=0.01)
    assert abs(np.log(p50 / mass)[middle].mean()) < 0.02


def test_a_network_that_knows_nothing_gives_the_prior():
    rng = np.random.default_rng(4)
    ln_mass = flat_in_ln_mass(rng, 30000)
    raw = 4e14 + 1e13 * rng.standard_normal(30000)
    calibration = fit_calibration([0.7], raw[None], np.exp(ln_mass)[None], PRIOR)
    got = calibration.percentiles(np.array([4e14]), np.array([0.7]), PERCENTS)[0]
    expected = 1e14 + 7e14 * np.array(PERCENTS) / 100
    np.testing.assert_allclose(got, expected, rtol=0.08)


def test_percentiles_stay_within_the_prior(toy):
    raw = np.array([-1e16, -1e14, 0.0, 1e10, 1e14, 8e14, 1e16, 1e20])
    got = toy.percentiles(raw, np.full(8, 0.7), (0, 0.1, 50, 99.9, 100))
    assert np.isfinite(got).all()
    assert got.min() >= PRIOR[0] * (1 - 1e-9) and got.max() <= PRIOR[1] * (1 + 1e-9)


def test_negative_raw_masses_are_low_masses(toy):
    negative, low, high = toy.percentiles(np.array([-5e14, 1.1e14, 6e14]), np.full(3, 0.7), (50,))[:, 0]
    assert negative <= low < high
    assert negative < 1.5e14


def test_negative_raw_masses_can_be_calibrated():
    """Faint clusters: the network's answer scatters below zero, and the axis carries it."""
    rng = np.random.default_rng(5)
    mass = np.exp(flat_in_ln_mass(rng, 20000, (2e13, 4e14)))
    raw = mass + 1e14 * rng.standard_normal(20000)
    assert (raw < 0).mean() > 0.1
    calibration = fit_calibration([0.7], raw[None], mass[None], (2e13, 4e14))
    fresh = rng.uniform(2e13, 4e14, 8000)
    got = calibration.percentiles(fresh + 1e14 * rng.standard_normal(8000), np.full(8000, 0.7), (16, 50, 84))
    assert np.isfinite(got).all()
    assert np.mean((got[:, 0] < fresh) & (fresh < got[:, 2])) == pytest.approx(0.68, abs=0.025)


@pytest.mark.parametrize("lost", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_has_no_mass(toy, lost):
    got = toy.percentiles(np.array([lost, 4e14, 4e14]), np.array([0.7, lost, 0.7]), (16, 50, 84))
    assert np.isnan(got[:2]).all()
    assert np.isfinite(got[2]).all()
    alone = toy.percentiles(np.array([4e14]), np.array([0.7]), (16, 50, 84))
    np.testing.assert_array_equal(got[2:], alone)


def test_redshifts_are_joined_in_ln_1_plus_z():
    calibration = by_hand()
    middle = np.sqrt(1.5 * 2.0) - 1
    raw = np.full(3, 1e14 * np.sinh(2.0))
    got = np.log(calibration.percentiles(raw, np.array([0.5, middle, 1.0]), (50,))[:, 0] / 1e14)
    np.testing.assert_allclose(got, [2.0, 2.05, 2.1], atol=1e-9)


def test_redshifts_beyond_the_ends_take_the_nearest():
    calibration = by_hand()
    raw = np.full(2, 1e14 * np.sinh(2.0))
    got = np.log(calibration.percentiles(raw, np.array([0.1, 2.0]), (50,))[:, 0] / 1e14)
    np.testing.assert_allclose(got, [2.0, 2.1], atol=1e-9)


def test_each_redshift_is_calibrated_with_its_own_simulations():
    rng = np.random.default_rng(6)
    ln_mass = flat_in_ln_mass(rng, (2, 20000))
    raw = noisy(ln_mass, rng, 0.1)
    raw[1] *= 2.0  # the network doubles masses at the second redshift
    calibration = fit_calibration([0.3, 0.9], raw, np.exp(ln_mass), PRIOR)
    got = calibration.percentiles(np.array([4e14, 8e14]), np.array([0.3, 0.9]), (50,))[:, 0]
    np.testing.assert_allclose(got, 4e14 * np.exp(0.01), rtol=0.03)


def test_percents_are_gaussian_levels():
    """A table linear in sigma gives the quantiles of a Gaussian."""
    percents = np.array([2.5, 16, 33, 50, 90, 99])
    raw = np.array([1e14 * np.sinh(2.0)])
    got = np.log(by_hand().percentiles(raw, np.array([0.5]), percents)[0] / 1e14)
    np.testing.assert_allclose(got, 2.0 + 0.1 * norm.ppf(percents / 100), atol=1e-9)


def test_beyond_range_is_judged_by_average_clusters_at_the_ends():
    calibration = by_hand()
    raw = 1e14 * np.sinh([0.59, 0.61, 2.89, 2.91])
    np.testing.assert_array_equal(calibration.beyond_range(raw, np.full(4, 0.7)), [True, False, False, True])


def test_average_clusters_at_the_ends_are_found(toy):
    """Half of the clusters at either end of the mass range lie beyond it, and hardly any in the middle."""
    rng = np.random.default_rng(7)
    for mass, share in ((1.02e14, 0.5), (2.5e14, 0.0), (7.8e14, 0.5)):
        raw = noisy(np.full(4000, np.log(mass)), rng)
        assert toy.beyond_range(raw, np.full(4000, 0.7)).mean() == pytest.approx(share, abs=0.08)


def test_the_axis_is_like_ln_m_and_defined_below_zero():
    assert stretch(1e16) - stretch(1e15) == pytest.approx(np.log(10), abs=0.01)
    assert stretch(0.0) == 0 and stretch(-3e14) == -stretch(3e14)


masses = st.floats(-1e15, 3e15)
percents = st.lists(st.floats(0, 100), min_size=2, max_size=6)


@given(raw=st.lists(masses, min_size=1, max_size=5), redshift=st.floats(0.02, 2.5), percents=percents)
@settings(max_examples=100, deadline=None)
def test_percentiles_ascend(toy, raw, redshift, percents):
    got = toy.percentiles(np.array(raw), np.full(len(raw), redshift), sorted(percents))
    assert got.shape == (len(raw), len(percents))
    assert np.all(np.diff(got, axis=1) >= -1e-9 * got[:, 1:])


@given(raw=st.lists(masses, min_size=2, max_size=6), percent=st.floats(0, 100), redshift=st.floats(0.4, 1.2))
@settings(max_examples=100, deadline=None)
def test_rows_do_not_know_of_each_other(raw, percent, redshift):
    calibration = by_hand()
    z = redshift + 0.1 * np.arange(len(raw))
    together = calibration.percentiles(np.array(raw), z, (percent, 50))
    alone = [
        calibration.percentiles(np.array([r]), np.array([zi]), (percent, 50))[0]
        for r, zi in zip(raw, z, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


@given(st.floats(1e14, 2.5e15), st.floats(1.001, 2.0), st.floats(0.4, 1.2))
@settings(max_examples=100, deadline=None)
def test_a_larger_answer_is_a_larger_mass(raw, factor, redshift):
    got = by_hand().percentiles(np.array([raw, raw * factor]), np.full(2, redshift), (16, 50, 84))
    assert np.all(got[1] >= got[0])


@given(st.integers(100, 400), st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_few_simulations_still_make_a_whole_table(n, seed):
    """The configuration allows 100 per redshift."""
    rng = np.random.default_rng(seed)
    ln_mass = flat_in_ln_mass(rng, (1, n))
    calibration = fit_calibration([0.7], noisy(ln_mass, rng), np.exp(ln_mass), PRIOR)
    assert np.all(np.diff(calibration.nodes, axis=1) > 0)
    got = calibration.percentiles(np.geomspace(5e13, 2e15, 9), np.full(9, 0.7), (2.5, 16, 50, 84, 97.5))
    assert np.isfinite(got).all() and np.all(np.diff(got, axis=1) >= -1e-9 * got[:, 1:])
    assert got.min() >= PRIOR[0] and got.max() <= PRIOR[1]


def test_equal_answers_do_not_break_the_fit():
    """A network stuck at one value: one node, and the prior as answer."""
    rng = np.random.default_rng(8)
    ln_mass = flat_in_ln_mass(rng, (1, 4000))
    calibration = fit_calibration([0.7], np.full((1, 4000), 3e14), np.exp(ln_mass), PRIOR)
    got = calibration.percentiles(np.array([3e14]), np.array([0.7]), (16, 50, 84))[0]
    assert np.isfinite(got).all()
    assert PRIOR[0] <= got[0] < got[1] < got[2] <= PRIOR[1]
