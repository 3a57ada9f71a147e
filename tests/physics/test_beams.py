"""The Gaussian beam in harmonic space, and the quadrature that carries it."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import j0

from szmass_cli.errors import InputError
from szmass_cli.physics.beams import Beam, TabulatedBeam, beam_profile, read_beam
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


def gaussian(theta_deg, fwhm_arcmin):
    return np.exp(-4 * np.log(2) * (theta_deg * 60 / fwhm_arcmin) ** 2)


@pytest.mark.parametrize("fwhm", [0.9, 1.4, 2.2])
def test_a_tabulated_gaussian_is_the_gaussian(fwhm, tmp_path):
    theta = np.linspace(0, 0.3, 4000)
    np.savetxt(tmp_path / "profile.txt", np.column_stack([theta, 7.0 * gaussian(theta, fwhm)]))
    ell = np.arange(0, 60000, 20)
    np.savetxt(tmp_path / "transfer.txt", np.column_stack([ell, 3.0 * Beam(fwhm).b_ell(ell), 0.01 * ell]))
    for name in ("profile.txt", "transfer.txt"):
        beam = read_beam(tmp_path / name)
        assert beam.fwhm_arcmin == pytest.approx(fwhm, rel=1e-3)
        at = np.array([0.0, 500.0, 3000.0, 8000.0])
        np.testing.assert_allclose(beam.b_ell(at), Beam(fwhm).b_ell(at), rtol=1e-3)
        assert beam.b_ell(beam.ell_max + 10) == 0.0 and beam.b_ell(beam.ell_max) < 2e-4


def test_the_beam_of_act_is_as_wide_as_its_file_says(shared_data_folder):
    """Half its peak at 0.708' (row 118 of the table); a third of its solid angle is not Gaussian core."""
    path = shared_data_folder / "beam_act148_profile.txt"
    beam = read_beam(path)
    theta_deg, profile = np.loadtxt(path).T
    assert beam.fwhm_arcmin == pytest.approx(2 * 60 * np.interp(-0.5, -profile, theta_deg), rel=2e-3)
    # B_ell was divided by the solid angle: back on the sky the peak is its inverse
    solid_angle = 2 * np.pi * np.trapezoid(np.radians(theta_deg) * profile, np.radians(theta_deg))
    back = beam_profile(beam, np.array([0.0, 0.5, 1.0, 2.0]))
    expected = np.interp([0.0, 0.5, 1.0, 2.0], theta_deg * 60, profile) / solid_angle
    np.testing.assert_allclose(back, expected, rtol=0.01, atol=2e-3 * expected[0])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([(i, 1.0) for i in range(5)], "first column"),
        ([(i, 1.0) for i in range(1000, 4000, 100)], "first column"),
        ([(i % 7, 1.0) for i in range(50)], "first column"),
        ([(i, float("nan")) for i in range(0, 3000, 10)], "first column"),
        ([(i, i) for i in range(0, 3000, 10)], "second column"),
        ([(i, 1.0) for i in range(0, 3000, 10)], "still large"),
        ([(i / 100, 1.0) for i in range(50)], "half its peak"),
    ],
)
def test_what_is_no_beam_is_refused(rows, reason, tmp_path):
    np.savetxt(tmp_path / "beam.txt", rows)
    with pytest.raises(InputError, match=reason) as caught:
        read_beam(tmp_path / "beam.txt")
    assert caught.value.hint


def test_a_table_is_interpolated_and_ends():
    beam = TabulatedBeam(np.array([0.0, 100.0, 200.0]), np.array([1.0, 0.5, 0.1]))
    np.testing.assert_allclose(beam.b_ell([0, 50, 150, 200, 201]), [1, 0.75, 0.3, 0.1, 0])
