"""Mass scales: what the formulas say, done by hand, and widths as draws of the parameters have them."""

import re

import numpy as np
import pytest
from astropy.cosmology import Planck18

from szmass_cli.config.massscale import MassScaleConfig, load_mass_scale, mass_scale_names
from szmass_cli.errors import ConfigError, UsageError
from szmass_cli.physics.cosmology import PLANCK18, m200c_from_m500c, m500c_from_m200c
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.massscale import MassScale, check_scale_of_model
from szmass_cli.posterior.priors import Prior, PriorChange, ln_prior

MASS, REDSHIFT = np.array([1.5e14, 4e14, 1.1e15]), np.array([0.2, 0.6, 1.1])


def scale(**changes):
    return MassScale("test", MassScaleConfig(**changes))


def test_a_constant_bias_divides_m500c():
    found = scale(one_minus_b=0.7).m200c(MASS, REDSHIFT, PLANCK18)
    expected = m500c_from_m200c(MASS, REDSHIFT) / 0.7
    np.testing.assert_allclose(m500c_from_m200c(found, REDSHIFT), expected, rtol=1e-6)
    np.testing.assert_allclose(scale().m200c(MASS, REDSHIFT, PLANCK18), MASS, rtol=1e-6)
    assert np.isnan(scale(one_minus_b=0.7).m200c([np.nan, 1e14], [0.5, np.nan], PLANCK18)).all()


def test_it_undoes_the_bias_of_a_simulation():
    """A cluster of mass M, simulated with b = 0.3, has the signal that an unbiased model gives to M_A10."""
    biased = cluster_scales(MASS, REDSHIFT, SzModel(mass_bias=0.3))
    grid = np.linspace(np.log(5e13), np.log(2e15), 4000)
    seen = [
        np.exp(np.interp(np.log(value), np.log(cluster_scales(np.exp(grid), z).y500_arcmin2), grid))
        for value, z in zip(biased.y500_arcmin2, REDSHIFT, strict=True)
    ]
    found = scale(one_minus_b=0.7).m200c(np.array(seen), REDSHIFT, PLANCK18)
    np.testing.assert_allclose(found, MASS, rtol=1e-3)


def test_slopes_and_normalisation_by_hand():
    relation = scale(one_minus_b=0.8, ln_normalisation=-0.1, mass_slope=1.6, redshift_slope=0.9)
    found = m500c_from_m200c(relation.m200c(MASS, REDSHIFT, PLANCK18), REDSHIFT)
    pivot, e = 3e14 / (67.66 / 70), Planck18.efunc(REDSHIFT)
    y_of_a10 = (m500c_from_m200c(MASS, REDSHIFT) / pivot) ** (5 / 3 + 0.12) * e ** (2 / 3)
    y = np.exp(-0.1) * (0.8 * found / pivot) ** 1.6 * e**0.9
    np.testing.assert_allclose(y, y_of_a10, rtol=1e-4)


def test_a_table_is_linear_in_redshift_and_constant_beyond():
    table = scale(one_minus_b={"redshift": [0.2, 0.6], "value": [0.8, 0.6], "error": [0.1, 0.05]})
    z = np.array([0.05, 0.2, 0.4, 0.6, 1.5])
    np.testing.assert_allclose(table.one_minus_b(z), [0.8, 0.8, 0.7, 0.6, 0.6])
    np.testing.assert_array_equal(table.is_extrapolated(z), [True, False, False, False, True])
    sigma = table.sigma_ln_mass(np.full(5, 4e14), z, PLANCK18)
    of_m500c = np.array([0.1, 0.1, 0.075, 0.05, 0.05]) / [0.8, 0.8, 0.7, 0.6, 0.6]
    np.testing.assert_allclose(sigma, of_m500c, rtol=0.05)


def test_systematic_widths_are_those_of_drawn_parameters():
    names = ("one_minus_b", "ln_normalisation", "mass_slope", "redshift_slope")
    values = np.array([0.75, -0.05, 1.7, 0.8])
    root = np.array([[0.02, 0, 0, 0], [0.01, 0.03, 0, 0], [0.0, 0.01, 0.02, 0], [0.01, 0, 0.0, 0.05]])
    covariance = root @ root.T
    stated = {"parameters": names, "matrix": tuple(map(tuple, covariance.tolist()))}
    relation = scale(**dict(zip(names, values.tolist(), strict=True)), covariance=stated)
    draws = values + np.random.default_rng(1).standard_normal((4_000, 4)) @ root.T
    masses = [
        scale(**dict(zip(names, draw.tolist(), strict=True))).m200c(MASS, REDSHIFT, PLANCK18)
        for draw in draws
    ]
    centre = relation.m200c(MASS, REDSHIFT, PLANCK18)
    sigma = relation.sigma_ln_mass(centre, REDSHIFT, PLANCK18)
    # 4,000 draws know a width to 1.1 per cent (20,000 agree to 2); the relation is not quite linear
    np.testing.assert_allclose(np.std(np.log(masses), axis=0), sigma, rtol=0.035)
    np.testing.assert_allclose(np.median(masses, axis=0), centre, rtol=0.006)


