"""Posteriors set right on simulations: those too narrow and shifted, honest ones, and those at an edge."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.posterior.grid import ln_density_at, mass_grid, moments, probability_below
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.recalibrating import fit_recalibration
from szmass_cli.posterior.recalibration import Recalibration

RANGE = (0.3e14, 20e14)
GRID = mass_grid(RANGE)
SIGMA = 0.15


def simulated(n, seed, narrow=1.0, shift=0.0, outliers=0.0):
    """Posteriors of n clusters: Gaussian errors, stated too small by a factor, shifted in stated sigmas.

    Outliers have any mass, whatever their posterior says.
    """
    rng = np.random.default_rng(seed)
    ln_mass = rng.uniform(*np.log(RANGE), n)
    redshift = np.exp(rng.uniform(np.log(0.1), np.log(2.0), n))
    stated = SIGMA / narrow
    centre = ln_mass + SIGMA * rng.standard_normal(n) - shift * stated
    ln_density = norm.logpdf(GRID[None], centre[:, None], stated)
    density = np.exp(ln_density - ln_density.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    ln_mass = np.where(rng.random(n) < outliers, rng.uniform(*np.log(RANGE), n), ln_mass)
    return HeldOut(density, ln_mass, redshift, np.exp(centre) / 1e14 * 3.0)


def inner(ln_mass):
    """Clusters whose posteriors no edge of the prior cuts."""
    return (ln_mass > GRID[0] + 1.0) & (ln_mass < GRID[-1] - 1.0)


def coverage(below, level):
    """Fraction of true masses within the central interval."""
    return np.mean(np.abs(below - 0.5) < 0.5 * level)


def gain(recalibration, clusters):
    """Mean gain in ln p of the true masses [nats]."""
    after = recalibration(clusters.density, clusters.redshift, clusters.snr)
    return np.mean(
        ln_density_at(GRID, after, clusters.ln_mass) - ln_density_at(GRID, clusters.density, clusters.ln_mass)
    )


@pytest.fixture(scope="module")
def narrow():
    return fit_recalibration(RANGE, simulated(5000, 1, 1.4, 0.3))


def test_posteriors_too_narrow_and_shifted_become_honest_at_every_redshift(narrow):
    test = simulated(4000, 2, 1.4, 0.3)
    before = probability_below(GRID, test.density, test.ln_mass)[inner(test.ln_mass)]
    assert coverage(before, 0.6827) < 0.55
    below = probability_below(GRID, narrow(test.density, test.redshift, test.snr), test.ln_mass)
    for low, high in ((0.1, 0.3), (0.3, 0.8), (0.8, 2.0)):
        rows = inner(test.ln_mass) & (test.redshift >= low) & (test.redshift < high)
        n = rows.sum()
        assert coverage(below[rows], 0.6827) == pytest.approx(0.6827, abs=4 * 0.466 / np.sqrt(n) + 0.01)
        assert below[rows].mean() == pytest.approx(0.5, abs=4 * 0.289 / np.sqrt(n) + 0.01)


def test_most_of_what_can_be_gained_is_gained(narrow):
    """N(0.3, 1.4²) taken for N(0, 1) loses (1.4² + 0.3² - 1) / 2 - ln 1.4 nats."""
    possible = 0.5 * (1.4**2 + 0.3**2 - 1.0) - np.log(1.4)
    assert gain(narrow, simulated(8000, 3, 1.4, 0.3)) > 0.8 * possible


def test_honest_posteriors_lose_less_than_a_thousandth_of_a_nat():
    for seed in (3, 5):
        fitted = fit_recalibration(RANGE, simulated(5000, seed))
        assert gain(fitted, simulated(8000, seed + 1)) > -1e-3


def test_a_floor_is_laid_where_some_clusters_are_like_nothing_else():
    honest, spoilt = (fit_recalibration(RANGE, simulated(5000, 7, outliers=share)) for share in (0.0, 0.02))
    assert honest.floor == 0.0 and spoilt.floor >= 3e-3
    # outliers do not make the posteriors of all others wider: moments would, by a factor of two
    test = simulated(2000, 8)
    after = spoilt(test.density, test.redshift, test.snr)
    rows = inner(test.ln_mass)
    below = probability_below(GRID, after, test.ln_mass)[rows]
    assert coverage(below, 0.6827) == pytest.approx(0.6827, abs=0.06)


def test_densities_in_single_precision_are_set_right_too(narrow):
    """Far from their means they are zero there."""
    test = simulated(200, 4, 1.4, 0.3)
    rounded = HeldOut(test.density.astype(np.float32), test.ln_mass, test.redshift, test.snr)
    assert np.any(rounded.density == 0)
    assert gain(narrow, rounded) == pytest.approx(gain(narrow, test), abs=1e-3)


def test_the_identity_changes_no_bit():
    test = simulated(50, 9)
    same = Recalibration.identity(RANGE)
    assert same.is_identity
    np.testing.assert_array_equal(same(test.density, test.redshift, test.snr), test.density)
    np.testing.assert_array_equal(same.ln_mass, GRID)


def test_a_floor_is_all_that_posteriors_without_it_lack(narrow):
    clusters = simulated(50, 8)
    table = replace(narrow, floor=0.01)
    given = clusters.density, clusters.redshift, clusters.snr
    told = table.without_floor(*given)
    np.testing.assert_array_equal(told, replace(narrow, floor=0.0)(*given))
    np.testing.assert_allclose(table(*given), 0.99 * told + 0.01 / GRID.size, rtol=1e-12)


def test_a_shift_and_a_stretch_do_what_they_say():
    table = Recalibration(
        np.array([GRID[200]]),
        np.zeros(1),
        np.zeros(1),
        np.full((1, 1, 1), 0.5),
        np.full((1, 1, 1), 1.3),
        RANGE,
    )
    density = norm.pdf(GRID, GRID[200], SIGMA)[None]
    density /= density.sum()
    before, after = moments(GRID, density), moments(GRID, table(density, np.ones(1), np.ones(1)))
    assert after[0] - before[0] == pytest.approx(0.5 * SIGMA, abs=2e-3)
    assert after[1] == pytest.approx(1.3 * SIGMA, rel=0.01)


def test_posteriors_cut_by_an_edge_get_no_hole_there():
    shape = (9, 1, 5)
    shifted = Recalibration(
        np.linspace(GRID[0], GRID[-1], 9),
        np.array([0.0]),
        np.arcsinh([0.0, 2.0, 5.0, 12.0, 30.0]),
        np.full(shape, 0.5),
        np.full(shape, 0.8),
        RANGE,
    )
    density = np.exp(-0.5 * ((GRID - GRID[0]) / 0.4) ** 2)[None]
    density /= density.sum()
    moved = shifted(density, np.ones(1), np.ones(1))[0]
    assert moved.sum() == pytest.approx(1.0)
    assert moved[0] > 0.9 * moved.max()


def doubtful(n, seed):
    """Posteriors whose errors are thrice what they state for one cluster in ten, as evidence tells."""
    rng = np.random.default_rng(1000 + seed)
    honest = simulated(n, seed)
    strange = rng.random(n) < 0.1
    ln_mass = np.where(strange, honest.ln_mass + 2.8 * SIGMA * rng.standard_normal(n), honest.ln_mass)
    evidence = np.stack([strange + 0.1 * rng.standard_normal(n), rng.standard_normal(n)], axis=1)
    return replace(honest, ln_mass=np.clip(ln_mass, GRID[0], GRID[-1]), evidence=evidence), strange


def test_tails_are_given_to_those_whose_evidence_asks_for_them():
    found = fit_recalibration(RANGE, doubtful(12000, 11)[0])
    assert found.tail.size and np.abs(found.slopes[2, 0]) > 3.0 * np.abs(found.slopes[2, 1])
    test, strange = doubtful(12000, 12)
    after = found(test.density, test.redshift, test.snr, test.evidence)
    below = probability_below(GRID, after, test.ln_mass)
    rows = inner(test.ln_mass)
    for which in (strange, ~strange):
        some = rows & which
        inside = coverage(below[some], 0.954)
        assert inside == pytest.approx(0.954, abs=4 * 0.21 / np.sqrt(some.sum()) + 0.015)
    wider = moments(GRID, after)[1] / moments(GRID, test.density)[1]
    assert np.median(wider[rows & strange]) > 1.5
    assert np.median(wider[rows & ~strange]) == pytest.approx(1.0, abs=0.05)


def test_evidence_gains_what_tails_alone_do_not():
    fitted, (test, _) = doubtful(12000, 13)[0], doubtful(12000, 14)
    told = fit_recalibration(RANGE, fitted)
    untold = fit_recalibration(RANGE, replace(fitted, evidence=np.zeros((len(fitted), 0))))
    one, other = (
        ln_density_at(GRID, table(test.density, test.redshift, test.snr, test.evidence), test.ln_mass)
        for table in (told, untold)
    )
    gain = one - other
    assert gain.mean() > 5.0 * gain.std() / np.sqrt(gain.size)


def test_one_that_was_fitted_with_evidence_asks_for_it():
    found = fit_recalibration(RANGE, doubtful(6000, 15)[0])
    test, _ = doubtful(10, 16)
    with pytest.raises(ValueError, match="evidence"):
        found(test.density, test.redshift, test.snr)
    with pytest.raises(ValueError, match="evidence"):
        found(test.density, test.redshift, test.snr, test.evidence[:, :1])


def test_a_row_does_not_depend_on_the_others():
    found = fit_recalibration(RANGE, doubtful(6000, 17)[0])
    test, _ = doubtful(40, 18)
    all_of_them = found(test.density, test.redshift, test.snr, test.evidence)
    for rows in (slice(7, 8), slice(3, 36), slice(1, 40, 3)):
        some = test[rows]
        alone = found(some.density, some.redshift, some.snr, some.evidence)
        np.testing.assert_array_equal(all_of_them[rows], alone)


def test_rows_whose_numbers_are_none_end_no_block():
    found = fit_recalibration(RANGE, doubtful(6000, 17)[0])
    test, _ = doubtful(5, 18)
    density, snr = test.density.copy(), test.snr.copy()
    density[1], snr[3] = np.nan, np.nan
    after = found(density, test.redshift, snr, test.evidence)
    assert np.isnan(after[[1, 3]]).all()
    right = found(test.density, test.redshift, test.snr, test.evidence)
    np.testing.assert_array_equal(after[[0, 2, 4]], right[[0, 2, 4]])


def test_sets_are_joined_and_cut_with_their_evidence():
    (one, _), (other, _) = doubtful(20, 19), doubtful(30, 20)
    both = HeldOut.concatenate([one, other])
    np.testing.assert_array_equal(both.evidence[20:], other.evidence)
    np.testing.assert_array_equal(both[:20].evidence, one.evidence)
    assert simulated(5, 1).evidence.shape == (5, 0)
    with pytest.raises(ValueError, match="evidence of 3"):
        replace(one, evidence=np.zeros((3, 2)))


@pytest.mark.parametrize(
    "change",
    [
        {"tail": np.full(3, 0.1)},
        {"tail": np.full(5, 0.6)},
        {"tail": np.zeros(5)},
        {"usual": np.zeros((2, 0)), "slopes": np.zeros((3, 2))},
        {"slopes": np.full((3, 1), np.nan), "usual": np.ones((2, 1))},
        {"slopes": np.full((3, 1), 1e300), "usual": np.ones((2, 1))},
        {"usual": np.array(1.0)},
        {"usual": np.zeros((2, 1)), "slopes": np.zeros((3, 1))},
        {"ln_redshift_nodes": np.array([1.0, 0.0])},
        {"shift": np.zeros((9, 2, 4))},
        {"shift": np.full((9, 2, 5), np.nan)},
        {"stretch": np.zeros((9, 2, 5))},
        {"floor": 0.7},
    ],
)
def test_malformed_tables_are_refused(change):
    table = Recalibration(
        np.linspace(GRID[0], GRID[-1], 9),
        np.array([-1.0, 0.0]),
        np.arange(5.0),
        np.zeros((9, 2, 5)),
        np.ones((9, 2, 5)),
        RANGE,
    )
    with pytest.raises(ValueError, match="|".join(change)):
        replace(table, **change)
