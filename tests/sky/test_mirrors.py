"""Maps of stamps by parity against the whole matrices that they stand for."""

import numpy as np
import pytest

from szmass_cli.sky.mirrors import MirrorMatrix, fold, unfold


def mirrored(matrix):
    """The mean of a matrix over all mirror images of stamps."""
    axes = matrix.reshape(40, 40, -1, 40, 40, matrix.shape[1] // 1600)
    turned = (axes[::y, ::x, :, ::y, ::x] for y in (1, -1) for x in (1, -1))
    return (sum(turned) / 4).reshape(matrix.shape)


@pytest.fixture(scope="module")
def whole():
    """From one band to one: neighbours weigh more, rows do as they like."""
    rng = np.random.default_rng(1)
    return mirrored(rng.standard_normal((1600, 1600)) + 60.0 * np.eye(1600))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).standard_normal((3, 40, 40, 1))


@pytest.mark.parametrize("n_bands", [1, 2])
def test_unfolding_undoes_folding(n_bands):
    images = np.random.default_rng(3).standard_normal((3, 40, 40, n_bands))
    parts = fold(images)
    assert parts.shape == (4, 3, 400 * n_bands)
    np.testing.assert_allclose(np.sum(parts**2), np.sum(images**2))
    np.testing.assert_allclose(unfold(parts), images)


def test_single_precision_stays_single(whole, images):
    assert MirrorMatrix.of(whole).astype(np.float32)(images.astype(np.float32)).dtype == np.float32


def test_it_does_what_the_whole_matrix_does(whole, images):
    matrix = MirrorMatrix.of(whole)
    np.testing.assert_allclose(matrix(images).reshape(3, -1), images.reshape(3, -1) @ whole.T)
    np.testing.assert_allclose(matrix.full(), whole, atol=1e-12)
    np.testing.assert_allclose(matrix.transposed.full(), whole.T, atol=1e-12)
    np.testing.assert_allclose(matrix.inverse.full(), np.linalg.inv(whole), atol=1e-12)
    np.testing.assert_allclose((matrix @ matrix).full(), whole @ whole, atol=1e-9)
    np.testing.assert_allclose(matrix.diagonal().ravel(), np.diag(whole))


def test_maps_between_several_bands(images):
    """From two bands to three, each way written out."""
    rng = np.random.default_rng(4)
    singles = [mirrored(rng.standard_normal((1600, 1600))) for _ in range(3)]
    stamps = np.concatenate([images, images[::-1] + 1.0], axis=-1)
    first, second, both = (MirrorMatrix.of(one) for one in singles)
    sum_of_both = both.of_band(0, 2) + both.of_band(1, 2) * 2.0
    got = MirrorMatrix.stacked([first.of_band(0, 2), second.of_band(1, 2), sum_of_both])(stamps)
    bands = np.moveaxis(stamps.reshape(3, 1600, 2), -1, 0)
    expected = [
        bands[0] @ singles[0].T,
        bands[1] @ singles[1].T,
        (bands[0] + 2.0 * bands[1]) @ singles[2].T,
    ]
    np.testing.assert_allclose(got.reshape(3, 1600, 3), np.stack(expected, axis=-1), atol=1e-10)


def test_whole_matrices_of_several_bands():
    rng = np.random.default_rng(5)
    whole = mirrored(rng.standard_normal((3200, 1600)))
    np.testing.assert_allclose(MirrorMatrix.of(whole).full(), whole, atol=1e-12)
