"""Noise in stripes: how directions share it, its covariance, its maps, and that likelihoods know it."""

import numpy as np
import pytest
from closedform import GaussianPower
from scipy.stats import vonmises
from surveys import ARCMIN, BARE, clusters_at, survey

from szmass_cli.config import BandConfig, ObservingConfig, SkyConfig, parse_config
from szmass_cli.errors import ConfigError
from szmass_cli.likelihood.depth import Depths
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.stripes import Stripes
from szmass_cli.sky.cutoutsky import CutoutSky, cutout_covariance_uk2
from szmass_cli.sky.lags import red_noise_lags_uk2
from szmass_cli.sky.measured import plane_lag_covariance_uk2
from szmass_cli.sky.power import SkyPower, tabulated_ell
from szmass_cli.sky.survey import FieldSimulation, simulate_field
from szmass_cli.sky.symmetry import HALF_TURN, MIRRORS

ELL = tabulated_ell(30_000.0)
KNEE = KneeNoise(10.0, 3000.0)
AT_30 = Stripes(0.6, (30.0,), 15.0)


def nothing(n_bands=1):
    return SkyPower(ELL, np.zeros((n_bands, n_bands, ELL.size)))


def one_band(stripes=None, red=KNEE, white=10.0):
    return Instrument((Band(150.0, Beam(1.4), white, red),), stripes=stripes)


def test_directions_are_von_mises_about_the_perpendicular_to_the_scans():
    """scipy's density on the doubled angle, whose mean over a turn is made 1."""
    direction = np.linspace(0.0, np.pi, 50)
    kappa = 0.25 / np.radians(20.0) ** 2
    expected = 2 * np.pi * vonmises.pdf(2.0 * (direction - np.radians(40.0 + 90.0)), kappa)
    np.testing.assert_allclose(Stripes(1.0, (40.0,), 20.0).across(direction), expected, rtol=1e-9)


def test_rings_hold_as_much_power_as_without_stripes():
    ring = np.linspace(0.0, 2 * np.pi, 721)[:-1]
    for stripes in (AT_30, Stripes(1.0, (10.0, -70.0), 5.0)):
        assert stripes.power(500 * np.cos(ring), 500 * np.sin(ring)).mean() == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("angles", "symmetric"), [((0.0,), True), ((90.0,), True), ((30.0,), False), ((30.0, -30.0), True)]
)
def test_scans_that_cross_evenly_keep_the_four_blocks(angles, symmetric):
    stripes = Stripes(0.5, angles)
    assert stripes.mirror_symmetric is symmetric
    assert CutoutSky(nothing(), one_band(stripes)).symmetry is (MIRRORS if symmetric else HALF_TURN)


def test_covariance_is_the_sum_over_the_waves_of_a_large_box():
    """FFT of the power on 8.5 degrees, whatever the code under test integrates over."""
    red = GaussianPower(150.0, 1.5)
    found = red_noise_lags_uk2(nothing(), one_band(AT_30, red))[0, 0]
    n, step = 1024, 0.5 * ARCMIN
    wave = 2 * np.pi * np.fft.fftfreq(n, step)
    ell_y, ell_x = np.meshgrid(wave, wave, indexing="ij")
    psi = np.arctan2(ell_y, ell_x) - np.radians(30.0)
    kappa = 0.25 / np.radians(15.0) ** 2
    shape = 0.4 + 0.6 * np.exp(-kappa * np.cos(2 * psi)) / np.i0(kappa)
    box = np.fft.ifft2(red.cl_uk2_sr(np.hypot(ell_y, ell_x) - 0.5) * shape).real / step**2
    for rows, columns in ((0, 0), (8, 0), (0, 8), (8, -8), (8, 8), (-20, 12), (38, 38)):
        # columns run to the west
        expected = box[rows // 2, -columns // 2]
        assert found[39 + rows, 39 + columns] == pytest.approx(expected, abs=3e-3 * box[0, 0])
    assert found[47, 31] > 1.5 * found[47, 47]  # north-east of a pixel, along the scans, and north-west


def test_without_a_fraction_nothing_changes():
    assert np.array_equal(
        red_noise_lags_uk2(nothing(), one_band(Stripes(0.0))), red_noise_lags_uk2(nothing(), one_band())
    )


def test_drawn_cutouts_have_the_stripes_that_their_covariance_and_likelihoods_know():
    """The amplitude of a wave across the scans has the variance of its fit with the stripes, not without."""
    striped, plain = (one_band(stripes, white=2.0) for stripes in (Stripes(0.9, (30.0,), 8.0), None))
    drawn = CutoutSky(nothing(), striped).draw(np.random.default_rng(2), 300).reshape(300, -1)
    north, west = np.meshgrid(*[(np.arange(40) - 19.5) * 0.25] * 2, indexing="ij")
    across = north * np.cos(np.radians(30)) + west * np.sin(np.radians(30))
    wave = np.cos(2 * np.pi * across / 6.0).ravel()
    ratio = []
    for instrument in (striped, plain):
        covariance = cutout_covariance_uk2(nothing(), instrument) + np.eye(1600) * (2.0 / 0.25) ** 2
        weights = np.linalg.solve(covariance, wave)
        ratio.append(np.var(drawn @ weights) / (wave @ weights))
    assert ratio[0] == pytest.approx(1.0, abs=4 * np.sqrt(2.0 / 300))
    assert ratio[1] > 2.0
    depths = Depths(nothing(), striped, None)  # no templates: the covariance needs none
    whole = HALF_TURN.blocks(red_noise_lags_uk2(nothing(), striped)) + np.eye(800) * (2.0 / 0.25) ** 2
    np.testing.assert_allclose(depths.covariance(np.ones(1)), whole)


def noisy(**observing):
    band = BandConfig(beam_fwhm_arcmin=2.0, noise_uk_arcmin=5, ell_knee=3000, noise_slope=-3.0)
    observed = ObservingConfig(**observing)
    return SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE, bands=(band,), observing=observed)


