"""The best possible estimator against the floors of the design, and what is measured against it."""

import numpy as np
import pytest

from szmass_cli.config import ClusterConfig, SurveyConfig, UniformMasses
from szmass_cli.evaluation.metrics import Comparison
from szmass_cli.evaluation.statistics import PERCENTILES, mass_scatter
from szmass_cli.likelihood.optimal import (
    GridPosterior,
    MatchedFilter,
    NoiseLevel,
    OptimalEstimator,
    normal_nodes,
)
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.sky.stamps import StampSky

PRIOR = (1e14, 8e14)


@pytest.fixture(scope="module")
def simulator():
    """The paper's sky: 1' beam, 5 µK-arcmin."""
    return CutoutSimulator(SurveyConfig())


@pytest.fixture(scope="module")
def best(simulator):
    return OptimalEstimator(simulator.sky, simulator.stamps, 0.7, 0.2, PRIOR)


def simulate(simulator, n, low, high, scatter, seed):
    masses = UniformMasses(min_m200c_msun=low, max_m200c_msun=high)
    clusters = ClusterConfig(sz_scatter_ln=scatter, masses=masses)
    return CutoutBlock.concatenate(list(simulator.blocks(clusters, n, seed, Stream.USER)))


def estimates(estimator, block):
    """The five percentiles of each cutout, (n, 5)."""
    parts = []
    for start in range(0, len(block), 256):
        posterior = estimator.posterior(block.image[start : start + 256, ..., 0])
        parts.append(np.stack([posterior.percentile(p) for p in PERCENTILES], axis=1))
    return np.concatenate(parts)


@pytest.fixture(scope="module")
def paper_test_set(simulator):
    return simulate(simulator, 2048, 2e14, 7e14, 0.2, 21)


@pytest.fixture(scope="module")
def best_estimates(best, paper_test_set):
    return estimates(best, paper_test_set)


def test_with_scatter_the_best_estimator_reaches_the_floor_of_the_design(best_estimates, paper_test_set):
    """Std 0.17, Gaussian fit 0.155; a standard error is 0.003, the printed digit 0.005."""
    scatter = mass_scatter(best_estimates, paper_test_set.m200c)
    assert scatter.std == pytest.approx(0.17, abs=0.012)
    assert scatter.gaussian_sigma == pytest.approx(0.155, abs=0.015)


def test_without_scatter_the_best_estimator_reaches_the_floor_of_the_design(best, simulator):
    """Std 0.104, Gaussian fit 0.078, the estimator still allowing for 20 per cent scatter."""
    block = simulate(simulator, 2048, 2e14, 7e14, 0.0, 22)
    scatter = mass_scatter(estimates(best, block), block.m200c)
    assert scatter.std == pytest.approx(0.104, abs=0.008)
    assert scatter.gaussian_sigma == pytest.approx(0.078, abs=0.008)
    # it allows for scatter that is not there, so its intervals are too wide
    assert scatter.coverage_68 > 0.8


def test_the_exact_posterior_covers_what_it_promises(best, simulator):
    """Masses drawn from its own prior; three standard errors of 1536 draws are 0.036 and 0.017."""
    block = simulate(simulator, 1536, *PRIOR, 0.2, 23)
    percentiles = estimates(best, block)
    scatter = mass_scatter(percentiles, block.m200c)
    assert scatter.coverage_68 == pytest.approx(0.68, abs=0.036)
    assert scatter.coverage_95 == pytest.approx(0.95, abs=0.017)
    assert np.mean(block.m200c < percentiles[:, 2]) == pytest.approx(0.5, abs=0.039)


def test_matched_filter_signal_to_noise_is_that_of_the_design(simulator):
    templates = simulator.stamps.mean_images(np.array([2e14, 4e14, 6e14]), 0.7)
    snr = MatchedFilter(simulator.sky).snr(templates, templates)
    np.testing.assert_allclose(snr, [3.2, 8.4, 14.6], rtol=0.03)


def test_matched_filter_has_unit_variance_and_no_bias(simulator):
    """On bare sky the S/N is a standard normal; a cluster shifts it and leaves its spread."""
    sky = simulator.sky.draw(np.random.default_rng(1), 3000)
    template = simulator.stamps.mean_images(np.array([4e14]), 0.7)
    templates = np.repeat(template, 3000, axis=0)
    matched = MatchedFilter(simulator.sky)
    bare, loaded = matched.snr(sky, templates), matched.snr(sky + templates, templates)
    assert bare.mean() == pytest.approx(0, abs=0.06)
    assert bare.std() == pytest.approx(1, abs=0.04)
    np.testing.assert_allclose(loaded - bare, matched.snr(template, template)[0], rtol=1e-3)
    # a template of another amplitude is the same filter
    np.testing.assert_allclose(matched.snr(sky[:5], 3 * templates[:5]), bare[:5], rtol=1e-5, atol=1e-6)


