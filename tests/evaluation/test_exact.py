"""The exact posterior at any redshift, beam and noise."""

import numpy as np
import pytest

from szmass_cli.config import parse_config
from szmass_cli.evaluation.exact import ExactPosterior
from szmass_cli.evaluation.posteriors import below, ln_density_at
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.likelihood.optimal import OptimalEstimator
from szmass_cli.network.conditioned import Conditions
from szmass_cli.posterior.recalibration import mass_grid, moments
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.sky.stamps import StampSky

TEXT = """
instruments:
  {min_beam_fwhm_arcmin: 1.0, max_beam_fwhm_arcmin: 1.04, min_noise_uk_arcmin: 2, max_noise_uk_arcmin: 30}
network: {head: posterior}
clusters:
  redshift: {kind: log_uniform, min: 0.15, max: 1.6}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
"""
MASSES = (1e14, 1.5e15)


@pytest.fixture(scope="module")
def simulator():
    return InstrumentSimulator(parse_config(TEXT, "exact.yaml"))


@pytest.fixture(scope="module")
def clusters():
    return parse_config(TEXT, "exact.yaml").clusters


@pytest.fixture(scope="module")
def exact(simulator):
    return ExactPosterior(simulator.modes, mass_grid(MASSES), 0.2)


def test_it_is_the_estimator_of_one_instrument_under_another_prior(simulator, clusters, exact):
    at_one = clusters.model_copy(update={"redshift": 0.7})
    rng = np.random.default_rng(1)
    block = simulator.block(at_one, rng, 1.0, np.full(60, 5.0))
    density = exact(block.image, Conditions.of(block)) * np.exp(mass_grid(MASSES))
    density /= density.sum(axis=1, keepdims=True)
    instrument = simulator.instruments[1.0]
    sky = StampSky(simulator.power, [instrument.band.__class__(150.0, instrument.band.beam, 5.0)])
    other = OptimalEstimator(sky, instrument.stamps, 0.7, 0.2, MASSES).posterior(block.image)
    # its masses begin and end at those of the prior: the first and the last stand for half as much
    other.probability[:, [0, -1]] *= 0.5
    other.probability[:] /= other.probability.sum(axis=1, keepdims=True)
    grid = mass_grid(MASSES)
    for percent in (16.0, 50.0, 84.0):
        cumulative = np.cumsum(density, axis=1) - 0.5 * density
        mine = np.exp([np.interp(percent / 100.0, row, grid) for row in cumulative])
        np.testing.assert_allclose(mine, other.percentile(percent), rtol=0.01)


def test_it_covers_what_it_promises(simulator, clusters, exact):
    block = CutoutBlock.concatenate(list(simulator.blocks(clusters, 1500, 3, Stream.USER)))
    density = exact(block.image, Conditions.of(block))
    pit = below(mass_grid(MASSES), density, np.log(block.m200c))
    for level in (0.683, 0.954):
        inside = np.mean(np.abs(pit - 0.5) <= 0.5 * level)
        assert inside == pytest.approx(level, abs=4.0 * np.sqrt(level * (1 - level) / 1500))
    assert np.all(np.isfinite(ln_density_at(mass_grid(MASSES), density, np.log(block.m200c))))


def test_a_bright_cluster_is_known_to_its_scatter_and_noise(simulator, clusters, exact):
    """ln A is uncertain by 0.2 and by noise over signal."""
    at_one = clusters.model_copy(update={"redshift": 0.7})
    block = simulator.block(at_one, np.random.default_rng(2), 1.0, np.full(64, 2.0))
    heavy = block[np.flatnonzero((block.m200c > 4e14) & (block.m200c < 8e14))]
    at = Conditions.of(heavy)
    _, sigma = moments(mass_grid(MASSES), exact(heavy.image, at))
    modes = simulator.modes[1.0]
    nothing = modes.coefficients(np.zeros((len(heavy), 40, 40)))
    _, fisher = modes.matched(nothing, at.noise_uk_arcmin, heavy.m200c[:, None], at.redshift)
    # a scatter of 0.2 shows as 0.14 to 0.15 in ln M at z = 0.7
    expected = np.sqrt(0.2**2 + 1.0 / fisher[:, 0]) * 0.145 / 0.2
    assert np.median(sigma / expected) == pytest.approx(1.0, abs=0.15)
