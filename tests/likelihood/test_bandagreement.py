"""The signal of clusters in each band, from matched filters drawn from their own distribution."""

import numpy as np
import pytest

from szmass_cli.likelihood.bandagreement import OWN_SPREAD, band_signal, misfit, order_that_agrees

EXPECTED = np.array([-1.63, -0.95, 0.03])


def drawn(signal, n, seed, snr=(2.0, 12.0), spoiled=0.0, spread=0.0):
    """Products of n clusters that have a signal, with noise that bands share, for templates of `EXPECTED`."""
    rng = np.random.default_rng(seed)
    noise = np.array([[2.0, 0.8, 0.5], [0.8, 1.5, 0.6], [0.5, 0.6, 6.0]])
    fisher = np.linalg.inv(noise)
    products = np.zeros((n, 3, 4))
    for row in products:
        height = rng.uniform(*snr) / np.sqrt(EXPECTED @ fisher @ EXPECTED)
        own = np.asarray(signal) * (1.0 + spread * rng.standard_normal(3))
        data = height * own + rng.multivariate_normal(np.zeros(3), noise)
        if rng.uniform() < spoiled:  # a radio galaxy
            data += height * np.array([3.0, 1.0, 0.5])
        row[:, 0] = EXPECTED * (fisher @ data)
        row[:, 1:] = EXPECTED[:, None] * fisher * EXPECTED
    return products


def ratio(found, band=1):
    return found.of(lambda g: g[band] / g[0] * EXPECTED[0] / EXPECTED[band])


@pytest.mark.parametrize("truth", [1.0, 0.36, 1.5, -1.0])
def test_the_ratio_of_bands_is_found_without_bias_from_faint_clusters(truth):
    """600 clusters of S/N 2 to 12: the ratio to its error, which is below 5 per cent."""
    value, error = ratio(band_signal(drawn(EXPECTED * [1.0, truth, 1.0], 600, 1), EXPECTED))
    assert abs(value - truth) < 3.0 * error and error < 0.05


def test_errors_are_those_of_many_draws_and_of_spread_between_clusters():
    """They allow for 15 per cent of spread in each cluster, which these do not have."""
    values, errors = np.transpose(
        [ratio(band_signal(drawn(EXPECTED, 60, seed, spread=OWN_SPREAD), EXPECTED)) for seed in range(24)]
    )
    assert 0.6 < np.std(values) / np.mean(errors) < 1.5
    assert abs(np.mean(values) - 1.0) < 4.0 * np.std(values) / np.sqrt(24)


def test_one_cluster_in_eight_with_a_bright_source_changes_little():
    value, _ = ratio(band_signal(drawn(EXPECTED, 400, 3, snr=(5.0, 30.0), spoiled=0.125), EXPECTED))
    assert value == pytest.approx(1.0, abs=0.06)


def test_too_few_clusters_or_one_band_say_nothing():
    assert band_signal(drawn(EXPECTED, 6, 4), EXPECTED) is None
    one = drawn(EXPECTED, 50, 4)
    one[:, 1:] = 0.0
    assert band_signal(one, EXPECTED) is None


def test_bands_that_are_missing_in_some_rows_do_not_stop_the_others():
    products = drawn(EXPECTED * [1.0, 0.5, 1.0], 300, 5)
    products[::2, 2], products[::2, :, 3] = 0.0, 0.0
    value, error = ratio(band_signal(products, EXPECTED))
    assert abs(value - 0.5) < 3.0 * error


def test_exchanged_maps_agree_in_their_own_order_whatever_dust_there_is_at_220():
    dusty = EXPECTED + np.array([0.0, 0.05, 0.4])
    order, off = order_that_agrees(dusty[[1, 0, 2]], EXPECTED)
    assert order == (1, 0, 2) and off < 0.1 and misfit(dusty[[1, 0, 2]], EXPECTED) > 0.5
    assert order_that_agrees(dusty, EXPECTED)[0] == (0, 1, 2)
    assert order_that_agrees(EXPECTED[[0, 2, 1]], EXPECTED)[0] == (0, 2, 1)
