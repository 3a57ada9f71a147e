"""Halos along the line of sight: their numbers against the mass function, and what they add."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.lss import mass_function
from scipy.stats import kstest

from szmass_cli.physics.cosmology import PLANCK18, m500c_from_m200c
from szmass_cli.physics.profiles import cluster_scales, compton_y
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.sightline import Halos, ShapeTable, add_halos, draw_halos
from szmass_cli.sky.ygrid import YGrid

MIN_MASS, REDSHIFTS = 3e13, (0.1, 1.5)


@pytest.fixture(scope="module")
def abundance():
    return halo_abundance(PLANCK18, (MIN_MASS, 5e15), REDSHIFTS)


def per_square_degree(min_mass, redshifts, n_mass=41, n_z=29):
    """Tinker et al. (2008) halos, by Gauss-Legendre sums."""
    h = colossus_cosmology.setCosmology("planck18", persistence="").h
    universe = FlatLambdaCDM(H0=67.66, Om0=0.3111)
    x, wx = np.polynomial.legendre.leggauss(n_mass)
    v, wv = np.polynomial.legendre.leggauss(n_z)
    ln_mass = np.log(min_mass) + (x + 1) / 2 * np.log(5e15 / min_mass)
    redshift = redshifts[0] + (v + 1) / 2 * (redshifts[1] - redshifts[0])
    density = [
        mass_function.massFunction(
            np.exp(ln_mass) * h, z, q_in="M", q_out="dndlnM", mdef="200c", model="tinker08"
        )
        @ wx
        for z in redshift
    ]
    volume = universe.differential_comoving_volume(redshift).value * (np.pi / 180) ** 2
    jacobian = 0.25 * np.log(5e15 / min_mass) * (redshifts[1] - redshifts[0])
    return h**3 * jacobian * np.sum(np.array(density) * volume * wv)


def test_numbers_are_poisson_about_those_of_the_mass_function(abundance):
    counts = np.array(
        [len(draw_halos(abundance, 30.0, np.random.default_rng(seed)).redshift) for seed in range(600)]
    )
    expected = per_square_degree(MIN_MASS, REDSHIFTS)
    assert 20 < expected < 300
    assert counts.mean() == pytest.approx(expected, abs=3.5 * np.sqrt(expected / 600) + 0.01 * expected)
    assert counts.var() == pytest.approx(expected, rel=0.25)
    heavy = per_square_degree(1e14, REDSHIFTS)
    drawn = sum(
        np.sum(draw_halos(abundance, 30.0, np.random.default_rng(seed)).m200c_msun > 1e14)
        for seed in range(600)
    )
    assert drawn / 600 == pytest.approx(heavy, abs=3.5 * np.sqrt(heavy / 600) + 0.01 * heavy)


def test_halos_are_anywhere_in_the_square(abundance):
    rng = np.random.default_rng(2)
    many = [draw_halos(abundance, 30.0, rng) for _ in range(50)]
    for name in ("west_arcmin", "north_arcmin"):
        places = np.concatenate([getattr(halos, name) for halos in many])
        assert kstest(places, "uniform", (-30, 60)).pvalue > 1e-3
    redshift = np.concatenate([halos.redshift for halos in many])
    assert redshift.min() >= REDSHIFTS[0] and redshift.max() <= REDSHIFTS[1]
    assert np.concatenate([halos.m200c_msun for halos in many]).min() >= MIN_MASS


def painted(grid, **columns):
    halos = Halos(*(np.asarray(columns[name], float) for name in ("mass", "redshift", "west", "north")))
    y = np.zeros((grid.n_pixels, grid.n_pixels))
    add_halos(y, grid, halos, cluster_scales(halos.m200c_msun, halos.redshift), ShapeTable())
    return y


def test_a_halo_is_a_spherical_cluster_where_it_lies():
    grid = YGrid(128, 0.125)
    y = painted(grid, mass=[2e14], redshift=[0.5], west=[2.03], north=[-1.51])
    west, north = np.meshgrid(grid.offsets() - 2.03, grid.offsets() + 1.51)
    theta = np.hypot(west, north)
    away = theta > 0.5  # nearer, means over pixels are not what is at their centres
    expected = compton_y(2e14, 0.5, theta[away])
    bright = expected > 1e-3 * expected.max()
    np.testing.assert_allclose(y[away][bright], expected[bright], rtol=0.02)


def test_a_halo_brings_its_published_flux():
    """Y of the sphere: 2.925e-5 I(5) M^1.787 E^2/3 Mpc^2, I(5) = 1.1037 (Arnaud et al. 2010, section 6)."""
    y = painted(YGrid(256, 0.125), mass=[1e14], redshift=[0.9], west=[1.0], north=[3.0])
    universe = FlatLambdaCDM(H0=67.66, Om0=0.3111, Tcmb0=2.7255)
    mass = float(m500c_from_m200c(1e14, 0.9)) / 3e14 * 0.6766 / 0.7
    h70 = 0.6766 / 0.7
    expected = 2.925e-5 * 1.1037 * h70**-1.5 * mass**1.787 * universe.efunc(0.9) ** (2 / 3) / h70
    area = (np.radians(0.125 / 60) * universe.angular_diameter_distance(0.9).value) ** 2
    assert y.sum() * area == pytest.approx(expected, rel=0.01)


def test_halos_beyond_the_edge_show_their_wing_and_no_more():
    grid = YGrid(128, 0.125)
    wing = painted(grid, mass=[5e14], redshift=[0.3], west=[10.0], north=[0.0])
    assert wing[:, -1].max() > 0 and wing[64, -1] > wing[64, -20]
    assert not painted(grid, mass=[5e14], redshift=[0.3], west=[60.0], north=[0.0]).any()
    both = painted(grid, mass=[5e14, 5e14], redshift=[0.3, 0.3], west=[10.0, 10.0], north=[0.0, 0.0])
    np.testing.assert_allclose(both, 2 * wing)
