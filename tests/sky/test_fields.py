"""Gaussian skies against power spectra integrated by other means."""

from itertools import pairwise

import numpy as np
import pytest

from szmass_cli.config import Foregrounds, SkyConfig
from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.spectra import cmb_dl_uk2
from szmass_cli.sky.cutoutsky import CutoutSky, cutout_covariance_uk2, cutout_smoothing, pixel_noise_uk
from szmass_cli.sky.fields import plane_fields
from szmass_cli.sky.power import SkyPower, sky_dl_uk2

ARCMIN = np.pi / 180 / 60
SIGMA = ARCMIN / np.sqrt(8 * np.log(2))  # of a 1' beam
BARE = Foregrounds(tsz=0, ksz=0, dusty_poisson=0, dusty_clustered=0, radio=0)
BANDS = (Band(150.0, Beam(1.0), 5.0),)
BEAMS = [band.beam for band in BANDS]
NO_FOREGROUNDS = SkyConfig(foregrounds_dl3000_uk2=BARE)
NO_CMB = SkyConfig(cmb=False)
WHOLE = SkyConfig()


def total_cl(ell, config=WHOLE):
    """C_ell [µK^2 sr] of the sky behind a 1' beam, from D_ell at every multipole asked for."""
    dl = sum(sky_dl_uk2(config, np.ravel(ell)).values())[0, 0].reshape(np.shape(ell))
    return dl * 2 * np.pi / (ell * (ell + 1)) * np.exp(-((ell * SIGMA) ** 2))


def correlation(theta_rad, config=WHOLE):
    """C(theta) = sum (2 ell + 1) / 4 pi C_ell P_ell(cos theta) [µK^2], multipole by multipole."""
    ell = np.arange(2, 24000)
    weight = (2 * ell + 1) / (4 * np.pi) * total_cl(ell.astype(float), config)
    x = np.cos(np.atleast_1d(theta_rad))
    before, legendre, total = x, 0.5 * (3 * x**2 - 1), 0.0
    for degree, w in zip(ell, weight, strict=True):  # P_2, P_3 ... by Bonnet's recursion
        total = total + w * legendre
        before, legendre = legendre, ((2 * degree + 1) * x * legendre - degree * before) / (degree + 1)
    return total


def gradient_weights():
    """Weights that fit the slope [µK / arcmin] along the second axis of a cutout."""
    x = np.tile(pixel_offsets_arcmin(), (40, 1)).ravel()
    return x / (x @ x)


def gradient_variance(config):
    """Variance of that slope: the plane's power seen through the window of the weights, on a polar grid."""
    offsets = pixel_offsets_arcmin()
    slope = offsets / (40 * offsets @ offsets)
    ell = np.arange(2.0, 4000.0)
    power = total_cl(ell, config) * ell
    variance = 0.0
    angles = (np.arange(60) + 0.5) * np.pi / 60
    for angle in angles:  # half a circle
        along = np.exp(1j * np.outer(ell * np.cos(angle), offsets * ARCMIN)) @ slope
        across = np.exp(1j * np.outer(ell * np.sin(angle), offsets * ARCMIN)).sum(axis=1)
        variance += np.sum(power * np.abs(along * across) ** 2) * 2 * np.pi / 60
    return variance / (2 * np.pi) ** 2


def test_five_uk_arcmin_is_twenty_uk_in_a_quarter_arcminute():
    assert pixel_noise_uk(5.0) == 20.0
    assert pixel_noise_uk(5.0, 0.5) == 10.0


def test_only_what_is_switched_on_is_in_the_sky():
    ell = np.array([3000.0])
    assert set(sky_dl_uk2(NO_CMB, ell)) == {"tsz", "ksz", "dusty_poisson", "dusty_clustered", "radio"}
    assert set(sky_dl_uk2(NO_FOREGROUNDS, ell)) == {"cmb"}
    # George et al. (2015): 3.68 + 2.9 + 9.16 + 3.46 + 1.06
    assert sum(sky_dl_uk2(NO_CMB, ell).values())[0, 0, 0] == pytest.approx(20.26)


