"""Holes, against the conditional mean by the dense covariance of all pixels."""

import numpy as np
import pytest

from szmass_cli.config import SkyConfig
from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.holes import filled
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import ARNAUD2010
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.power import SkyPower

INSTRUMENT = Instrument((Band(150.0, Beam(1.2), 5.0),))


@pytest.fixture(scope="module")
def sky():
    return CutoutSky(SkyPower.from_config(SkyConfig(cmb=False), INSTRUMENT.bands), INSTRUMENT)


@pytest.fixture(scope="module")
def likelihood(sky):
    power = SkyPower.from_config(SkyConfig(cmb=False), INSTRUMENT.bands)
    return GaussianLikelihood(power, INSTRUMENT, ARNAUD2010, Scatter(0.2))


def test_a_hole_holds_the_mean_of_its_pixels_given_the_others(sky, likelihood):
    images = sky.draw(np.random.default_rng(0), 2).astype(float)
    bad = np.zeros(images.shape, bool)
    bad[0, 3:9, 20:33] = True
    bad[1, 30:] = True
    got = filled(images, bad, [likelihood.depths([0])] * 2, likelihood.symmetry)
    covariance = sky.covariance_uk2
    for row in range(2):
        hole = bad[row].ravel()
        pixels = images[row].ravel()
        mean = pixels[~hole].mean()
        weights = np.linalg.solve(covariance[np.ix_(~hole, ~hole)], pixels[~hole] - mean)
        expected = mean + covariance[np.ix_(hole, ~hole)] @ weights
        np.testing.assert_allclose(got[row].ravel()[hole], expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(got[row].ravel()[~hole], pixels[~hole])


def test_cutouts_without_holes_or_without_any_pixel_are_as_they_were(sky, likelihood):
    images = sky.draw(np.random.default_rng(1), 2)
    bad = np.zeros(images.shape, bool)
    bad[1] = True
    got = filled(images, bad, [likelihood.depths([0])] * 2, likelihood.symmetry)
    np.testing.assert_array_equal(got, images)