def test_posterior_is_the_integral_over_amplitudes_done_by_hand(simulator):
    """A coarse grid of masses and amplitudes in float64, Gaussian likelihood written out."""
    estimator = OptimalEstimator(simulator.sky, simulator.stamps, 0.7, 0.2, PRIOR)
    image = simulator.stamps.mean_images(np.array([5e14]), 0.7)[0] * 1.1
    image = image + simulator.sky.draw(np.random.default_rng(3), 1)[0]
    masses = np.linspace(*PRIOR, 120)
    templates = simulator.stamps.mean_images(masses, 0.7).reshape(120, -1).astype(float)
    covariance = simulator.sky.sky_covariance_uk2 + 400.0 * np.eye(1600)
    solved = np.linalg.solve(covariance, np.column_stack([image.ravel().astype(float), templates.T]))
    data_term, fisher = templates @ solved[:, 0], np.einsum("mp,pm->m", templates, solved[:, 1:])
    ln_a = np.linspace(-1, 1, 401)
    weight = np.exp(-0.5 * (ln_a / 0.2) ** 2)
    a = np.exp(ln_a)[:, None]
    exponent = a * data_term - 0.5 * a**2 * fisher
    likelihood = np.sum(weight[:, None] * np.exp(exponent - exponent.max()), axis=0)
    cumulative = np.cumsum(likelihood) - 0.5 * likelihood
    for percent in (16, 50, 84):
        expected = np.interp(percent / 100, cumulative / likelihood.sum(), masses)
        got = estimator.posterior(image[None]).percentile(percent)[0]
        assert got == pytest.approx(expected, rel=0.01)


def test_percentiles_of_a_flat_posterior_are_the_priors():
    grid = GridPosterior(np.linspace(1e14, 8e14, 701), np.full((2, 701), 1 / 701))
    for percent in (16, 50, 84):
        np.testing.assert_allclose(grid.percentile(percent), 1e14 + 7e14 * percent / 100, rtol=2e-3)


def test_percentiles_ascend_and_stay_in_the_prior(best_estimates):
    assert np.all(np.diff(best_estimates, axis=1) > 0)
    assert best_estimates.min() >= PRIOR[0] and best_estimates.max() <= PRIOR[1]


def test_an_estimator_that_peeks_is_caught(best_estimates, paper_test_set):
    """Planted leak: medians drawn a fifth of the way towards the truth are better than is possible."""
    truth = paper_test_set.m200c
    honest = mass_scatter(best_estimates, truth)
    peeking = mass_scatter(best_estimates**0.8 * truth[:, None] ** 0.2, truth)
    assert Comparison(len(truth), 0.2, peeking, honest, honest).leaks
    assert not Comparison(len(truth), 0.2, honest, honest, honest).leaks
    worse = mass_scatter(best_estimates * np.exp(0.05 * np.sin(np.arange(len(truth))))[:, None], truth)
    assert not Comparison(len(truth), 0.2, worse, honest, honest).leaks


def test_integrals_over_a_normal_distribution_are_exact():
    """Of polynomials, and of narrow Gaussians anywhere: those of massive clusters, of width 1 / sharpness."""
    for sharpness in (0.0, 1.0, 4.0):
        nodes, ln_weights = normal_nodes(sharpness)
        weights = np.exp(ln_weights)
        assert weights.sum() == pytest.approx(1)
        assert np.sum(weights * nodes**2) == pytest.approx(1, rel=1e-3)
        width = 1.0 / max(sharpness, 1.0)
        for centre in np.linspace(0, 1.5, 7):
            got = np.sum(weights * np.exp(-0.5 * ((nodes - centre) / width) ** 2))
            expected = width / np.hypot(1, width) * np.exp(-0.5 * centre**2 / (1 + width**2))
            assert got == pytest.approx(expected, rel=1e-4)


def test_a_massive_clusters_posterior_is_the_integral_done_finely(simulator, best):
    """At S/N 20 the likelihood of the amplitude is four times as narrow as its scatter."""
    masses = np.array([7.5e14])
    image = simulator.stamps.mean_images(masses, 0.7) + simulator.sky.draw(np.random.default_rng(8), 1)
    posterior = best.posterior(image)
    flat = image.ravel().astype(float)
    templates = simulator.stamps.mean_images(posterior.m200c_msun, 0.7).reshape(600, -1).astype(float)
    weighted = templates @ simulator.sky.inverse_covariance
    data_term, fisher = weighted @ flat, np.einsum("mp,mp->m", weighted, templates)
    x = np.linspace(-6, 6, 1201)[:, None]
    a = np.exp(0.2 * x)
    exponent = a * data_term - 0.5 * a**2 * fisher - 0.5 * x**2
    likelihood = np.sum(np.exp(exponent - exponent.max()), axis=0)
    np.testing.assert_allclose(posterior.probability[0], likelihood / likelihood.sum(), rtol=2e-3, atol=1e-7)