def test_tabulated_power_agrees_with_every_multipole():
    power = SkyPower.from_config(WHOLE, BANDS)
    ell = np.arange(2.0, 20000.0)
    exact = total_cl(ell) * np.exp((ell * SIGMA) ** 2)
    np.testing.assert_allclose(power.cl(ell)[0, 0], exact, rtol=2e-3)
    np.testing.assert_array_equal(power.cl([0.0, 1.0, 1e7]), 0.0)


def test_an_empty_sky_is_zero():
    empty = SkyPower.from_config(SkyConfig(cmb=False, foregrounds_dl3000_uk2=BARE), BANDS)
    np.testing.assert_array_equal(empty.cl([2.0, 500.0]), 0.0)
    sky = CutoutSky(empty, BANDS)
    images = sky.draw(np.random.default_rng(1), 500)
    assert images.std() == pytest.approx(20.0, rel=0.01)


@pytest.mark.parametrize("config", [WHOLE, NO_CMB], ids=["whole", "without the CMB"])
def test_covariance_is_the_legendre_sum_of_the_power(config):
    power = SkyPower.from_config(config, BANDS)
    covariance = cutout_covariance_uk2(power, Instrument(BANDS)).reshape(40, 40, 40, 40)
    expected = correlation(np.array([0, 0.25, 1.25, 5, 9.75]) * ARCMIN, config)
    got = covariance[20, 0, 20, [0, 1, 5, 20, 39]]
    np.testing.assert_allclose(got, expected, atol=2e-3 * expected[0])
    # 3-4-5: the distance counts and not the direction
    assert covariance[10, 10, 13, 14] == pytest.approx(covariance[10, 10, 10, 15])


def test_draws_have_the_covariance_of_sky_and_noise(simulator):
    images = simulator.sky.draw(np.random.default_rng(2), 4000).reshape(4000, -1)
    assert images.dtype == np.float32
    # along eigenvectors of the true covariance, from the CMB gradient to the noise floor
    variance, modes = np.linalg.eigh(
        cutout_covariance_uk2(simulator.power, Instrument(BANDS)) + 20.0**2 * np.eye(1600)
    )
    measured = np.var(images @ modes, axis=0)
    for part in np.array_split(np.arange(1600), 16):
        ratio = np.mean(measured[part] / variance[part])
        assert ratio == pytest.approx(1, abs=0.02)
    assert measured[-1] / variance[-1] == pytest.approx(1, abs=0.09)  # one mode: 4 sqrt(2 / 4000)
    assert np.abs(images.mean()) < 4 * np.sqrt(variance[-1] / 4000)


def test_the_rms_of_a_pixel_is_that_of_the_power(simulator):
    np.testing.assert_allclose(simulator.sky.rms_uk, np.sqrt(correlation(0.0) + 20.0**2), rtol=1e-3)


def test_cutouts_carry_the_gradient_of_the_cmb(simulator):
    expected = gradient_variance(WHOLE)
    weights = gradient_weights()
    exact = weights @ simulator.sky.sky_covariance_uk2 @ weights
    assert exact == pytest.approx(expected, rel=0.01)
    assert np.sqrt(expected) > 5  # µK / arcmin: a periodic box of 10' would have none
    slopes = simulator.sky.draw(np.random.default_rng(3), 4000).reshape(4000, -1) @ weights
    noise = 20.0**2 * weights @ weights
    assert slopes.var() == pytest.approx(expected + noise, rel=4 * np.sqrt(2 / 4000))


def test_opposite_edges_of_a_cutout_are_as_alike_as_the_sky_and_no_more(many_cutouts):
    sky = (many_cutouts.image - many_cutouts.sz)[..., 0]
    measured = np.mean(sky[:, :, 0] * sky[:, :, 39]) / np.mean(sky**2)
    c_0, c_across = correlation(np.array([0, 9.75]) * ARCMIN)
    assert measured == pytest.approx(c_across / (c_0 + 20.0**2), abs=0.03)


