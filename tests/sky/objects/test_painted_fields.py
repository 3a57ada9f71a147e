"""Sources, halos and members painted on fields: their flux, the truth, and holes at removed sources."""

import numpy as np
import pytest

from szmass_cli.config import (
    BandConfig,
    ClusterConfig,
    FieldConfig,
    Foregrounds,
    ListedMasses,
    ObjectsConfig,
    SkyConfig,
    SurveyConfig,
)
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.fieldclusters import FieldClusters
from szmass_cli.sky.survey import FieldSimulation

BAND = BandConfig(frequency_ghz=150, beam_fwhm_arcmin=1.2, noise_uk_arcmin=0.01)
ONLY_RADIO = Foregrounds(tsz=0, ksz=0, dusty_poisson=0, dusty_clustered=0, radio=1.01)


def simulation(objects: ObjectsConfig, n_clusters: int = 1, seed: int = 3, **field) -> FieldSimulation:
    config = SurveyConfig(
        sky=SkyConfig(bands=(BAND,), cmb=False, foregrounds_dl3000_uk2=ONLY_RADIO, objects=objects),
        clusters=ClusterConfig(masses=ListedMasses(m200c_msun=(3e14,)), redshift=0.8, sz_scatter_ln=0),
        field=FieldConfig(width_deg=3, height_deg=3, center_dec_deg=0, center_ra_deg=10, **field),
    )
    rng = np.random.default_rng(seed)
    clusters = FieldClusters(
        np.array([f"C{i}" for i in range(n_clusters)]),
        rng.uniform(9, 11, n_clusters),
        rng.uniform(-1, 1, n_clusters),
        np.full(n_clusters, 0.8),
        np.full(n_clusters, 3e14),
    )
    return FieldSimulation(config, clusters, seed)


def test_a_field_holds_the_flux_of_its_sources():
    painted = simulation(ObjectsConfig(radio=3.0))
    empty = simulation(ObjectsConfig())
    assert painted._objects is not None
    (with_sources,), (without,) = painted.maps_uk(), empty.maps_uk()
    everything = slice(0, painted.pixels.size)
    area = painted.pixels.area_arcmin2(everything)
    blank = painted._objects.sources[0]
    assert len(blank.ra_deg) > 200
    # without sources the map holds the Gaussian power that they take the place of, whose mean is 0
    assert np.sum((with_sources - without) * area) == pytest.approx(blank.brightness.sum(), rel=0.05)
    brightest = int(np.argmax(blank.brightness[:, 0]))
    numbers, distance = painted.pixels.within(
        *np.radians([blank.ra_deg[brightest], blank.dec_deg[brightest]]), np.radians(0.3 / 60)
    )
    peak = with_sources[numbers[np.argmin(distance)]]
    # a Gaussian beam of 1.2' spreads a source over 1.63 square arcminutes
    assert peak == pytest.approx(blank.brightness[brightest, 0] / 1.633, rel=0.25)


def test_the_truth_says_what_each_cluster_shines_with_and_the_map_shows_it():
    one = simulation(ObjectsConfig(cluster_dust=5.0), n_clusters=40)
    none = simulation(ObjectsConfig(), n_clusters=40)
    dust = np.asarray(one.truth["dust_mjy_true"])
    assert {"radio_mjy_true", "velocity_km_s_true"} <= set(one.truth.colnames)
    assert "dust_mjy_true" not in none.truth.colnames
    (dusty,), (clean,) = one.maps_uk(), none.maps_uk()
    everything = slice(0, one.pixels.size)
    total = np.sum((dusty - clean) * one.pixels.area_arcmin2(everything), dtype=float)
    assert total == pytest.approx(dust.sum() * uk_per_mjy(150.0), rel=0.02)


def test_removed_sources_have_holes_where_one_asks_for_them():
    objects = ObjectsConfig(radio=10.0, removal_error=0.1, faintest_mjy=5.0)
    field = simulation(objects, holes_at_sources=True)
    whole = simulation(objects)
    assert field._objects is not None
    ra_deg, dec_deg = field._objects.removed_deg
    assert len(ra_deg) > 20
    for ra, dec in zip(ra_deg, dec_deg, strict=True):
        numbers, _ = field.pixels.within(*np.radians([ra, dec]), np.radians(1.0 / 60))
        assert np.all(field.mask[numbers] == 0.0)
    assert np.all(whole.mask == 1.0)


def test_halos_and_surroundings_of_clusters_are_painted_and_the_same_seed_paints_the_same():
    objects = ObjectsConfig(halos=True, correlated_halos=True, cluster_dust=1.0)
    first, second = (simulation(objects, n_clusters=5) for _ in range(2))
    (one,), (two,) = first.maps_uk(), second.maps_uk()
    assert one.tobytes() == two.tobytes()
    unrelated, around = first._objects._halos
    per_deg2 = len(unrelated.ra_deg) / 9.0
    assert 150 < per_deg2 < 300  # 219 per square degree above 3e13 Msun: Tinker et al. 2008
    assert 0 < len(around.ra_deg) < 200
