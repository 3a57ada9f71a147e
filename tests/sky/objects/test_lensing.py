"""Lensing of the CMB by clusters: deflections against Newton's law, gradients against their statistics."""

import numpy as np
import pytest
from astropy import constants, units
from astropy.cosmology import Planck18
from scipy import integrate

from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN, Beam
from szmass_cli.physics.cosmology import PLANCK18
from szmass_cli.sky.cutoutsky import CutoutSky
from szmass_cli.sky.objects.kernels import KernelLattice
from szmass_cli.sky.objects.lensing import CmbGradient, LensKernels, lens_strength_sr, nfw_form
from szmass_cli.sky.power import SkyPower, tabulated_ell

BAND = Band(150.0, Beam(1.0), 2.0)


def smooth_power() -> tuple[np.ndarray, np.ndarray]:
    """Return multipoles, and C_ell smooth on the scale of a few pixels."""
    ell = tabulated_ell(20_000.0)
    return ell, 0.1 * np.exp(-((ell / 700.0) ** 2)) * (ell > 300)


def test_the_form_of_a_halo_is_the_transform_of_its_density():
    def expected(k, c=4.0):
        norm = np.log1p(c) - c / (1 + c)
        return integrate.quad(lambda r: r / (1 + r) ** 2 * np.sinc(k * r / np.pi), 0, c)[0] / norm

    assert nfw_form([1e-4, 0.5, 3.0, 20.0]) == pytest.approx(
        [1.0, expected(0.5), expected(3.0), expected(20.0)], rel=1e-4
    )


def test_strength_is_mass_over_the_critical_surface_density():
    m, z = 5e14, 0.5
    lens, source = Planck18.angular_diameter_distance(z), Planck18.angular_diameter_distance(1089.0)
    between = (Planck18.comoving_distance(1089.0) - Planck18.comoving_distance(z)) / 1090.0
    critical = constants.c**2 / (4 * np.pi * constants.G) * source / (lens * between)
    expected = float((m * units.Msun / critical / lens**2).decompose())
    assert lens_strength_sr(m, z, PLANCK18) == pytest.approx(expected, rel=5e-3)


def test_a_gradient_becomes_a_dipole_that_weakens_it_inside():
    kernels = LensKernels(KernelLattice((BAND,)), PLANCK18)
    gradient = np.array([[10.0 / ARCMIN, 0.0]])  # 10 uK per arcmin, northwards
    mass, z = np.array([2e14]), np.array([1.5])
    change = kernels.images(mass, z, gradient)[0, ..., 0]
    # north of the cluster light comes from nearer to it, where the unlensed sky is colder
    assert np.all(change[22:, 18:22] < 0) and np.all(change[:18, 18:22] > 0)
    assert np.allclose(change, -change[::-1], atol=0.01 * np.abs(change).max())
    # beyond its radius of 2.6' the mass deflects like a point: alpha = integral of kappa / (pi theta)
    theta = 17.5 * 0.25 * ARCMIN
    expected = -gradient[0, 0] * lens_strength_sr(mass, z, PLANCK18)[0] / (np.pi * theta)
    assert change[37, 19:21].mean() == pytest.approx(expected, rel=0.06)


def test_gradients_go_with_the_cutouts_that_show_them():
    ell, cl = smooth_power()
    power = SkyPower(ell, cl[None, None])
    sky = CutoutSky(power, Instrument((BAND,)))
    lattice = KernelLattice((BAND,))
    draws = CmbGradient(lattice, sky, cl, ell)
    rng = np.random.default_rng(5)
    image = sky.draw(rng, 4000)
    gradient = draws.draw(image, rng)
    assert gradient.std(axis=0) == pytest.approx(draws.rms_uk_per_rad, rel=0.05)
    # what the cutout itself shows across its middle: differences of means 2' apart
    for axis in (0, 1):
        near = np.moveaxis(image[..., 0], 1 + axis, 1)
        slope = (near[:, 20:28, 14:26].mean(axis=(1, 2)) - near[:, 12:20, 14:26].mean(axis=(1, 2))) / (
            2.0 * ARCMIN
        )
        assert np.corrcoef(slope, gradient[:, axis])[0, 1] > 0.9
        assert np.polyfit(gradient[:, axis], slope, 1)[0] == pytest.approx(1.0, abs=0.06)
        assert abs(np.corrcoef(slope, gradient[:, 1 - axis])[0, 1]) < 0.06