@pytest.fixture(scope="module")
def mean_signals(best, paper_test_set):
    """Posterior mean maps of the first 1,024 of the test set."""
    parts = [best.mean_signal_uk(paper_test_set.image[i : i + 256]) for i in range(0, 1024, 256)]
    return np.concatenate(parts)


def test_the_mean_signal_is_the_integral_done_by_hand(simulator, best):
    """Sum over a fine grid of masses and amplitudes of A t(M), in float64, for three cutouts."""
    truth = np.array([2e14, 4e14, 7e14])
    images = 1.1 * simulator.stamps.mean_images(truth, 0.7) + simulator.sky.draw(np.random.default_rng(4), 3)
    masses = np.linspace(*PRIOR, 250)
    templates = simulator.stamps.mean_images(masses, 0.7).reshape(250, -1).astype(float)
    covariance = simulator.sky.sky_covariance_uk2 + 400.0 * np.eye(1600)
    weighted = np.linalg.solve(covariance, templates.T).T
    fisher = np.einsum("mp,mp->m", weighted, templates)
    x = np.linspace(-5, 5, 201)[:, None]
    a = np.exp(0.2 * x)
    got = best.mean_signal_uk(images)
    assert got.shape == images.shape
    for image, signal in zip(images, got, strict=True):
        exponent = a * (weighted @ image.ravel()) - 0.5 * a**2 * fisher - 0.5 * x**2
        joint = np.exp(exponent - exponent.max())
        expected = np.sum(a * joint, axis=0) @ templates / joint.sum()
        np.testing.assert_allclose(signal.ravel(), expected, atol=0.005 * np.abs(expected).max())


def test_no_scaled_or_shifted_mean_signal_is_closer_to_the_truth(mean_signals, paper_test_set):
    """Of all functions of the cutout the posterior mean has the least squared error.

    Masses are uniform in 2-7e14 and the prior in 1-8e14, so the best factor is one within a per cent or two.
    """
    truth = paper_test_set.sz[:1024].astype(float)
    factor = np.sum(mean_signals * truth) / np.sum(mean_signals**2)
    assert factor == pytest.approx(1.0, abs=0.02)
    own = np.mean((mean_signals - truth) ** 2)
    for scale in (0.85, 0.93, 1.07, 1.15):
        assert np.mean((scale * mean_signals - truth) ** 2) > own
    smoothed = 0.5 * mean_signals + 0.25 * (
        np.roll(mean_signals, 1, axis=1) + np.roll(mean_signals, -1, axis=1)
    )
    assert np.mean((smoothed - truth) ** 2) > own


def test_the_mean_signal_beats_the_signal_of_the_median_mass(best, simulator, mean_signals, paper_test_set):
    block = paper_test_set[:1024]
    median = np.concatenate(
        [best.posterior(block.image[i : i + 256]).percentile(50) for i in range(0, 1024, 256)]
    )
    of_median = simulator.stamps.mean_images(median, 0.7)
    error = np.mean((mean_signals - block.sz) ** 2)
    assert error < np.mean((of_median - block.sz) ** 2)


@pytest.fixture(scope="module")
def noise_level(simulator):
    return NoiseLevel(simulator.sky)


def test_noise_level_is_one_on_the_sky_it_knows(noise_level, simulator):
    ratio = noise_level.ratio(simulator.sky.draw(np.random.default_rng(5), 1000))
    assert np.sqrt(np.mean(ratio**2)) == pytest.approx(1, abs=0.01)
    assert ratio.min() > 0.6 and ratio.max() < 1.5


def test_noise_level_hardly_sees_an_ordinary_cluster_in_the_middle(noise_level, simulator):
    sky = simulator.sky.draw(np.random.default_rng(6), 300)
    with_cluster = sky + simulator.stamps.mean_images(np.array([5e14]), 0.7)
    assert noise_level.ratio(with_cluster).mean() == pytest.approx(noise_level.ratio(sky).mean(), rel=0.03)


def test_noise_level_grows_with_the_noise(noise_level, simulator):
    means = []
    for noise in (2.5, 5.0, 10.0, 20.0):
        other = StampSky(simulator.power, (Band(150.0, Beam(1.0), noise),))
        means.append(noise_level.ratio(other.draw(np.random.default_rng(7), 200)).mean())
    assert np.all(np.diff(means) > 0.05)
    # nearly white after the filter: four times the noise is close to four times the rms
    assert 2.0 < means[-1] / means[1] < 4.0
