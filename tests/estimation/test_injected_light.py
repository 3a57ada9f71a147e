"""What injected clusters shine with: as the realistic sky draws and paints it."""

import numpy as np
import pytest

from szmass_cli.config import REALISTIC_OBJECTS
from szmass_cli.estimation.blanks import Blanks
from szmass_cli.estimation.injected import Painter, Population, draw_injected
from szmass_cli.estimation.injectedlight import InjectedLight, LightPainter, draw_light, member_source
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.strips import Strip
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy

N = 2000
BANDS = (Band(95.0, Beam(2.0), 8.0), Band(150.0, Beam(1.2), 6.0))
MASS, REDSHIFT = np.full(N, 6e14), np.full(N, 0.6)


@pytest.fixture(scope="module")
def light():
    return draw_light(REALISTIC_OBJECTS, ARNAUD2010, MASS, REDSHIFT, np.random.default_rng(1))


def test_the_brightest_galaxies_are_kept_and_those_that_surveys_remove_are_not(light):
    members = member_source(REALISTIC_OBJECTS, BANDS[1:], ARNAUD2010).draw(
        MASS, REDSHIFT, np.random.default_rng(1)
    )
    left = members.radio_mjy <= REALISTIC_OBJECTS.removed_above_mjy
    brightest = np.zeros(N)
    np.maximum.at(brightest, members.cluster[left], members.radio_mjy[left])
    np.testing.assert_array_equal(light.galaxy_mjy.max(axis=1), brightest)
    assert np.all(np.diff(light.galaxy_mjy, axis=1) <= 0.0)
    assert light.galaxy_mjy.sum() > 0.95 * members.radio_mjy[left].sum()
    np.testing.assert_array_equal(light.velocity_km_s, members.velocity_km_s)


def test_a_galaxy_has_its_flux_density(light):
    scales = cluster_scales(MASS[:1], REDSHIFT[:1], ARNAUD2010)
    one = InjectedLight.none(1)
    one.galaxy_mjy[0, 0], one.north_r500[0, 0] = 3.0, 0.5
    images = np.zeros((1, 40, 40, 2))
    LightPainter(BANDS, ARNAUD2010).add_galaxies(images, one, scales, np.array([[0.0, -0.5]]))
    found_mjy = images[0].sum(axis=(0, 1)) * 0.25**2 / uk_per_mjy(np.array([95.0, 150.0]))
    np.testing.assert_allclose(found_mjy, 3.0, rtol=0.01)
    weight = images[0, ..., 1] / images[0, ..., 1].sum()
    axis = 0.25 * (np.arange(40) - 19.5)
    assert weight.sum(axis=1) @ axis == pytest.approx(0.5 * scales.theta500_arcmin[0], abs=0.02)
    assert weight.sum(axis=0) @ axis == pytest.approx(-0.5, abs=0.02)


def injected(objects, seed=3):
    rows = Rows(*np.zeros((2, 1)), np.array([1.2]), *np.zeros((2, 1)), np.zeros(1, np.int32))
    blanks = Blanks(np.zeros(200, int), np.zeros(200), np.zeros(200))
    population = Population(ARNAUD2010, Scatter(0.2), (3e14, 6e14), (0.1, 2.0), objects)
    return draw_injected(rows, blanks, population, np.random.default_rng(seed))


def test_clusters_that_shine_lose_some_of_their_decrement_and_the_others_stay_as_they_were():
    """Dust fills 17 +- 4 per cent at 150 GHz above z = 1 (arXiv:2503.17271)."""
    bare = {name: value for name, value in vars(injected(REALISTIC_OBJECTS)).items() if name != "light"}
    painted = []
    for objects in (type(REALISTIC_OBJECTS)(), REALISTIC_OBJECTS):
        clusters = injected(objects)
        for name, values in bare.items():
            np.testing.assert_array_equal(getattr(clusters, name), values)
        sky = np.zeros((200, 40, 40, 2), np.float32)
        usable, noise = np.ones((200, 2), bool), np.full((200, 2), np.nan)
        strip = Strip(clusters, sky, sky < 0, usable, noise, clusters.flags)
        painted.append(Painter(BANDS, ARNAUD2010)(strip, clusters).images_uk[..., 1].sum(axis=(1, 2)))
    assert 0.05 < 1.0 - np.median(painted[1] / painted[0]) < 0.35