def test_no_direction_is_special(simulator):
    covariance = simulator.sky.sky_covariance_uk2.reshape(40, 40, 40, 40)
    flipped_in_y, flipped_in_x = covariance[::-1, :, ::-1, :], covariance[:, ::-1, :, ::-1]
    turned = covariance.transpose(1, 0, 3, 2)
    for other in (flipped_in_y, flipped_in_x, turned):
        np.testing.assert_allclose(other, covariance, rtol=1e-12)


def test_inverse_covariance_is_an_inverse(simulator):
    images = simulator.sky.covariance_uk2.reshape(1600, 40, 40, 1)
    np.testing.assert_allclose(simulator.sky.inverse(images).reshape(1600, 1600), np.eye(1600), atol=1e-8)


def test_smoothing_a_cutout_is_a_gaussian_of_the_beams_width():
    smooth = cutout_smoothing(Beam(1.0))
    np.testing.assert_allclose(smooth.sum(axis=1), 1.0)
    response = smooth[:, 20 * 40 + 20].reshape(40, 40)
    # 1' FWHM: half the peak 0.5' = 2 pixels away
    assert response[20, 22] / response[20, 20] == pytest.approx(0.5, rel=1e-6)
    assert response[22, 22] / response[20, 20] == pytest.approx(0.25, rel=1e-6)


@pytest.mark.parametrize("config", [WHOLE, NO_CMB], ids=["whole", "without the CMB"])
def test_plane_fields_have_the_power_they_were_asked_for(config):
    size, pixel = 512, 0.5
    taper = np.outer(*2 * [np.hanning(size)])  # the patch is not periodic
    frequencies = 2 * np.pi * np.fft.fftfreq(size, pixel * ARCMIN)
    ell = np.hypot(frequencies[:, None], frequencies[None, :])
    edges = [1200, 2000, 3000, 4500, 6500, 9000]
    power = SkyPower.from_config(config, BANDS)
    measured = np.zeros_like(ell)
    for seed in range(8):
        field = plane_fields(np.random.default_rng(seed), (size, size), pixel, power, BEAMS)[0]
        measured += np.abs(np.fft.fft2(field * taper)) ** 2 / 8
    measured *= (pixel * ARCMIN) ** 2 / np.sum(taper**2)
    expected = total_cl(np.maximum(ell, 2.0), config)
    for low, high in pairwise(edges):
        ring = (ell >= low) & (ell < high)
        assert measured[ring].sum() / expected[ring].sum() == pytest.approx(1, abs=0.03)
        # nor is there more power along one axis than along the other
        flat = ring & (np.abs(frequencies[None, :]) > np.abs(frequencies[:, None]))
        steep = ring & ~flat
        ratio = (measured[flat].sum() / expected[flat].sum()) / (
            measured[steep].sum() / expected[steep].sum()
        )
        assert ratio == pytest.approx(1, abs=0.06)


def test_plane_fields_are_not_periodic():
    """In a periodic patch the first and last column are neighbours; here they are 4 degrees apart."""
    power = SkyPower.from_config(WHOLE, BANDS)
    size, pixel, first, last, neighbour = 120, 2.0, [], [], []
    for seed in range(40):
        field = plane_fields(np.random.default_rng(seed), (size, size), pixel, power, BEAMS)[0]
        first += [field[::12, 0], field[0, ::12]]
        last += [field[::12, -1], field[-1, ::12]]
        neighbour += [field[::12, 1], field[1, ::12]]
    first, last, neighbour = (np.concatenate(part) for part in (first, last, neighbour))
    assert np.mean(first * neighbour) / np.mean(first**2) > 0.9
    assert abs(np.mean(first * last)) / np.mean(first**2) < 0.3


def test_fields_depend_on_the_generator_alone():
    power = SkyPower.from_config(NO_CMB, BANDS)
    one, two, other = (
        plane_fields(np.random.default_rng(seed), (50, 70), 1.0, power, BEAMS)[0] for seed in (5, 5, 6)
    )
    assert one.shape == (50, 70) and one.dtype == np.float32
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).std() > 0.5 * one.std()


def test_the_cmb_of_the_sky_is_cambs():
    ell = np.array([220.0, 1000.0])
    np.testing.assert_allclose(sky_dl_uk2(WHOLE, ell)["cmb"][0, 0], cmb_dl_uk2(ell))
