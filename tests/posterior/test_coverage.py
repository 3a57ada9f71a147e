"""Bias and coverage of posteriors whose truth is known."""

import numpy as np
import pytest

from szmass_cli.posterior.coverage import Coverage
from szmass_cli.posterior.grid import mass_grid
from szmass_cli.posterior.masses import MassPosterior


def gaussian_posteriors(n, stated, actual, offset=0.0):
    """Posteriors of width `stated` of estimates that scatter by `actual`, and the true masses."""
    rng = np.random.default_rng(3)
    grid = mass_grid((3e13, 3e16))
    truth = rng.uniform(np.log(1e15), np.log(1.1e15), n)
    mean = truth + offset + actual * rng.standard_normal(n)
    density = np.exp(-0.5 * ((grid - mean[:, None]) / stated) ** 2)
    return MassPosterior(grid, density / density.sum(axis=1, keepdims=True)), np.exp(truth)


def test_right_posteriors_cover_what_they_say():
    found = Coverage.of(*gaussian_posteriors(20_000, 0.2, 0.2))
    assert found.coverage_68 == pytest.approx(0.68, abs=0.01)
    assert found.coverage_95 == pytest.approx(0.95, abs=0.005)
    assert found.bias == pytest.approx(0.0, abs=0.006)
    assert found.misses == ()


def test_narrow_posteriors_cover_less():
    """Half as wide as they should be: erf(0.9945 / 2 / sqrt 2) = 0.381 within the central 68 per cent."""
    found = Coverage.of(*gaussian_posteriors(20_000, 0.1, 0.2))
    assert found.coverage_68 == pytest.approx(0.381, abs=0.01)
    assert any("too narrow" in words for words in found.misses)


def test_bias_is_told_in_words():
    found = Coverage.of(*gaussian_posteriors(2000, 0.2, 0.2, offset=-0.1))
    assert found.bias == pytest.approx(-0.1, abs=0.015)
    assert "masses are low by" in found.misses[0]


def test_errors_are_those_of_chance():
    n = 400
    both = [Coverage.of(posterior, truth) for posterior, truth in (gaussian_posteriors(n, 0.2, 0.2),)]
    assert both[0].coverage_68_err == pytest.approx(np.sqrt(0.68 * 0.32 / n), rel=0.1)
    assert both[0].bias_err == pytest.approx(0.2 / np.sqrt(n), rel=0.1)
    sure = Coverage.of(*gaussian_posteriors(50, 2.0, 0.01))
    assert sure.coverage_68 == 1.0 and sure.coverage_68_err > 0.0
