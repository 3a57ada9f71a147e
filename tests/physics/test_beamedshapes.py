"""Beamed tables of the family against convolutions of fine maps, done by other means."""

import numpy as np
import pytest
from scipy.integrate import quad

from szmass_cli.errors import InputError
from szmass_cli.geometry import pixel_offsets_arcmin, pixel_radii_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beamedshapes import BeamedShapes, Ellipses
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.gnfw import A10, PROFILES
from szmass_cli.physics.profiles import BeamedProfile, projected_shape
from szmass_cli.sky.shapedstamps import Peaks, ShapedStamps
from szmass_cli.sky.ystamps import beamed_stamps

NAMES = ("a10", "cool_core")
BAND = Band(150.0, Beam(1.2), 5.0)
PIXEL, FINE, SIZE = 0.125, 3, 192  # pixels of the fine map, points on a side of each, and how many


@pytest.fixture(scope="module")
def stamps():
    return ShapedStamps([BAND], NAMES)


def one(theta, ratio=1.0, slope=A10.beta, profile=0, angle=0.0, offset=(0.0, 0.0)):
    seen = Ellipses(*(np.array([value]) for value in (profile, theta, slope, ratio)))
    return Peaks(seen, np.ones(1), np.array([angle]), np.array([offset]), np.zeros(1))


def image(stamps, **peak):
    return stamps.images(one(**peak))[0, ..., 0] / BAND.response.tsz_uk_per_y()


def convolved(projection, theta, ratio, angle):
    """An ellipse on a fine map of pixel means, behind the beam by FFT."""
    axis = (np.arange(SIZE * FINE) - (SIZE * FINE - 1) / 2) * PIXEL / FINE
    north, west = axis[:, None], axis[None, :]
    major, minor = (
        np.cos(angle) * north - np.sin(angle) * west,
        np.sin(angle) * north + np.cos(angle) * west,
    )
    radius = np.hypot(major * np.sqrt(ratio), minor / np.sqrt(ratio)) / theta
    root = np.linspace(0.0, np.sqrt(5.0), 1500)
    values = np.interp(np.sqrt(radius), root, projection(root**2), right=0.0)
    means = values.reshape(SIZE, FINE, SIZE, FINE).mean(axis=(1, 3))
    return beamed_stamps(means[None], PIXEL, BAND.optics)[0]


@pytest.mark.parametrize("theta", [0.5, 2.0, 12.0])
def test_round_clusters_of_the_universal_profile_are_as_ever(stamps, theta):
    expected = BeamedProfile(BAND.optics, 30.0)(theta, pixel_radii_arcmin())
    assert np.abs(image(stamps, theta=theta) - expected).max() < 1e-3 * expected.max()


@pytest.mark.parametrize(("ratio", "close"), [(0.8, 0.002), (0.6, 0.006)])
def test_ellipses_behind_a_beam_are_those_of_an_exact_convolution(stamps, ratio, close):
    exact = convolved(projected_shape, 1.9, ratio, 0.6)
    got = image(stamps, theta=1.9, ratio=ratio, angle=0.6)
    assert np.abs(got - exact).max() < close * exact.max()
    # what is tested is there: a round cluster is off by ten times as much
    assert np.abs(image(stamps, theta=1.9) - exact).max() > 10 * close * exact.max()


def test_another_profile_with_another_slope_is_that_of_an_exact_convolution(stamps):
    gnfw, beta = PROFILES["cool_core"].gnfw, 4.4

    def pressure(x):
        u = gnfw.c500 * x
        return gnfw.p0 * u**-gnfw.gamma * (1 + u**gnfw.alpha) ** ((gnfw.gamma - beta) / gnfw.alpha)

    def depth(b):
        edge = np.sqrt(max(25.0 - b**2, 0.0))
        # l = t^3 takes the steepness out of the centre
        return 2 * quad(lambda t: pressure(np.hypot(b, t**3)) * 3 * t**2, 0, np.cbrt(edge), limit=200)[0]

    root = np.concatenate([[1e-3], np.linspace(0.02, np.sqrt(5.0), 110)])
    table = np.array([depth(r**2) for r in root])
    exact = convolved(lambda b: np.interp(np.sqrt(b), root, table), 1.7, 1.0, 0.0)
    got = image(stamps, theta=1.7, slope=beta, profile=1)
    assert np.abs(got - exact).max() < 0.006 * exact.max()


def test_position_angles_turn_from_north_to_east(stamps):
    """At 45 degrees the major axis runs from south-west to north-east: east is towards column 0."""
    tilted = image(stamps, theta=2.0, ratio=0.6, angle=np.pi / 4)
    assert tilted[30, 9] > 1.2 * tilted[30, 30]
    upright = image(stamps, theta=2.0, ratio=0.6, angle=0.0)
    assert upright[30, 20] > 1.2 * upright[20, 30]


def test_offsets_are_to_the_north_and_west(stamps):
    moved = image(stamps, theta=1.0, offset=(2.0, -1.0))
    row, column = np.unravel_index(moved.argmax(), moved.shape)
    axis = pixel_offsets_arcmin()
    assert abs(axis[row] - 2.0) < 0.13 and abs(axis[column] + 1.0) < 0.13


def test_nothing_is_seen_of_what_is_beyond_the_table(stamps):
    np.testing.assert_array_equal(image(stamps, theta=1.0, offset=(60.0, 0.0)), 0.0)


def test_a_profile_too_wide_is_refused(stamps):
    with pytest.raises(InputError, match="profile is 200' wide"):
        image(stamps, theta=200.0)


def test_a_narrow_beam_sets_the_radii():
    tables = BeamedShapes(["a10"], [Beam(2.0), Beam(0.7)], 12.0)
    assert tables.scale_arcmin == 0.7 and tables.radii_arcmin[-1] > 12.0
