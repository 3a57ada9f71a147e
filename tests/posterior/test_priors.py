"""Priors against colossus called directly, and against clusters drawn from them."""

import numpy as np
import pytest
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.lss import mass_function
from scipy.stats import norm

from szmass_cli.errors import UsageError
from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.posterior import MassPosterior
from szmass_cli.posterior.priors import Prior, PriorChange, ln_prior
from szmass_cli.sky.abundance import halo_abundance

RANGE = (5e13, 3e15)


@pytest.mark.parametrize("redshift", [0.1, 0.337, 0.7, 1.1, 2.0])
def test_the_mass_function_has_the_slope_of_colossus(redshift):
    h = colossus_cosmology.setCosmology("planck18", persistence="").h
    ln_mass = np.linspace(*np.log(RANGE), 80)
    density = mass_function.massFunction(
        np.exp(ln_mass) * h, redshift, mdef="200c", model="tinker08", q_out="dndlnM"
    )
    got = ln_prior(Prior.MASS_FUNCTION, ln_mass[None], np.array([redshift]), PLANCK18)[0]
    # of 30 e-foldings and more over this range
    np.testing.assert_allclose(got - got[0], np.log(density / density[0]), atol=0.02)
    slopes = [np.gradient(values, ln_mass)[1:-1] for values in (got, np.log(density))]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=0.03, atol=0.03)


def test_the_mass_function_is_that_of_the_models_cosmology():
    ln_mass, z = np.log([[1e14, 1e15]]), np.array([0.5])
    fewer = Cosmology(sigma8=0.7)
    densities = [ln_prior(Prior.MASS_FUNCTION, ln_mass, z, universe)[0] for universe in (PLANCK18, fewer)]
    assert np.diff(densities[1]) < np.diff(densities[0]) - 0.5


def test_flat_priors():
    ln_mass, z = np.log([[1e14, 3e14, 9e14]]), np.array([0.5])
    np.testing.assert_array_equal(ln_prior(Prior.FLAT_LOG, ln_mass, z, PLANCK18), 0)
    np.testing.assert_array_equal(ln_prior(Prior.FLAT, ln_mass, z, PLANCK18), ln_mass)


@pytest.mark.parametrize("own", list(Prior))
@pytest.mark.parametrize("wanted", list(Prior))
def test_there_and_back_again(own, wanted):
    ln_mass = np.linspace(*np.log(RANGE), 40)
    density = np.random.default_rng(1).random((1, 40))
    posterior = MassPosterior(ln_mass, density / density.sum())
    there, back = (PriorChange(*pair, PLANCK18) for pair in ((own, wanted), (wanted, own)))
    z = np.array([0.4])
    after = posterior.reweighted(there.ln_ratio(ln_mass, z))
    assert there.is_none == (own == wanted) == np.allclose(after.density, posterior.density, rtol=1e-6)
    returned = after.reweighted(back.ln_ratio(ln_mass, z))
    np.testing.assert_allclose(returned.density, posterior.density, rtol=1e-8)


def test_rows_do_not_know_of_each_other():
    rng = np.random.default_rng(2)
    ln_mass, z = rng.uniform(*np.log(RANGE), (7, 30)), rng.uniform(0.1, 2.0, 7)
    together = ln_prior(Prior.MASS_FUNCTION, ln_mass, z, PLANCK18)
    for row in range(7):
        alone = ln_prior(Prior.MASS_FUNCTION, ln_mass[row : row + 1], z[row : row + 1], PLANCK18)
        np.testing.assert_array_equal(alone[0], together[row])


def test_what_is_not_a_number_stays_so():
    got = ln_prior(Prior.MASS_FUNCTION, np.array([[np.nan, 33.0]]), np.array([0.5]), PLANCK18)
    assert np.isnan(got[0, 0]) and np.isfinite(got[0, 1])


def test_an_unknown_prior_is_told():
    assert Prior.parse("flat-log") is Prior.FLAT_LOG
    with pytest.raises(UsageError, match="'mass-funktion' is not a known prior"):
        Prior.parse("mass-funktion")


@pytest.mark.parametrize("sigma", [0.15, 0.3])
def test_the_mass_function_takes_eddingtons_bias_away(sigma):
    """Clusters of the mass function measured with Gaussian noise in ln M: flat priors give too much mass."""
    rng, n = np.random.default_rng(3), 100000
    z = rng.uniform(0.2, 1.0, n)
    mass = halo_abundance(PLANCK18, RANGE, (0.1, 1.5)).draw_masses(z, rng)
    measured = np.log(mass) + sigma * rng.standard_normal(n)
    chosen = np.exp(measured) > 3e14  # selected by the data, as surveys are
    z, mass, measured = z[chosen], mass[chosen], measured[chosen]
    ln_mass = np.linspace(*np.log(RANGE), 300)
    likelihood = norm.pdf(ln_mass[None], measured[:, None], sigma)
    flat_log = MassPosterior(ln_mass, likelihood / likelihood.sum(axis=1, keepdims=True))
    above, inside = {}, {}
    for wanted in Prior:
        change = PriorChange(Prior.FLAT_LOG, wanted, PLANCK18)
        posterior = flat_log.reweighted(change.ln_ratio(ln_mass, z))
        p16, p50, p84 = posterior.percentiles((16, 50, 84)).T
        above[wanted] = np.mean(p50 > mass)
        inside[wanted] = np.mean((p16 < mass) & (mass < p84))
    error = 0.5 / np.sqrt(mass.size)
    assert error < 0.01
    assert above[Prior.MASS_FUNCTION] == pytest.approx(0.5, abs=3 * error)
    assert inside[Prior.MASS_FUNCTION] == pytest.approx(0.68, abs=3 * error)
    assert above[Prior.FLAT] > above[Prior.FLAT_LOG] > 0.5 + 5 * error
