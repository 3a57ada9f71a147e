"""Fields of clusters of many profiles and shapes: painted, told, and taken out again."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from papersky import paper_clusters
from scipy.interpolate import RectBivariateSpline
from surveys import QUIET, clusters_at, pixel_positions, survey

from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.simulation.figures.fieldspectra import FieldSignal
from szmass_cli.sky.fieldshapes import bearing, field_peaks
from szmass_cli.sky.shapedstamps import ShapedStamps
from szmass_cli.sky.survey import pixels_of, simulate_field

SHAPED = paper_clusters(
    profiles={"a10": 0.5, "disturbed": 0.5},
    outer_slope_scatter=0.4,
    concentration_scatter_ln=0.2,
    second_peak={"fraction": 0.5},
    shape={"kind": "elliptical", "gas_eccentricity_ratio": 0.9},
    miscentring={"kind": "optical"},
)
WHERE = ([0.4, 0.1, 359.8, 359.5], [-55.2, -54.7, -55.1, -54.8])


def directions_of(positions):
    return np.moveaxis(positions.cartesian.xyz.value, 0, -1)


@pytest.fixture(scope="module", params=["car", "healpix"])
def shaped(request):
    pixels = (
        {"pixel_arcmin": 0.5}
        if request.param == "car"
        else {"pixelisation": "healpix", "nside": 8192, "frame": "galactic"}
    )
    config = survey(clusters=SHAPED, width_deg=1.6, height_deg=1.2, **pixels)
    return config, simulate_field(config, clusters_at(*WHERE, [8e14, 6e14, 1e15, 5e14]), 4)


def test_the_truth_tells_all_that_was_drawn(shaped):
    _, field = shaped
    truth = field.truth
    assert set(truth["profile_true"]) <= {"a10", "disturbed"}
    assert np.all((truth["axis_ratio_true"] > 0.3) & (truth["axis_ratio_true"] < 1.0))
    merging = truth["second_mass_ratio_true"] > 0
    np.testing.assert_array_equal(np.isfinite(truth["ra_second"]), merging)
    np.testing.assert_array_equal(truth["second_share_true"] > 0, merging)
    assert merging.any() and not merging.all()
    painted = SkyCoord(truth["ra_painted"], truth["dec_painted"], unit="deg")
    assert np.all(painted.separation(SkyCoord(*WHERE, unit="deg")).arcmin > 0)


def test_maps_hold_the_signal_that_the_truth_tells(shaped):
    """The signal computed from the truth alone, in another frame, leaves nothing of the map."""
    config, field = shaped
    if field.map_uk.ndim == 1:
        positions = SkyCoord(*pixels_of(config.field).ra_dec_deg(slice(0, field.map_uk.size)), unit="deg")
        directions = directions_of(positions)[None]
    else:
        directions = directions_of(pixel_positions(field))
    expected = FieldSignal(config, config.sky.build_bands()[0], field.truth).on(directions)
    seen, mask = (np.asarray(values).reshape(expected.shape) for values in (field.map_uk, field.mask))
    difference = seen - mask * expected
    assert np.abs(field.map_uk).max() > 50.0
    assert np.abs(difference).max() < 0.05


@pytest.mark.parametrize("shaped", ["car"], indirect=True)
def test_a_field_and_a_cutout_show_the_same_cluster(shaped):
    """A cluster of the truth as a cutout, against the map at the cutout's pixels near the peak."""
    config, field = shaped
    model = config.clusters.sz_model(config.sky.cosmology.build())
    truth = field.truth
    scales = cluster_scales(np.asarray(truth["M200c_true"]) * 1e14, np.asarray(truth["redshift"]), model)
    peaks = field_peaks(truth, scales, model)
    index = int(np.flatnonzero(np.asarray(truth["second_mass_ratio_true"]) == 0)[0])
    stamp = ShapedStamps(config.sky.build_bands(), ("a10", "cool_core", "disturbed", "battaglia2012"))
    image = stamp.images(peaks.peaks[[index]])[0, ..., 0]
    positions = pixel_positions(field)
    centre = SkyCoord(peaks.ra_deg[index], peaks.dec_deg[index], unit="deg")
    east, north = (axis.arcmin for axis in centre.spherical_offsets_to(positions))
    near = np.hypot(east, north) < 3.0
    axis = (np.arange(40) - 19.5) * 0.25
    expected = RectBivariateSpline(axis, axis, image)(north[near], -east[near], grid=False)
    np.testing.assert_allclose(np.asarray(field.map_uk)[near], expected, atol=0.004 * np.abs(image).max())


def test_the_same_seed_gives_the_same_map():
    config = survey(sky=QUIET, clusters=SHAPED, width_deg=0.8, height_deg=0.8, pixel_arcmin=0.5)
    clusters = clusters_at([0.1], [-55.0], [5e14])
    one, two, other = (simulate_field(config, clusters, seed) for seed in (4, 4, 5))
    assert np.array_equal(one.map_uk, two.map_uk) and not np.array_equal(one.map_uk, other.map_uk)


def test_bearings_are_astropys():
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(359, 361, 50) % 360, rng.uniform(-60, -58, 50)
    centre = SkyCoord(0.2, -59.0, unit="deg")
    expected = centre.position_angle(SkyCoord(ra, dec, unit="deg")).rad
    apart = np.angle(np.exp(1j * (bearing(ra, dec, 0.2, -59.0) - expected)))
    np.testing.assert_allclose(apart, 0.0, atol=1e-9)
