"""Holes are filled with the conditional mean of a Gaussian sky."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.geometry import pixel_offsets_arcmin, pixel_radii_arcmin
from szmass_cli.maps.inpaint import inpaint
from szmass_cli.network.bundle.bundle import read_bundle

SIDE = 6
PIXELS = SIDE * SIDE


def some_covariance(rng):
    mixing = rng.normal(size=(PIXELS, PIXELS))
    return mixing @ mixing.T + 5.0 * np.eye(PIXELS)


@st.composite
def skies(draw):
    """A covariance, three stamps and their bad pixels: at least one good and one bad in each."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = rng.normal(draw(st.floats(-100, 100)), 10.0, (3, SIDE, SIDE))
    bad = rng.uniform(size=images.shape) < draw(st.floats(0.05, 0.9))
    bad[:, 0, 0], bad[:, -1, -1] = True, False
    return some_covariance(rng), images, bad


@given(skies())
@settings(max_examples=40, deadline=None)
def test_the_conditional_mean_by_the_inverse_covariance(sky):
    """With Q = C^-1, E[x_bad | x_good] = -Q_bb^-1 Q_bg x_good: another formula for the same."""
    covariance, images, bad = sky
    precision = np.linalg.inv(covariance)
    filled = inpaint(images, bad, covariance)
    for image, hole, result in zip(
        images.reshape(3, -1), bad.reshape(3, -1), filled.reshape(3, -1), strict=True
    ):
        mean = image[~hole].mean()
        inner, outer = precision[np.ix_(hole, hole)], precision[np.ix_(hole, ~hole)]
        expected = mean - np.linalg.solve(inner, outer @ (image[~hole] - mean))
        np.testing.assert_allclose(result[hole], expected, rtol=1e-6, atol=1e-6)


@given(skies())
@settings(max_examples=20, deadline=None)
def test_good_pixels_are_kept_and_bad_ones_do_not_matter(sky):
    covariance, images, bad = sky
    before = images.copy()
    filled = inpaint(images, bad, covariance)
    np.testing.assert_array_equal(images, before)
    np.testing.assert_array_equal(filled[~bad], images[~bad])
    for rubbish in (0.0, 1e6, np.nan):
        np.testing.assert_array_equal(inpaint(np.where(bad, rubbish, images), bad, covariance), filled)


@given(skies(), st.floats(-1e3, 1e3), st.floats(-10, 10))
@settings(max_examples=20, deadline=None)
def test_filling_goes_along_with_offset_and_scale(sky, offset, scale):
    covariance, images, bad = sky
    changed = inpaint(offset + scale * images, bad, covariance)
    np.testing.assert_allclose(
        changed, offset + scale * inpaint(images, bad, covariance), rtol=1e-6, atol=1e-5
    )


def test_stamps_without_a_hole_or_without_a_good_pixel_are_unchanged():
    rng = np.random.default_rng(1)
    images = rng.normal(size=(3, SIDE, SIDE)).astype(np.float32)
    bad = np.zeros(images.shape, bool)
    bad[1] = True
    bad[2, 2, 3] = True
    filled = inpaint(images, bad, some_covariance(rng))
    np.testing.assert_array_equal(filled[:2], images[:2])
    assert filled[2, 2, 3] != images[2, 2, 3]
    assert filled.dtype == images.dtype


def test_no_stamps_at_all():
    assert inpaint(np.empty((0, SIDE, SIDE)), np.empty((0, SIDE, SIDE), bool), np.eye(PIXELS)).shape == (
        0,
        6,
        6,
    )


@pytest.fixture(scope="module")
def microwave_sky():
    bundle = read_bundle("z07")
    return bundle.training_sky()


def disc(radius_arcmin):
    """A hole 3' to the east and 1' to the north of the centre."""
    offsets = pixel_offsets_arcmin()
    return (np.hypot(offsets[None, :] + 3.0, offsets[:, None] - 1.0) < radius_arcmin)[None]


def test_a_gradient_goes_on_through_the_hole(microwave_sky):
    offsets = pixel_offsets_arcmin()
    gradient = (12.0 * offsets[:, None] - 8.0 * offsets[None, :])[None]
    hole = disc(1.2)
    assert hole.sum() > 60
    filled = inpaint(np.where(hole, 0.0, gradient), hole, microwave_sky.covariance_uk2)
    assert np.ptp(gradient[hole]) > 25
    assert np.abs(filled - gradient)[hole].max() < 2.0


def test_the_sky_is_guessed_as_well_as_it_can_be(microwave_sky):
    """The error in a hole is that of the conditional distribution, and far below that of no guess."""
    rng = np.random.default_rng(5)
    draws = microwave_sky.draw(rng, 60)[..., 0]
    hole = disc(0.6)
    inside = hole.ravel()
    filled = inpaint(draws, np.broadcast_to(hole, draws.shape), microwave_sky.covariance_uk2)
    error = (filled - draws).reshape(len(draws), -1)[:, inside]
    covariance = microwave_sky.covariance_uk2
    conditional = np.linalg.inv(np.linalg.inv(covariance)[np.ix_(inside, inside)])
    assert error.std() == pytest.approx(np.sqrt(np.trace(conditional) / inside.sum()), rel=0.05)
    assert error.std() < 0.5 * draws.reshape(len(draws), -1)[:, inside].std()
    assert abs(error.mean()) < 0.15 * error.std()


def test_a_cluster_beside_the_hole_is_not_copied_into_it(microwave_sky):
    """The sky's covariance knows no clusters: the wing of one must not be continued as a second core."""
    cluster = -150.0 * np.exp(-0.5 * (pixel_radii_arcmin() / 0.7) ** 2)[None]
    hole = disc(0.8)
    filled = inpaint(np.where(hole, 0.0, cluster), hole, microwave_sky.covariance_uk2)
    assert np.abs(filled[hole]).max() < 20.0
