"""What members add to the likelihood, against sums over painted galaxies that are taken away one by one."""

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import parse_config
from szmass_cli.likelihood.gaussian import Scatter
from szmass_cli.likelihood.memberlight import MemberLight
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.radiogalaxies import FLUXES_MJY, GalaxyPrior, places
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


@pytest.mark.parametrize(("place", "flux_mjy"), [(0, 3.0), (12, 3.3)])
def test_the_gain_is_that_of_cutouts_from_which_each_galaxy_was_taken_away(
    likelihood, galaxies_uk, place, flux_mjy
):
    cluster = likelihood.templates.images.images(cluster_scales(MASS[1:], REDSHIFT, likelihood.model))[0]
    image = cluster + observed(galaxies_uk, place, flux_mjy)
    light = MemberLight(likelihood)
    gains = light.ln_gains(likelihood.weigh(image[None]), MASS, REDSHIFT)[0]
    taken = galaxies_uk[:, None] * FLUXES_MJY[:, None, None, None]
    without = image - np.concatenate([np.zeros((1, 40, 40, 2)), taken.reshape(-1, 40, 40, 2)])
    weighed = likelihood.weigh(without)
    chi2 = np.einsum("pnj,pnj->n", weighed.fields_uk, weighed.weighted)
    n, z = len(without), np.repeat(REDSHIFT, len(without))
    scales = cluster_scales(np.broadcast_to(MASS, (n, 2)), z[:, None], likelihood.model)
    bare = likelihood.amplitude(*likelihood.matched(weighed, scales))
    ln_l = bare + light.ln_gains(weighed, MASS, z)[:, 0] - 0.5 * chi2[:, None]
    prior = GalaxyPrior(likelihood.model)(
        np.broadcast_to(MASS, (1, 2)), np.full((1, 2), 0.5), scales.theta500_arcmin[:1]
    )[0].reshape(2, -1)
    terms = np.concatenate([np.log1p(-prior.sum(axis=1))[None], np.log(prior.T) + ln_l[1:] - ln_l[0]])
    expected = logsumexp(terms, axis=0)
    np.testing.assert_allclose(gains[1], expected, atol=0.05 + 0.02 * np.abs(expected).max())
    assert gains[1].max() > 1.0


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
