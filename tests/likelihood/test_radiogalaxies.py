"""Where radio galaxies may be and how bright: as the sky draws them."""

import numpy as np
import pytest

from szmass_cli.config.objects import REALISTIC_OBJECTS
from szmass_cli.likelihood.radiogalaxies import (
    EDGES_ARCMIN,
    EDGES_MJY,
    N_PLACES,
    RADII_ARCMIN,
    GalaxyPrior,
    places,
)
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.clusterlight import ClusterDust, ClusterRadio
from szmass_cli.physics.counts import radio_counts
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.sky.objects.halos import GasAndDust
from szmass_cli.sky.objects.members import MemberSource, share_within

MASS, REDSHIFT = 8e14, 0.4
MODEL = SzModel()


@pytest.fixture(scope="module")
def prior():
    mass, z = np.array([[MASS]]), np.array([[REDSHIFT]])
    return GalaxyPrior(MODEL)(mass, z, cluster_scales(mass, z, MODEL).theta500_arcmin)[0, 0]


def test_the_brightest_galaxy_is_as_often_of_each_flux_as_it_is_drawn(prior):
    """The mean numbers of those of the sky within 3.5' and of the cluster add up."""
    objects = REALISTIC_OBJECTS.model_copy(update={"uncertainty_ln": 0.0, "faintest_mjy": 0.25})
    bands = (Band(150.0, Beam(1.2), 5.0),)
    source = MemberSource(objects, bands, MODEL, GasAndDust(bands, MODEL, ClusterDust(), 1.0))
    n = 20_000
    drawn = source.draw(np.full(n, MASS), np.full(n, REDSHIFT), np.random.default_rng(3))
    brightest = np.zeros(n)
    np.maximum.at(brightest, drawn.cluster, drawn.radio_mjy)
    seen = np.histogram(brightest, EDGES_MJY)[0] / n
    found, area_deg2 = prior.sum(axis=0)[: seen.size], np.pi * EDGES_ARCMIN[-1] ** 2 / 3600.0
    np.testing.assert_allclose(found[1:], seen[1:], rtol=0.6)
    of_sky = radio_counts().per_deg2(EDGES_MJY[1], EDGES_MJY[-1]) * area_deg2
    both, of_cluster = (-np.log1p(-share[1:].sum()) for share in (found, seen))
    theta500_arcmin = cluster_scales(MASS, REDSHIFT, MODEL).theta500_arcmin
    inside = share_within(EDGES_ARCMIN[-1] / theta500_arcmin, ClusterRadio().central)
    assert both == pytest.approx(of_sky + inside * of_cluster, rel=0.05)


def test_places_are_as_crowded_as_clusters(prior):
    """Half the galaxies lie a Rayleigh distance of 0.05 R500 from the centre, within 0.3' at 3.4'."""
    rings = np.split(prior.sum(axis=1), np.cumsum(N_PLACES)[:-1])
    within = np.cumsum([ring.sum() for ring in rings]) / prior.sum()
    np.testing.assert_allclose(np.hypot(*places()[-20:].T), RADII_ARCMIN[-1])
    assert 0.4 < within[1] < 0.6 and within[-1] == pytest.approx(1.0)
    assert all(np.ptp(ring) < 1e-12 for ring in rings)
    edges = EDGES_ARCMIN[1:-1] / cluster_scales(MASS, REDSHIFT, MODEL).theta500_arcmin
    np.testing.assert_allclose(within[:-1], share_within(edges, ClusterRadio().central), atol=0.12)


def test_light_clusters_have_fewer():
    mass = np.array([[1e14, 1e15]])
    z = np.full((1, 2), 0.5)
    both = GalaxyPrior(MODEL)(mass, z, cluster_scales(mass, z, MODEL).theta500_arcmin)[0]
    assert 1.5 < both[1].sum() / both[0].sum() < 10.0
    assert np.all(both >= 0.0) and np.all(both.sum(axis=(1, 2)) < 1.0)
