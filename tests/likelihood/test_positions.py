"""Uncertain positions, against the sum over offsets done one by one."""

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import SkyConfig
from szmass_cli.errors import UsageError
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.positions import PositionLikelihood
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010, cluster_scales
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.power import SkyPower

INSTRUMENT = Instrument((Band(150.0, Beam(1.2), 6.0),))
ERROR = 0.3
LN_MASS = np.log(np.geomspace(5e13, 2e15, 60))


@pytest.fixture(scope="module")
def power():
    return SkyPower.from_config(SkyConfig(cmb=False), INSTRUMENT.bands)


@pytest.fixture(scope="module")
def likelihood(power):
    return GaussianLikelihood(power, INSTRUMENT, ARNAUD2010, Scatter(0.2))


def brute_force(sky, likelihood, image, redshift):
    """ln L on a lattice of offsets of 0.1', each with images and the dense covariance of their own."""
    inverse = np.linalg.inv(sky.covariance_uk2)
    axis = np.arange(-9, 10) * 0.1
    offsets = np.stack([grid.ravel() for grid in np.meshgrid(axis, axis)], axis=1)
    nodes = np.linspace(-5.0, 5.0, 201)
    ln_node = -0.5 * nodes**2 - logsumexp(-0.5 * nodes**2)
    amplitude = np.exp(0.2 * nodes)
    ln_prior = -0.5 * np.sum(offsets**2, axis=1) / ERROR**2
    values = []
    for ln_mass in LN_MASS[::4]:
        one = cluster_scales(np.full(len(offsets), np.exp(ln_mass)), np.full(len(offsets), redshift))
        images = likelihood.templates.images.offset_images(one, offsets).reshape(len(offsets), -1)
        weighted = images @ inverse
        p, f = weighted @ image.ravel(), np.sum(weighted * images, axis=1)
        terms = ln_node + amplitude * p[:, None] - 0.5 * amplitude**2 * f[:, None]
        values.append(logsumexp(logsumexp(terms, axis=1) + ln_prior))
    return np.array(values)


@pytest.mark.parametrize("mass", [2e14, 8e14])
def test_likelihood_is_the_sum_over_offsets(power, likelihood, mass):
    sky = CutoutSky(power, INSTRUMENT)
    redshift = 0.6
    scales = cluster_scales(np.array([mass]), np.array([redshift]))
    signal = likelihood.templates.images.offset_images(scales, np.array([[0.25, -0.3]]))
    image = (sky.draw(np.random.default_rng(3), 1) + signal).astype(float)
    expected = brute_force(sky, likelihood, image[0], redshift)
    uncertain = PositionLikelihood(likelihood, ERROR)
    weighed = likelihood.weigh(image)
    got = uncertain.ln_likelihood(weighed, LN_MASS, np.array([redshift]), np.array([ERROR]))[0, ::4]
    near = expected > expected.max() - 6.0
    difference = (got - expected)[near]
    assert near.sum() >= 3
    assert np.ptp(difference) < 0.25
    centred = likelihood.ln_likelihood(weighed, LN_MASS, np.array([redshift]))[0, ::4]
    assert np.ptp((centred - expected)[near]) > np.ptp(difference)


def test_errors_that_a_cutout_cannot_hold_are_refused(likelihood):
    with pytest.raises(UsageError, match="position error of 2'"):
        PositionLikelihood(likelihood, 2.0)
