"""Holes of patches: what fills them is what was there, as far as smooth waves go."""

import numpy as np
import pytest
from mocknoise import ARCMIN, drawn, plane

from szmass_cli.sky.holefilling import filled
from szmass_cli.sky.patchpower import PlaneModes, apodised, broad_window, discs

N, PIXEL_ARCMIN = 120, 0.5
OFFSETS = (np.arange(N) - 0.5 * (N - 1)) * PIXEL_ARCMIN
WHITE = (5.0 * ARCMIN) ** 2


def steep_power(ell):
    """A CMB that falls below 5 µK-arcmin at 3000."""
    return WHITE * (1.0 + (3000.0 / np.maximum(ell, 300.0)) ** 6)


def test_long_waves_are_carried_across_holes():
    """Of a CMB of 100 µK some 10 are missed in the middle of holes as wide as those of rows: a tenth."""
    sky = drawn(steep_power(np.hypot(*plane(2 * N))), np.random.default_rng(1))[:N, :N]
    sky -= sky.mean()
    bad = discs([-15.0, 0.0, 12.0], [10.0, -5.0, 14.0], OFFSETS, 5.0)
    spoilt = np.where(bad, np.nan, sky)
    found = filled(spoilt, bad, PIXEL_ARCMIN)
    np.testing.assert_array_equal(found[~bad], sky[~bad])
    noise = np.sqrt(WHITE) / (PIXEL_ARCMIN * ARCMIN)
    missed = np.sqrt(max(np.mean((found - sky)[bad] ** 2) - noise**2, 0.0))
    assert sky.std() > 50.0 and missed < 0.15 * sky.std()
    assert filled(sky, np.zeros_like(bad), PIXEL_ARCMIN) is not sky


@pytest.mark.parametrize("ell", [2200.0, 3000.0, 4500.0])
def test_under_holes_the_power_of_a_steep_spectrum_is_the_expected_one(ell, spectra):
    """Where a CMB spreads most of its power through the window."""
    modes, found, expected = spectra
    ring = np.abs(modes.ell / ell - 1.0) < 0.2
    assert found[ring].mean() == pytest.approx(expected[ring].mean(), rel=0.1)


@pytest.fixture(scope="module")
def spectra():
    """Power of 80 skies under a window with nine holes, and the expected one."""
    modes = PlaneModes(N, PIXEL_ARCMIN, (600.0, 12_000.0))
    places = np.random.default_rng(2).uniform(-25.0, 25.0, (2, 9))
    bad = discs(*places, OFFSETS, 4.0)
    window, broad = apodised(bad, PIXEL_ARCMIN, 4.0), broad_window(bad, PIXEL_ARCMIN)
    box = np.hypot(*np.broadcast_arrays(*modes.box()))
    expected = modes.expected(modes.lags(steep_power(box)[None, None]), window, broad)[:, 0, 0]
    rng, power = np.random.default_rng(3), steep_power(np.hypot(*plane(2 * N)))
    skies = [drawn(power, rng) for _ in range(40)]
    patches = [patch for sky in skies for patch in (sky[:N, :N], sky[N:, N:])]
    found = [np.abs(modes.transform(one[None], window, broad)[:, 0]) ** 2 for one in patches]
    return modes, np.mean(found, axis=0), expected