def test_maps_have_stripes_along_right_ascension_as_stated(dec_deg=-60.0):
    """Power by direction in rings of ell, in local arcs: a map at 60 degrees has columns half as wide."""
    config = survey(
        noisy(stripes=0.8, stripe_width_deg=20),
        center_dec_deg=dec_deg,
        width_deg=3.0 / np.cos(np.radians(dec_deg)),
        height_deg=3.0,
        pixel_arcmin=1.0,
    )
    found = np.asarray(simulate_field(config, clusters_at([0.0], [dec_deg], [1e13]), 5).map_uk, float)
    taper = np.outer(*(np.hanning(n) for n in found.shape))
    power = np.abs(np.fft.fft2(found * taper)) ** 2
    ell_y = 2 * np.pi * np.fft.fftfreq(found.shape[0], ARCMIN)[:, None]
    ell_x = 2 * np.pi * np.fft.fftfreq(found.shape[1], ARCMIN * np.cos(np.radians(dec_deg)))[None, :]
    ell, direction = np.hypot(ell_x, ell_y), np.degrees(np.arctan2(np.abs(ell_y), np.abs(ell_x)))
    stripes = config.sky.observing.build_stripes()
    for low, high in ((0, 30), (30, 60), (75, 90)):
        wedge = (ell > 500) & (ell < 2000) & (direction >= low) & (direction < high)
        share = np.broadcast_to(stripes.power(ell_x, ell_y), ell.shape)[wedge]
        expected = 1 + (ell[wedge] / 3000.0) ** -3.0 * share
        measured = power[wedge] / np.mean(taper**2) / taper.size * ARCMIN**2 * np.cos(np.radians(dec_deg))
        ratio = np.sum(measured / expected) / wedge.sum() / (5.0 * ARCMIN) ** 2
        assert ratio == pytest.approx(1.0, abs=4 / np.sqrt(0.2 * wedge.sum()))


def test_the_expected_covariance_of_planes_knows_stripes():
    """Along the scans pixels stay alike for longer than across them."""
    instrument = one_band(Stripes(0.8, (0.0,), 15.0))
    lags = plane_lag_covariance_uk2(nothing(), instrument, (480, 480), 0.5)[0, 0]
    cutout = red_noise_lags_uk2(nothing(), instrument)[0, 0]
    for rows, columns in ((0, 18), (18, 0)):
        drop = lags[0, 0] - lags[rows // 2, columns // 2]
        assert drop == pytest.approx(cutout[39, 39] - cutout[39 + rows, 39 + columns], rel=0.02)
    assert lags[0, 40] > lags[40, 0]


def test_stripes_of_what_has_no_axes_or_no_red_noise_are_refused():
    config = survey(noisy(stripes=0.3), pixelisation="healpix", nside=2048)
    with pytest.raises(ConfigError, match="HEALPix has none"):
        FieldSimulation(config, clusters_at([0.0], [-55.0], [5e14]), 1)
    with pytest.raises(ConfigError, match="stripes are those of 1/f noise"):
        parse_config("sky: {noise_uk_arcmin: 5, observing: {stripes: 0.3}}", "mine.yaml")
