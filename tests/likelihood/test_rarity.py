"""Rarity: as many false alarms as stated at any S/N and depth, and what is a little odd in several ways."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pytest

from szmass_cli.likelihood.rarity import COMBINED, FEWEST, TOLD, Rarity


@dataclass(frozen=True)
class Numbers:
    """Numbers whose tails grow with S/N and with depth, as sources and shapes make them."""

    snr: np.ndarray
    extreme: np.ndarray
    offset: np.ndarray
    neighbour: np.ndarray
    y_error: np.ndarray

    @classmethod
    def drawn(cls, n, seed):
        rng = np.random.default_rng(seed)
        snr = np.exp(rng.uniform(np.log(0.5), np.log(200.0), n))
        depth = 1e-6 * np.exp(rng.uniform(0.0, 2.0, n))
        tail = (1.0 + np.arcsinh(snr)) * depth**-0.5
        return cls(snr, *(tail * rng.exponential(size=n) ** 1.5 for _ in COMBINED), depth)

    def only(self, rows):
        return Numbers(*(getattr(self, field.name)[rows] for field in fields(self)))


@pytest.fixture(scope="module")
def rarity():
    training = Numbers.drawn(40_000, 1)
    return Rarity.measured(training, np.zeros(len(training.snr), bool))


@pytest.fixture(scope="module")
def fresh():
    return Numbers.drawn(40_000, 2)


def test_as_many_cutouts_are_told_of_as_stated_whatever_snr_and_depth(rarity, fresh):
    told = rarity.exceeded(fresh)
    assert told.mean() == pytest.approx(TOLD, rel=0.1)
    for snr in ((1.0, 5.0), (5.0, 15.0), (15.0, 200.0)):
        for depth in ((1e-6, 2e-6), (2e-6, 4e-6), (4e-6, 8e-6)):
            inside = (fresh.snr > snr[0]) & (fresh.snr < snr[1])
            inside &= (fresh.y_error > depth[0]) & (fresh.y_error < depth[1])
            assert told[inside].mean() == pytest.approx(TOLD, abs=0.025), (snr, depth)


def test_sums_are_those_of_three_exponential_numbers(rarity, fresh):
    """-ln of the share that exceeds a number is exponential, and the sum of three has the mean 3."""
    sums = rarity(fresh)
    assert sums.mean() == pytest.approx(3.0, rel=0.05) and sums.var() == pytest.approx(3.0, rel=0.15)


def test_several_numbers_that_are_each_a_little_odd_are_as_rare_as_one_that_is_very(rarity, fresh):
    few = fresh.only(slice(0, 500))
    n = len(few.snr)

    def told(**exceeded_by):
        numbers = {name: np.empty(n) for name in COMBINED}
        for name in COMBINED:
            share = exceeded_by.get(name, 0.5)
            tail = (1.0 + np.arcsinh(few.snr)) * few.y_error**-0.5
            numbers[name] = tail * (-np.log(share)) ** 1.5
        return rarity.exceeded(replace(few, **numbers)).mean()

    assert told(extreme=0.5) == 0.0
    assert told(extreme=0.07) == 0.0
    assert told(extreme=0.07, offset=0.07, neighbour=0.07) > 0.9
    assert told(extreme=1e-4) > 0.9


def test_what_is_told_of_for_another_reason_counts(fresh):
    training = Numbers.drawn(40_000, 1)
    told = np.random.default_rng(3).random(len(training.snr)) < 0.03
    rarity = Rarity.measured(training, told)
    both = rarity.exceeded(training) | told
    assert both.mean() == pytest.approx(TOLD, rel=0.1)
    assert rarity.exceeded(fresh).mean() < 0.03
    # where all that may be told of is told of already, nothing is rare besides
    silent = Rarity.measured(training, np.ones(len(training.snr), bool))
    assert silent.exceeded(fresh).mean() < 0.002


def test_beyond_the_nodes_the_last_ones_hold(rarity, fresh):
    few = fresh.only(slice(0, 100))
    for name, first, second in (("snr", 500.0, 5000.0), ("y_error", 1e-9, 1e-8), ("y_error", 1e-3, 1e-2)):
        ends = [rarity(replace(few, **{name: np.full(100, end)})) for end in (first, second)]
        np.testing.assert_array_equal(*ends)
    assert np.isfinite(rarity(replace(few, snr=np.full(100, -3.0), extreme=np.full(100, 1e30)))).all()


def test_numbers_that_are_none_are_told_of(rarity, fresh):
    few = replace_first(fresh, "neighbour", np.nan)
    assert rarity.exceeded(few)[0]
    np.testing.assert_array_equal(rarity.exceeded(few)[1:], rarity.exceeded(fresh)[1:])


def replace_first(odd, name, value):
    values = np.array(getattr(odd, name), float)
    values[0] = value
    return replace(odd, **{name: values})


def test_too_few_cutouts_are_an_error(fresh):
    with pytest.raises(ValueError, match="no bin"):
        Rarity.measured(fresh.only(slice(0, FEWEST // 2)), np.zeros(FEWEST // 2, bool))


@pytest.mark.parametrize(
    "changed",
    [
        {"snr": [2.0, 1.0]},
        {"snr": []},
        {"y_error": [0.0]},
        {"y_error": [np.nan]},
        {"ln_shares": [1.0, 0.0]},
        {"level": [[1.0]]},
        {"level": [[np.inf], [1.0]]},
        {"extreme": [[[1.0, 2.0]]]},
        {"offset": [[[2.0, 1.0]], [[1.0, 2.0]]]},
        {"neighbour": [[[1.0, np.nan]], [[1.0, 2.0]]]},
    ],
)
def test_tables_that_are_none_are_refused(changed):
    tables = {
        "snr": [1.0, 2.0],
        "y_error": [1.0],
        "ln_shares": [0.0, 1.0],
        **{name: [[[1.0, 2.0]]] * 2 for name in COMBINED},
        "level": [[1.0]] * 2,
    }
    Rarity(**{name: np.array(values) for name, values in tables.items()})
    with pytest.raises(ValueError, match=r"rarit|rarer"):
        Rarity(**{name: np.array(values) for name, values in (tables | changed).items()})
