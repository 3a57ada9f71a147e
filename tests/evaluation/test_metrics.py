"""The numbers of a report: what counts as a leak, and that they survive their file."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.errors import InputError
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics, PriorRow
from szmass_cli.evaluation.instruments.rows import Bias, CaseRow, Gain, MassBiasRow, PosteriorRow, SnrRow
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.evaluation.paper.metrics import Comparison, MassRow, PaperMetrics, ProfileRow
from szmass_cli.evaluation.statistics import AtOneMass, MassScatter

HONEST = MassScatter(std=0.17, gaussian_sigma=0.155, median=0.01, coverage_68=0.68, coverage_95=0.95)


def comparison(network_std, n=2000, scatter=0.2):
    return Comparison(n, scatter, replace(HONEST, std=network_std), replace(HONEST, std=0.2), HONEST)


def metrics(*stds):
    return PaperMetrics("toy", "0" * 64, 1, tuple(comparison(std) for std in stds))


def test_luck_is_not_a_leak():
    """Two standard errors below the floor is luck, four is not."""
    error = 0.17 / (2 * 2000) ** 0.5
    assert not comparison(0.17 - 2 * error).leaks
    assert comparison(0.17 - 4 * error).leaks
    assert comparison(0.17).ratio == 1.0 and comparison(0.34).ratio == pytest.approx(2.0)


def test_a_leak_in_any_of_the_sets_is_a_leak():
    assert not metrics(0.17, 0.18).leaks
    assert metrics(0.17, 0.05).leaks and metrics(0.05, 0.17).leaks


def test_a_matched_filter_better_than_possible_is_not_the_networks_leak():
    """The other columns are ours: only the network can have seen the answers."""
    suspicious = replace(comparison(0.18), matched_filter=replace(HONEST, std=0.05))
    assert not suspicious.leaks


ROOT = Path(__file__).parents[2]
NUMBER = st.floats(-1e3, 1e3)
POSITIVE = st.floats(1e-6, 1e16)
SCATTERS = st.builds(MassScatter, POSITIVE, POSITIVE, NUMBER, st.floats(0, 1), st.floats(0, 1))
COMPARISONS = st.builds(Comparison, st.integers(1, 10**7), st.floats(0, 1), SCATTERS, SCATTERS, SCATTERS)
AT_ONE_MASS = st.builds(AtOneMass, POSITIVE, POSITIVE)
MASS_ROWS = st.builds(MassRow, POSITIVE, st.integers(1, 10**6), AT_ONE_MASS, AT_ONE_MASS, AT_ONE_MASS)
PROFILE_ROWS = st.builds(ProfileRow, POSITIVE, st.integers(1, 10**6), NUMBER, POSITIVE, POSITIVE)
METRICS = st.builds(
    PaperMetrics,
    st.text(max_size=20),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**32 - 1),
    *(st.lists(kind, max_size=2).map(tuple) for kind in (COMPARISONS, MASS_ROWS, PROFILE_ROWS, COMPARISONS)),
)


FRACTION, COUNT = st.floats(0, 1), st.integers(1, 10**6)
POSTERIOR_ROWS = st.builds(PosteriorRow, COUNT, *[NUMBER] * 2, *[FRACTION] * 4, NUMBER, POSITIVE)
BIASES = st.builds(Bias, COUNT, *[NUMBER] * 3)
CASES = st.builds(
    CaseRow,
    st.text(max_size=20),
    COUNT,
    st.none() | POSTERIOR_ROWS,
    st.lists(st.builds(SnrRow, POSITIVE, st.none() | POSITIVE, POSTERIOR_ROWS), max_size=2).map(tuple),
    st.none() | BIASES,
    st.none() | st.builds(Gain, POSITIVE, POSITIVE),
    st.booleans(),
)
INSTRUMENT_METRICS = st.builds(
    InstrumentsMetrics,
    st.text(max_size=20),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.integers(0, 2**32 - 1),
    st.lists(CASES, max_size=2).map(tuple),
    st.lists(FRACTION, max_size=3).map(tuple),
    st.lists(st.builds(MassBiasRow, st.tuples(POSITIVE, POSITIVE), BIASES), max_size=2).map(tuple),
    *(st.lists(CASES, max_size=2).map(tuple) for _ in range(3)),
    st.lists(st.builds(PriorRow, st.just("all"), COUNT, NUMBER, FRACTION, FRACTION), max_size=2).map(tuple),
    st.lists(CASES, max_size=2).map(tuple),
)


@given(METRICS | INSTRUMENT_METRICS)
@settings(max_examples=60, deadline=None)
def test_they_come_back_from_their_file_as_they_were(tmp_path_factory, found):
    """Of either kind of model, told apart by the file itself."""
    path = tmp_path_factory.mktemp("metrics") / "metrics.json"
    path.write_bytes(found.to_json())
    assert read_metrics(path) == found
    assert json.loads(path.read_text())["seed"] == found.seed


@pytest.mark.parametrize("text", ["", "{", "3", "[]", '[{"n_cutouts": 3}]', '{"model": "toy"}'])
def test_a_damaged_file_is_refused_by_name(tmp_path, text):
    path = tmp_path / "metrics.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"metrics\.json") as caught:
        read_metrics(path)
    assert caught.value.exit_code == 2 and caught.value.hint


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"metrics\.json"):
        read_metrics(tmp_path / "metrics.json")


def test_another_format_is_refused(tmp_path):
    path = tmp_path / "metrics.json"
    values = json.loads(metrics(0.18).to_json())
    path.write_text(json.dumps({**values, "format_version": 9}))
    with pytest.raises(InputError, match="does not hold metrics") as caught:
        read_metrics(path)
    assert "update szmass" in caught.value.hint


def test_the_paper_report_that_is_shipped_is_read():
    """An older one, which has a field that is no more."""
    found = read_metrics(ROOT / "models" / "paper" / "report" / "metrics.json")
    assert isinstance(found, PaperMetrics) and len(found.scatter) == 2
