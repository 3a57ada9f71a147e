"""The two-halo term's ingredients against Fourier integrals and published formulae."""

import numpy as np
import pytest
from colossus.cosmology import cosmology as colossus_cosmology
from colossus.lss import peaks
from scipy.special import j0

from szmass_cli.physics.cosmology import PLANCK18
from szmass_cli.physics.twohalo import growth, halo_bias, projected_correlation_mpc


def test_the_projected_correlation_is_the_hankel_transform_of_the_power():
    radius, projected = projected_correlation_mpc(PLANCK18)
    h = PLANCK18.use_in_colossus()
    now = colossus_cosmology.getCurrent()
    k = np.geomspace(1e-4, 40.0, 60_000)  # 1/Mpc
    power = now.matterPowerSpectrum(k / h, 0.0) / h**3
    for wanted in (0.5, 2.0, 8.0):
        expected = np.trapezoid(k * power * j0(k * wanted) / (2.0 * np.pi), k)
        # the depth of 100 Mpc leaves a few per cent of a small number out
        assert np.interp(wanted, radius, projected) == pytest.approx(expected, rel=0.05)


def test_bias_is_that_of_tinker_2010():
    h = PLANCK18.use_in_colossus()
    mass, z = np.array([5e13, 3e14, 1e15]), 0.5
    nu = peaks.peakHeight(mass * h, z)
    # table 2 for an overdensity of 200 over the critical density, in units of the mean one
    delta = 200.0 / PLANCK18.astropy.Om(z)
    y = np.log10(delta)
    a_big = 1.0 + 0.24 * y * np.exp(-((4.0 / y) ** 4))
    a = 0.44 * y - 0.88
    c_big = 0.019 + 0.107 * y + 0.19 * np.exp(-((4.0 / y) ** 4))
    expected = 1.0 - a_big * nu**a / (nu**a + 1.686**a) + 0.183 * nu**1.5 + c_big * nu**2.4
    assert halo_bias(mass, z, PLANCK18) == pytest.approx(expected, rel=0.01)


def test_growth_is_one_today_and_falls():
    factor = growth(np.array([0.0, 0.5, 1.0]), PLANCK18)
    # D(0.5) = 0.77, D(1) = 0.61 for Omega_m = 0.31 (Carroll, Press & Turner 1992)
    assert factor == pytest.approx([1.0, 0.77, 0.61], abs=0.01)
