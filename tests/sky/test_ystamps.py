"""Stamps behind a beam, from maps without one: against the profile that is beamed in harmonic space."""

import numpy as np
import pytest

from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.physics.beams import ARCMIN, Beam, TabulatedBeam, beam_profile
from szmass_cli.physics.profiles import BeamedProfile, projected_shape
from szmass_cli.sky.ystamps import beam_is_resolved, beam_reach_arcmin, beam_sigma_arcmin, beamed_stamps


def winged_beam():
    """A 1.4' Gaussian with a tenth of its power in a halo of 4', as a table."""
    ell = np.arange(0.0, 40_000.0, 10.0)
    return TabulatedBeam(ell, 0.9 * Beam(1.4).b_ell(ell) + 0.1 * Beam(4.0).b_ell(ell))


BEAMS = {"0.9'": Beam(0.9), "1'": Beam(1.0), "2.2'": Beam(2.2), "winged": winged_beam()}


def pixel_means(theta500_arcmin, n, pixel_arcmin, parts):
    offsets = (np.arange(n * parts) - (n * parts - 1) / 2) * pixel_arcmin / parts
    root = np.linspace(0, np.sqrt(5), 4001)
    radius = np.hypot(offsets[:, None], offsets) / theta500_arcmin
    samples = np.interp(np.sqrt(radius), root, projected_shape(root**2), right=0.0)
    return samples.reshape(n, parts, n, parts).mean(axis=(1, 3))


@pytest.mark.parametrize("name", BEAMS)
@pytest.mark.parametrize("theta500", [1.1, 2.2])
@pytest.mark.parametrize(("n", "stride"), [(72, 1), (144, 2), (215, 3), (216, 3)])
def test_stamps_are_the_beamed_profile(name, theta500, n, stride):
    """Within half a per cent down to a hundredth of the peak, for even and odd numbers of pixels."""
    y = pixel_means(theta500, n, 0.25 / stride, 5)
    got = beamed_stamps(y[None], 0.25 / stride, BEAMS[name])[0]
    expected = BeamedProfile(BEAMS[name])(theta500, pixel_radii_arcmin())
    bright = expected > 0.01 * expected.max()
    np.testing.assert_allclose(got[bright], expected[bright], rtol=0.005)


def test_a_point_shows_the_beam_where_it_lies():
    """One bright pixel 1.0' east and 2.5' north of the cluster."""
    beam, pixel = winged_beam(), 0.25 / 3
    y = np.zeros((1, 192, 192))
    row, column = 126, 83  # their centres are 2.54' north and 1.04' east
    y[0, row, column] = 1.0
    north, west = (row - 95.5) * pixel, (column - 95.5) * pixel
    axis = (np.arange(40) - 19.5) * 0.25
    theta = np.hypot(axis[:, None] - north, axis[None, :] - west)
    expected = beam_profile(beam, theta) * (pixel * ARCMIN) ** 2
    np.testing.assert_allclose(beamed_stamps(y, pixel, beam)[0], expected, atol=0.003 * expected.max())


def test_nothing_comes_round_from_the_opposite_edge():
    y = np.zeros((1, 160, 160))
    y[0, :, 0] = 1.0  # on the stamp's first column
    stamp = beamed_stamps(y, 0.0625, Beam(2.2))[0]
    assert stamp[20, 0] > 0.02
    assert np.abs(stamp[:, 30:]).max() < 1e-4 * stamp[20, 0]


def test_several_maps_are_beamed_one_by_one():
    maps = np.random.default_rng(1).random((3, 128, 128))
    together = beamed_stamps(maps, 0.125, Beam(1.0))
    assert together.shape == (3, 40, 40)
    for image, stamp in zip(maps, together, strict=True):
        np.testing.assert_allclose(beamed_stamps(image[None], 0.125, Beam(1.0))[0], stamp, rtol=1e-12)


def test_widths_of_beams():
    assert beam_sigma_arcmin(Beam(1.4)) == pytest.approx(1.4 / 2.3548, rel=1e-3)
    assert beam_reach_arcmin(Beam(1.4)) == pytest.approx(4 * 1.4 / 2.3548, rel=1e-3)
    assert beam_sigma_arcmin(winged_beam()) > beam_sigma_arcmin(Beam(1.4))
    assert beam_is_resolved(Beam(1.0), 0.5) and not beam_is_resolved(Beam(1.0), 0.7)


@pytest.mark.parametrize(
    ("shape", "pixel"), [((1, 100, 100), 0.2), ((1, 70, 128), 0.125), ((1, 64, 64), 0.5)]
)
def test_maps_that_cannot_hold_a_stamp_are_refused(shape, pixel):
    with pytest.raises(ValueError, match=r"fraction|hold"):
        beamed_stamps(np.zeros(shape), pixel, Beam(1.0))
