"""A possible source in the middle: what it adds to the likelihood, against sums over painted sources."""

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import parse_config
from szmass_cli.likelihood.centralsource import FLUXES_MJY, FREQUENCIES, CentralSource
from szmass_cli.likelihood.pointimages import point_images_uk
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.scores import component_spectrum
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.likelihood.sources import PlacedSources, SourceMarginal
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN, Beam
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy

SKY = SkyModel(parse_config("{}", "survey.yaml"), 5000.0 * (CMB_ELL / 200.0) ** -1.5)
BANDS = (Band(95.0, Beam(2.0), 8.0), Band(150.0, Beam(1.2), 6.0))

MASSES = np.array([2e14, 5e14, 1e15])


@pytest.fixture(scope="module")
def likelihood():
    return SKY.likelihood(Instrument(BANDS), Scatter(0.2))


@pytest.fixture(scope="module")
def image_uk():
    return point_images_uk(BANDS, component_spectrum("radio", BANDS) * uk_per_mjy(150.0), np.zeros((1, 2)))[0]


def scales_of(likelihood, n):
    return cluster_scales(np.array([MASSES] * n), np.full((n, 1), 0.5), likelihood.model)


def test_a_source_has_the_flux_density_of_a_gaussian_beam(image_uk):
    """1 mJy is 2.6 µK arcmin^2 at 150 GHz (1e-29 W/m^2/Hz over dB/dT), over the solid angle of the beam."""
    h_over_k, nu, t = 4.799243e-11, 150e9, 2.7255
    x = h_over_k * nu / t
    db_dt = 2 * 1.380649e-23 * (nu / 2.99792458e8) ** 2 * x**2 * np.exp(x) / np.expm1(x) ** 2
    solid_angle = np.pi * (1.2 * ARCMIN) ** 2 / (4 * np.log(2))
    expected = 1e-29 / db_dt * 1e6 / solid_angle * np.exp(-4 * np.log(2) * (0.125**2 * 2) / 1.2**2)
    assert image_uk[19, 19, 1] == pytest.approx(expected, rel=2e-3)


def test_the_gain_is_that_of_cutouts_from_which_each_source_was_taken_away(likelihood, image_uk):
    rng = np.random.default_rng(2)
    images = 8.0 / 0.25 * rng.standard_normal((3, 40, 40, 2)) + 2.0 * image_uk
    scales = scales_of(likelihood, 3)
    found = CentralSource(likelihood).ln_gains(likelihood.weigh(images), MASSES, np.full(3, 0.5))[:, 0]

    def ln_likelihood(flux):
        weighed = likelihood.weigh(images - flux * image_uk)
        chi2 = np.einsum("pnj,pnj->n", weighed.fields_uk, weighed.weighted)
        own = likelihood.amplitude(*likelihood.matched(weighed, scales))
        return own - 0.5 * chi2[:, None]

    without = ln_likelihood(0.0)
    terms = [np.log1p(-FREQUENCIES.sum()) + 0.0 * without]
    terms += [np.log(f) + ln_likelihood(s) - without for s, f in zip(FLUXES_MJY, FREQUENCIES, strict=True)]
    np.testing.assert_allclose(found, logsumexp(terms, axis=0), rtol=1e-4, atol=1e-3)
    assert np.all(found > 1.0)


def test_without_a_source_little_is_gained(likelihood):
    rng = np.random.default_rng(3)
    images = np.array([8.0, 6.0]) / 0.25 * rng.standard_normal((40, 40, 40, 2))
    weighed = likelihood.weigh(images)
    gain = CentralSource(likelihood).ln_gains(weighed, np.array([2e13]), np.full(40, 0.5))
    assert np.median(gain) < 0.1 and np.all(gain > np.log1p(-FREQUENCIES.sum()) - 1e-9)


def test_a_source_that_is_taken_away_as_of_any_flux_is_not_found_again(likelihood, image_uk):
    rng = np.random.default_rng(4)
    images = np.array([8.0, 6.0]) / 0.25 * rng.standard_normal((2, 40, 40, 2)) + 3.0 * image_uk
    weighed = likelihood.weigh(images)
    source = PlacedSources(np.zeros(1, int), np.zeros(1), np.full(1, 0.3), np.zeros(1, int))
    left = SourceMarginal(likelihood)(weighed, source)
    before, after = (
        CentralSource(likelihood).ln_gains(one, MASSES / 5.0, np.full(2, 0.5))[:, 0]
        for one in (weighed, left)
    )
    assert before.min() > 5.0 and np.abs(after[0]).max() < 1.0
    np.testing.assert_allclose(after[1], before[1])
