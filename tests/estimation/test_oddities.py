"""Flags of odd cutouts: what is rare altogether, and offsets that a stated error of positions explains."""

from dataclasses import fields, replace

import numpy as np
import pytest

from szmass_cli.catalog import Flag
from szmass_cli.estimation.oddities import Oddities
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.oddness import Oddness, OddnessLevels

MASSES = (3e13, 2e15)


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.exponential(size=(5, n))
    return Oddness(rng.uniform(5.0, 30.0, n), *numbers[:4], np.zeros(n, bool), numbers[4], np.full(n, 1e-5))


class Found:
    """A test of oddness whose answer is known."""

    mass_range_msun = MASSES

    def __init__(self, oddness):
        self.oddness = oddness

    def __call__(self, weighed, ln_mass, redshift):
        return self.oddness


@pytest.fixture(scope="module")
def levels():
    return OddnessLevels.measured(drawn(20_000, 1))


def flags(levels, oddness, error_arcmin=0.0):
    n = len(oddness)
    rows = Rows(
        ra_deg=np.zeros(n),
        dec_deg=np.zeros(n),
        redshift=np.full(n, 0.5),
        redshift_err=np.zeros(n),
        position_err_arcmin=np.full(n, error_arcmin),
        flags=np.zeros(n, np.int32),
    )
    return Oddities(Found(oddness), levels)(range(n), np.full(n, 3e14), rows)


def changed(**numbers):
    """Ten cutouts like the median of all, but for some of their numbers."""
    usual = drawn(20_000, 1)
    same = {f.name: np.full(10, np.median(getattr(usual, f.name))) for f in fields(Oddness)}
    one = Oddness(**{**same, "quiet": np.zeros(10, bool)})
    return replace(one, **{name: np.full(10, value) for name, value in numbers.items()})


def test_what_is_rare_altogether_is_unlike_the_training(levels):
    assert not flags(levels, changed()).any()
    a_little = {"extreme": 3.0, "offset": 3.0, "neighbour": 3.0}  # of one in twenty each
    for name, value in a_little.items():
        assert not flags(levels, changed(**{name: value})).any()
    assert np.all(flags(levels, changed(**a_little)) == Flag.UNLIKE_TRAINING)


def test_an_offset_counts_for_nothing_where_positions_are_uncertain(levels):
    far = changed(offset=50.0, extreme=3.0)
    assert np.all(flags(levels, far) == Flag.UNLIKE_TRAINING | Flag.OFF_CENTRE)
    assert not flags(levels, far, error_arcmin=0.3).any()
