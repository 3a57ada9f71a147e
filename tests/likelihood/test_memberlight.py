"""What members add to the likelihood, against sums over painted galaxies that are taken away one by one."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from szmass_cli.config import parse_config
from szmass_cli.likelihood.dustandmotion import DustAndMotion, Marginalised
from szmass_cli.likelihood.galaxyproducts import GalaxyProducts
from szmass_cli.likelihood.memberlight import MemberLight
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.radiogalaxies import Brightness, GalaxyPrior, places
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.likelihood.sources import PlacedSources, SourceMarginal
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy

SKY = SkyModel(parse_config("{}", "survey.yaml"), 5000.0 * (CMB_ELL / 200.0) ** -1.5)
BANDS = (Band(95.0, Beam(2.0), 8.0), Band(150.0, Beam(1.2), 6.0))
MASS, REDSHIFT = np.array([3e14, 8e14]), np.array([0.5])


@pytest.fixture(scope="module", params=[0.0, 0.2], ids=["fixed amplitude", "scattering amplitude"])
def likelihood(request):
    return SKY.likelihood(Instrument(BANDS), Scatter(request.param))


@pytest.fixture(scope="module")
def galaxies_uk():
    return point_images_uk(BANDS, component_spectrum("radio", BANDS) * uk_per_mjy(150.0), places())


def observed(galaxies_uk, place, flux_mjy, seed=5):
    rng = np.random.default_rng(seed)
    noise = np.array([8.0, 6.0]) / 0.25 * rng.standard_normal((40, 40, 2))
    return noise + flux_mjy * galaxies_uk[place]


@pytest.mark.parametrize(("place", "brightness_mjy"), [(0, [3.0, 3.0]), (12, [4.0, 3.3]), (9, [-9.0, 14.0])])
def test_the_gain_is_that_of_cutouts_from_which_each_galaxy_was_taken_away(
    likelihood, galaxies_uk, place, brightness_mjy
):
    """Galaxies of all brightnesses, on a grid around the likeliest, are taken from the data themselves."""
    cluster = likelihood.templates.images.images(cluster_scales(MASS[1:], REDSHIFT, likelihood.model))[0]
    image = cluster + observed(galaxies_uk, place, np.array(brightness_mjy))
    light = MemberLight(likelihood)
    gains = light.ln_gains(likelihood.weigh(image[None]), MASS, REDSHIFT)[0]

    scales = cluster_scales(MASS[None], REDSHIFT[:, None], likelihood.model)
    prior = GalaxyPrior(likelihood.model)(
        np.broadcast_to(MASS, (1, 2)), np.full((1, 2), REDSHIFT[0]), scales.theta500_arcmin
    )[0]
    brightness = Brightness.of(BANDS)
    terms = [np.log1p(-prior.sum(axis=(1, 2)))]
    for of_place, uk in zip(prior.swapaxes(0, 1), galaxies_uk, strict=True):
        of_bands = np.stack([uk * alone for alone in np.eye(2)])
        on_data = _LinearProducts(likelihood, np.concatenate([image[None], of_bands]))
        for bin_, root in enumerate(brightness.root):
            integral = on_data.ln_integrated(brightness.mean[bin_], root @ root)
            terms.append(np.log(of_place[:, bin_]) + integral)
    expected = logsumexp(terms, axis=0)
    np.testing.assert_allclose(gains[1], expected, atol=0.03 + 0.001 * np.abs(expected).max())
    assert gains[1].max() > 1.0


class _LinearProducts:
    """Likelihoods of one cutout less any mixture of two images, in which its products are linear."""

    def __init__(self, likelihood, images):
        self._likelihood = likelihood
        n, weighed = len(images), likelihood.weigh(images)
        mass, z = np.broadcast_to(MASS, (n, 2)), np.full((n, 2), REDSHIFT[0])
        placed = likelihood.placed(cluster_scales(mass, z, likelihood.model), np.zeros(1))
        spread = DustAndMotion(likelihood)(weighed, placed, mass, z)
        self._seen, self._own = spread.seen[..., 0], spread.own[:, 0, :, 0]
        between = np.einsum("pnj,pmj->nm", weighed.fields_uk, weighed.weighted)
        self._with_data, self._between = between[0, 1:], between[1:, 1:]

    def _ln_likelihood(self, brightness):
        seen = self._seen[:, :1] - np.einsum("rb,abm->arm", brightness, self._seen[:, 1:])
        found = Marginalised.of(seen, self._own[:, None])
        chi2 = (
            np.einsum("rb,bc,rc->r", brightness, self._between, brightness)
            - 2.0 * brightness @ self._with_data
        )
        return (
            self._likelihood.amplitude(found.projection, found.fisher) + found.ln_factor - 0.5 * chi2[:, None]
        )

    def ln_integrated(self, mean, covariance):
        """Integrate over a Gaussian distribution of brightness, over the likelihood without, by a grid."""
        precision = np.linalg.inv(covariance)
        posterior = np.linalg.inv(self._between + precision)
        lower = 1.5 * np.linalg.cholesky(posterior)
        x = np.linspace(-6.0, 6.0, 19)
        steps = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2) @ lower.T
        ln_step = np.log((x[1] - x[0]) ** 2 * np.linalg.det(lower))
        ln_none = self._ln_likelihood(np.zeros((1, 2)))[0]
        integrals = []
        for index, ln_l in enumerate(ln_none):
            left = self._with_data - self._seen[0, 1:, index] - self._seen[1, 1:, index]
            nodes = posterior @ (left + precision @ mean) + steps
            ln_prior = multivariate_normal.logpdf(nodes, mean, covariance)
            ln_ratio = self._ln_likelihood(nodes)[:, index] - ln_l
            integrals.append(logsumexp(ln_ratio + ln_prior) + ln_step)
        return np.array(integrals)


def test_without_a_galaxy_little_is_gained(likelihood, galaxies_uk):
    images = np.stack([observed(galaxies_uk, 0, 0.0, seed) for seed in range(8)])
    gains = MemberLight(likelihood).ln_gains(likelihood.weigh(images), MASS[:1] / 10.0, np.full(8, 0.5))
    assert np.median(gains[:, 1]) < 0.2 and gains[:, 1].min() > -0.5


def test_a_source_that_is_taken_away_as_of_any_flux_is_not_found_again(likelihood, galaxies_uk):
    place = 12
    image = observed(galaxies_uk, place, 6.0)[None]
    light, weighed = MemberLight(likelihood), likelihood.weigh(image)
    north, west = places()[place]
    source = PlacedSources(np.zeros(1, int), np.array([north]), np.array([west]), np.zeros(1, int))
    left = SourceMarginal(likelihood)(weighed, source)
    before, after = (light.ln_gains(one, MASS / 5.0, REDSHIFT)[0, 1] for one in (weighed, left))
    assert before.min() > 20.0 and np.abs(after).max() < 1.0


def test_gains_are_finite_however_odd_the_cutout(likelihood):
    rng = np.random.default_rng(6)
    images = 1e3 * rng.standard_normal((4, 40, 40, 2)) + np.array([0.0, 1e5])
    masses = np.geomspace(3e13, 2e15, 24)
    gains = MemberLight(likelihood).ln_gains(likelihood.weigh(images), masses, np.array([0.1, 0.3, 1.0, 2.0]))
    assert gains.shape == (4, 2, 24) and np.isfinite(gains).all()


def test_no_bin_of_brightness_says_more_than_any_brightness(likelihood, galaxies_uk):
    weighed = likelihood.weigh(observed(galaxies_uk, 12, 6.0)[None])
    products = GalaxyProducts(likelihood)
    found = products.on_cutout(products.seen(weighed)[0], weighed.depths[0])
    assert (found.ln_alone[:, :-1] < found.ln_alone[:, -1:] + 0.01).all()
    assert found.ln_alone[12, :-1].max() > 20.0
