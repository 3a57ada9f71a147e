"""Gains, coverage, cells and flags on posteriors of the realistic sky whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.errors import UsageError
from szmass_cli.evaluation.instruments.judging import Verdict
from szmass_cli.evaluation.realistic.judging import Opinions
from szmass_cli.evaluation.realistic.rows import RealisticRow, tarp_departure
from szmass_cli.evaluation.realistic.tables import cell_table, flag_table

N = 6000


def gaussian(ln_mass, sigma, stated, rng, bias=0.0):
    """Normal posteriors of errors sigma that state another width."""
    mean = ln_mass + bias + sigma * rng.standard_normal(len(ln_mass))
    below = norm.cdf(ln_mass, mean, stated)
    full = np.full(len(ln_mass), stated)
    return Verdict(mean, full, below, norm.logpdf(ln_mass, mean, stated), mean)


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(3)
    ln_mass = np.log(rng.uniform(4e14, 8e14, N))
    redshift = rng.uniform(0.6, 1.0, N)
    return Opinions(
        ln_mass=ln_mass,
        redshift=redshift,
        snr=np.where(np.arange(N) % 3, 6.0, 2.0),
        filled_radio=np.zeros(N),
        likelihood=gaussian(ln_mass, 0.3, 0.2, rng),
        recalibrated=gaussian(ln_mass, 0.3, 0.3, rng),
        network=gaussian(ln_mass, 0.2, 0.2, rng, bias=0.05),
        clean=gaussian(ln_mass, 0.1, 0.1, rng, bias=0.02),
        nearer=rng.uniform(size=N),
        suspect=np.zeros(N, bool),
    )


def test_gains_are_those_of_the_widths(found):
    row = RealisticRow.of("a", found)
    assert row.n_cutouts == N and row.n_detected == N * 2 // 3
    gain = row.gains[0]
    # of normal posteriors ln p is -ln sigma - 1/2 + const.; the bias costs (0.05 / 0.2)^2 / 2
    assert gain.ln_p.value == pytest.approx(np.log(0.3 / 0.2) - 0.5 * 0.25**2, abs=4 * gain.ln_p.error)
    assert gain.possible == pytest.approx(np.log(3.0) - 0.5 * 0.2**2, abs=0.06)
    assert gain.rms.value == pytest.approx(np.hypot(0.2, 0.05) / 0.3 - 1.0, abs=4 * gain.rms.error)
    assert row.estimators["likelihood"].coverage_68 == pytest.approx(2 * norm.cdf(2 / 3) - 1, abs=0.03)
    assert row.estimators["recalibrated"].coverage_68 == pytest.approx(0.6827, abs=0.03)


def test_cells_hold_the_bias_and_that_of_clean_cutouts(found):
    (cell,) = {(c.redshift, c.snr): c for c in RealisticRow.of("a", found).cells}.values()
    assert cell.redshift == (0.6, 1.0) and cell.snr == (5.0, 8.0) and cell.n_clusters == N * 2 // 3
    assert cell.median.value == pytest.approx(0.05, abs=4 * cell.median.error)
    assert cell.clean_median == pytest.approx(0.02, abs=0.01)
    text = cell_table((RealisticRow.of("a", found),))
    assert f"{cell.median.value:+.3f}" in text and f"{cell.clean_median:+.3f}" in text
    assert cell.clean_coverage_68 == pytest.approx(0.6827, abs=0.05)
    assert f"{cell.clean_coverage_68:.3f}" in text


def test_flags_that_find_wrong_rows_are_told_from_those_that_do_not(found):
    wrong = np.abs(found.network.mean - found.ln_mass) > 3.0 * found.network.sigma
    row = RealisticRow.of("a", replace(found, suspect=wrong))
    assert row.flags.wrong_flagged == 1.0 and row.flags.right_flagged == 0.0
    assert row.flags.rms_ratio[1].value < 0.0  # unflagged rows of S/N 5 to 8 are better than all
    blind = RealisticRow.of("a", found).flags
    assert blind.wrong == row.flags.wrong > 10 and blind.wrong_flagged == 0.0
    assert blind.rms_ratio[1].value == 0.0
    assert "100 %" in flag_table((row,))


def test_tarp_sees_posteriors_that_are_too_narrow():
    right = np.random.default_rng(5).uniform(size=5000)
    assert tarp_departure(right) < 0.025
    assert tarp_departure(np.sqrt(right)) == pytest.approx(0.25, abs=0.03)


def test_no_detected_cluster_is_said(found):
    faint = found[np.flatnonzero(found.snr < 3.0)]
    with pytest.raises(UsageError, match=r"faint: none of 2,000 cutouts has S/N above 3"):
        RealisticRow.of("faint", faint)