@pytest.mark.parametrize("wanted", [Prior.FLAT_LOG, Prior.FLAT, Prior.MASS_FUNCTION])
def test_the_prior_is_of_the_masses_on_the_scale(wanted):
    """Percentiles are those of a grid of true masses, with the likelihood of the signal of each."""
    relation, z = scale(one_minus_b=0.7, mass_slope=1.6), 0.5
    ln_mass = mass_grid((3e13, 2e15))
    ln_likelihood = -0.5 * ((ln_mass - np.log(3e14)) / 0.3) ** 2
    own = MassPosterior(ln_mass, normalised(ln_likelihood[None]))
    change = PriorChange(Prior.FLAT_LOG, wanted, PLANCK18, relation)
    changed = own.reweighted(change.ln_ratio(ln_mass, np.array([z])))
    found = change.on_scale(changed.percentiles([16.0, 50.0, 84.0])[0], np.full(3, z))

    true = np.linspace(np.log(6e13), np.log(4e15), 6000)  # an even grid of true masses
    signal = np.log(relation.m200c(np.exp(ln_mass), z, PLANCK18))
    seen = np.interp(true, signal, ln_mass)
    ln_p = -0.5 * ((seen - np.log(3e14)) / 0.3) ** 2 + np.ravel(
        ln_prior(wanted, true, np.array([z]), PLANCK18)
    )
    cumulative = np.cumsum(np.exp(ln_p - ln_p.max()))
    expected = np.exp(np.interp([0.16, 0.5, 0.84], cumulative / cumulative[-1], true))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_without_a_scale_nothing_changes():
    change = PriorChange(Prior.FLAT_LOG, Prior.FLAT_LOG, PLANCK18)
    assert change.is_none and change.on_scale(MASS, REDSHIFT) is MASS
    with_scale = PriorChange(Prior.FLAT_LOG, Prior.FLAT_LOG, PLANCK18, scale())
    assert with_scale.is_same_prior and not with_scale.is_none
    ratio = with_scale.ln_ratio(mass_grid((3e13, 2e15)), np.array([0.7]))
    np.testing.assert_allclose(ratio, 0.0, atol=2e-3)


@pytest.mark.parametrize("name", mass_scale_names())
def test_shipped_scales_have_a_source_and_say_so(name):
    relation = MassScale(name, load_mass_scale(name))
    assert relation.config.source in relation.in_words() and re.search(r"\d{4}", relation.config.source)
    assert relation.has_errors == (name != "a10")
    np.testing.assert_array_less(MASS * (1 - 1e-9), relation.m200c(MASS, REDSHIFT, PLANCK18))


def test_the_scale_of_planck_with_spt_is_their_formula():
    """Y500 of Salvati et al. (2022) and Planck 2015 XXIV (eq. 7) against A10's (eqs. 8 and 22), by hand."""
    z, h70 = 0.4, 67.66 / 70.0
    relation, e = MassScale("planck-spt", load_mass_scale("planck-spt")), float(Planck18.efunc(z))
    a10_m500c = np.array([2e14, 5e14, 1e15])
    signal = 10**-4.739 * h70**-2.5 * e ** (2 / 3) * (a10_m500c * h70 / 3e14) ** (5 / 3 + 0.12)
    found = m500c_from_m200c(relation.m200c(m200c_from_m500c(a10_m500c, z, PLANCK18), z, PLANCK18), z)
    theirs = 1e-4 * 10**-0.19 * h70 ** (1.49 - 2.0) * e**0.66 * (0.69 * found / 6e14) ** 1.49
    np.testing.assert_allclose(theirs, signal, rtol=2e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one_minus_b: 0.1", "one_minus_b"),
        ("one_minus_c: 0.8", "one_minus_c"),
        ("one_minus_b: {redshift: [0.2, 0.4], value: [0.8]}", "one length"),
        ("one_minus_b: {redshift: [0.4, 0.2], value: [0.8, 0.7]}", "ascending"),
        ("covariance: {parameters: [tau], matrix: [[0.1]]}", "parameters must be"),
        ("covariance: {parameters: [one_minus_b], matrix: [[-0.1]]}", "negative"),
        ("covariance: {parameters: [one_minus_b, mass_slope], matrix: [[0.1, 0], [0.1, 0.1]]}", "symmetric"),
        ("one_minus_b_error: 0.1\ncovariance: {parameters: [one_minus_b], matrix: [[0.01]]}", "given twice"),
        ("one_minus_b: [", "not valid YAML"),
        ("- 3", "holds no keys"),
    ],
)
def test_what_is_no_scale_is_refused(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_mass_scale(tmp_path / "mine.yaml")


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(ConfigError, match=r"there is no act-dess.*act-des") as caught:
        load_mass_scale("act-dess")
    assert "planck2015-cccp" in caught.value.hint


def test_models_with_a_bias_of_their_own_are_refused():
    check_scale_of_model(SzModel())
    with pytest.raises(UsageError, match=r"mass bias of 0\.2"):
        check_scale_of_model(SzModel(mass_bias=0.2))
