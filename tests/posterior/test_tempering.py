"""Likelihoods tempered by S/N: noise that was stated wrongly, against masses that are known."""

import json

import numpy as np
import pytest

from szmass_cli.posterior.coverage import Coverage
from szmass_cli.posterior.grid import mass_grid, moments, normalised
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.tempering import SNR_NODES, Tempering, fitted_tempering

RANGE = (3e13, 2e15)
GRID = mass_grid(RANGE)
SCATTER = 0.2


def clusters(n, stated, seed):
    """Clusters of signal M^1.79 with scatter and noise 1, whose likelihoods take the noise to be `stated`."""
    rng = np.random.default_rng(seed)
    ln_mass = rng.uniform(*np.log(RANGE), n)

    def signal(x):
        return 5.0 * np.exp(1.79 * (x - np.log(4e14)))

    data = signal(ln_mass) * np.exp(SCATTER * rng.standard_normal(n)) + rng.standard_normal(n)
    scatter = np.linspace(-3.0, 3.0, 13)
    chi2 = ((data[:, None, None] - signal(GRID)[:, None] * np.exp(SCATTER * scatter)) / stated) ** 2
    likelihood = np.exp(-0.5 * chi2) @ np.exp(-0.5 * scatter**2)
    return HeldOut(normalised(np.log(likelihood + 1e-300)), ln_mass, np.full(n, 0.5), data / stated)


def judged(some, density):
    above = some.snr > 3.0
    return Coverage.of(MassPosterior(GRID, density[above]), np.exp(some.ln_mass[above]))


@pytest.mark.parametrize("stated", [0.5, 2.0])
def test_noise_stated_wrongly_by_two_is_corrected_without_a_bias(stated):
    """S/N of 3 by half the noise are 1.5: medians of right posteriors are high there, too."""
    own, injected = clusters(1500, stated, 1), clusters(1000, stated, 2)
    before = judged(own, own.density)
    assert abs(before.coverage_68 - 0.68) > 0.04
    found = fitted_tempering(RANGE, injected)
    after = judged(own, found(own.density, own.snr))
    assert abs(after.coverage_68 - 0.68) < 0.05
    assert abs(after.bias) < max(0.035, abs(before.bias))
    assert (found.power[0] < 1.0) == (stated < 1.0)


def test_posteriors_that_are_right_stay_nearly_as_they_are():
    own, injected = clusters(1500, 1.0, 3), clusters(1000, 1.0, 4)
    found = fitted_tempering(RANGE, injected)
    after = judged(own, found(own.density, own.snr))
    assert abs(after.coverage_68 - 0.68) < 0.05 and abs(after.bias) < 0.03
    assert np.all(np.abs(np.log(found.power)) < 0.7) and np.all(np.abs(found.shift) < 0.5)


def test_the_more_right_posteriors_there_are_the_less_they_are_changed():
    """Those of S/N 3 have long tails: a step for a Gaussian's width leads too far there."""
    found = fitted_tempering(RANGE, clusters(8000, 1.0, 7))
    assert np.all(np.abs(found.shift) < 0.12)


def test_only_signal_to_noise_that_enough_clusters_have_is_told_apart():
    few = clusters(60, 1.0, 5)
    assert len(fitted_tempering(RANGE, few).snr_nodes) == 1
    many = fitted_tempering(RANGE, clusters(1000, 1.0, 6))
    assert set(many.snr_nodes) <= set(SNR_NODES) and len(many.snr_nodes) >= 4


def test_a_power_stretches_a_gaussian_and_nothing_changes_beyond_the_nodes():
    tempering = Tempering(np.array([3.0, 10.0]), np.array([0.0, 1.0]), np.array([0.25, 1.0]), RANGE)
    gaussian = normalised(-0.5 * ((GRID - np.log(4e14)) / 0.1)[None] ** 2).repeat(4, axis=0)
    found = tempering(gaussian, np.array([1.0, 3.0, 10.0, 90.0]))
    assert found.sum(axis=1) == pytest.approx(1.0)
    without_floor = found - found.min(axis=1, keepdims=True)
    mean, sigma = moments(GRID, without_floor / without_floor.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found[0], found[1])
    np.testing.assert_allclose(found[2], found[3])
    assert sigma[1] == pytest.approx(0.2, rel=0.03) and sigma[2] == pytest.approx(0.1, rel=0.03)
    assert mean[2] - mean[1] == pytest.approx(0.1, abs=0.01)


def test_a_tempering_is_what_its_json_form_says():
    one = Tempering(np.array([3.0, 10.0]), np.array([0.1, -0.2]), np.array([0.25, 1.5]), RANGE)
    again = Tempering.from_stated(json.loads(json.dumps(one.stated())))
    for name in ("snr_nodes", "shift", "power"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    assert again.prior_range_msun == RANGE
    with pytest.raises(ValueError, match="no tables"):
        Tempering.from_stated(one.stated() | {"shift": [0.1]})
