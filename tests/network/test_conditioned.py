"""The conditioned network: what it is told, that it listens, and that rows do not depend on their company."""

from dataclasses import replace

import numpy as np
import pytest

from szmass_cli.config import parse_config
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.network.conditioned import ConditionedInput, Conditions, Decomposed, build_conditioned
from szmass_cli.network.fit.lessons import PosteriorLesson
from szmass_cli.network.mixture import first_biases
from szmass_cli.network.posteriormodel import PosteriorPredictor
from szmass_cli.posterior.recalibration import mass_grid
from szmass_cli.sky.cutouts import Stream

TEXT = """
instruments:
  {{min_beam_fwhm_arcmin: 1.0, max_beam_fwhm_arcmin: 1.04, min_noise_uk_arcmin: 3, max_noise_uk_arcmin: 30}}
network: {{head: posterior, input: filtered, base_filters: 2, dropout_rate: 0, matched_filters: {filters}}}
clusters:
  redshift: {{kind: log_uniform, min: 0.1, max: 1.6}}
  masses: {{kind: log_uniform, min_m200c_msun: 5.0e+13, max_m200c_msun: 1.5e+15}}
"""


def config(filters=4):
    return parse_config(TEXT.format(filters=filters), "small.yaml")


@pytest.fixture(scope="module")
def simulator():
    return InstrumentSimulator(config())


@pytest.fixture(scope="module")
def inputs(simulator):
    return ConditionedInput(config(), simulator.modes)


@pytest.fixture(scope="module")
def block(simulator):
    return next(simulator.blocks(config().clusters, 40, 1, Stream.USER))


@pytest.fixture(scope="module")
def network(inputs):
    """With weights of chance in place of zeros, so that every input has a say."""
    network = build_conditioned(config().network, inputs.shapes)
    rng = np.random.default_rng(2)
    for variable in network.trainable_variables:
        variable.assign(variable + 0.05 * rng.standard_normal(variable.shape))
    return network


@pytest.fixture(scope="module")
def predictor(network, inputs):
    return PosteriorPredictor(network, inputs, mass_grid((5e13, 1.5e15)), batch_size=16)


def test_conditions_go_from_minus_one_to_one(inputs):
    ends = Conditions(np.array([0.1, 0.4, 1.6]), np.array([1.0, 1.04, 1.04]), np.array([3.0, 30.0, 30.0]))
    told = inputs(np.zeros((3, 40, 40)), ends)["conditions"]
    np.testing.assert_allclose(told[0], -1.0, atol=1e-5)
    np.testing.assert_allclose(told[2], 1.0, atol=1e-5)
    assert told[1, 0] == pytest.approx(0.0, abs=1e-5)


def test_cutouts_taken_apart_beforehand_say_the_same(inputs, predictor, block):
    """Some rows, told of another redshift, against the same from the beginning."""
    conditions = Conditions.of(block)
    fwhm = float(conditions.beam_fwhm_arcmin[0])
    behind = np.flatnonzero(conditions.beam_fwhm_arcmin == fwhm)
    cutouts = Decomposed.of(block.image[behind], conditions[behind], inputs._modes[fwhm])
    some = np.array([3, 0, 7])
    redshift = np.array([0.3, 0.6, 1.1])
    told = replace(conditions[behind[some]], redshift=redshift)
    expected = inputs(block.image[behind[some]], told)
    found = inputs.of(cutouts[some].at(redshift))
    assert set(found) == set(expected)
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-6)
    density = predictor(block.image[behind[some]], told).density
    np.testing.assert_allclose(
        predictor.of(cutouts[some].at(redshift)).density, density, rtol=1e-5, atol=1e-9
    )
    masses = np.array([2e14, 5e14, 9e14])
    snr = inputs.snr(block.image[behind[some]], told, masses)
    np.testing.assert_allclose(cutouts[some].at(redshift).snr(masses), snr, rtol=1e-9)


def test_filters_compare_what_is_found_with_what_is_expected(inputs, simulator):
    """A mean cluster without sky gives a filter of its own mass just what it expects."""
    mass, fwhm = float(inputs.filter_masses_msun[2]), 1.0
    image = simulator.instruments[fwhm].stamps.mean_images(mass, 0.5)[..., 0]
    at = Conditions(np.array([0.5]), np.array([fwhm]), np.array([10.0]))
    excess = inputs(image, at)["filters"][0, :4]
    assert excess[2] == pytest.approx(0.0, abs=2e-3)
    assert excess[0] > 0 > excess[3]


def test_an_untrained_network_says_the_same_of_all(inputs, block):
    network = build_conditioned(config().network, inputs.shapes)
    outputs = network(inputs(block.image, Conditions.of(block)), training=False)
    np.testing.assert_allclose(outputs["mixture"], np.tile(first_biases(3), (40, 1)), atol=1e-6)
    assert np.all(np.asarray(outputs["sz"]) == 0)


@pytest.mark.parametrize("name", ["redshift", "beam_fwhm_arcmin", "noise_uk_arcmin"])
def test_what_it_is_told_changes_posterior_and_map(network, inputs, block, name):
    told = inputs(block.image, Conditions.of(block))
    column = ["redshift", "beam_fwhm_arcmin", "noise_uk_arcmin"].index(name)
    other = {key: values.copy() for key, values in told.items()}
    other["conditions"][:, column] += 0.5
    before, after = network(told, training=False), network(other, training=False)
    for output in ("mixture", "sz"):
        assert np.abs(np.asarray(before[output]) - np.asarray(after[output])).max() > 1e-4


def test_rows_are_the_same_however_many_follow(predictor, block):
    conditions = Conditions.of(block)
    whole = predictor(block.image, conditions)
    some = predictor(block.image[:19], conditions[:19])
    np.testing.assert_array_equal(some.mixture, whole.mixture[:19])
    np.testing.assert_array_equal(some.sz_uk, whole.sz_uk[:19])
    np.testing.assert_allclose(whole.density.sum(axis=1), 1.0)
    nothing = predictor(block.image[:0], conditions[:0])
    assert nothing.density.shape == (0, whole.density.shape[1]) and nothing.sz_uk.shape == (0, 40, 40)


def test_the_head_can_do_without_filters(simulator, block):
    without = ConditionedInput(config(filters=0), simulator.modes)
    assert "filters" not in without.shapes
    network = build_conditioned(config(filters=0).network, without.shapes)
    assert network(without(block.image, Conditions.of(block)))["mixture"].shape == (40, 9)


def test_lessons_hold_the_truth(inputs, block):
    _, targets = PosteriorLesson(config(), inputs)(block)
    np.testing.assert_allclose(4e14 * np.exp(targets["mixture"][:, 0]), block.m200c, rtol=1e-5)
    np.testing.assert_allclose(20.0 * np.sinh(targets["sz"]), block.sz, rtol=1e-4, atol=1e-3)
