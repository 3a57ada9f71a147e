"""Mock survey maps: positions, peaks, fluxes and noise against the design's table and published totals."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from scipy.special import j0
from surveys import (
    ARCMIN,
    BARE,
    PLACES,
    clusters_at,
    geometry,
    on_pixels,
    pixel_positions,
    survey,
)

from szmass_cli.config import Foregrounds, SkyConfig
from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.sky.survey import FieldSimulation, simulate_field

UK_PER_Y = -2.598e6  # 150 GHz (design, section 3)
# dT [µK] behind a 1' beam at 0', 0.5', 1', 2' of z = 0.7 clusters (design, section 3)
OFFSETS = (0.0, 0.5, 1.0, 2.0)
DECREMENTS = {
    2e14: (-33.7, -24.8, -11.5, -2.09),
    5e14: (-122.4, -94.9, -50.7, -12.5),
    8e14: (-234.9, -186.9, -107.0, -30.4),
}


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_painted_clusters_have_the_decrements_of_the_table(ra, dec):
    """At the poles and across RA 0 and 180 alike; offsets go north, along a column of 0.5' pixels."""
    config = survey(center_ra_deg=ra, center_dec_deg=dec)
    n_rows, n_columns = geometry(config)[0]
    places = [(n_rows // 2, n_columns // 2), (n_rows // 4, n_columns // 4), (n_rows // 4, 3 * n_columns // 4)]
    clusters = clusters_at(*on_pixels(config, places), list(DECREMENTS))
    field = simulate_field(config, clusters, 1)
    assert list(field.truth["name"]) == ["C0", "C1", "C2"]
    for (row, column), expected in zip(places, DECREMENTS.values(), strict=True):
        got = field.map_uk[[row, row + 1, row + 2, row + 4], column]
        np.testing.assert_allclose(got, expected, rtol=0.005, atol=0.01)


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_painted_clusters_are_round_on_the_sky(ra, dec):
    config = survey(center_ra_deg=ra, center_dec_deg=dec, pixel_arcmin=0.25, width_deg=1.0, height_deg=0.6)
    clusters = clusters_at([ra % 360 + 0.03], [dec + 0.01], [8e14])
    field = simulate_field(config, clusters, 1)
    centre = SkyCoord(clusters.ra_deg[0], clusters.dec_deg[0], unit="deg")
    theta = pixel_positions(field).separation(centre).arcmin
    signal = np.asarray(field.map_uk)
    for offset, expected in zip(OFFSETS[1:], DECREMENTS[8e14][1:], strict=True):
        ring = np.abs(theta - offset) < 0.1
        slope = np.polynomial.Polynomial.fit(theta[ring] - offset, signal[ring], 2)
        assert ring.sum() > 8
        assert slope(0.0) == pytest.approx(expected, rel=0.01)
        # what is left is the same in all directions
        left = signal[ring] - slope(theta[ring] - offset)
        assert np.abs(left).max() < 0.01 * abs(expected)


@pytest.mark.parametrize(("ra", "dec"), [(0.0, -55.0), (180.0, 80.0)])
@pytest.mark.parametrize("m200c", [2e14, 8e14])
def test_the_flux_of_a_cluster_is_the_published_total(ra, dec, m200c):
    """Arnaud et al. (2010), section 6: Y(5 R500) = 2.925e-5 x 1.1037 (M500 / 3e14 h70^-1)^1.787 E^2/3 Mpc^2.

    In h70^-5/2, as their eq. 21; 1.5 per cent for the pixels and the printed digits.
    """
    config = survey(center_ra_deg=ra, center_dec_deg=dec, width_deg=2.0, height_deg=1.0)
    clusters = clusters_at([ra + 0.017], [dec - 0.011], [m200c])
    field = simulate_field(config, clusters, 1)
    pixel_area_sr = (0.5 * ARCMIN) ** 2 * np.cos(np.radians(pixel_positions(field).dec.deg))
    h70 = 67.66 / 70
    mass = float(m500c_from_m200c(m200c, 0.7)) / 3e14 * h70
    y_mpc2 = 2.925e-5 * 1.1037 * h70**-2.5 * mass**1.787 * Planck18.efunc(0.7) ** (2 / 3)
    expected = UK_PER_Y * y_mpc2 / Planck18.angular_diameter_distance(0.7).to_value("Mpc") ** 2
    assert np.sum(np.asarray(field.map_uk, float) * pixel_area_sr) == pytest.approx(expected, rel=0.015)


def test_signal_ends_at_the_edge_of_the_sphere():
    """5 R500 of 8e14 Msun at z = 0.7 is 11.1'; the beam adds little."""
    config = survey()
    field = simulate_field(config, clusters_at([0.0], [-55.0], [8e14]), 1)
    theta = pixel_positions(field).separation(SkyCoord(0.0, -55.0, unit="deg")).arcmin
    signal = np.abs(np.asarray(field.map_uk))
    assert signal[theta > 13.5].max() < 0.005
    assert signal[theta < 8].min() > 0.1


def test_the_signal_of_a_nearby_cluster_ends_there_too():
    """5e14 Msun at z = 0.03: theta500 = 29', so the sphere ends at 145' and there is nothing at 147'."""
    config = survey(center_dec_deg=0.0, width_deg=5.4, height_deg=5.4, pixel_arcmin=1.0)
    field = simulate_field(config, clusters_at([0.0], [0.0], [5e14], 0.03), 1)
    theta = pixel_positions(field).separation(SkyCoord(0.0, 0.0, unit="deg")).arcmin
    assert np.abs(np.asarray(field.map_uk)[(theta > 147) & (theta < 155)]).max() < 0.005


def test_scatter_multiplies_the_signal_by_the_amplitude_in_the_truth():
    config = survey(scatter=0.2)
    rows, columns = np.meshgrid([40, 120, 200], [40, 120, 200, 280], indexing="ij")
    places = list(zip(rows.ravel(), columns.ravel(), strict=True))
    ra, dec = on_pixels(config, places)
    field = simulate_field(config, clusters_at(ra, dec, np.full(12, 5e14)), 3)
    peaks = np.array([field.map_uk[place] for place in places])
    amplitude = np.asarray(field.truth["amplitude_true"])
    np.testing.assert_allclose(peaks, -122.4 * amplitude, rtol=0.005)
    assert 0.1 < np.log(amplitude).std() < 0.35


def test_overlapping_clusters_add_up():
    config = survey(width_deg=1, height_deg=0.6)
    both = simulate_field(config, clusters_at([0.0, 0.05], [-55.0, -55.0], [5e14, 3e14]), 1).map_uk
    one = simulate_field(config, clusters_at([0.0], [-55.0], [5e14]), 1).map_uk
    other = simulate_field(config, clusters_at([0.05], [-55.0], [3e14]), 1).map_uk
    np.testing.assert_allclose(np.asarray(both), np.asarray(one) + np.asarray(other), atol=0.005)


def test_noise_in_a_pixel_goes_with_the_root_of_its_area():
    """Near the pole a plate carrée pixel is small; 5 µK-arcmin stays 5 µK-arcmin."""
    loud = SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, noise_uk_arcmin=5.0)
    config = survey(sky=loud, center_dec_deg=-80.0, width_deg=6.0, height_deg=6.0)
    field = simulate_field(config, clusters_at([0.0], [-82.9], [1e14]), 1)
    dec = pixel_positions(field).dec.deg[:, 0]
    for rows in np.array_split(np.arange(dec.size)[20:], 6):
        noise = np.asarray(field.map_uk)[rows]
        expected = 5.0 / (0.5 * np.sqrt(np.cos(np.radians(dec[rows]))))
        assert np.std(noise / expected[:, None]) == pytest.approx(1, abs=0.01)
        pairs = np.mean(noise[:, 1:] * noise[:, :-1]) / np.mean(noise**2)
        assert abs(pairs) < 0.015


@pytest.mark.parametrize(("ra", "dec", "width"), [(0.0, -55.0, 4.0), (180.0, 80.0, 20.0), (0.0, -80.0, 20.0)])
def test_the_sky_has_its_power_in_every_direction_wherever_the_field_lies(ra, dec, width):
    """Correlations 1' apart along RA and along Dec, against the power integrated on the plane."""
    galaxies = Foregrounds(tsz=0, ksz=0, dusty_poisson=9.16, dusty_clustered=3.46, radio=1.06)
    sky = SkyConfig(cmb=False, foregrounds_dl3000_uk2=galaxies, noise_uk_arcmin=1e-4)
    config = survey(sky, center_ra_deg=ra, center_dec_deg=dec, width_deg=width, height_deg=3.0)
    patch = np.asarray(simulate_field(config, clusters_at([ra], [dec], [1e13]), 5).map_uk)
    assert patch.shape == geometry(config)[0] and np.isfinite(patch).all()
    # the power laws of George et al. (2015)
    ell = np.arange(20.0, 30000.0, 10.0)
    dl = (9.16 + 1.06) * (ell / 3000) ** 2 + 3.46 * (ell / 3000) ** 0.8
    sigma = ARCMIN / np.sqrt(8 * np.log(2))
    cl = dl * 2 * np.pi / (ell * (ell + 1)) * np.exp(-((ell * sigma) ** 2))
    c_0, c_apart = (np.sum(ell * cl * j0(ell * t)) * 10 / (2 * np.pi) for t in (0.0, ARCMIN))
    assert patch.var() == pytest.approx(c_0, rel=0.03)
    north = np.mean(patch[2:] * patch[:-2]) / patch.var()
    step = 2 / np.cos(np.radians(dec))  # columns in 1' at the field's middle
    near, rows = int(step), slice(patch.shape[0] // 2 - 60, patch.shape[0] // 2 + 60)
    pairs = [np.mean(patch[rows, k:] * patch[rows, :-k]) for k in (near, near + 1)]
    east = np.interp(step, [near, near + 1], pairs) / patch[rows].var()
    assert 0.2 < c_apart / c_0 < 0.5
    assert north == pytest.approx(c_apart / c_0, abs=0.025)
    assert east == pytest.approx(c_apart / c_0, abs=0.035)
    # no seam where RA jumps
    jumps = np.abs(np.diff(patch, axis=1)).mean(axis=0)
    assert jumps.max() < 1.6 * np.median(jumps)


def test_the_map_is_centred_where_it_was_asked_for():
    for ra, dec in PLACES:
        shape, wcs = geometry(survey(center_ra_deg=ra, center_dec_deg=dec))
        assert shape == (240, 360)
        centre = wcs.pixel_to_world((shape[1] - 1) / 2, (shape[0] - 1) / 2)
        assert centre.separation(SkyCoord(ra, dec, unit="deg")).arcmin < 0.5


def test_clusters_outside_are_left_out_of_map_and_truth():
    config = survey()
    inside = clusters_at([0.0], [-55.0], [5e14])
    # just beyond each edge, on the far side of the sky, and one whose RA is written another way
    all_of_them = clusters_at(
        [0.0, 1.6, 358.4, 0.0, 0.0, 180.0, -0.5 + 360],
        [-55.0, -55.0, -55.0, -53.9, -56.1, 55.0, -55.5],
        [5e14, 9e14, 9e14, 9e14, 9e14, 9e14, 2e14],
    )
    field = simulate_field(config, all_of_them, 1)
    assert list(field.truth["name"]) == ["C0", "C6"]
    alone = simulate_field(config, inside, 1)
    assert list(alone.truth["name"]) == ["C0"]
    southern = pixel_positions(field).dec.deg < -55.3
    together, single = np.asarray(field.map_uk)[~southern], np.asarray(alone.map_uk)[~southern]
    np.testing.assert_allclose(together, single, atol=0.5)


def test_no_cluster_inside_is_an_error():
    with pytest.raises(InputError, match="No cluster lies inside the field"):
        simulate_field(survey(), clusters_at([10.0], [-55.0], [5e14]), 1)


def test_the_truth_table_says_what_was_painted():
    field = simulate_field(survey(), clusters_at([0.1, 359.9], [-55.0, -55.2], [5e14, 2e14], 0.6), 1)
    truth = field.truth
    assert truth.colnames == [
        *("name", "ra", "dec", "redshift", "M200c_true"),
        *("amplitude_true", "stretch_true", "kT_true", "ra_painted", "dec_painted"),
    ]
    np.testing.assert_allclose(truth["M200c_true"], [5.0, 2.0])
    np.testing.assert_allclose(truth["ra"], [0.1, 359.9])
    np.testing.assert_allclose(truth["dec"], [-55.0, -55.2])
    np.testing.assert_array_equal(truth["ra_painted"], truth["ra"])
    np.testing.assert_array_equal(truth["dec_painted"], truth["dec"])
    np.testing.assert_array_equal(truth["redshift"], 0.6)
    for name, neutral in (("amplitude_true", 1.0), ("stretch_true", 1.0), ("kT_true", 0.0)):
        np.testing.assert_array_equal(truth[name], neutral)


def test_same_seed_same_map():
    config = survey(sky=SkyConfig(), scatter=0.2, width_deg=1, height_deg=1)
    clusters = clusters_at([0.1], [-55.0], [5e14])
    one, two, other = (simulate_field(config, clusters, seed) for seed in (4, 4, 5))
    assert one.map_uk.tobytes() == two.map_uk.tobytes()
    simulation = FieldSimulation(config, clusters, 4)
    again = [next(simulation.maps_uk()) for _ in range(2)]
    np.testing.assert_array_equal(*again)
    np.testing.assert_array_equal(again[0].reshape(one.map_uk.shape), one.map_uk)
    assert one.truth["amplitude_true"][0] == two.truth["amplitude_true"][0]
    assert one.truth["amplitude_true"][0] != other.truth["amplitude_true"][0]
    assert abs(np.corrcoef(one.map_uk[::5, ::5].ravel(), other.map_uk[::5, ::5].ravel())[0, 1]) < 0.9
    assert not np.any(np.asarray(one.map_uk) == np.asarray(other.map_uk))


def test_a_cluster_too_large_to_simulate_is_named_before_any_work():
    def no_work(*_):
        raise AssertionError("work was begun")

    clusters = clusters_at([0.0, 0.1], [-55.0, -55.1], [5e14, 5e15], [0.7, 0.02])
    with pytest.raises(InputError, match=r"Cluster .*: 5e\+15 Msun at redshift 0\.02 has theta500"):
        simulate_field(survey(), clusters, 1, no_work)
