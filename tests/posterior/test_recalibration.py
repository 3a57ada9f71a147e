"""Posteriors set right on simulations: those too narrow and shifted, honest ones, and those at an edge."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from szmass_cli.evaluation.honesty import coverage
from szmass_cli.evaluation.posteriors import below
from szmass_cli.posterior.recalibration import Recalibration, fit_recalibration, mass_grid, moments

RANGE = (0.3e14, 20e14)
GRID = mass_grid(RANGE)
SIGMA = 0.15


def simulated(n, seed, narrow=1.0, shift=0.0):
    """Posteriors of n clusters: Gaussian errors, stated too small by a factor, shifted in stated sigmas."""
    rng = np.random.default_rng(seed)
    ln_mass = rng.uniform(*np.log(RANGE), n)
    redshift = np.exp(rng.uniform(np.log(0.1), np.log(2.0), n))
    stated = SIGMA / narrow
    centre = ln_mass + SIGMA * rng.standard_normal(n) - shift * stated
    density = norm.pdf(GRID[None], centre[:, None], stated) + 1e-300
    density /= density.sum(axis=1, keepdims=True)
    return density, ln_mass, redshift, np.exp(ln_mass) / 1e14 * 3.0


def inner(ln_mass):
    """Clusters whose posteriors no edge of the prior cuts."""
    return (ln_mass > GRID[0] + 1.0) & (ln_mass < GRID[-1] - 1.0)


def test_posteriors_too_narrow_and_shifted_become_honest_at_every_redshift():
    fitted = fit_recalibration(RANGE, *simulated(5000, 1, 1.4, 0.3))
    density, ln_mass, redshift, snr = simulated(4000, 2, 1.4, 0.3)
    before = below(GRID, density, ln_mass)[inner(ln_mass)]
    assert coverage(before, 0.6827) < 0.55
    pit = below(GRID, fitted(density, redshift, snr), ln_mass)
    for low, high in ((0.1, 0.3), (0.3, 0.8), (0.8, 2.0)):
        rows = inner(ln_mass) & (redshift >= low) & (redshift < high)
        n = rows.sum()
        assert coverage(pit[rows], 0.6827) == pytest.approx(0.6827, abs=4 * 0.466 / np.sqrt(n) + 0.01)
        assert pit[rows].mean() == pytest.approx(0.5, abs=4 * 0.289 / np.sqrt(n) + 0.01)


def test_honest_posteriors_stay_as_they_are():
    fitted = fit_recalibration(RANGE, *simulated(5000, 3))
    density, ln_mass, redshift, snr = simulated(500, 4)
    rows = inner(ln_mass)
    mean, sigma = moments(GRID, density)
    new_mean, new_sigma = moments(GRID, fitted(density, redshift, snr))
    assert np.abs((new_mean - mean) / sigma)[rows].max() < 0.25
    assert np.abs(new_sigma / sigma - 1.0)[rows].max() < 0.25


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


@pytest.mark.parametrize(
    "change",
    [
        {"ln_redshift_nodes": np.array([1.0, 0.0])},
        {"shift": np.zeros((9, 2, 4))},
        {"shift": np.full((9, 2, 5), np.nan)},
        {"stretch": np.zeros((9, 2, 5))},
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
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(table, **change)
