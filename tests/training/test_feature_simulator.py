"""Blocks of features: what the likelihood expects of a Gaussian sky, and the same for the same seed."""

import pickle

import numpy as np
import pytest

from szmass_cli.config import ObservingConfig, parse_config
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.likelihood.templates import Templates
from szmass_cli.network.fit.dataset import joined
from szmass_cli.posterior.grid import mass_grid, normalised, probability_below
from szmass_cli.sky.cutouts import Stream
from szmass_cli.sky.symmetry import symmetry_of
from szmass_cli.training.drawing import InstrumentCutouts
from szmass_cli.training.simulator import FeatureSimulator, InstrumentFeatures
from szmass_cli.training.turns import TOGETHER, Turns

CONFIG = parse_config(
    """
instruments:
  {training: 3, in_each_epoch: 2, validation: 2, calibration: 2, max_bands: 1, filtered: 0, max_ell_knee: 0}
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
training: {cutouts_per_epoch: 128, validation_cutouts: 128, batch_size: 32}
""",
    "survey.yaml",
)
SKY = SkyModel(CONFIG, 5000.0 * (CMB_ELL / 200.0) ** -1.5)


@pytest.fixture(scope="module")
def simulator():
    return FeatureSimulator(SKY)


def training(simulator, n, number=0, seed=1):
    return joined(simulator.blocks(CONFIG.clusters, n, seed, Stream.TRAINING, first_block=number))


def test_the_same_block_is_drawn_again_by_whoever_draws_it(simulator):
    block = training(simulator, 128)
    assert simulator.block_size == 2 * TOGETHER == len(block)
    again = training(pickle.loads(pickle.dumps(simulator)), 128)
    np.testing.assert_array_equal(again.m200c, block.m200c)
    np.testing.assert_array_equal(again.features.images, block.features.images)
    np.testing.assert_array_equal(training(simulator, 100).m200c, block.m200c[:100])
    assert not np.intersect1d(training(simulator, 128, number=1).m200c, block.m200c).size


def test_cutouts_without_features_are_the_same(simulator):
    """Whoever draws the turns of a block has its cutouts, in another order."""
    turns, drawn = Turns(CONFIG), []
    for turn in turns.mixed(1, 0):
        instrument = turns.instruments[Stream.TRAINING][turn.instrument]
        templates = Templates(instrument, SKY.sz_model, symmetry_of(instrument))
        cutouts = InstrumentCutouts(SKY, instrument, templates)
        drawn.append(cutouts.draw(CONFIG.clusters, turn.rng, turn.n, turn.level))
    order = turn.rng.permutation(turns.block_size)
    block = training(simulator, 128)
    masses = np.concatenate([part.m200c for part in drawn])
    np.testing.assert_array_equal(masses[order], block.m200c)


def test_instruments_take_turns_from_epoch_to_epoch(simulator, monkeypatch):
    """Of three, two in each epoch of one block."""
    asked = []
    monkeypatch.setattr(InstrumentFeatures, "draw", lambda self, *_: asked.append(self) or Drawn())
    monkeypatch.setattr("szmass_cli.training.simulator.LabelledFeatures", Drawn)
    simulator._kept.clear()
    seen = []
    for epoch in range(3):
        asked.clear()
        list(simulator.blocks(CONFIG.clusters, 128, 1, Stream.TRAINING, first_block=epoch))
        seen.append(set(map(id, asked)))
        assert len(seen[-1]) == 2 == len(simulator._kept)
    simulator._kept.clear()


class Drawn:
    """Stands where labelled features do."""

    @classmethod
    def concatenate(cls, parts):
        return cls()

    def __getitem__(self, rows):
        return self


def test_other_streams_share_cutouts_among_their_instruments(simulator):
    blocks = list(simulator.blocks(CONFIG.clusters, 90, 1, Stream.VALIDATION))
    assert [len(block) for block in blocks] == [45, 45]
    again = list(simulator.blocks(CONFIG.clusters, 90, 1, Stream.VALIDATION))
    np.testing.assert_array_equal(joined(iter(again)).m200c, joined(iter(blocks)).m200c)
    simulator._kept.clear()


@pytest.mark.parametrize("level", [0, 7])
def test_posteriors_of_what_is_drawn_hold_the_truth(level):
    """Ranks of true masses in exact posteriors are even; y maps scatter by their errors."""
    instrument = FeatureSimulator(SKY).instruments(Stream.TRAINING)[0]
    n = 600
    block = InstrumentFeatures(SKY, instrument).draw(CONFIG.clusters, np.random.default_rng(3), n, level)
    grid = mass_grid((1e14, 1.5e15))
    below = probability_below(grid, normalised(block.features.ln_likelihood), np.log(block.m200c))
    assert below.mean() == pytest.approx(0.5, abs=4 * 0.289 / np.sqrt(n))
    assert np.mean(np.abs(below - 0.5) < 0.3413) == pytest.approx(0.6827, abs=4 * 0.466 / np.sqrt(n))
    missing = (block.y_map - block.features.y_map)[:, 19:21, 19:21].mean(axis=(1, 2)) / block.features.y_sigma
    assert np.median(np.abs(missing)) < 1.0 and abs(np.median(missing)) < 0.3


def test_cutouts_are_miscalibrated_as_stated_and_otherwise_the_same():
    """One factor for each cutout of one band; clusters and sky stay the same."""
    observing = ObservingConfig(calibration_error=0.05, beam_error=1e-6, max_noise_factor=3.0)
    sky = CONFIG.sky.model_copy(update={"observing": observing})
    instrument = FeatureSimulator(SKY).instruments(Stream.TRAINING)[0]
    off, on = (
        InstrumentFeatures(model, instrument).draw(CONFIG.clusters, np.random.default_rng(3), 200)
        for model in (SKY, SkyModel(CONFIG.model_copy(update={"sky": sky}), SKY.cmb_dl_uk2))
    )
    np.testing.assert_array_equal(on.m200c, off.m200c)
    factor = on.features.snr / off.features.snr
    assert factor.mean() == pytest.approx(1.0, abs=4 * 0.05 / np.sqrt(200))
    assert factor.std() == pytest.approx(0.05, rel=0.2)
