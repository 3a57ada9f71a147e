"""Dust and motion of clusters: integrated out as sums over painted ones say, and as bright as by hand."""

import numpy as np
import pytest
from scipy.special import logsumexp

from szmass_cli.config import parse_config
from szmass_cli.likelihood.dustandmotion import DUST_RELATIVE, DustAndMotion, Marginalised
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.clusterlight import ClusterDust
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.physics.profiles import ClusterScales, cluster_scales
from szmass_cli.physics.spectra import uk_per_mjy

SKY = SkyModel(parse_config("{}", "survey.yaml"), 5000.0 * (CMB_ELL / 200.0) ** -1.5)
BANDS = (Band(95.0, Beam(2.0), 8.0), Band(150.0, Beam(1.2), 6.0), Band(220.0, Beam(1.0), 20.0))
MASS, REDSHIFT = np.array([[3e14, 8e14]]), np.array([[0.8, 0.8]])


@pytest.fixture(scope="module")
def likelihood():
    return SKY.likelihood(Instrument(BANDS), Scatter(0.0))


@pytest.fixture(scope="module")
def scales(likelihood):
    return cluster_scales(MASS, REDSHIFT, likelihood.model)


def found_in(likelihood, scales, images):
    placed = likelihood.placed(scales, np.zeros(1))
    return DustAndMotion(likelihood)(likelihood.weigh(images), placed, MASS, REDSHIFT)


def brightness(found, scales):
    """Gas, mean dust and rms motion (3, m, f) over the signal of cold gas of a unit Compton scale."""
    return np.moveaxis(found.spectra[:, :, 0, :, 0], 1, -1) * scales.y_scale[0][:, None]


def painted_uk(likelihood, scales, brightness):
    """Image (40, 40, f) of the light that has a brightness (f,) over cold gas of a unit Compton scale."""
    unit = ClusterScales(scales.theta500_arcmin[:, 0], np.ones(1))
    return likelihood.templates.images.images(unit).astype(float)[0] * brightness


def test_the_integral_is_that_over_painted_dust_and_motion(likelihood, scales):
    rng = np.random.default_rng(4)
    images = np.array([8.0, 6.0, 20.0]) / 0.25 * rng.standard_normal((1, 40, 40, 3))
    found = found_in(likelihood, scales, images)
    gas, dust, motion = (painted_uk(likelihood, scales, b) for b in brightness(found, scales)[:, 0])
    images = images + gas + 1.5 * dust + 0.7 * motion
    spread = found_in(likelihood, scales, images)
    found = Marginalised.of(spread.seen, spread.own)
    of_mean = (found.projection - 0.5 * found.fisher + found.ln_factor)[0, 0, 0]

    x, weights = np.polynomial.hermite_e.hermegauss(40)
    d, v = np.meshgrid(1.0 + DUST_RELATIVE * x, x, indexing="ij")
    left = images[0] - d.ravel()[:, None, None, None] * dust - v.ravel()[:, None, None, None] * motion
    weighed, bare = likelihood.weigh(left - gas), likelihood.weigh(images)

    def chi2(w):
        return np.einsum("pnj,pnj->n", w.fields_uk, w.weighted)

    ln_ratio = -0.5 * (chi2(weighed) - chi2(bare))
    expected = logsumexp(ln_ratio, b=np.outer(weights, weights).ravel() / weights.sum() ** 2)
    assert of_mean == pytest.approx(expected, abs=2e-3 * abs(expected))


def test_motion_and_dust_are_as_bright_as_by_hand(likelihood, scales):
    """tau v / c T_CMB with tau = y m_e c^2 / kT; the dust's flux is the integral of its image."""
    found = found_in(likelihood, scales, np.zeros((1, 40, 40, 3)))
    _, dust, motion = brightness(found, scales)
    cold_uk = np.array([band.response.tsz_uk_per_y() for band in BANDS])
    tau = scales.y_scale[0, 1] * 511.0 / scales.kt_kev[0, 1]
    np.testing.assert_allclose(motion[1] * cold_uk, tau * (300.0 / 299_792.458) * 2.7255e6, rtol=2e-3)
    of_second = ClusterScales(scales.theta500_arcmin[:, 1:], scales.y_scale[:, 1:])
    inside_mjy = painted_uk(likelihood, of_second, dust[1])[..., 1].sum() * 0.25**2 / uk_per_mjy(150.0)
    total_mjy = ClusterDust().mean_mjy(m500c_from_m200c(8e14, 0.8), 0.8)
    assert 0.85 * total_mjy < inside_mjy < total_mjy  # 10' hold most of a cluster of 2'


def test_nothing_is_known_of_a_cluster_without_data(likelihood, scales):
    """Where noise hides the cluster, dust and motion are what they are on average."""
    blind = SKY.likelihood(Instrument(tuple(Band(b.frequency_ghz, b.beam, 1e6) for b in BANDS)), Scatter(0.0))
    spread = found_in(blind, scales, np.zeros((1, 40, 40, 3)))
    found = Marginalised.of(spread.seen, spread.own)
    np.testing.assert_allclose(found.projection, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.ln_factor, 0.0, atol=1e-6)
