"""The matched filter with a fitted relation: against least squares, and on planted relations."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import cho_factor, cho_solve

from szmass_cli.config import UniformMasses, load_config
from szmass_cli.evaluation.paper.matched import PIVOT_MSUN, FilterRelation, MatchedFilterEstimator
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.profiles import SzModel
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

PRIOR = (1e14, 8e14)
PAPER = load_config("paper-fresh")


@pytest.fixture(scope="module")
def simulator():
    """The paper's sky: 1' beam, 5 µK-arcmin."""
    return CutoutSimulator(PAPER)


@pytest.fixture(scope="module")
def template(simulator):
    return simulator.stamps.mean_images(PIVOT_MSUN, 0.7)


@pytest.fixture(scope="module")
def skies(simulator):
    return simulator.sky.draw(np.random.default_rng(1), 3000)


@pytest.fixture(scope="module")
def stated_error(simulator, template):
    """(t^T C^-1 t)^-1/2, from the covariance itself."""
    flat = template.ravel().astype(float)
    factor = cho_factor(simulator.sky.sky_covariance_uk2 + 400.0 * np.eye(1600))
    return float(flat @ cho_solve(factor, flat)) ** -0.5


@pytest.fixture(scope="module")
def likelihood(simulator):
    return GaussianLikelihood(simulator.power, simulator.instrument, SzModel(), Scatter(0.2))


@pytest.fixture
def estimator(likelihood):
    return MatchedFilterEstimator(likelihood, 0.7, PRIOR)


def test_the_amplitude_is_that_of_generalised_least_squares(simulator, estimator, template, skies):
    """Cutouts whitened by the Cholesky factor of their covariance, and a straight line fitted by numpy."""
    images = skies[:20] + 1.3 * template
    root = np.linalg.cholesky(simulator.sky.sky_covariance_uk2 + 400.0 * np.eye(1600))
    whitened = np.linalg.solve(root, template.reshape(1, -1).astype(float).T)
    data = np.linalg.solve(root, images.reshape(20, -1).astype(float).T)
    expected = np.linalg.lstsq(whitened, data, rcond=None)[0][0]
    np.testing.assert_allclose(estimator.amplitudes(images), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("amplitude", [0.0, 0.4, 1.0, 2.5])
def test_the_amplitude_has_no_bias_and_the_stated_error(estimator, template, skies, stated_error, amplitude):
    """3,000 skies: 3.5 standard errors of mean and width."""
    found = estimator.amplitudes(skies + np.float32(amplitude) * template)
    assert found.mean() == pytest.approx(amplitude, abs=3.5 * stated_error / np.sqrt(3000))
    assert found.std() == pytest.approx(stated_error, rel=3.5 / np.sqrt(6000))


def test_no_other_filter_of_unit_response_is_less_noisy(estimator, template, skies, stated_error):
    """An unweighted fit of the template is unbiased, too, and several times as noisy."""
    flat = template.ravel().astype(float)
    plain = skies.reshape(3000, -1) @ flat / (flat @ flat)
    assert plain.std() > 2 * stated_error


def planted(template, skies, slope, scatter, ln_norm, seed):
    """Cutouts of the fixed template whose amplitude follows exactly the relation, and their masses."""
    rng = np.random.default_rng(seed)
    mass = rng.uniform(1.5e14, 8e14, len(skies))
    ln_amplitude = ln_norm + slope * np.log(mass / PIVOT_MSUN) + scatter * rng.standard_normal(len(skies))
    return skies + np.exp(ln_amplitude).astype(np.float32)[:, None, None, None] * template, mass


@pytest.mark.parametrize(
    ("ln_norm", "slope", "scatter"), [(0.0, 5 / 3, 0.2), (-0.15, 1.4, 0.1), (0.1, 2.0, 0.35)]
)
def test_the_fit_finds_a_planted_relation(estimator, template, skies, ln_norm, slope, scatter):
    """Three standard errors and a little: noise of a tenth on top of the scatter, 3,000 clusters."""
    images, mass = planted(template, skies, slope, scatter, ln_norm, 2)
    relation = estimator.fit(images, mass)
    assert relation is estimator.relation
    tolerance = 3.5 * np.hypot(scatter, 0.12) / np.sqrt(3000)
    assert relation.ln_norm == pytest.approx(ln_norm, abs=tolerance)
    assert relation.slope == pytest.approx(slope, abs=tolerance / 0.4)
    assert relation.scatter_ln == pytest.approx(scatter, abs=tolerance)


def test_the_posterior_is_the_integral_done_by_hand(estimator, template, skies, stated_error):
    estimator.relation = FilterRelation(-0.1, 1.5, 0.25)
    image = skies[:1] + np.float32(1.2) * template
    amplitude = estimator.amplitudes(image)[0]

    def likelihood(mass):
        mean = -0.1 + 1.5 * np.log(mass / PIVOT_MSUN)

        def integrand(x):
            return np.exp(-0.5 * x**2 - 0.5 * ((amplitude - np.exp(mean + 0.25 * x)) / stated_error) ** 2)

        return quad(integrand, -7, 7, limit=200)[0]

    posterior = estimator.posterior(image)
    at = np.arange(30, 400, 50)
    # flat in M is p(ln M) proportional to M
    expected = np.array([np.exp(m) * likelihood(np.exp(m)) for m in posterior.ln_mass[at]])
    got = posterior.density[0, at]
    np.testing.assert_allclose(got / got.sum(), expected / expected.sum(), rtol=0.02, atol=1e-6)
    assert posterior.density.sum() == pytest.approx(1)


def test_the_posterior_covers_what_it_promises(estimator, template, simulator, skies):
    """Amplitudes of the planted relation, masses from the prior: three standard errors are 0.026."""
    rng = np.random.default_rng(7)
    mass = rng.uniform(*PRIOR, 3000)
    estimator.relation = FilterRelation(0.0, 5 / 3, 0.2)
    ln_amplitude = 5 / 3 * np.log(mass / PIVOT_MSUN) + 0.2 * rng.standard_normal(3000)
    images = skies + np.exp(ln_amplitude).astype(np.float32)[:, None, None, None] * template
    posterior = estimator.posterior(images)
    low, middle, high = posterior.percentiles((16, 50, 84)).T
    assert np.mean((low < mass) & (mass < high)) == pytest.approx(0.68, abs=0.026)
    assert np.mean(mass < middle) == pytest.approx(0.5, abs=0.028)


def test_on_real_clusters_it_is_good_but_not_the_best(simulator, estimator):
    """Fixed template, one number: 0.2 in ln M between 2 and 7e14, where the best possible has 0.17."""
    masses = UniformMasses(min_m200c_msun=1e14, max_m200c_msun=8e14)
    blocks = simulator.blocks(PAPER.clusters.model_copy(update={"masses": masses}), 2560, 31, Stream.USER)
    block = CutoutBlock.concatenate(list(blocks))
    relation = estimator.fit(block.image[:1536], block.m200c[:1536])
    assert 1.3 < relation.slope < 2.0  # Y ~ M^(5/3) of Arnaud et al. (2010), seen in a fixed aperture
    assert 0.15 < relation.scatter_ln < 0.25
    test = block[1536:]
    test = test[(test.m200c > 2e14) & (test.m200c < 7e14)]
    ln_ratio = np.log(estimator.posterior(test.image).percentiles((50,))[:, 0] / test.m200c)
    assert 0.16 < ln_ratio.std() < 0.24
