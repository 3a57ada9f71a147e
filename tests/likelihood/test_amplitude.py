"""The integral over the amplitudes of clusters against scipy's own."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from szmass_cli.likelihood.amplitude import AmplitudeLikelihood, integrated


def by_scipy(found, expected, scatter):
    """ln of the integral over ln A, the largest value of the integrand taken out first."""

    def exponent(x):
        a = np.exp(scatter * x) * expected
        return a * found - 0.5 * a**2 - 0.5 * x**2 - 0.5 * np.log(2 * np.pi)

    x = np.linspace(-30, 30, 200_001)
    best = x[exponent(x).argmax()]
    top = exponent(best)
    width = min(1.0, 1.0 / (scatter * max(expected, abs(found), 1.0)))
    edges = best + width * np.array([-60, -12, -4, 0, 4, 12, 60])
    parts = [
        quad(lambda t: np.exp(exponent(t) - top), low, high, limit=500)[0] for low, high in pairwise(edges)
    ]
    return top + np.log(sum(parts))


CASES = [
    (0.0, 3.0),
    (-4.0, 5.0),
    (4.0, 0.5),
    (2.0, 2.0),
    (9.0, 6.0),
    (30.0, 45.0),
    (80.0, 60.0),
    (150.0, 150.0),
]


@pytest.mark.parametrize("scatter", [0.02, 0.2, 0.5])
@pytest.mark.parametrize(("found", "expected"), CASES)
def test_the_integral_is_scipys(found, expected, scatter):
    got = integrated(np.array([found]), np.array([expected]), scatter)[0]
    assert got == pytest.approx(by_scipy(found, expected, scatter), abs=1e-4)


@pytest.mark.parametrize("scatter", [0.2, 0.5])
@pytest.mark.parametrize("times", [30.0, 60.0, 180.0])
def test_signals_of_many_times_what_is_expected_are_as_unlikely_as_they_are(scatter, times):
    """A cluster of S/N 160 against the lightest masses: ln L is hundreds below its peak, and still smooth."""
    got = integrated(np.array([160.0]), np.array([160.0 / times]), scatter)[0]
    assert got == pytest.approx(by_scipy(160.0, 160.0 / times, scatter), abs=1e-3)


@pytest.fixture(scope="module")
def table():
    return AmplitudeLikelihood(0.2)


@pytest.mark.parametrize(("found", "expected"), CASES)
def test_the_table_is_the_integral(table, found, expected):
    got = table(np.array([found * expected]), np.array([expected**2]))[0]
    assert got == pytest.approx(by_scipy(found, expected, 0.2), abs=6e-3)


def test_where_no_cluster_is_expected_nothing_is_learnt(table):
    """Beyond the table's ends, too: an expected S/N of 1e-4."""
    faint = table(np.array([0.0, 3e-4]), np.array([1e-8, 1e-8]))
    np.testing.assert_allclose(faint, 0.0, atol=0.07)


def test_without_scatter_it_is_the_exponent_itself():
    np.testing.assert_allclose(AmplitudeLikelihood(0.0)(np.array([7.0]), np.array([4.0])), [5.0])


def test_moments_are_derivatives_of_the_integral():
    """d ln L / dp is the mean amplitude, and the second derivative its variance."""
    scatter, fisher = 0.2, np.array([4.0, 25.0, 400.0])
    for found in (0.6, 1.0, 1.5):
        projection = found * fisher
        mean, variance = AmplitudeLikelihood(scatter).moments(projection, fisher)
        step = 0.05 * np.sqrt(fisher)
        low, middle, high = (
            integrated((projection + k * step) / np.sqrt(fisher), np.sqrt(fisher), scatter)
            for k in (-1, 0, 1)
        )
        np.testing.assert_allclose(mean, (high - low) / (2.0 * step), rtol=0.03)
        np.testing.assert_allclose(variance, (high - 2.0 * middle + low) / step**2, rtol=0.12)
