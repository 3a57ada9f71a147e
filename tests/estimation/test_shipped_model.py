"""The shipped models are as good as the README says, in their reports and on skies they have never seen."""

import numpy as np
import pytest

from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.evaluation.report import METRICS, SUMMARY
from szmass_cli.evaluation.run import evaluate
from szmass_cli.network.bundle.bundle import read_bundle, shipped_models
from szmass_cli.network.bundle.metadata import REPORT
from szmass_cli.network.bundle.writing import as_stored
from szmass_cli.network.inputs import NetworkInput
from szmass_cli.network.model import Predictor, network_of
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

MEBIBYTE = 1 << 20
REPORTED = {name: folder for name, folder in shipped_models().items() if (folder / REPORT).is_dir()}


@pytest.fixture(scope="module")
def bundle():
    return read_bundle("z07")


def test_it_is_small(bundle):
    assert sum(file.stat().st_size for file in bundle.path.iterdir()) < 8 * MEBIBYTE


@pytest.mark.parametrize("name", shipped_models())
def test_no_model_is_larger_than_36_megabytes(name):
    files = [file for file in shipped_models()[name].rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 36 * MEBIBYTE


@pytest.mark.parametrize("name", REPORTED)
def test_recorded_metrics_are_between_what_is_wanted_and_what_is_possible(name):
    metrics = read_metrics(REPORTED[name] / REPORT / METRICS)
    assert not metrics.leaks and "FAILED" not in (REPORTED[name] / REPORT / SUMMARY).read_text()
    with_scatter, without = metrics.scatter
    assert (with_scatter.sz_scatter_ln, without.sz_scatter_ln) == (0.2, 0.0)
    for comparison in metrics.scatter:
        assert comparison.n_cutouts >= 5000
    assert with_scatter.network.std <= 0.20 and with_scatter.ratio <= 1.08
    assert 0.65 <= with_scatter.network.coverage_68 <= 0.71


def scatter_of(n, seed):
    return evaluate("z07", n, seed).metrics.scatter[0]


def test_it_keeps_its_word_on_fresh_cutouts():
    """1,000 cutouts: the standard error of the std is 0.004, that of the coverage 0.015."""
    comparison = scatter_of(1000, 20_261_123)
    assert comparison.sz_scatter_ln == 0.2 and comparison.n_cutouts == 1000
    assert comparison.network.std < 0.20 and not comparison.leaks
    assert 0.63 < comparison.network.coverage_68 < 0.73
    assert comparison.network.std < 1.08 * comparison.best_possible.std
    # a matched filter uses one number of each cutout, and is between the two
    assert comparison.best_possible.std < comparison.matched_filter.std < 0.24


def test_half_precision_changes_masses_by_less_than_a_tenth_of_a_per_cent(bundle):
    """Raw masses and the medians made of them, of 384 cutouts, with weights of single precision and rounded.

    A shipped model may hold rounded weights already: then each kernel is moved within the half-precision
    step it stands for, which is where training left it.
    """
    sky, recipe = bundle.training_sky(), bundle.recipe
    inputs = NetworkInput.create(recipe.network, sky, bundle.bands, bundle.labels.scale_uk)
    rng = np.random.default_rng(1)

    def before_rounding(values):
        half = values.astype(np.float16)
        if values.ndim == 1 or not np.array_equal(half.astype(np.float32), values):
            return values
        step = np.spacing(np.abs(half)).astype(np.float32)
        return (values + 0.49 * step * rng.uniform(-1, 1, values.shape)).astype(np.float32)

    single = [before_rounding(w) for w in bundle.weights]
    rounded = [as_stored(w) for w in single]
    assert sum(not np.array_equal(a, b) for a, b in zip(single, rounded, strict=True)) > 20
    simulator = CutoutSimulator(recipe)
    block = CutoutBlock.concatenate(list(simulator.blocks(recipe.clusters, 384, 17, Stream.USER)))
    exact, stored = (
        Predictor(network_of(recipe.network, inputs.channels, weights), inputs, bundle.labels)(block.image)
        for weights in (single, rounded)
    )
    assert exact.raw_mass_msun.std() > 1e14
    np.testing.assert_allclose(stored.raw_mass_msun, exact.raw_mass_msun, rtol=1e-3)
    medians = [
        bundle.calibration.percentiles(found.raw_mass_msun, block.redshift, (50.0,))
        for found in (exact, stored)
    ]
    np.testing.assert_allclose(*medians, rtol=1e-3)
    assert np.abs(stored.sz_uk - exact.sz_uk).max() < 1e-3 * np.abs(exact.sz_uk).max()


@pytest.mark.slow
def test_it_keeps_its_word_on_many_fresh_cutouts():
    comparison = scatter_of(20_000, 7)
    assert comparison.network.std <= 0.19 and not comparison.leaks
    assert 0.65 <= comparison.network.coverage_68 <= 0.71
