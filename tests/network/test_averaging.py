"""The running average of weights, against one kept by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.averaging import WeightAverage

DECAY = 0.9


@pytest.fixture(scope="module")
def network():
    """One weight of every kind: kernel, bias, scale, shift, running mean and variance, and a random state."""
    layers = load_keras().layers
    return load_keras().Sequential(
        [load_keras().Input((3,)), layers.Dense(2), layers.BatchNormalization(), layers.Dropout(0.5)]
    )


def weights_of(network):
    return [np.asarray(v) for v in network.variables if "float" in str(v.dtype)]


def set_all(network, seed):
    rng = np.random.default_rng(seed)
    for variable in network.variables:
        if "float" in str(variable.dtype):
            variable.assign(rng.standard_normal(variable.shape))


def by_hand(initial, series, decay):
    """The average after a series of weights; early on it reaches back over fewer of them."""
    average = initial
    for step, weights in enumerate(series, start=1):
        kept = min(decay, (1 + step) / (10 + step))
        average = [kept * a + (1 - kept) * w for a, w in zip(average, weights, strict=True)]
    return average


def test_the_average_is_the_one_kept_by_hand(network):
    set_all(network, 0)
    initial, series = weights_of(network), []
    average = WeightAverage(network, DECAY)
    for step in range(1, 121):  # the short averages of the beginning end at step 80
        set_all(network, step)
        series.append(weights_of(network))
        average.update(step)
    expected = by_hand(initial, series, DECAY)
    assert len(average.variables) == len(expected) == 6
    for got, wanted in zip(average.variables, expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-6)


def test_early_averages_are_short(network):
    """After one step 2/11 of the first weights are left, whatever the decay; without that, 99.9 per cent."""
    set_all(network, 0)
    initial = weights_of(network)
    average = WeightAverage(network, 0.999)
    set_all(network, 1)
    average.update(1)
    for got, first, second in zip(average.variables, initial, weights_of(network), strict=True):
        np.testing.assert_allclose(got.numpy(), 2 / 11 * first + 9 / 11 * second, atol=1e-6)


@given(st.floats(0.5, 0.9999), st.lists(st.integers(1, 100_000), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_the_average_of_what_does_not_change_is_that(network, decay, steps):
    set_all(network, 5)
    average = WeightAverage(network, decay)
    for step in steps:
        average.update(step)
    for got, weights in zip(average.variables, weights_of(network), strict=True):
        np.testing.assert_allclose(got.numpy(), weights, rtol=1e-5)


def test_in_place_shows_the_average_and_puts_the_weights_back(network):
    set_all(network, 0)
    average = WeightAverage(network, DECAY)
    shown = weights_of(network)
    set_all(network, 1)
    own = weights_of(network)
    with average.in_place():
        np.testing.assert_equal(weights_of(network), shown)
        assert not np.array_equal(shown[0], own[0])
    np.testing.assert_equal(weights_of(network), own)
    with pytest.raises(KeyboardInterrupt), average.in_place():
        raise KeyboardInterrupt
    np.testing.assert_equal(weights_of(network), own)


def test_take_is_for_good(network):
    set_all(network, 0)
    average = WeightAverage(network, DECAY)
    shown = weights_of(network)
    set_all(network, 1)
    average.take()
    np.testing.assert_equal(weights_of(network), shown)


def test_a_decay_of_zero_takes_no_average(network):
    set_all(network, 0)
    average = WeightAverage(network, 0.0)
    set_all(network, 1)
    own = weights_of(network)
    average.update(1)
    with average.in_place():
        np.testing.assert_equal(weights_of(network), own)
    average.take()
    np.testing.assert_equal(weights_of(network), own)
    assert average.variables == []


def test_the_random_state_of_dropout_is_not_averaged(network):
    """It is of whole numbers: averaged, the same neurons would be dropped in every step."""
    assert any("float" not in str(v.dtype) for v in network.variables)
    state = next(v for v in network.variables if "float" not in str(v.dtype))
    before = np.asarray(state)
    average = WeightAverage(network, DECAY)
    state.assign(before + 1)
    average.take()
    np.testing.assert_array_equal(np.asarray(state), before + 1)
    state.assign(before)
