"""Covariances by distance against closed forms, scipy's integrals and sums over the waves of a large box."""

import numpy as np
import pytest
from closedform import ARCMIN, CLOUDS, KNOTS, RHO, GaussianPower, power_of_two, two_bands
from scipy.integrate import quad
from scipy.special import j0

from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer
from szmass_cli.sky.lags import correlated_lags_uk2, red_noise_lags_uk2, sky_lags_uk2
from szmass_cli.sky.power import SkyPower, tabulated_ell

LAGS = np.arange(-39, 40) * 0.25
DISTANCE = np.hypot(LAGS[:, None], LAGS[None, :])
SKY = GaussianPower(500.0, 1.2)
ELL = tabulated_ell(30_000.0)
FWHM = 1.3
SIGMA = FWHM / np.sqrt(8 * np.log(2))


def sky_of_one():
    return SkyPower(ELL, SKY.cl_uk2_sr(ELL)[None, None])


def test_two_bands_are_those_of_the_closed_form():
    """Another beam in each band, and the red noise that they share."""
    found = correlated_lags_uk2(power_of_two(), two_bands())
    sigma = [band.beam.fwhm_arcmin / np.sqrt(8 * np.log(2)) for band in two_bands().bands]
    colour = [1.0, 1.8]
    red = [band.red_noise for band in two_bands().bands]
    for i in range(2):
        for j in range(2):
            expected = CLOUDS.covariance_uk2(DISTANCE, sigma[i], sigma[j])
            expected += colour[i] * colour[j] * KNOTS.covariance_uk2(DISTANCE, sigma[i], sigma[j])
            root = np.sqrt(red[i].covariance_uk2(DISTANCE) * red[j].covariance_uk2(DISTANCE))
            expected += (1.0 if i == j else RHO) * root
            np.testing.assert_allclose(found[i, j], expected, atol=1e-4 * expected.max())


def test_red_noise_passes_no_beam_and_is_level_below_100():
    noise = KneeNoise(14.0, 2000.0, -3.5)
    band = Band(150.0, Beam(2.0), 14.0, noise)
    (found,) = red_noise_lags_uk2(sky_of_one(), Instrument((band,)))[0]
    white = (14.0 * ARCMIN) ** 2
    for lag in (0, 4, 17, 39):
        theta = 0.25 * lag * ARCMIN

        def integrand(ell, theta=theta):
            power = white * (max(ell - 0.5, 100.0) / 2000.0) ** -3.5
            return ell * power * j0(ell * theta) / (2 * np.pi)

        expected = quad(integrand, 0, 100)[0] + quad(integrand, 100, 30_000, limit=2000)[0]
        assert found[39, 39 + lag] == pytest.approx(expected, rel=2e-3)


def test_pixels_and_an_isotropic_filter_are_one_more_factor_each():
    """Against the integral over multipoles by scipy, with the pixel's window averaged over directions."""
    ell = np.array([0.0, 500.0, 1500.0, 20_000.0])
    band = Band(
        150.0,
        Beam(FWHM),
        5.0,
        pixel_arcmin=0.5,
        transfer=IsotropicTransfer(ell, np.array([0.0, 0.2, 0.9, 1.0])),
    )
    (found,) = sky_lags_uk2(sky_of_one(), Instrument((band,)))[0]
    phi = np.linspace(0, 2 * np.pi, 721)[:-1]

    def passed(k):
        half = 0.25 * ARCMIN * k
        window = np.mean(np.sinc(half * np.cos(phi) / np.pi) * np.sinc(half * np.sin(phi) / np.pi))
        beam = np.exp(-0.5 * (k * SIGMA * ARCMIN) ** 2)
        return window * beam * np.interp(k, ell, [0.0, 0.2, 0.9, 1.0])

    for lag in (0, 6, 30):
        theta = 0.25 * lag * ARCMIN
        expected = quad(
            lambda k, theta=theta: k * SKY.cl_uk2_sr(k - 0.5) * passed(k) ** 2 * j0(k * theta) / (2 * np.pi),
            0,
            12_000,
            points=[500, 1500],
            limit=400,
        )[0]
        assert found[39 + lag, 39] == pytest.approx(expected, abs=2e-3 * found[39, 39])


def smooth(ell_x, ell_y):
    """A high-pass filter across stripes at an angle: right ascension and declination are not alike."""
    return 1.0 - 0.95 * np.exp(-(((0.8 * ell_x + 0.6 * ell_y) / 1500.0) ** 2))


def gentle(ell_x, ell_y):
    """Another one, of scans along right ascension."""
    return 1.0 - 0.9 * np.exp(-((ell_x / 900.0) ** 2)) + 0.0 * ell_y


def tabulated(function):
    axis = np.linspace(-16_000.0, 16_000.0, 641)
    return PlaneTransfer(axis, axis, function(axis[None, :], axis[:, None]))


