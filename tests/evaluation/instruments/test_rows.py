"""Coverage, shifts and the sign of a leak, on posteriors whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from judgedsets import judged

from szmass_cli.evaluation.instruments.judging import Judged
from szmass_cli.evaluation.instruments.rows import (
    Bias,
    CaseRow,
    Gain,
    PosteriorRow,
    coverage,
    mass_bias_rows,
    pit_histogram,
)


def test_a_row_measures_shift_coverage_and_gap():
    row = PosteriorRow.of(judged(1000, gap=0.05))
    assert row.n_cutouts == 1000
    assert row.mean_shift == pytest.approx(0.1) and row.rms_shift == pytest.approx(np.sqrt(0.05))
    assert row.coverage_68 == pytest.approx(0.6827, abs=0.002)
    assert row.coverage_95 == pytest.approx(0.9545, abs=0.002)
    assert row.exact_coverage_68 == row.coverage_68
    assert row.ln_likelihood_gap == pytest.approx(0.05, abs=5 * row.gap_error)
    assert row.gap_error == pytest.approx(0.1 / np.sqrt(1000), rel=0.1)


def test_only_detected_clusters_count_and_each_in_its_range_of_snr():
    sets = [judged(n, snr=snr, seed=n) for n, snr in ((100, 2.0), (200, 4.0), (300, 8.0), (400, 40.0))]
    row = CaseRow.of("all", Judged.concatenate(sets))
    assert row.n_cutouts == 1000 and row.detected.n_cutouts == 900
    assert [(part.low, part.high, part.posterior.n_cutouts) for part in row.by_snr] == [
        (3.0, 6.0, 200),
        (6.0, 12.0, 300),
        (12.0, None, 400),
    ]
    # chosen by the expected S/N, above 5
    assert row.bias.n_cutouts == 700


def test_without_detected_clusters_nothing_is_said_of_posteriors():
    row = CaseRow.of("faint", judged(50, snr=2.0))
    assert row.detected is None and row.by_snr == () and row.gain is None and not row.leaks


@pytest.mark.parametrize(("gap", "leaks"), [(0.05, False), (0.0, False), (-0.05, True)])
def test_posteriors_likelier_at_the_truth_than_the_exact_ones_leak(gap, leaks):
    sample = judged(1000)
    wave = gap + 0.1 * (-1.0) ** np.arange(1000)
    sample = replace(sample, exact=replace(sample.exact, ln_density=sample.model.ln_density + wave))
    assert CaseRow.of("a", sample).leaks is leaks
    # on skies that are not what it is told nothing forbids it
    assert not CaseRow.of("a", sample, told_the_truth=False).leaks


def test_the_gain_is_that_of_widths_and_of_filters():
    gain = Gain.of(judged(100))
    assert gain.posterior == pytest.approx(1.5) and gain.matched_filter == pytest.approx(1.7)
    assert Gain.of(replace(judged(100), alone=None)) is None


def test_the_bias_is_a_median_with_its_error():
    sample = judged(2001)
    noise = np.random.default_rng(3).normal(0.03, 0.2, 2001)
    sample = replace(sample, model=replace(sample.model, median=sample.ln_mass + noise))
    bias = Bias.of(sample)
    assert bias.model == pytest.approx(0.03, abs=4 * bias.error) and bias.exact == pytest.approx(0.0)
    # of the median of a Gaussian: sigma (pi / 2 n)^1/2
    assert bias.error == pytest.approx(0.2 * np.sqrt(np.pi / 2 / 2001), rel=0.05)


def test_bias_by_mass_has_rows_where_there_are_clusters():
    rows = mass_bias_rows(Judged.concatenate([judged(20, mass=3e14), judged(30, mass=9e14)]))
    assert [(row.m200c_1e14, row.bias.n_cutouts) for row in rows] == [((2.0, 4.0), 20), ((8.0, 15.0), 30)]


def test_pit_and_coverage_of_certain_answers():
    assert pit_histogram(np.full(10, 0.99))[-1] == 1.0
    assert coverage(np.array([0.5, 0.1]), 0.6827) == 0.5
