"""The clusters of a field: drawn, counted, miscentred; and painted in every pixelisation and band."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.cosmology import Planck18
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.lss import mass_function
from papersky import paper_clusters
from scipy.integrate import simpson
from surveys import BARE, PLACES, QUIET, clusters_at, pixel_positions, survey

from szmass_cli.config import BandConfig, MassFunctionMasses, SkyConfig, VolumeRedshifts
from szmass_cli.errors import InputError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam, TabulatedBeam, beam_profile
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.sky.fieldclusters import N_DEFAULT, miscentred, random_clusters
from szmass_cli.sky.painting import ClusterPainter
from szmass_cli.sky.survey import pixels_of, simulate_field

MANY = paper_clusters(
    redshift=VolumeRedshifts(min=0.3, max=0.8),
    masses=MassFunctionMasses(min_m200c_msun=3e14, max_m200c_msun=3e15),
)


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_random_clusters_lie_inside_and_fill_the_field(ra, dec):
    config = survey(center_ra_deg=ra, center_dec_deg=dec)
    clusters = random_clusters(config, np.random.default_rng(1), 400)
    assert len(clusters) == 400 and len(set(clusters.name)) == 400
    assert clusters.ra_deg.min() >= 0 and clusters.ra_deg.max() < 360
    offset = (clusters.ra_deg - ra + 180) % 360 - 180
    assert -1.5 < offset.min() < -0.9 and 0.9 < offset.max() < 1.5
    assert np.abs(clusters.dec_deg - dec).max() < 1.0
    assert len(simulate_field(config, clusters[:20], 1).truth) == 20


def test_random_clusters_are_even_in_area():
    """At |dec| 70-87 half the area is not at half the height."""
    config = survey(center_dec_deg=78.0, height_deg=17.0, width_deg=3.0)
    sines = np.sin(np.radians(random_clusters(config, np.random.default_rng(1), 4000).dec_deg))
    middle = 0.5 * (np.sin(np.radians(70.0)) + np.sin(np.radians(86.0)))
    assert np.mean(sines < middle) == pytest.approx(0.5, abs=0.03)


def test_as_many_clusters_as_the_mass_function_gives():
    """Tinker et al. (2008) integrated by scipy over mass, redshift and the volume by astropy."""
    h = colossus_cosmology.setCosmology("planck18", persistence="").h

    ln_mass, redshift = np.linspace(np.log(3e14), np.log(3e15), 61), np.linspace(0.3, 0.8, 31)
    per_lnm_z = np.array(
        [
            mass_function.massFunction(np.exp(ln_mass) * h, z, mdef="200c", model="tinker08", q_out="dndlnM")
            * h**3
            * Planck18.differential_comoving_volume(z).value
            for z in redshift
        ]
    )
    per_sr = simpson(simpson(per_lnm_z, x=ln_mass, axis=1), x=redshift)
    config = survey(clusters=MANY, center_dec_deg=20.0, width_deg=60.0, height_deg=30.0)
    south, north = np.radians([5.5, 34.5])  # half a degree from each edge
    expected = per_sr * np.radians(59.0) * (np.sin(north) - np.sin(south))
    numbers = [len(random_clusters(config, np.random.default_rng(seed))) for seed in range(40)]
    assert np.mean(numbers) == pytest.approx(expected, abs=4 * np.sqrt(expected / 40) + 0.01 * expected)
    assert np.var(numbers, ddof=1) == pytest.approx(expected, rel=0.9)
    clusters = random_clusters(config, np.random.default_rng(1))
    assert (
        clusters.redshift.min() >= 0.3
        and clusters.redshift.max() <= 0.8
        and clusters.m200c_msun.min() >= 3e14
    )


def test_other_masses_say_nothing_of_the_number():
    assert len(random_clusters(survey(), np.random.default_rng(1))) == N_DEFAULT
    one_redshift = paper_clusters(redshift=0.7, masses=MassFunctionMasses())
    assert len(random_clusters(survey(clusters=one_redshift), np.random.default_rng(1))) == N_DEFAULT


def test_a_mass_function_that_gives_none_or_too_many_is_an_error():
    rare = MANY.model_copy(update={"masses": MassFunctionMasses(min_m200c_msun=2.9e15, max_m200c_msun=3e15)})
    with pytest.raises(InputError, match="no cluster in the field"):
        random_clusters(survey(clusters=rare), np.random.default_rng(1))
    common = MANY.model_copy(update={"masses": MassFunctionMasses(min_m200c_msun=1e13, max_m200c_msun=3e15)})
    with pytest.raises(InputError, match="more than 5,000,000"):
        whole = {"pixelisation": "healpix", "width_deg": 360, "height_deg": 180}
        random_clusters(survey(clusters=common, **whole), np.random.default_rng(1))


@pytest.mark.parametrize("dec", [0.0, 84.9])
def test_clusters_are_moved_by_the_rms_on_either_axis(dec):
    clusters = clusters_at(np.full(4000, 359.99), np.full(4000, dec), np.full(4000, 3e14))
    ra, dec_moved = miscentred(clusters, 0.5, np.random.default_rng(1))
    centre = SkyCoord(359.99, dec, unit="deg")
    east, north = centre.spherical_offsets_to(SkyCoord(ra, dec_moved, unit="deg"))
    for axis in (east.arcmin, north.arcmin):
        assert axis.std() == pytest.approx(0.5, rel=0.05) and abs(axis.mean()) < 0.04


def test_miscentred_clusters_are_painted_where_the_truth_says():
    config = survey(clusters=paper_clusters(sz_scatter_ln=0.0, miscentring_arcmin=1.5), pixel_arcmin=0.25)
    field = simulate_field(config, clusters_at([0.3, 359.5], [-55.2, -54.7], [8e14, 8e14]), 3)
    positions, signal = pixel_positions(field), np.asarray(field.map_uk)
    for row in field.truth:
        catalogue = SkyCoord(row["ra"], row["dec"], unit="deg")
        painted = SkyCoord(row["ra_painted"], row["dec_painted"], unit="deg")
        assert 0.2 < painted.separation(catalogue).arcmin < 6
        near = positions.separation(painted).arcmin < 8
        peak = np.unravel_index(np.argmin(np.where(near, signal, 0.0)), signal.shape)
        assert positions[peak].separation(painted).arcmin < 0.2
        assert signal[peak] == pytest.approx(-234.9, rel=0.02)


TWO = SkyConfig(
    cmb=False,
    foregrounds_dl3000_uk2=BARE,
    bands=(
        BandConfig(frequency_ghz=95, beam_fwhm_arcmin=1.0, noise_uk_arcmin=1e-4),
        BandConfig(frequency_ghz=150, beam_fwhm_arcmin=1.0, noise_uk_arcmin=1e-4),
        BandConfig(frequency_ghz=220, beam_fwhm_arcmin=1.0, noise_uk_arcmin=1e-4),
    ),
)
# x coth(x/2) - 4 with T = 2.7255 K, by hand: x = nu / 56.790 GHz
F_NU = {nu: (nu / 56.7902) / np.tanh(nu / 56.7902 / 2) - 4 for nu in (95, 150, 220)}


@pytest.mark.parametrize(
    "kind",
    [
        {"pixel_arcmin": 0.5},
        {"pixelisation": "healpix", "nside": 8192},
        {"pixelisation": "healpix", "nside": 4096, "frame": "galactic", "order": "nested"},
    ],
    ids=["CAR", "RING", "galactic NESTED"],
)
@pytest.mark.parametrize("place", [(0.1, -55.0), (359.9, 84.5), (12.0, 0.0)])
def test_decrements_are_those_of_the_table_in_every_band_and_pixelisation(kind, place):
    """8e14 Msun at z = 0.7 (design, section 3): -234.9, -186.9, -107.0, -30.4 µK at 0', 0.5', 1', 2'."""
    ra, dec = place
    stretch = 1 / np.cos(np.radians(dec))
    width = min(2.2 * stretch, 90.0)
    config = survey(TWO, center_ra_deg=ra, center_dec_deg=dec, width_deg=width, height_deg=0.6, **kind)
    at = ra + np.array([-0.75, -0.26, 0.24, 0.73]) * stretch  # 27' and more from one another
    clusters = clusters_at(at % 360, dec + np.array([0.002, -0.003, 0.005, 0.0]), np.full(4, 8e14))
    field = simulate_field(config, clusters, 1)
    pixels = pixels_of(config.field)
    position = SkyCoord(*pixels.ra_dec_deg(slice(0, pixels.size)), unit="deg")
    centres = SkyCoord(clusters.ra_deg, clusters.dec_deg, unit="deg")
    _, theta, _ = position.match_to_catalog_sky(centres)
    theta = theta.arcmin
    for band, image in zip((95, 150, 220), field.maps_uk, strict=True):
        values = np.asarray(image).ravel() * F_NU[150] / F_NU[band]
        for offset, expected in ((0.5, -186.9), (1.0, -107.0), (2.0, -30.4)):
            ring = np.abs(theta - offset) < 0.45
            fit = np.polynomial.Polynomial.fit(theta[ring] - offset, np.log(-values[ring]), 3)
            assert ring.sum() > 12
            assert -np.exp(fit(0.0)) == pytest.approx(expected, rel=0.01)


def test_bias_and_slope_of_the_sz_relation_are_painted():
    centred = {"width_deg": 1.0, "height_deg": 0.6}
    plain = simulate_field(survey(**centred), clusters_at([0.0], [-55.0], [5e14]), 1).map_uk
    settings = paper_clusters(sz_scatter_ln=0.0, sz_mass_bias=0.2, sz_slope=1.9)
    biased = simulate_field(
        survey(clusters=settings, **centred), clusters_at([0.0], [-55.0], [5e14]), 1
    ).map_uk
    # the total flux goes as y_scale theta500^2 (Arnaud et al. 2010, eq. 20): (1 - b)^slope, and the pivot
    one, other = cluster_scales(5e14, 0.7), cluster_scales(5e14, 0.7, SzModel(0.2, 1.9))
    expected = (other.y_scale * other.theta500_arcmin**2) / (one.y_scale * one.theta500_arcmin**2)
    ratio = np.sum(np.asarray(biased, float)) / np.sum(np.asarray(plain, float))
    assert ratio == pytest.approx(float(expected), rel=0.01)
    m500 = 3.3986 * 0.6766 / 0.7 / 3  # in units of the pivot 3e14 / h70
    assert ratio == pytest.approx(0.8**1.9 * m500 ** (1.9 - 1.787), rel=0.01)


def test_a_gaussian_beam_reaches_three_widths_beyond_the_sphere_and_wings_reach_further():
    gaussian = ClusterPainter(Band(150.0, Beam(1.4), 5.0))
    for size in (0.5, 2.2, 10.0):
        assert 5 * size < gaussian.reach_arcmin(size) < 5 * size + 3.5 * 1.4
    # a beam of which 3 per cent lies in a pedestal of 20'
    ell = np.arange(0.0, 30_000.0, 5.0)
    winged = TabulatedBeam(ell, 0.97 * Beam(1.4).b_ell(ell) + 0.03 * Beam(20.0).b_ell(ell))
    reach = ClusterPainter(Band(150.0, winged, 5.0)).reach_arcmin(2.2)
    profile = beam_profile(winged, np.array([0.0, reach]))
    assert reach > 25 and profile[1] / profile[0] < 1e-5


def test_what_is_left_out_of_an_image_is_fainter_than_a_hundred_thousandth():
    """A field painted out to the reach against the profile at all angles, with a measured-like beam."""
    ell = np.arange(0.0, 30_000.0, 5.0)
    winged = TabulatedBeam(ell, 0.97 * Beam(1.4).b_ell(ell) + 0.03 * Beam(20.0).b_ell(ell))
    pixels = pixels_of(survey(QUIET, width_deg=4.0, height_deg=2.0, pixel_arcmin=1.0).field)
    scales = cluster_scales(np.array([5e14]), 0.7)
    sky = np.zeros(pixels.size)
    centre = pixels.to_frame(np.array([0.0]), np.array([-55.0]))
    painter = ClusterPainter(Band(150.0, winged, 5.0))
    painter.paint(sky, pixels, centre, scales, np.ones(1))
    far = sky[sky != 0]
    assert np.abs(far).min() < 1e-3 * np.abs(sky).max()
    rim = np.abs(far)[np.abs(far) > 0].min()
    assert rim < 1.5e-5 * np.abs(sky).max()


def test_clusters_across_the_cut_of_an_all_round_map_are_whole():
    config = survey(width_deg=360.0, height_deg=0.8, center_dec_deg=84.0, pixel_arcmin=1.0, center_ra_deg=0.0)
    field = simulate_field(config, clusters_at([180.0, 90.0], [84.0, 84.0], [8e14, 8e14]), 1)
    position = pixel_positions(field)
    sums = [
        np.asarray(field.map_uk)[position.separation(SkyCoord(ra, 84.0, unit="deg")).arcmin < 20].sum(
            dtype=float
        )
        for ra in (180.0, 90.0)
    ]
    assert sums[0] == pytest.approx(sums[1], rel=0.002) and sums[0] < -10_000
