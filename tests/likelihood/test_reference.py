"""The likelihood on the paper's sky (1' beam, 5 µK-arcmin, z = 0.7) against numbers obtained elsewhere."""

import numpy as np
import pytest

from szmass_cli.config import UniformMasses, load_config
from szmass_cli.evaluation.statistics import mass_scatter
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.recalibration import mass_grid
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

PRIOR = (1e14, 8e14)
PAPER = load_config("paper-fresh")


@pytest.fixture(scope="module")
def likelihood():
    band = Band(150.0, Beam(1.0), 5.0)
    return SkyModel.from_config(PAPER).likelihood(Instrument((band,)))


@pytest.fixture(scope="module")
def simulator():
    return CutoutSimulator(PAPER)


def percentiles(likelihood, block):
    """Of the exact posterior under a prior flat in mass."""
    grid = mass_grid(PRIOR)
    ln_density = likelihood.ln_likelihood(likelihood.weigh(block.image), grid, block.redshift) + grid
    density = np.exp(ln_density - ln_density.max(axis=1, keepdims=True))
    density /= density.sum(axis=1, keepdims=True)
    posterior = MassPosterior(grid, density)
    return posterior.percentiles((2.5, 16, 50, 84, 97.5))


def simulate(simulator, n, low, high, scatter, seed):
    masses = UniformMasses(min_m200c_msun=low, max_m200c_msun=high)
    clusters = PAPER.clusters.model_copy(update={"masses": masses, "sz_scatter_ln": scatter})
    return CutoutBlock.concatenate(list(simulator.blocks(clusters, n, seed, Stream.USER)))


@pytest.mark.parametrize(
    ("mass", "decrements"),
    [
        (1e14, (-12.4, -8.76, -3.61, -0.51)),
        (2e14, (-33.7, -24.8, -11.5, -2.09)),
        (5e14, (-122.4, -94.9, -50.7, -12.5)),
        (8e14, (-234.9, -186.9, -107.0, -30.4)),
    ],
)
def test_clusters_are_as_deep_as_in_an_independent_calculation(mass, decrements):
    """At 0', 0.5', 1' and 2' from the centre, which is put on a pixel's [µK]."""
    stamps = ClusterStamps((Band(150.0, Beam(1.0), 5.0),))
    scales = cluster_scales(np.array([mass]), 0.7)
    image = stamps.offset_images(scales, np.array([[0.125, 0.125]]))[0, ..., 0]
    np.testing.assert_allclose(image[20, [20, 22, 24, 28]], decrements, rtol=0.01)


def test_clusters_have_the_signal_to_noise_of_an_independent_calculation(likelihood):
    mass = np.array([[2e14, 4e14, 6e14]])
    nothing = likelihood.weigh(np.zeros((1, 40, 40, 1)))
    _, fisher = likelihood.matched(nothing, cluster_scales(mass, 0.7))
    np.testing.assert_allclose(np.sqrt(fisher[0]), [3.2, 8.4, 14.6], rtol=0.03)


@pytest.mark.parametrize(("scatter", "floor", "within"), [(0.2, 0.17, 0.009), (0.0, 0.104, 0.008)])
def test_the_exact_posterior_reaches_the_floor_of_an_independent_calculation(
    likelihood, simulator, scatter, floor, within
):
    """2 to 7e14 Msun, 2,048 clusters: a standard error of 1.6 per cent, the printed digit of 3."""
    block = simulate(simulator, 2048, 2e14, 7e14, scatter, 21)
    found = mass_scatter(percentiles(likelihood, block), block.m200c)
    assert found.std == pytest.approx(floor, abs=within)


def test_the_exact_posterior_covers_what_it_promises(likelihood, simulator):
    """Masses drawn from its own prior; three standard errors of 1,536 draws are 0.036 and 0.017."""
    block = simulate(simulator, 1536, *PRIOR, 0.2, 23)
    found = mass_scatter(percentiles(likelihood, block), block.m200c)
    assert found.coverage_68 == pytest.approx(0.68, abs=0.036)
    assert found.coverage_95 == pytest.approx(0.95, abs=0.017)


def test_the_matched_filter_has_unit_variance_and_no_bias(likelihood, simulator):
    """On bare sky the S/N is a standard normal; a cluster shifts it and leaves its spread."""
    sky = simulator.sky.draw(np.random.default_rng(1), 3000)
    template = simulator.stamps.mean_images(np.array([4e14]), 0.7)
    scales = cluster_scales(np.full((3000, 1), 4e14), 0.7)
    snr = []
    for images in (sky, sky + template):
        projection, fisher = likelihood.matched(likelihood.weigh(images), scales)
        snr.append((projection / np.sqrt(fisher))[:, 0])
    assert snr[0].mean() == pytest.approx(0, abs=0.06) and snr[0].std() == pytest.approx(1, abs=0.04)
    np.testing.assert_allclose(snr[1] - snr[0], np.sqrt(fisher[0, 0]), rtol=2e-3)
