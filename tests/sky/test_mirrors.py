"""Maps of cutouts by parity against the whole matrices that they stand for."""

import numpy as np
import pytest

from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.transfers import PlaneTransfer
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.mirrors import MirrorMatrix
from szmass_cli.sky.power import SkyPower


def mirrored(matrix):
    """The mean of a matrix over all mirror images of cutouts."""
    axes = matrix.reshape(40, 40, -1, 40, 40, matrix.shape[1] // 1600)
    turned = (axes[::y, ::x, :, ::y, ::x] for y in (1, -1) for x in (1, -1))
    return (sum(turned) / 4).reshape(matrix.shape)


def full(matrix):
    """The whole matrix, from what the map makes of each pixel alone."""
    n_in = matrix.blocks.shape[2] * 4
    return matrix(np.eye(n_in).reshape(n_in, 40, 40, -1)).reshape(n_in, -1).T


@pytest.fixture(scope="module")
def whole():
    """From one band to one: neighbours weigh more, rows do as they like."""
    rng = np.random.default_rng(1)
    return mirrored(rng.standard_normal((1600, 1600)) + 60.0 * np.eye(1600))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(2).standard_normal((3, 40, 40, 1))


def test_it_does_what_the_whole_matrix_does(whole, images):
    matrix = MirrorMatrix.of(whole)
    np.testing.assert_allclose(matrix(images).reshape(3, -1), images.reshape(3, -1) @ whole.T)
    np.testing.assert_allclose(full(matrix), whole, atol=1e-12)
    np.testing.assert_allclose(full(matrix.transposed), whole.T, atol=1e-12)
    np.testing.assert_allclose(full(matrix.inverse), np.linalg.inv(whole), atol=1e-12)
    np.testing.assert_allclose(full(matrix @ matrix), whole @ whole, atol=1e-9)
    np.testing.assert_allclose(matrix.diagonal().ravel(), np.diag(whole))


def test_maps_between_several_bands(images):
    """From two bands to three, each way written out."""
    rng = np.random.default_rng(4)
    singles = [mirrored(rng.standard_normal((1600, 1600))) for _ in range(3)]
    cutouts = np.concatenate([images, images[::-1] + 1.0], axis=-1)
    first, second, both = (MirrorMatrix.of(one) for one in singles)
    sum_of_both = both.of_band(0, 2) + both.of_band(1, 2) * 2.0
    got = MirrorMatrix.stacked([first.of_band(0, 2), second.of_band(1, 2), sum_of_both])(cutouts)
    bands = np.moveaxis(cutouts.reshape(3, 1600, 2), -1, 0)
    expected = [
        bands[0] @ singles[0].T,
        bands[1] @ singles[1].T,
        (bands[0] + 2.0 * bands[1]) @ singles[2].T,
    ]
    np.testing.assert_allclose(got.reshape(3, 1600, 3), np.stack(expected, axis=-1), atol=1e-10)


def test_whole_matrices_of_several_bands():
    rng = np.random.default_rng(5)
    whole = mirrored(rng.standard_normal((3200, 1600)))
    np.testing.assert_allclose(full(MirrorMatrix.of(whole)), whole, atol=1e-12)


def test_filtering_for_sz_signals_is_refused_behind_stripes_at_an_angle():
    """A filter that mirroring changes has no such map: two blocks in place of four."""
    axis = np.linspace(-40_000, 40_000, 41)
    stripes = 0.5 + 0.5 * (np.abs(axis[:, None] + axis[None, :]) > 3000)
    band = Band(150.0, Beam(1.2), 5.0, transfer=PlaneTransfer(axis, axis, stripes))
    sky = CutoutSky(SkyPower(np.arange(2.0, 100.0), np.ones((1, 1, 98))), [band])
    with pytest.raises(ConfigError, match=r"network.input: filtered"):
        _ = sky.sz_filter
