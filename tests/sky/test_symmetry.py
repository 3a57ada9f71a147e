"""Blocks of a symmetry against whole matrices."""

import numpy as np
import pytest

from szmass_cli.sky.symmetry import HALF_TURN, MIRRORS

LAGS = np.arange(-39, 40)


def covariance_by_lag(angle):
    """Two bands, longer along one direction than across it."""
    x, y = LAGS[None, :], LAGS[:, None]
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    one = np.exp(-((along / 12) ** 2) - (across / 5) ** 2)
    other = np.exp(-((x**2 + y**2) / 30.0))
    return np.array([[2 * one + other, one], [one, one + 3 * other]])


def whole(by_lag):
    difference = np.subtract.outer(np.arange(40), np.arange(40)) + 39
    matrix = by_lag[:, :, difference[:, None, :, None], difference[None, :, None, :]]
    return matrix.transpose(2, 3, 0, 4, 5, 1).reshape(3200, 3200)


@pytest.mark.parametrize(("symmetry", "angle"), [(MIRRORS, 0.0), (HALF_TURN, 0.0), (HALF_TURN, 0.6)])
def test_blocks_are_the_whole_matrix_of_a_symmetric_covariance(symmetry, angle):
    by_lag = covariance_by_lag(angle)
    images = np.random.default_rng(1).standard_normal((3, 40, 40, 2))
    expected = (images.reshape(3, -1) @ whole(by_lag)).reshape(images.shape)
    found = symmetry.unfold(symmetry.fold(images) @ symmetry.blocks(by_lag))
    np.testing.assert_allclose(found, expected, atol=1e-9 * np.abs(expected).max())


def test_mirrors_do_not_hold_stripes_at_an_angle():
    by_lag = covariance_by_lag(0.6)
    images = np.random.default_rng(1).standard_normal((3, 40, 40, 2))
    expected = (images.reshape(3, -1) @ whole(by_lag)).reshape(images.shape)
    found = MIRRORS.unfold(MIRRORS.fold(images) @ MIRRORS.blocks(by_lag))
    assert np.abs(found - expected).max() > 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("symmetry", [MIRRORS, HALF_TURN])
def test_folding_keeps_images_and_sums_of_squares(symmetry):
    images = np.random.default_rng(2).standard_normal((4, 40, 40, 3))
    fields = symmetry.fold(images)
    assert fields.shape == (len(symmetry.parities), 4, symmetry.n_pixels * 3)
    np.testing.assert_allclose(symmetry.unfold(fields), images, atol=1e-12)
    np.testing.assert_allclose(np.sum(fields**2, axis=(0, 2)), np.sum(images**2, axis=(1, 2, 3)))
    single = symmetry.fold(images.astype(np.float32))
    assert single.dtype == symmetry.unfold(single).dtype == np.float32


@pytest.mark.parametrize("symmetry", [MIRRORS, HALF_TURN])
def test_an_image_that_is_alike_under_all_of_the_group_is_in_the_first_block_alone(symmetry):
    axis = np.arange(40) - 19.5
    image = np.exp(-(axis[:, None] ** 2 + 2 * axis[None, :] ** 2) / 50)[None, :, :, None]
    fields = symmetry.fold(image)
    assert np.abs(fields[1:]).max() < 1e-12 < np.abs(fields[0]).max()
