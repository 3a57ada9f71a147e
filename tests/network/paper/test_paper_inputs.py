"""What the network is shown and what it is taught."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.config import ClusterConfig, ListedMasses, NetworkConfig, SurveyConfig, TrainingConfig
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.network.paper.inputs import MASS_PIXEL, Labels, NetworkInput
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.sky.cutouts import CutoutBlock

SCALE = 600.0


@pytest.fixture(scope="module")
def filtered(simulator):
    return NetworkInput.create(NetworkConfig(input="filtered"), simulator.sky, simulator.bands, SCALE)


@pytest.fixture(scope="module")
def labels(simulator):
    return Labels.create(SurveyConfig(), simulator.stamps)


def block_of(masses):
    n = len(masses)
    sz = np.random.default_rng(1).normal(-50, 20, (n, 40, 40, 1)).astype(np.float32)
    return CutoutBlock(2 * sz, sz, np.asarray(masses, float), np.full(n, 0.7), np.ones(n))


def test_plain_input_is_the_image_over_the_scale(simulator, cutouts):
    plain = NetworkInput.create(NetworkConfig(input="plain"), simulator.sky, simulator.bands, SCALE)
    images = cutouts.image[:20, ..., 0]
    got = plain(images)
    assert plain.channels == 1
    assert got.shape == (20, 40, 40, 1) and got.dtype == np.float32
    np.testing.assert_array_equal(got[..., 0], images / np.float32(SCALE))


def test_filtered_input_has_the_stated_variance_on_bare_sky(filtered, simulator):
    """Standard deviation a third in the filtered channel, averaged over pixels."""
    got = filtered(simulator.sky.draw(np.random.default_rng(2), 1500)[..., 0])
    assert filtered.channels == 2
    assert got.shape == (1500, 40, 40, 2) and got.dtype == np.float32
    assert np.sqrt(np.mean(got[..., 1] ** 2)) == pytest.approx(1 / 3, rel=0.01)


def test_the_first_filtered_channel_is_the_cutout_smoothed_by_the_beam(filtered):
    flat = filtered(np.full((1, 40, 40), 300.0))[0, ..., 0]
    np.testing.assert_allclose(flat, 0.5, rtol=1e-5)
    point = np.zeros((1, 40, 40))
    point[0, 20, 20] = SCALE
    response = filtered(point)[0, ..., 0]
    # a beam of 1' FWHM: half the peak 2 pixels away, and 1 / (2 pi sigma^2) per pixel of 0.25'
    sigma_pixels = 4 / np.sqrt(8 * np.log(2))
    assert response[20, 22] / response[20, 20] == pytest.approx(0.5, rel=1e-4)
    assert response[20, 20] == pytest.approx(1 / (2 * np.pi * sigma_pixels**2), rel=1e-3)


def test_the_second_filtered_channel_is_the_beam_on_the_inverse_covariance(filtered, simulator):
    """B C^-1 d by another route: solve for C^-1 d, then smooth with a Gaussian written out here."""
    images = simulator.sky.draw(np.random.default_rng(3), 3)[..., 0]
    covariance = simulator.sky.sky_covariance_uk2 + 400.0 * np.eye(1600)
    solved = np.linalg.solve(covariance, images.reshape(3, -1).T.astype(float)).T.reshape(3, 40, 40)
    pixels = np.arange(40)
    sigma_pixels = 4 / np.sqrt(8 * np.log(2))
    kernel = np.exp(-0.5 * ((pixels[:, None] - pixels) / sigma_pixels) ** 2)
    expected = (kernel @ solved @ kernel)[:, 8:32, 8:32]
    got = filtered(images)[:, 8:32, 8:32, 1]
    factor = np.sum(got * expected) / np.sum(expected**2)
    np.testing.assert_allclose(got, factor * expected, atol=0.01 * np.abs(got).max())


def test_the_filter_takes_the_gradient_of_the_cmb_away(filtered):
    """100 µK across the cutout is loud in the first channel and silent in the second."""
    gradient = np.linspace(-50, 50, 40)[None, None, :] * np.ones((1, 40, 1))
    smooth, whitened = np.moveaxis(filtered(gradient)[0], -1, 0)
    assert np.abs(smooth).max() > 0.05
    assert np.abs(whitened[5:35, 5:35]).max() < 0.05


def test_filtering_is_linear(filtered, cutouts):
    one, other = cutouts.image[:5, ..., 0], cutouts.image[5:10, ..., 0]
    np.testing.assert_allclose(filtered(one + 2 * other), filtered(one) + 2 * filtered(other), atol=1e-4)


def test_massive_clusters_stay_of_order_one(filtered, simulator):
    images = simulator.stamps.mean_images(np.array([8e14]), 0.7)[..., 0]
    assert 1 < np.abs(filtered(images)).max() < 10


def test_a_cutout_is_filtered_alike_in_every_row_of_a_batch(filtered, cutouts):
    """A catalogue may be cut into blocks anywhere and must give the same masses to the last bit."""
    images = cutouts.image[:256, ..., 0]
    whole = filtered(images)
    np.testing.assert_array_equal(filtered(np.roll(images, 37, axis=0)), np.roll(whole, 37, axis=0))


def test_a_cutout_is_filtered_alike_in_every_row_but_for_rounding(filtered, cutouts):
    images = cutouts.image[:256, ..., 0]
    rolled = filtered(np.roll(images, 37, axis=0))
    np.testing.assert_allclose(rolled, np.roll(filtered(images), 37, axis=0), atol=2e-5)


def test_the_scale_brings_cutouts_between_minus_one_and_one(labels, cutouts):
    """Heaviest cluster 234.9 µK at its centre (design), so 250 + 350; 5 sigma CMB peaks may stick out."""
    assert labels.scale_uk == 600.0
    assert labels.mean_mass_msun == pytest.approx(4.5e14)
    assert np.mean(np.abs(cutouts.image / labels.scale_uk) < 1) > 0.999


@given(st.lists(st.floats(1e13, 5e15), min_size=1, max_size=5))
@settings(max_examples=50, deadline=None)
def test_masses_are_read_back_from_their_pixel(masses):
    labels = Labels(SCALE, 4.5e14)
    np.testing.assert_allclose(labels.mass_msun(labels.maps(block_of(masses))), masses, rtol=1e-6)


def test_label_maps_are_the_papers_two(labels):
    block = block_of([2e14, 9e14])
    maps = labels.maps(block)
    assert maps.shape == (2, 40, 40, 2) and maps.dtype == np.float32
    np.testing.assert_array_equal(maps[..., 0], block.sz[..., 0] / np.float32(600.0))
    np.testing.assert_allclose(labels.sz_uk(maps), block.sz[..., 0], rtol=1e-6)
    # the second is one NFW profile for all, but for the mass pixel
    assert MASS_PIXEL == (20, 20)
    assert maps[0, 20, 20, 1] == pytest.approx(2 / 4.5) and maps[1, 20, 20, 1] == pytest.approx(2.0)
    others = np.ones((40, 40), bool)
    others[MASS_PIXEL] = False
    np.testing.assert_array_equal(maps[0, ..., 1][others], maps[1, ..., 1][others])
    nfw, radii = maps[0, ..., 1][others], pixel_radii_arcmin()[others]
    assert nfw.max() == 1 and nfw.min() > 0
    order = np.argsort(radii, kind="stable")
    assert np.all(np.diff(nfw[order]) <= 1e-6)


def test_only_the_mass_pixel_weighs_more(labels):
    block = block_of([2.25e14, 9e14])
    absolute = labels.weights(block, TrainingConfig(mass_pixel_weight=300.0))
    relative = labels.weights(block, TrainingConfig(mass_pixel_weight=100.0, mass_error="relative"))
    assert absolute.shape == (2, 40, 40, 2)
    np.testing.assert_array_equal(absolute[:, 20, 20, 1], 300.0)
    # (M / mean)^-2, so that what counts is dM / M
    np.testing.assert_allclose(relative[:, 20, 20, 1], [400.0, 25.0], rtol=1e-6)
    for weights in (absolute, relative):
        rest = weights.copy()
        rest[:, 20, 20, 1] = 1.0
        np.testing.assert_array_equal(rest, 1.0)


def test_the_sz_map_weighs_what_is_configured(labels):
    block = block_of([2.25e14, 9e14])
    plain = labels.weights(block, TrainingConfig())
    heavy = labels.weights(block, TrainingConfig(sz_map_weight=7.0))
    np.testing.assert_array_equal(heavy[..., 0], 7.0 * plain[..., 0])
    np.testing.assert_array_equal(heavy[..., 1], plain[..., 1])


def test_listed_masses_have_their_own_mean(simulator):
    clusters = ClusterConfig(masses=ListedMasses(kind="list", m200c_msun=(1e14, 2e14)))
    labels = Labels.create(SurveyConfig(clusters=clusters), simulator.stamps)
    assert labels.mean_mass_msun == pytest.approx(1.5e14)
    # 33.7 µK at its centre (design): 50 + 350
    assert labels.scale_uk == 400.0


def test_a_wider_beam_smooths_more(simulator):
    narrow, wide = (
        NetworkInput.create(
            NetworkConfig(input="filtered"), simulator.sky, (Band(150.0, Beam(fwhm), 5.0),), SCALE
        )
        for fwhm in (1.0, 2.0)
    )
    noise = np.random.default_rng(4).standard_normal((50, 40, 40))
    assert wide(noise)[..., 0].std() < 0.6 * narrow(noise)[..., 0].std()
