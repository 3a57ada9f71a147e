"""The Gaussian beam in harmonic space, and the quadrature that carries it."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from szmass_cli.physics.beams import Beam
from szmass_cli.physics.quadrature import panel_nodes

ARCMIN = np.pi / 180 / 60


@pytest.mark.parametrize("fwhm", [0.5, 1.0, 1.4, 5.0])
def test_the_beam_falls_to_half_at_half_its_fwhm_on_the_sky(fwhm):
    beam = Beam(fwhm)

    def on_the_sky(theta_rad):
        """Hankel transform of b_ell, by brute force."""
        ell_max = 8 / (fwhm * ARCMIN / 2.3548)
        return quad(lambda ell: ell * beam.b_ell(ell) * j0(ell * theta_rad), 0, ell_max, limit=500)[0]

    assert on_the_sky(fwhm * ARCMIN / 2) / on_the_sky(0.0) == pytest.approx(0.5, abs=1e-4)


def test_b_ell_of_one_arcminute_is_the_textbook_number():
    # exp(-ell (ell+1) FWHM^2 / 16 ln 2), the flat-sky limit
    ell = np.array([0.0, 1000.0, 3000.0, 10000.0])
    expected = np.exp(-(ell**2) * ARCMIN**2 / (16 * np.log(2)))
    np.testing.assert_allclose(Beam(1.0).b_ell(ell), expected, rtol=1e-6)
    assert Beam(1.0).b_ell(0.0) == 1.0


def test_nothing_above_1e_8_passes_beyond_ell_max():
    beam = Beam(1.0)
    assert 1e-9 < beam.b_ell(beam.ell_max) <= 1e-8


def test_panels_integrate_polynomials_exactly_and_oscillations_well():
    x, w = panel_nodes([0.0, 0.3, 2.0])
    assert np.sum(w * x**21) == pytest.approx(2.0**22 / 22, rel=1e-12)
    x, w = panel_nodes(np.linspace(0, 10, 21))
    assert np.sum(w * np.cos(20 * x)) == pytest.approx(np.sin(200.0) / 20, abs=1e-10)
