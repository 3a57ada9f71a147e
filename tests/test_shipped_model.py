"""The default model is as good as the README says, on its card and on skies it has never seen."""

import pytest

from szmass_cli import DEFAULT_MODEL
from szmass_cli.evaluate import compare, read_comparisons
from szmass_cli.network.bundle import METRICS, read_bundle, shipped_models

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(DEFAULT_MODEL)


def test_it_is_small(bundle):
    assert sum(file.stat().st_size for file in bundle.path.iterdir()) < 8 * MEBIBYTE


@pytest.mark.parametrize("name", shipped_models())
def test_recorded_metrics_are_between_what_is_wanted_and_what_is_possible(name):
    comparisons = read_comparisons(shipped_models()[name] / METRICS)
    with_scatter, without = comparisons
    assert (with_scatter.sz_scatter_ln, without.sz_scatter_ln) == (0.2, 0.0)
    for comparison in comparisons:
        assert comparison.n_cutouts >= 5000 and not comparison.leaks
    assert with_scatter.network.std <= 0.19
    assert 0.65 <= with_scatter.network.coverage_68 <= 0.71


def test_it_keeps_its_word_on_fresh_cutouts(bundle):
    """1,000 cutouts: the standard error of the std is 0.004, that of the coverage 0.015."""
    comparison = compare(bundle, 1000, 20_261_123, 0.2)
    assert comparison.network.std < 0.20 and not comparison.leaks
    assert 0.63 < comparison.network.coverage_68 < 0.73
    assert comparison.network.std < 1.08 * comparison.best_possible.std


@pytest.mark.slow
def test_it_keeps_its_word_on_many_fresh_cutouts(bundle):
    comparison = compare(bundle, 20_000, 7, 0.2)
    assert comparison.network.std <= 0.19 and not comparison.leaks
    assert 0.65 <= comparison.network.coverage_68 <= 0.71
