"""Central and integrated Compton y of a matched filter: unbiased, with honest errors."""

import numpy as np
import pytest
from astropy.cosmology import Planck18
from scipy.integrate import quad

from szmass_cli.likelihood.gaussian import GaussianLikelihood
from szmass_cli.likelihood.observables import observables
from szmass_cli.likelihood.scatter import Scatter
from szmass_cli.physics.cosmology import m500c_from_m200c
from szmass_cli.physics.profiles import ARNAUD2010, ClusterScales, cluster_scales, compton_y, pressure_shape
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior


def test_scales_give_the_central_and_the_integrated_compton_y():
    """y0 is what `compton_y` tends to; Y500 the integral of the profile over a sphere, done by scipy."""
    scales = cluster_scales(np.array([2e14, 9e14]), np.array([0.3, 1.1]))
    near = compton_y(np.array([2e14, 9e14]), np.array([0.3, 1.1]), 1e-5)
    np.testing.assert_allclose(scales.y0, near, rtol=1e-3)
    shape = quad(lambda x: 4 * np.pi * pressure_shape(x) * x**2, 0, 1)[0]
    np.testing.assert_allclose(
        scales.y500_arcmin2, scales.y_scale * scales.theta500_arcmin**2 * shape, rtol=1e-6
    )


def test_integrated_y_is_that_of_arnaud_et_al():
    """2.925e-5 I(1) M^1.787 E^(2/3) h70^-5/2 Mpc^2, M in 3e14 / h70 Msun, I(1) = 0.6145 (A10, section 6)."""
    z, m200c = 0.7, 5e14
    m500c = float(m500c_from_m200c(m200c, z))
    h70 = 67.66 / 70
    y_mpc2 = 2.925e-5 * 0.6145 * (m500c / 3e14 * h70) ** 1.787 * Planck18.efunc(z) ** (2 / 3) * h70**-2.5
    distance = Planck18.angular_diameter_distance(z).to_value("Mpc")
    expected = y_mpc2 / distance**2 * (180 * 60 / np.pi) ** 2
    assert float(cluster_scales(m200c, z).y500_arcmin2) == pytest.approx(expected, rel=0.005)


def test_y0_is_unbiased_with_honest_errors_and_follows_the_cluster_not_its_mass(simulator):
    """Clusters half as bright again as the mean of their mass: their own y0 comes out, S/N above 10."""
    n, z, mass = 600, 0.7, 8e14
    model, instrument = ARNAUD2010, simulator.instrument
    likelihood = GaussianLikelihood(simulator.power, instrument, model, Scatter(0.2))
    scales = cluster_scales(np.full(n, mass), np.full(n, z), model)
    bright = ClusterScales(scales.theta500_arcmin, 1.5 * scales.y_scale)
    images = simulator.sky.draw(np.random.default_rng(3), n) + simulator.stamps.images(bright)
    weighed = likelihood.weigh(images)
    found = observables(likelihood, weighed, np.full(n, mass), np.full(n, z))
    assert found.snr.min() > 10.0
    error = found.y0_err.mean() / bright.y0[0]
    assert found.y0.mean() / bright.y0[0] == pytest.approx(1.0, abs=4 * error / np.sqrt(n))
    assert np.std(found.y0) / found.y0_err.mean() == pytest.approx(1.0, abs=4 / np.sqrt(2 * n))
    np.testing.assert_allclose(found.y500_arcmin2 / found.y0, bright.y500_arcmin2 / bright.y0)
    # at the mass that the posterior has for them, whose template is wider
    ln_mass = mass_grid((5e13, 3e15))
    ln_likelihood = likelihood.ln_likelihood(weighed, ln_mass, np.full(n, z))
    median = MassPosterior(ln_mass, normalised(ln_likelihood)).percentiles([50.0])[:, 0]
    at_median = observables(likelihood, weighed, median, np.full(n, z))
    assert np.mean(at_median.y0) / bright.y0[0] == pytest.approx(1.0, abs=0.06)
