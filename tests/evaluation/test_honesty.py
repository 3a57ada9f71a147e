"""Coverage, PIT and the sign of a leak, on posteriors whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.evaluation.honesty import Honesty, PosteriorRow, coverage, coverage_rows, pit_histogram
from szmass_cli.evaluation.posteriors import Judged, below


def judged(n, gap=0.0, snr=10.0, seed=1):
    """n honest clusters of 3e14 at z 0.5, whose exact posteriors are likelier by `gap` nats."""
    rng = np.random.default_rng(seed)
    one = np.ones(n)
    ln_mass, density = np.log(3e14) * one, rng.normal(0.0, 0.1, n)
    shift = np.where(np.arange(n) % 2, 0.3, -0.1)
    mean = ln_mass + 0.2 * shift
    best = density + gap + rng.normal(0.0, 0.1, n)
    pit = (np.arange(n) + 0.5) / n
    return Judged(
        ln_mass,
        0.5 * one,
        one,
        5 * one,
        snr * one,
        snr * one,
        mean,
        0.2 * one,
        ln_mass,
        0.2 * one,
        pit,
        density,
        best,
    )


def test_probability_below_a_mass_is_that_of_the_gaussian():
    grid = np.linspace(-3.0, 3.0, 601)
    density = norm.pdf(grid, [[-0.5], [0.0], [0.7]], 0.4)
    density /= density.sum(axis=1, keepdims=True)
    at = np.array([-0.3, 0.004, 0.1])
    np.testing.assert_allclose(below(grid, density, at), norm.cdf(at, [-0.5, 0.0, 0.7], 0.4), atol=1e-3)


def test_row_measures_shift_of_detected_clusters_coverage_and_gap():
    row = PosteriorRow.of(judged(1000, gap=0.05))
    assert row.n_cutouts == row.n_detected == 1000
    assert row.mean_shift == pytest.approx(0.1)
    assert row.rms_shift == pytest.approx(np.sqrt(0.05))
    assert row.coverage_68 == pytest.approx(0.6827, abs=0.002)
    assert row.coverage_95 == pytest.approx(0.9545, abs=0.002)
    assert row.ln_likelihood_gap == pytest.approx(0.05, abs=5 * row.gap_error)
    assert row.gap_error == pytest.approx(0.1 / np.sqrt(1000), rel=0.1)


def test_without_detected_clusters_there_is_no_shift():
    row = PosteriorRow.of(judged(50, snr=2.0))
    assert row.n_detected == 0 and row.rms_shift is None and row.mean_shift is None


@pytest.mark.parametrize(("gap", "leaks"), [(0.05, False), (0.0, False), (-0.05, True)])
def test_posteriors_likelier_at_the_truth_than_the_exact_ones_leak(gap, leaks):
    n = 1000
    sample = judged(n)
    sample = replace(sample, best_ln_density=sample.ln_density + gap + 0.1 * (-1.0) ** np.arange(n))
    honesty = Honesty(PosteriorRow.of(sample), (), (), pit_histogram(sample.pit))
    assert honesty.leaks is leaks


def test_cells_of_few_clusters_have_no_row():
    (row,) = coverage_rows(judged(1000))
    assert row.m200c_1e14 == (2.0, 4.0) and row.redshift == (0.3, 0.6) and row.snr == (6.0, 12.0)
    assert row.n_cutouts == 1000
    assert coverage_rows(judged(999)) == ()


def test_pit_histogram_and_coverage_of_certain_answers():
    assert pit_histogram(np.full(10, 0.99))[-1] == 1.0
    assert coverage(np.array([0.5, 0.1]), 0.6827) == 0.5
