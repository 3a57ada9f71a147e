"""Mass definitions and angular sizes, against the table of the design, colossus, and plain integrals."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import (
    PLANCK18,
    REDSHIFT_RANGE,
    Cosmology,
    angular_diameter_distance_mpc,
    convert_m200c,
    e_of_z,
    m200c_from_m500c,
    m500c_from_m200c,
    r500_mpc,
    theta500_arcmin,
)

# M200c, M500c [1e14 Msun], theta500 [arcmin] at z = 0.7: an independent calculation (design, section 3)
TABLE = [(1, 0.6818, 1.104), (2, 1.3556, 1.388), (5, 3.3986, 1.885), (8, 5.4797, 2.211)]
WITHIN = 0.005

H0, OMEGA_M = 67.66, 0.3111  # Planck 2018


def expansion(z):
    """H(z) / H0 of a flat universe with photons and massless neutrinos (3.046 species)."""
    photons = 2.473e-5 / (H0 / 100) ** 2
    radiation = photons * (1 + 3.046 * 7 / 8 * (4 / 11) ** (4 / 3))
    return np.sqrt(OMEGA_M * (1 + z) ** 3 + radiation * (1 + z) ** 4 + 1 - OMEGA_M - radiation)


@pytest.mark.parametrize(("m200c", "m500c", "theta500"), TABLE)
def test_m500c_and_theta500_are_those_of_the_table(m200c, m500c, theta500):
    calculated = m500c_from_m200c(m200c * 1e14, 0.7)
    assert calculated == pytest.approx(m500c * 1e14, rel=WITHIN)
    assert theta500_arcmin(calculated, 0.7) == pytest.approx(theta500, rel=WITHIN)


@pytest.mark.parametrize("definition", ["500c", "200m"])
@pytest.mark.parametrize(("m200c", "redshift"), [(1.7e13, 0.05), (3.1e14, 0.33), (9e14, 1.1), (6e15, 2.4)])
def test_the_table_in_memory_agrees_with_colossus_itself(m200c, redshift, definition):
    from colossus.cosmology import cosmology
    from colossus.halo import mass_adv

    h = cosmology.setCosmology("planck18", persistence="").h
    asked, _, _ = mass_adv.changeMassDefinitionCModel(
        m200c * h, redshift, "200c", definition, c_model="diemer15"
    )
    assert convert_m200c(m200c, redshift, definition) == pytest.approx(asked / h, rel=1e-3)


@given(st.floats(2e13, 6e15), st.floats(0.02, 2.9))
@settings(max_examples=60, deadline=None)
def test_m500c_goes_back_to_the_m200c_it_came_from(m200c, redshift):
    assert m200c_from_m500c(m500c_from_m200c(m200c, redshift), redshift) == pytest.approx(m200c, rel=1e-6)


@given(st.floats(1e13, 9e15), st.floats(0.01, 3.0))
@settings(max_examples=60, deadline=None)
def test_m500c_is_smaller_than_m200c_and_grows_with_it(m200c, redshift):
    m500c = m500c_from_m200c(m200c, redshift)
    assert 0.4 * m200c < m500c < 0.9 * m200c
    assert m500c_from_m200c(1.01 * m200c, redshift) > m500c


def test_shapes_broadcast_and_nan_stays_nan():
    masses = np.array([[2e14], [np.nan]])
    result = m500c_from_m200c(masses, np.array([0.3, 0.7, np.nan]))
    assert result.shape == (2, 3)
    assert np.isfinite(result[0, :2]).all()
    assert np.isnan(result[1]).all() and np.isnan(result[:, 2]).all()


def test_the_same_definition_changes_nothing():
    assert convert_m200c(3e14, 0.7, "200c") == 3e14


@pytest.mark.parametrize(
    ("m200c", "redshift", "named"),
    [(9e12, 0.7, "9e+12"), (2e16, 0.7, "2e+16"), (2e14, 3.5, "3.5"), (2e14, 0, "0")],
)
def test_beyond_the_tabulated_range_is_an_error_that_names_the_value(m200c, redshift, named):
    with pytest.raises(InputError) as caught:
        m500c_from_m200c([2e14, m200c], [0.7, redshift])
    assert named in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("redshift", [0.05, 0.7, 2.0])
def test_expansion_and_sizes_agree_with_integrals_done_by_hand(redshift):
    assert e_of_z(redshift) == pytest.approx(expansion(redshift), rel=1e-4)
    comoving_mpc = 299792.458 / H0 * quad(lambda z: 1 / expansion(z), 0, redshift)[0]
    distance_mpc = comoving_mpc / (1 + redshift)
    # 3 H0^2 / 8 pi G = 2.77537e11 h^2 Msun / Mpc^3
    critical = 2.77537e11 * (H0 / 100) ** 2 * expansion(redshift) ** 2
    radius = (3 * 4e14 / (4 * np.pi * 500 * critical)) ** (1 / 3)
    assert r500_mpc(4e14, redshift) == pytest.approx(radius, rel=1e-3)
    arcmin = np.degrees(radius / distance_mpc) * 60
    assert theta500_arcmin(4e14, redshift) == pytest.approx(arcmin, rel=1e-3)


@pytest.mark.parametrize("universe", [PLANCK18, Cosmology(h0_km_s_mpc=80.0, omega_m=0.9)])
def test_distances_are_those_of_astropy_at_any_redshift(universe):
    redshift = np.random.default_rng(1).uniform(*REDSHIFT_RANGE, 300)
    expected = FlatLambdaCDM(universe.h0_km_s_mpc, universe.omega_m, Tcmb0=2.7255, Ob0=universe.omega_b)
    found = angular_diameter_distance_mpc(redshift, universe)
    np.testing.assert_allclose(found, expected.angular_diameter_distance(redshift).value, rtol=1e-9)
    assert np.isnan(angular_diameter_distance_mpc(np.nan, universe))
    with pytest.raises(InputError, match=r"redshift = 3\.5"):
        angular_diameter_distance_mpc([0.7, 3.5], universe)


# WMAP9 (Hinshaw et al. 2013), as astropy and colossus have it, without its neutrinos
WMAP9 = Cosmology(h0_km_s_mpc=69.32, omega_m=0.2865, omega_b=0.04628, sigma8=0.82, n_s=0.9608)


def test_another_universe_is_astropys_and_colossus_own():
    from astropy.cosmology import WMAP9 as ASTROPY
    from colossus.cosmology import cosmology
    from colossus.halo import mass_adv

    assert e_of_z(1.0, WMAP9) == pytest.approx(ASTROPY.efunc(1.0), rel=1e-3)
    per_distance = theta500_arcmin(3e14, 0.5, WMAP9) / r500_mpc(3e14, 0.5, WMAP9)
    assert per_distance == pytest.approx(ASTROPY.arcsec_per_kpc_proper(0.5).value * 1000 / 60, rel=1e-3)
    h = cosmology.setCosmology("WMAP9", persistence="").h
    asked, _, _ = mass_adv.changeMassDefinitionCModel(4e14 * h, 0.3, "200c", "500c", c_model="diemer15")
    assert m500c_from_m200c(4e14, 0.3, WMAP9) == pytest.approx(asked / h, rel=2e-3)
    # and the first universe is unharmed by the second
    assert m500c_from_m200c(5e14, 0.7) == pytest.approx(3.3986e14, rel=WITHIN)
    assert m200c_from_m500c(m500c_from_m200c(4e14, 0.3, WMAP9), 0.3, WMAP9) == pytest.approx(4e14, rel=1e-6)


def test_a_universe_has_a_name():
    assert PLANCK18.name == "planck18" and Cosmology().name == "planck18"
    assert WMAP9.name == "H0=69.32 Om=0.2865 Ob=0.04628 s8=0.82 ns=0.9608 tau=0.0561"
    assert len(WMAP9.name) < 68  # a FITS card
