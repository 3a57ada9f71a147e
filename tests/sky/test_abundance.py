"""How many clusters there are, against colossus and astropy integrated by other means."""

import numpy as np
import pytest
from astropy.cosmology import Planck18
from colossus.cosmology import cosmology
from colossus.lss import mass_function
from scipy.integrate import simpson
from scipy.stats import kstest

from szmass_cli.config import (
    ClusterConfig,
    ListedMasses,
    ListedRedshifts,
    MassFunctionMasses,
    UniformRedshifts,
    VolumeRedshifts,
)
from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.clusters import draw_masses, draw_redshifts, mass_range, mean_mass, redshift_range

SURVEY = ((3e14, 3e15), (0.2, 1.2))


def per_redshift(z, low=3e14, high=3e15):
    """dN / dz / sr above a mass: colossus' Tinker function by Simpson's rule in ln M, astropy's volume."""
    h = cosmology.setCosmology("planck18", persistence="").h
    ln_m = np.linspace(np.log(low), np.log(high), 61)
    args = {"mdef": "200c", "model": "tinker08", "q_out": "dndlnM"}
    density = mass_function.massFunction(np.exp(ln_m) * h, z, **args) * h**3
    return simpson(density, x=ln_m) * Planck18.differential_comoving_volume(z).value


def cumulative(function, low, high, n=25):
    """A cumulative distribution, to be interpolated."""
    x = np.linspace(low, high, n)
    density = np.array([function(v) for v in x])
    steps = np.append(0.0, np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x)))
    return lambda v: np.interp(v, x, steps / steps[-1])


def test_the_number_of_clusters_is_that_of_the_mass_function():
    total = halo_abundance(PLANCK18, *SURVEY).total_per_sr
    z = np.linspace(0.2, 1.2, 41)
    assert total == pytest.approx(simpson([per_redshift(v) for v in z], x=z), rel=0.003)


def test_redshifts_are_drawn_as_there_are_clusters():
    drawn = halo_abundance(PLANCK18, *SURVEY).draw_redshifts(np.random.default_rng(1), 4000)
    assert kstest(drawn, cumulative(per_redshift, 0.2, 1.2)).pvalue > 0.01


def test_masses_are_drawn_as_there_are_clusters_at_their_redshift():
    abundance = halo_abundance(PLANCK18, *SURVEY)
    drawn = abundance.draw_masses(np.full(4000, 0.61), np.random.default_rng(2))
    assert drawn.min() >= 3e14 and drawn.max() <= 3e15
    above = [per_redshift(0.61, m) / per_redshift(0.61) for m in (4e14, 6e14, 9e14)]
    measured = [np.mean(drawn > m) for m in (4e14, 6e14, 9e14)]
    np.testing.assert_allclose(measured, above, atol=3 * 0.5 / np.sqrt(4000))


def test_more_structure_means_more_clusters():
    more = halo_abundance(Cosmology(sigma8=0.9), *SURVEY).total_per_sr
    assert more > 1.5 * halo_abundance(PLANCK18, *SURVEY).total_per_sr


def test_redshifts_of_any_mass_follow_volume():
    config = ClusterConfig(redshift=VolumeRedshifts(min=0.1, max=1.0))
    drawn = draw_redshifts(config, np.random.default_rng(3), 5000)
    shell = Planck18.comoving_volume([0.1, 0.4, 0.7, 1.0]).value
    measured = np.histogram(drawn, [0.1, 0.4, 0.7, 1.0])[0] / 5000
    np.testing.assert_allclose(measured, np.diff(shell) / (shell[-1] - shell[0]), atol=0.02)


def test_uniform_redshifts_are_uniform():
    config = ClusterConfig(redshift=UniformRedshifts(min=0.3, max=1.5))
    drawn = draw_redshifts(config, np.random.default_rng(4), 3000)
    assert kstest(drawn, "uniform", (0.3, 1.2)).pvalue > 0.01
    assert redshift_range(config) == (0.3, 1.5)


def test_listed_masses_and_redshifts_make_all_pairs():
    config = ClusterConfig(
        masses=ListedMasses(m200c_msun=(1e14, 2e14, 3e14)), redshift=ListedRedshifts(redshifts=(0.67, 0.73))
    )
    rng = np.random.default_rng(1)
    pairs = list(zip(draw_masses(config, rng, 12), draw_redshifts(config, rng, 12), strict=True))
    assert set(pairs) == {(m * 1e14, z) for m in (1, 2, 3) for z in (0.67, 0.73)}
    assert all(pairs.count(pair) == 2 for pair in pairs)
    # a block that begins in the middle goes on from there
    np.testing.assert_array_equal(draw_masses(config, rng, 5, first=7), [m for m, _ in pairs[7:]])
    np.testing.assert_array_equal(draw_redshifts(config, rng, 5, first=7), [z for _, z in pairs[7:]])


def test_masses_of_the_mass_function_at_one_redshift():
    config = ClusterConfig(masses=MassFunctionMasses(min_m200c_msun=3e14), redshift=0.61)
    drawn = draw_masses(config, np.random.default_rng(5), 4000)
    assert np.mean(drawn > 6e14) == pytest.approx(per_redshift(0.61, 6e14) / per_redshift(0.61), abs=0.02)
    assert mass_range(config) == (3e14, 3e15)
    assert mean_mass(config) == pytest.approx(drawn.mean(), rel=0.02)
