"""Score images against the derivative of the likelihood written out with dense matrices."""

from dataclasses import replace

import numpy as np
import pytest
from closedform import FREQUENCIES, FWHM, HOT, dense_covariance, power_of_two, two_bands
from scipy import constants

from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import COMPONENTS, ScoreImages, component_spectrum
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer, small_scales_left
from szmass_cli.sky.cutoutsky import CutoutSky

RATIO = np.exp([0.7, -0.4])


@pytest.fixture(scope="module")
def likelihood():
    return GaussianLikelihood(power_of_two(), two_bands(), HOT, Scatter(0.2))


def blurred(fwhm_arcmin):
    """Matrix (1600, 1600) of a source in one pixel behind a Gaussian beam that keeps the sum at the edges."""
    sigma = fwhm_arcmin / np.sqrt(8 * np.log(2))
    apart = 0.25 * np.subtract.outer(np.arange(40), np.arange(40))
    kernel = np.exp(-0.5 * (apart / sigma) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return np.kron(kernel, kernel)


@pytest.fixture(scope="module")
def covariance():
    return dense_covariance(RATIO)


@pytest.fixture(scope="module")
def inverse(covariance):
    return np.linalg.inv(covariance)


def derivative(name, inverse):
    """Matrix (1600, 3200) that takes a cutout to d ln L / d (brightness of a component in each pixel)."""
    inverse = inverse.reshape(1600, 2, 3200)
    spectrum = component_spectrum(name, two_bands().bands)
    return sum(spectrum[nu] * blurred(FWHM[nu]).T @ inverse[:, nu] for nu in range(2))


@pytest.mark.parametrize("name", COMPONENTS)
def test_an_image_is_the_derivative_over_its_spread_on_bare_sky(likelihood, covariance, inverse, name):
    """At a depth of its own in each band."""
    matrix = derivative(name, inverse)
    images = 40.0 * np.random.default_rng(1).standard_normal((4, 40, 40, 2))
    scores = ScoreImages(likelihood)
    found = scores(likelihood.weigh(images, np.tile(RATIO, (4, 1))), (name,))
    spread = np.sqrt(np.einsum("ij,ij->i", matrix @ covariance, matrix))
    expected = images.reshape(4, -1) @ matrix.T / spread
    np.testing.assert_allclose(found.reshape(4, -1), expected, atol=2e-3 * np.abs(expected).max())


def test_on_bare_sky_pixels_have_unit_variance_and_means_the_stated_spread(likelihood, covariance):
    """1,500 skies drawn by the Cholesky factor: four standard errors of a pixel's variance are 0.15."""
    root = np.linalg.cholesky(covariance).T.astype(np.float32)
    images = np.random.default_rng(2).standard_normal((1500, 3200), dtype=np.float32) @ root
    scores = ScoreImages(likelihood)
    weighed = likelihood.weigh(images.reshape(1500, 40, 40, 2), np.tile(RATIO, (1500, 1)))
    found = scores(weighed)
    variance = found.var(axis=0)
    assert np.abs(variance - 1).max() < 0.2 and variance.mean() == pytest.approx(1, abs=0.01)
    mean_square = np.mean(found[..., 0] ** 2, axis=(1, 2))
    n = scores.norm(weighed.depths[0]).n_independent
    assert mean_square.std() == pytest.approx(np.sqrt(2 / n), rel=0.08)


def test_other_data_than_the_cutouts_own_may_be_scored(likelihood):
    images = np.random.default_rng(4).standard_normal((2, 40, 40, 2))
    weighed, scores = likelihood.weigh(images), ScoreImages(likelihood)
    half = scores(weighed, ("radio",), 0.5 * weighed.weighted)
    np.testing.assert_allclose(half, 0.5 * scores(weighed, ("radio",)), rtol=1e-12)


def test_spectra_are_those_of_sources_and_of_the_sz_effect():
    """Radio: a flux of nu^-0.7; dust: nu^beta B_nu(T), both over dB/dT of the CMB; relative to 150 GHz."""
    nu = np.array(FREQUENCIES) * 1e9
    x = constants.h * nu / (constants.k * 2.7255)
    per_temperature = x**4 * np.exp(x) / np.expm1(x) ** 2
    radio = nu**-0.7 / per_temperature
    bands = two_bands().bands
    np.testing.assert_allclose(component_spectrum("radio", bands), radio / radio[1], rtol=1e-3)
    # f(95) / f(150) of Sunyaev & Zel'dovich (1972)
    np.testing.assert_allclose(component_spectrum("tsz", bands), [1.5540 / 0.9533, 1.0], rtol=1e-3)
    dust = component_spectrum("dusty_poisson", bands)
    assert dust[1] == pytest.approx(1.0) and 0.2 < dust[0] < 0.6


def test_stripes_at_an_angle_leave_unit_variance(likelihood):
    """A filter that only a half turn leaves as it is: two blocks in place of four."""
    axis = np.linspace(-20_000.0, 20_000.0, 201)
    along = 0.8 * axis[None, :] + 0.6 * axis[:, None]
    transfer = PlaneTransfer(axis, axis, 1.0 - 0.9 * np.exp(-((along / 900.0) ** 2)))
    band = two_bands().bands[1]
    striped = type(band)(150.0, band.beam, 9.0, KneeNoise(9.0, 2000.0), transfer=transfer)
    power = type(power_of_two())(power_of_two().ell, power_of_two().cl_uk2_sr[1:, 1:])
    instrument = Instrument((striped,))
    assert not instrument.is_mirror_symmetric
    filtered = GaussianLikelihood(power, instrument, HOT, Scatter(0.2))
    images = CutoutSky(power, instrument).draw(np.random.default_rng(5), 1500)
    found = ScoreImages(filtered)(filtered.weigh(images), ("tsz",))
    assert found.var(axis=0).mean() == pytest.approx(1, abs=0.01)
    assert np.abs(found.var(axis=0) - 1).max() < 0.2


def test_small_scales_that_a_filter_took_are_no_part_of_images():
    """Noise that is white up to any multipole stays out of the images of a map without small scales."""
    ell = np.linspace(0.0, 20_000.0, 401)
    cut = IsotropicTransfer(ell, (ell < 6000.0).astype(float))
    assert small_scales_left(cut, np.array([100.0, 5900.0, 7000.0])) == pytest.approx([1.0, 1.0, 0.0])
    high_pass = IsotropicTransfer(ell, 0.4 * (ell > 500.0))
    assert small_scales_left(high_pass, np.array([10.0, 300.0, 9000.0])) == pytest.approx([1.0, 1.0, 1.0])
    bands = tuple(replace(band, transfer=cut) for band in two_bands().bands)
    filtered = GaussianLikelihood(power_of_two(), Instrument(bands), HOT, Scatter(0.2))
    noise = 40.0 * np.random.default_rng(1).standard_normal((1, 40, 40, 2))
    image = ScoreImages(filtered)(filtered.weigh(noise), ("tsz",))[0, :, :, 0]
    waves = np.abs(np.fft.fft2(image * np.outer(np.hanning(40), np.hanning(40)))) ** 2
    frequency = 2.0 * np.pi * np.fft.fftfreq(40, np.radians(0.25 / 60.0))
    waves_ell = np.hypot(frequency[:, None], frequency[None, :])
    assert waves[waves_ell > 9000.0].mean() < 0.01 * waves[waves_ell < 6000.0].mean()
