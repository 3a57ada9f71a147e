"""Measured power spectra against skies whose power is known by other means."""

import numpy as np
import pytest

from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.fields import plane_fields
from szmass_cli.sky.measured import (
    PatchSpectra,
    cutout_lag_covariance_uk2,
    hann_window,
    measured_spectra,
    plane_lag_covariance_uk2,
    with_white_noise,
)
from szmass_cli.sky.power import SkyPower

ARCMIN = np.pi / 180 / 60
BANDS = (Band(95.0, Beam(1.6), 6.0), Band(150.0, Beam(1.2), 5.0))
SEEN = Instrument(BANDS)


@pytest.fixture(scope="module")
def power():
    """A sky as steep as the damped CMB below ell = 3000 and rising beyond, its bands correlated by 0.8."""
    ell = np.arange(2.0, 24_000.0, 2.0)
    dl = 2500.0 * np.exp(-((ell / 1100.0) ** 1.2)) + 8.0 * ell / 3000.0
    between = np.array([[1.0, 0.8], [0.8, 1.0]])
    return SkyPower(ell, between[:, :, None] * dl * 2 * np.pi / (ell * (ell + 1)))


def test_white_noise_has_the_power_of_its_depth():
    """5 µK-arcmin is D_ell = ell (ell + 1) / 2 pi (5 arcmin)^2, whatever pixel and window."""
    rng = np.random.default_rng(1)
    for pixel in (0.25, 1.0):
        patches = rng.standard_normal((400, 1, 48, 64)) * 5.0 / pixel
        spectra = PatchSpectra(hann_window((48, 64)), pixel, np.array([2000, 3000, 4500]) / pixel)
        measured = spectra.measure(patches)[:, 0, 0]
        ell = np.linspace(2000, 4500, 9) / pixel
        known = spectra.average(lambda x: (x * (x + 1) / (2 * np.pi) * (5.0 * ARCMIN) ** 2)[None, None])[0, 0]
        assert known[0] == pytest.approx(ell[2] ** 2 / (2 * np.pi) * (5.0 * ARCMIN) ** 2, rel=0.1)
        np.testing.assert_allclose(measured.mean(axis=0), known, rtol=0.03)
        # the stated error is the scatter
        stated = spectra.errors(known[None, None], 1)[0, 0]
        np.testing.assert_allclose(measured.std(axis=0), stated, rtol=0.15)


def test_a_wave_is_found_in_its_bin_and_nowhere_else():
    size, pixel, cycles = 120, 1.0, 20
    wave = np.sqrt(2.0) * np.cos(2 * np.pi * cycles * np.arange(size) / size)[None, :] * np.ones((size, 1))
    ell = 2 * np.pi * cycles / (size * pixel * ARCMIN)
    spectra = PatchSpectra(np.ones((size, size)), pixel, [0.5 * ell, 0.9 * ell, 1.1 * ell, 1.5 * ell])
    dl = spectra.measure(wave[None, None])[0, 0, 0]
    assert dl[1] > 0 and np.abs(dl[[0, 2]]).max() < 1e-12 * dl[1]


@pytest.mark.parametrize("pixel", [0.25, 2.0])
def test_the_expectation_is_the_mean_over_skies_of_that_covariance(power, pixel):
    """Sky drawn by Cholesky from the pixels' covariance, so that no Fourier transform made it."""
    shape, edges = (12, 14), np.array([500, 900, 1500]) * 4.0 / pixel
    lags = cutout_lag_covariance_uk2(power, SEEN)[:, :, :12, :14] if pixel == 0.25 else None
    if lags is None:
        lags = plane_lag_covariance_uk2(power, SEEN, (200, 200), pixel)[:, :, :12, :14]
    lags = with_white_noise(lags, BANDS, pixel)
    y, x = (np.abs(np.subtract.outer(np.arange(n), np.arange(n))) for n in shape)
    covariance = lags[:, :, y[:, None, :, None], x[None, :, None, :]].transpose(0, 2, 3, 1, 4, 5)
    root = np.linalg.cholesky(covariance.reshape(2 * 168, 2 * 168))
    patches = np.random.default_rng(2).standard_normal((3000, 336)) @ root.T
    spectra = PatchSpectra(hann_window(shape), pixel, edges)
    dl, expected = spectra.measure(patches.reshape(3000, 2, *shape)), spectra.expect(lags)
    scatter = dl.std(axis=0) / np.sqrt(3000)
    assert np.abs((dl.mean(axis=0) - expected) / scatter).max() < 4
    assert max((scatter / expected)[i, i].max() for i in range(2)) < 0.05


def test_cutouts_and_planes_agree_on_the_covariance_at_small_lags(power):
    on_cutouts = cutout_lag_covariance_uk2(power, SEEN)[:, :, :5, :5]
    on_planes = plane_lag_covariance_uk2(power, SEEN, (1200, 1200), 0.25)[:, :, :5, :5]
    # the plane lacks the largest scales, the same at all lags
    offset = on_cutouts - on_planes
    np.testing.assert_allclose(offset, offset[:, :, :1, :1] * np.ones((5, 5)), atol=0.3)


def test_plane_fields_have_their_input_in_every_spectrum_between_bands(power):
    size, pixel = 256, 1.5
    rng = np.random.default_rng(3)
    noise = np.array([6.0, 5.0])[:, None, None] / pixel
    planes = np.stack(
        [
            plane_fields(rng, (size, size), pixel, power, [band.beam for band in BANDS])
            + noise * rng.standard_normal((2, size, size))
            for _ in range(12)
        ]
    )
    spectra = PatchSpectra(hann_window((size, size)), pixel, [600, 1000, 1500, 2200, 3000, 4000, 5500, 7000])
    covariance = with_white_noise(plane_lag_covariance_uk2(power, SEEN, (size, size), pixel), BANDS, pixel)
    found = measured_spectra("planes", planes, spectra, covariance, power, SEEN)
    pull = (found.measured - found.expected) / found.error
    assert np.abs(pull).max() < 4 and 0.5 < np.sqrt(np.mean(pull**2)) < 1.5
    # beyond the CMB's peaks nothing is left to mix
    np.testing.assert_allclose(found.expected[..., 3:], found.input[..., 3:], rtol=0.05)
    np.testing.assert_allclose(found.unwindowed - found.input, found.measured - found.expected, rtol=1e-9)


def test_a_bin_without_modes_is_refused():
    with pytest.raises(ValueError, match="no modes"):
        PatchSpectra(np.ones((40, 40)), 0.25, [600, 1000])
