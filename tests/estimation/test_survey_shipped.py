"""The default model keeps its word on clusters it has never seen, at any redshift, beam and depth."""

import numpy as np
import pytest

from szmass_cli import DEFAULT_MODEL
from szmass_cli.evaluation.honesty import CENTRAL, PosteriorRow, coverage
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.evaluation.posteriors import Judge, below, ln_density_at
from szmass_cli.evaluation.report import METRICS
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.bundle.metadata import REPORT
from szmass_cli.sky.cutouts import CutoutBlock, Stream

SEED = 20_261_126
N = 1536


@pytest.fixture(scope="module")
def bundle():
    return read_bundle(DEFAULT_MODEL)


@pytest.fixture(scope="module")
def simulator(bundle):
    return InstrumentSimulator(bundle.recipe, bundle.sky_power)


@pytest.fixture(scope="module")
def judge(bundle, simulator):
    return Judge(bundle, simulator.modes)


@pytest.fixture(scope="module")
def block(bundle, simulator):
    blocks = simulator.blocks(bundle.recipe.clusters, N, SEED, Stream.USER)
    return CutoutBlock.concatenate(list(blocks))


@pytest.fixture(scope="module")
def judged(judge, block):
    return judge(block)


def test_it_is_small_and_conditioned(bundle):
    assert bundle.is_conditioned
    assert sum(file.stat().st_size for file in bundle.path.iterdir() if file.is_file()) < 10 * 2**20
    assert bundle.metadata.trained_redshift == (0.1, 2.0)


def test_its_report_is_of_this_model(bundle):
    metrics = read_metrics(bundle.path / REPORT / METRICS)
    assert metrics.model_sha256 == bundle.sha256 and not metrics.leaks
    honesty = metrics.posteriors
    assert honesty is not None and honesty.overall.n_cutouts >= 10_000
    assert len(honesty.instruments) == 25 and len(honesty.mismatch) == 16


def test_posteriors_are_near_the_exact_ones(judged):
    row = PosteriorRow.of(judged)
    assert row.n_detected > 600
    assert row.rms_shift < 0.25 and abs(row.mean_shift) < 0.1
    assert row.ln_likelihood_gap < 0.02
    assert not row.leaks


def test_posteriors_hold_the_truth_as_often_as_they_say(judged):
    for level in CENTRAL:
        error = np.sqrt(level * (1.0 - level) / N)
        assert coverage(judged.pit, level) == pytest.approx(level, abs=4.0 * error)


def test_gross_mismatch_is_flagged(bundle):
    """Of its report: noise off by a factor 2 everywhere; a source and an offset where the map can tell."""
    rows = read_metrics(bundle.path / REPORT / METRICS).posteriors.mismatch
    flagged = {(row.beam_fwhm_arcmin, row.case): row.flagged for row in rows}
    for fwhm in (1.0, 1.4):
        assert flagged[fwhm, "as stated"] <= 0.05
        assert flagged[fwhm, "noise twice that stated"] > 0.9
        assert flagged[fwhm, "noise half that stated"] > 0.9
    assert flagged[1.0, "5 mJy source at the centre"] > 0.9
    assert flagged[1.0, "0.5' off centre (rms)"] > 0.8


def test_redshift_matters(judge, block, judged):
    """Told the redshift of another cluster, it gives the true masses less probability."""
    other = CutoutBlock(**{**block.arrays(), "redshift": np.roll(block.redshift, 1)})
    density, _ = judge.network(other)
    ln_density = ln_density_at(judge.ln_mass, density, np.log(block.m200c))
    lost = judged.ln_density - ln_density
    assert lost.mean() > 5.0 * lost.std() / np.sqrt(N) > 0.0
    pit = below(judge.ln_mass, density, np.log(block.m200c))
    assert coverage(pit, CENTRAL[0]) < coverage(judged.pit, CENTRAL[0])
