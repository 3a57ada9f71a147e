"""Eigenmodes of a beam against the filters that are made from whole covariances."""

import numpy as np
import pytest

from szmass_cli.config import SkyConfig
from szmass_cli.likelihood.modes import BeamModes
from szmass_cli.likelihood.optimal import MatchedFilter
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import StampSky, stamp_smoothing


@pytest.fixture(scope="module")
def power():
    return SkyPower.from_config(SkyConfig(), [Band(150.0, Beam(0.9), 5.0)])


@pytest.fixture(scope="module", params=[1.0, 1.8])
def case(request, power):
    band = Band(150.0, Beam(request.param), 12.0)
    sky = StampSky(power, [band])
    images = sky.draw(np.random.default_rng(3), 12)
    redshift = np.linspace(0.2, 1.6, 12)
    mass = np.geomspace(1e14, 1.5e15, 12)
    images += ClusterStamps([band]).mean_images(mass, redshift)
    return band, sky, BeamModes(power, band, ARNAUD2010), images, mass, redshift


def test_the_filter_is_b_c_inverse_d_of_unit_variance(case):
    band, sky, modes, images, *_ = case
    matrix = stamp_smoothing(band.beam).T @ np.linalg.inv(sky.covariance_uk2)
    expected = images.reshape(12, -1) @ matrix.T
    variance = np.einsum("ij,jk,ik->i", matrix, sky.covariance_uk2, matrix)
    noise = np.full(12, band.noise_uk_arcmin)
    filtered = modes.filtered(modes.coefficients(images[..., 0]), noise).reshape(12, -1)
    np.testing.assert_allclose(filtered, expected / np.sqrt(variance.mean()), atol=1e-6)
    deviations = modes.deviations(modes.coefficients(images[..., 0]), noise).reshape(12, -1)
    np.testing.assert_allclose(deviations, expected / np.sqrt(variance), atol=1e-6)


def test_one_decomposition_serves_every_depth(case, power):
    """Rows of one call may have another noise each."""
    band, _, modes, images, mass, redshift = case
    noise = np.where(np.arange(12) % 2, 3.0, 30.0)
    coefficients = modes.coefficients(images[..., 0])
    projection, fisher = modes.matched(coefficients, noise, mass[:, None], redshift)
    snr = (projection / np.sqrt(fisher))[:, 0]
    templates = ClusterStamps([band]).mean_images(mass, redshift)
    for level in (3.0, 30.0):
        rows = noise == level
        filter_ = MatchedFilter(StampSky(power, [Band(150.0, band.beam, level)]))
        np.testing.assert_allclose(snr[rows], filter_.snr(images[rows], templates[rows]), atol=2e-3)


def test_smoothing_and_templates_are_those_of_stamps(case):
    band, _, modes, images, mass, redshift = case
    expected = images.reshape(12, -1) @ stamp_smoothing(band.beam).T
    np.testing.assert_allclose(modes.smoothed(images[..., 0]).reshape(12, -1), expected, atol=1e-4)
    whole = ClusterStamps([band]).mean_images(mass, redshift)[..., 0]
    found = modes.template_images(mass, redshift)
    assert np.abs(found - whole).max() < 1e-3 * np.abs(whole).max()


@pytest.mark.parametrize("noise", [4.0, 12.0, 30.0])
def test_the_noise_of_cutouts_is_found(power, noise):
    """Half of them hold a massive cluster, which must not count as noise."""
    band = Band(150.0, Beam(1.4), noise)
    images = StampSky(power, [band]).draw(np.random.default_rng(5), 200)[..., 0]
    images[::2] += ClusterStamps([band]).mean_images(1.2e15, 0.5)[0, ..., 0]
    modes = BeamModes(power, band, ARNAUD2010)
    levels = np.geomspace(1.0, 80.0, 300)
    found = modes.likeliest_noise_uk_arcmin(modes.coefficients(images), levels)
    assert np.median(found) == pytest.approx(noise, rel=0.06)
    assert np.median(found[::2]) == pytest.approx(np.median(found[1::2]), rel=0.12)
