"""The microwave sky's power and the SZ spectrum, against published numbers."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq

from szmass_cli.physics.spectra import cl_from_dl, cmb_dl_uk2, foreground_dl_uk2, tsz_f, tsz_uk_per_y

GEORGE2015 = Path(__file__).resolve().parents[3] / "shared" / "data" / "george2015_150x150_Dl.csv"


@pytest.fixture(scope="module")
def george2015():
    """Columns of the best-fit curves at 150 GHz: ell, Total, CMB, DG-Po, DG-Cl, kSZ, tSZ, RG ..."""
    if not GEORGE2015.is_file():
        pytest.skip(f"the curves of George et al. 2015 are not here: {GEORGE2015}")
    return np.loadtxt(GEORGE2015, delimiter=",", comments="#")


def test_sz_spectrum_at_150_ghz():
    assert tsz_f(150.0) == pytest.approx(-0.9533, abs=1e-4)
    assert tsz_uk_per_y(150.0) == pytest.approx(-2.598e6, rel=5e-4)


def test_sz_spectrum_crosses_zero_at_217_ghz():
    assert tsz_f(217.0) < 0 < tsz_f(218.0)
    assert brentq(tsz_f, 200, 230) == pytest.approx(217.5, abs=0.1)


def test_sz_spectrum_tends_to_minus_two_at_low_frequency():
    assert tsz_f(1.0) == pytest.approx(-2.0, abs=1e-4)


# Planck 2018 results I, Table 5: multipole and D_ell of the first three TT peaks
@pytest.mark.parametrize(("ell", "dl"), [(220.6, 5733), (537.5, 2586), (809.8, 2518)])
def test_acoustic_peaks_are_where_planck_saw_them(ell, dl):
    near = np.arange(int(ell) - 60, int(ell) + 61)
    power = cmb_dl_uk2(near)
    assert near[power.argmax()] == pytest.approx(ell, abs=4)
    assert power.max() == pytest.approx(dl, rel=0.02)


def test_cmb_agrees_with_the_curve_of_george_et_al(george2015):
    ell, cmb = george2015[:, 0], george2015[:, 2]
    rows = (ell >= 500) & (ell <= 2500)
    np.testing.assert_allclose(cmb_dl_uk2(ell[rows]), cmb[rows], rtol=0.05)


def test_cmb_keeps_falling_beyond_cambs_last_multipole():
    ell = np.array([9990.0, 10000.0, 10010.0, 20000.0])
    power = cmb_dl_uk2(ell)
    assert np.all(np.diff(power) < 0) and np.all(power > 0)
    assert power[2] == pytest.approx(power[1], rel=0.02)
    # 0.15 µK^2 at ell 10000 in the curves of George et al. (2015), where dusty galaxies have 105
    assert 0.05 < power[1] < 0.3


@pytest.mark.parametrize("name", ["tsz", "ksz", "dusty_poisson", "dusty_clustered", "radio"])
def test_foregrounds_have_their_amplitude_at_ell_3000(name):
    assert foreground_dl_uk2(name, 3000.0, 3.68) == pytest.approx(3.68, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "slope"), [("dusty_poisson", 2.0), ("radio", 2.0), ("dusty_clustered", 0.8)]
)
def test_power_laws_have_the_slopes_of_george_et_al(name, slope):
    ratio = foreground_dl_uk2(name, 12000.0, 1.0) / foreground_dl_uk2(name, 1500.0, 1.0)
    assert np.log(ratio) / np.log(8.0) == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "column", "within"),
    [
        ("dusty_poisson", 3, 0.02),
        ("dusty_clustered", 4, 0.02),
        ("ksz", 5, 0.10),  # its wiggles of 10 per cent below ell 2000 do not survive the thinning
        ("tsz", 6, 0.02),
        ("radio", 7, 0.02),
    ],
)
def test_foreground_shapes_are_those_of_george_et_al(name, column, within, george2015):
    ell, curve = george2015[:, 0], george2015[:, column]
    rows = (ell >= 1000) & (ell <= 10000)
    at_pivot = curve[ell == 3000][0]
    np.testing.assert_allclose(foreground_dl_uk2(name, ell[rows], at_pivot), curve[rows], rtol=within)


def test_cl_and_dl_differ_by_ell_times_ell_plus_one_over_two_pi():
    ell = np.array([2.0, 220.0, 3000.0])
    np.testing.assert_allclose(cl_from_dl(ell, 1.0) * ell * (ell + 1) / (2 * np.pi), 1.0)
