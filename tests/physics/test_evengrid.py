"""Places on an even axis."""

import numpy as np

from szmass_cli.physics.evengrid import place


def test_places_interpolate_as_numpy_does_and_stop_at_the_ends():
    axis, table = np.linspace(-1.0, 3.0, 9), np.random.default_rng(1).standard_normal(9)
    values = np.array([[-5.0, -1.0, -0.3], [1.24, 3.0, 7.0]])
    low, upper = place(axis, values)
    assert low.min() >= 0 and low.max() <= 7
    np.testing.assert_allclose(
        table[low] * (1.0 - upper) + table[low + 1] * upper, np.interp(values, axis, table), atol=1e-14
    )


def test_values_are_left_as_they_are():
    values = np.array([0.5, 1.5])
    place(np.arange(3.0), values)
    np.testing.assert_array_equal(values, [0.5, 1.5])
