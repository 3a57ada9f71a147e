"""A network's answers do not depend on the company a cutout is in."""

import numpy as np
import pytest

from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.paper.predictor import Predictor, network_of


@pytest.fixture(scope="module")
def predictor(toy_bundle, simulator):
    return Predictor.from_bundle(read_bundle(toy_bundle), simulator.sky)


def test_rows_are_the_same_however_many_follow(predictor, cutouts):
    images = cutouts.image[..., 0]
    whole = predictor(images)
    assert whole.raw_mass_msun.shape == (600,) and whole.sz_uk.shape == (600, 40, 40)
    assert np.unique(whole.raw_mass_msun).size == 600  # the network does look at its input
    assert 1e13 < whole.raw_mass_msun.std() < 1e16
    for n in (1, 2, 255, 256, 257):
        part = predictor(images[:n])
        np.testing.assert_array_equal(part.raw_mass_msun, whole.raw_mass_msun[:n])
        np.testing.assert_array_equal(part.sz_uk, whole.sz_uk[:n])
    later = predictor(images[256:])
    np.testing.assert_array_equal(later.raw_mass_msun, whole.raw_mass_msun[256:])


@pytest.mark.parametrize("first", [1, 37, 300])
def test_rows_are_the_same_but_for_rounding_wherever_a_batch_begins(predictor, cutouts, first):
    """Rounding only: see test_inputs for why the bits may differ."""
    images = cutouts.image[:400, ..., 0]
    whole, part = predictor(images), predictor(images[first:])
    tolerance = 1e-5 * np.abs(whole.raw_mass_msun).max()
    np.testing.assert_allclose(part.raw_mass_msun, whole.raw_mass_msun[first:], rtol=0, atol=tolerance)
    np.testing.assert_allclose(part.sz_uk, whole.sz_uk[first:], rtol=0, atol=1e-5 * np.abs(whole.sz_uk).max())


def test_no_cutouts_no_answers(predictor):
    nothing = predictor(np.empty((0, 40, 40), np.float32))
    assert nothing.raw_mass_msun.shape == (0,) and nothing.sz_uk.shape == (0, 40, 40)


def test_a_spoilt_row_spoils_no_other(predictor, cutouts):
    images = cutouts.image[:10, ..., 0].copy()
    clean = predictor(images)
    images[4] = np.nan
    spoilt = predictor(images)
    others = np.arange(10) != 4
    assert np.isnan(spoilt.raw_mass_msun[4])
    np.testing.assert_array_equal(spoilt.raw_mass_msun[others], clean.raw_mass_msun[others])


def test_another_batch_size_changes_no_more_than_rounding(predictor, toy_bundle, simulator, cutouts):
    other = Predictor.from_bundle(read_bundle(toy_bundle), simulator.sky, batch_size=7)
    images = cutouts.image[:30, ..., 0]
    masses = predictor(images).raw_mass_msun
    # other shapes are convolved in another order, through 29 layers
    np.testing.assert_allclose(other(images).raw_mass_msun, masses, rtol=0, atol=1e-4 * np.abs(masses).max())


def test_the_mass_is_the_mass_pixel_times_the_mean_mass(predictor, toy_bundle, cutouts):
    """One answer followed by hand through filter, network and scale."""
    images = cutouts.image[:3, ..., 0]
    bundle = read_bundle(toy_bundle)
    network = network_of(bundle.recipe.network, 2, bundle.weights)
    outputs = network.predict_on_batch(predictor._inputs(images))
    got = predictor(images)
    np.testing.assert_allclose(got.raw_mass_msun, outputs[:, 20, 20, 1] * 4.5e14, rtol=1e-3)
    np.testing.assert_allclose(got.sz_uk, outputs[..., 0] * 600.0, rtol=1e-3, atol=0.1)
