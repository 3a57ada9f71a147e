"""Clusters behind filters that depend on direction, against images made with an FFT on a large box."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import cluster_scales, compton_y
from szmass_cli.physics.transfers import PlaneTransfer
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.planeimages import PlaneImages

ARCMIN = np.pi / 180 / 60
FWHM, MASS, REDSHIFT = 1.2, 5e14, 0.5
STEP, N = 0.1, 2048


def smooth(ell_x, ell_y):
    """High-pass across a direction that is neither a row nor a column."""
    return 1.0 - 0.95 * np.exp(-(((0.8 * ell_x + 0.6 * ell_y) / 1200.0) ** 2))


@pytest.fixture(scope="module")
def band():
    axis = np.linspace(-16_000.0, 16_000.0, 641)
    transfer = PlaneTransfer(axis, axis, smooth(axis[None, :], axis[:, None]))
    return Band(150.0, Beam(FWHM), 5.0, transfer=transfer)


@cache
def by_fft(north_arcmin, west_arcmin):
    """Compton y on pixels of 0.1', each the mean of 25, multiplied in harmonic space; east at low columns."""
    centres = (np.arange(N) - N // 2 + 0.5) * STEP
    theta = np.linspace(0, 40, 60_000)
    profile = compton_y(MASS, REDSHIFT, theta)
    y = np.zeros((N, N))
    for dy in (np.arange(5) - 2) / 5 * STEP:
        for dx in (np.arange(5) - 2) / 5 * STEP:
            radius = np.hypot(centres[:, None] + dy - north_arcmin, centres[None, :] + dx - west_arcmin)
            y += np.interp(radius, theta, profile, right=0.0) / 25
    ell = 2 * np.pi * np.fft.fftfreq(N, STEP * ARCMIN)
    north, east = ell[:, None], -ell[None, :]
    sigma = FWHM / np.sqrt(8 * np.log(2)) * ARCMIN
    passed = np.exp(-0.5 * (north**2 + east**2) * sigma**2) * smooth(east, north)
    filtered = np.fft.ifft2(np.fft.fft2(y) * passed).real
    rows = np.broadcast_to((pixel_offsets_arcmin() / STEP + N // 2 - 0.5)[:, None], (40, 40))
    return map_coordinates(filtered, [rows, rows.T], order=3)


@pytest.mark.parametrize(("north", "west"), [(0.0, 0.0), (1.1, -0.6)])
def test_the_image_is_that_of_an_fft(band, north, west):
    expected = by_fft(north, west)
    scales = cluster_scales(MASS, REDSHIFT)
    found = scales.y_scale * PlaneImages(band)(float(scales.theta500_arcmin), north, west)
    np.testing.assert_allclose(found, expected, atol=3e-3 * np.abs(expected).max())
    assert np.abs(expected - expected[:, ::-1]).max() > 0.02 * np.abs(expected).max()


def test_cluster_images_behind_it_are_in_microkelvin(band):
    """f(150 GHz) = -0.9533 times 2.7255 K."""
    expected = -0.9533 * 2.7255e6 * by_fft(0.0, 0.0)
    found = ClusterStamps((band,)).mean_images(MASS, REDSHIFT)[0, ..., 0]
    np.testing.assert_allclose(found, expected, atol=4e-3 * np.abs(expected).max())


def test_a_filter_that_passes_all_leaves_the_round_image():
    everything = PlaneTransfer(np.array([-1.0, 1.0]), np.array([-1.0, 1.0]), np.ones((2, 2)))
    clear = Band(150.0, Beam(FWHM), 5.0)
    found = ClusterStamps((Band(150.0, Beam(FWHM), 5.0, transfer=everything),)).mean_images([2e14, 1e15], 0.4)
    expected = ClusterStamps((clear,)).mean_images([2e14, 1e15], 0.4)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3 * np.abs(other).max())
