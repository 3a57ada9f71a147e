"""The mass function as a table, against colossus itself, its own integral, and sigma(M) put in by hand."""

import numpy as np
import pytest
from colossus.cosmology import cosmology
from colossus.lss import mass_function, peaks
from scipy.integrate import quad

from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.physics.massfunction import halo_density_per_mpc3, tabulated_halo_density
from szmass_cli.physics.y0relation import H18_COSMOLOGY


@pytest.mark.parametrize("universe", [PLANCK18, H18_COSMOLOGY])
@pytest.mark.parametrize("redshift", [0.03, 0.47, 1.31])
def test_the_table_is_colossus_between_its_nodes(universe, redshift):
    h = universe.use_in_colossus()
    mass = np.array([2.3e13, 1.7e14, 4.1e14, 2.2e15])
    args = {"mdef": "500c", "model": "tinker08", "q_out": "dndlnM"}
    expected = mass_function.massFunction(mass * h, redshift, **args) * h**3
    found = tabulated_halo_density("500c", universe).ln_density(np.log(mass), redshift)
    np.testing.assert_allclose(np.exp(found), expected, rtol=0.01)


def test_the_density_is_that_of_tinker_et_al_at_an_overdensity_of_their_table():
    """M200m at z = 0: A, a, b, c of the first row of their Table 2, and equations 2 and 3."""
    mass = 3e14
    universe = Cosmology(h0_km_s_mpc=70.0, omega_m=0.3, omega_b=0.05, sigma8=0.8, n_s=0.95)
    found = halo_density_per_mpc3(np.array([mass]), np.array([0.0]), "200m", universe)[0, 0]
    h = universe.use_in_colossus()
    current = cosmology.getCurrent()

    def sigma(m):
        return current.sigma(peaks.lagrangianR(m * h), 0.0)

    slope = -np.log(sigma(mass * 1.01) / sigma(mass / 1.01)) / np.log(1.01**2)  # dln(1/sigma)/dlnM
    s = sigma(mass)
    f = 0.186 * ((s / 2.57) ** -1.47 + 1.0) * np.exp(-1.19 / s**2)
    matter_msun_mpc3 = 0.3 * 2.77537e11 * 0.7**2
    assert found == pytest.approx(f * matter_msun_mpc3 / mass * slope, rel=2e-3)


@pytest.mark.parametrize("redshift", [0.2, 0.9])
def test_halos_above_a_mass_are_the_integral_of_the_density(redshift):
    halos = tabulated_halo_density("500c", PLANCK18)
    low = np.log(3e14)
    integral = quad(lambda x: float(np.exp(halos.ln_density(x, redshift))), low, np.log(5e16), limit=200)[0]
    assert np.exp(halos.ln_density_above(low, redshift)) == pytest.approx(integral, rel=2e-3)


def test_unknown_redshifts_and_masses_stay_unknown_and_shapes_broadcast():
    halos = tabulated_halo_density("500c", PLANCK18)
    found = halos.ln_density(np.log([1e14, np.nan, 1e15]), np.array([[0.3], [np.nan]]))
    assert np.array_equal(np.isnan(found), [[False, True, False], [True, True, True]])