def test_filters_of_direction_are_the_sum_over_the_waves_of_a_box():
    """Two bands with different filters; a periodic box of 5 degrees. East is at low columns."""
    bands = (
        Band(95.0, Beam(1.8), 5.0, transfer=tabulated(gentle)),
        Band(150.0, Beam(FWHM), 5.0, transfer=tabulated(smooth)),
    )
    power = SkyPower(ELL, np.ones((2, 2, 1)) * SKY.cl_uk2_sr(ELL))
    found = correlated_lags_uk2(power, Instrument(bands))
    side, n = 300.0 * ARCMIN, 1200
    ell = 2 * np.pi * np.fft.fftfreq(n, side / n)  # pixels of 0.25'
    north, east = ell[:, None], -ell[None, :]
    length = np.hypot(north, east)
    sigma = np.array([1.8, FWHM]) / np.sqrt(8 * np.log(2)) * ARCMIN
    passed = [
        np.exp(-0.5 * (length * s) ** 2) * one(east, north)
        for s, one in zip(sigma, (gentle, smooth), strict=True)
    ]
    for i in range(2):
        for j in range(2):
            # the mean product of pixels a lag apart is the transform of their power
            whole = np.fft.ifft2(SKY.cl_uk2_sr(length - 0.5) * passed[i] * passed[j]).real * (n / side) ** 2
            expected = np.roll(whole, (39, 39), axis=(0, 1))[:79, :79]
            np.testing.assert_allclose(found[i, j], expected, atol=2e-3 * expected.max())
    assert np.abs(found[1, 1] - found[1, 1][:, ::-1]).max() > 0.05 * found[1, 1].max()


def test_a_cut_in_one_direction_is_the_integral_of_that_direction():
    """|ell_x| > 500: of a Gaussian power the integral falls apart into one of columns and one of rows."""
    x = np.array([-20_000.0, -500.001, -499.999, 499.999, 500.001, 20_000.0])
    cut = PlaneTransfer(x, np.array([-1.0, 1.0]), np.tile([1.0, 1.0, 0.0, 0.0, 1.0, 1.0], (2, 1)))
    (found,) = sky_lags_uk2(sky_of_one(), Instrument((Band(150.0, Beam(FWHM), 5.0, transfer=cut),)))[0]
    blurred = (SKY.scale_arcmin**2 + SIGMA**2) * ARCMIN**2
    for columns in (0, 3, 20):
        theta = 0.25 * columns * ARCMIN
        low, _ = quad(lambda k, t=theta: np.exp(-blurred * k**2) * np.cos(k * t) / np.pi, 0, 500)
        whole = np.exp(-(theta**2) / (4 * blurred)) / np.sqrt(4 * np.pi * blurred)
        for rows in (0, 8):
            up = np.exp(-((0.25 * rows * ARCMIN) ** 2) / (4 * blurred)) / np.sqrt(4 * np.pi * blurred)
            expected = SKY.variance_uk2 * 4 * np.pi * (SKY.scale_arcmin * ARCMIN) ** 2 * (whole - low) * up
            assert found[39 + rows, 39 + columns] == pytest.approx(expected, abs=1e-3 * found[39, 39])


def test_draws_behind_a_filter_have_the_covariance_of_filtered_fields():
    """Cutouts drawn from blocks, against cutouts of a large periodic field filtered with an FFT."""
    from szmass_cli.sky.cutoutsky import CutoutSky

    band = Band(150.0, Beam(FWHM), 0.05, transfer=tabulated(smooth))
    drawn = CutoutSky(sky_of_one(), Instrument((band,))).draw(np.random.default_rng(1), 2000)[..., 0]
    rng, side, n = np.random.default_rng(2), 240.0 * ARCMIN, 960
    ell = 2 * np.pi * np.fft.fftfreq(n, side / n)
    north, east = ell[:, None], -ell[None, :]
    length = np.hypot(north, east)
    amplitude = np.sqrt(SKY.cl_uk2_sr(length - 0.5)) * np.exp(-0.5 * (length * SIGMA * ARCMIN) ** 2)
    cut = []
    for _ in range(20):
        white = np.fft.fft2(rng.standard_normal((n, n))) * n / side
        field = np.fft.ifft2(white * amplitude * smooth(east, north)).real
        cut.append(field.reshape(24, 40, 24, 40).swapaxes(1, 2).reshape(-1, 40, 40))
    fields = np.concatenate(cut)
    for dy, dx in ((0, 0), (0, 5), (5, 0), (4, 4), (4, -4)):
        each = []
        for images in (drawn, fields):
            here = images[:, 5:35, 5:35]
            there = images[:, 5 + dy : 35 + dy, 5 + dx : 35 + dx]
            products = np.mean(here * there, axis=(1, 2))
            each.append((products.mean(), products.std() / np.sqrt(len(products))))
        (one, error), (other, other_error) = each
        # neighbouring cutouts of a field are not independent
        assert one == pytest.approx(other, abs=4 * np.hypot(error, 2 * other_error))
