"""Cutouts of many instruments: mixed, labelled with what they are, and a function of their seed alone."""

import numpy as np
import pytest

from szmass_cli.config import parse_config
from szmass_cli.likelihood.instruments import BEAM_STEP, InstrumentSimulator, beams_between
from szmass_cli.sky.cutouts import CutoutBlock, Stream

TEXT = """
instruments:
  {min_beam_fwhm_arcmin: 1.0, max_beam_fwhm_arcmin: 1.15, min_noise_uk_arcmin: 3, max_noise_uk_arcmin: 30}
network: {head: posterior}
clusters:
  redshift: {kind: log_uniform, min: 0.1, max: 2.0}
  masses: {kind: log_uniform, min_m200c_msun: 5.0e+13, max_m200c_msun: 1.5e+15}
"""


@pytest.fixture(scope="module")
def simulator():
    return InstrumentSimulator(parse_config(TEXT, "instruments.yaml"))


@pytest.fixture(scope="module")
def clusters():
    return parse_config(TEXT, "instruments.yaml").clusters


@pytest.fixture(scope="module")
def block(simulator, clusters):
    return next(simulator.blocks(clusters, simulator.block_size, 7, Stream.USER))


def test_beams_are_close_and_reach_both_ends():
    beams = beams_between(0.9, 2.2)
    assert (beams[0], beams[-1]) == (0.9, 2.2)
    assert np.all(np.diff(np.log(beams)) <= BEAM_STEP + 1e-6)
    assert beams_between(1.4, 1.4) == [1.4]


def test_the_same_seed_gives_the_same_cutouts_and_the_last_block_is_cut(simulator, clusters, block):
    short = CutoutBlock.concatenate(list(simulator.blocks(clusters, 300, 7, Stream.USER)))
    assert len(short) == 300
    for name, values in short.arrays().items():
        np.testing.assert_array_equal(values, block.arrays()[name][:300], err_msg=name)


def test_streams_and_seeds_share_no_draw(simulator, clusters, block):
    for seed, stream in ((8, Stream.USER), (7, Stream.TEST)):
        other = next(simulator.blocks(clusters, 64, seed, stream))
        assert not set(other.m200c) & set(block.m200c)


def test_every_batch_holds_every_beam(simulator, block):
    n_beams = len(simulator.instruments)
    assert n_beams == 4
    for start in range(0, len(block), 64):
        assert len(np.unique(block.beam_fwhm_arcmin[start : start + 64])) == n_beams
    _, counts = np.unique(block.beam_fwhm_arcmin, return_counts=True)
    np.testing.assert_array_equal(counts, len(block) / n_beams)


def test_cutouts_are_as_noisy_as_they_say(block):
    """Differences of next pixels are noise, but for a part of the sky that does not change with the noise."""
    steps = np.diff(block.image[..., 0], axis=1)[:, ::2].std(axis=(1, 2)) ** 2 / 2.0
    expected = (block.noise_uk_arcmin / 0.25) ** 2
    loud = block.noise_uk_arcmin > 15.0
    assert np.median(steps[loud] / expected[loud]) == pytest.approx(1.0, abs=0.03)


def test_what_is_drawn_evenly_in_its_logarithm(block):
    for values, (low, high) in (
        (block.redshift, (0.1, 2.0)),
        (block.m200c, (5e13, 1.5e15)),
        (block.noise_uk_arcmin, (3.0, 30.0)),
    ):
        place = np.log(values / low) / np.log(high / low)
        assert place.min() >= 0 and place.max() <= 1
        counts, _ = np.histogram(place, bins=8, range=(0, 1))
        expected = len(block) / 8
        assert np.abs(counts - expected).max() < 5.0 * np.sqrt(expected)
