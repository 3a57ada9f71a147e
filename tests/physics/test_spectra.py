"""The microwave sky's power and the SZ spectrum, against published numbers."""

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody
from scipy.optimize import brentq

from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.physics.foregrounds import (
    ForegroundSpectra,
    foreground_covariance_dl_uk2,
    foreground_dl_uk2,
)
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.spectra import _scalar_amplitude, cl_from_dl, cmb_dl_uk2, tsz_f, tsz_uk_per_y

GEORGE2015 = Path(__file__).resolve().parents[3] / "shared" / "data" / "george2015_150x150_Dl.csv"


def bands(*frequencies_ghz: float) -> list[Passband]:
    return [Passband.monochromatic(frequency) for frequency in frequencies_ghz]


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


def test_sigma8_of_planck_2018_is_its_scalar_amplitude():
    """Planck 2018 VI, Table 2: sigma8 = 0.8102 goes with ln(10^10 A_s) = 3.047; power goes as sigma8^2."""
    higher = Cosmology(sigma8=1.1 * PLANCK18.sigma8)
    assert _scalar_amplitude(PLANCK18) == pytest.approx(np.exp(3.047) * 1e-10, rel=2e-3)
    assert _scalar_amplitude(higher) == pytest.approx(1.21 * np.exp(3.047) * 1e-10, rel=5e-3)


@pytest.mark.slow
def test_the_cmb_of_another_universe_is_higher_where_its_amplitude_is():
    """At fixed tau the unlensed power goes as A_s; lensing smooths peaks by a few per cent."""
    ell = np.array([500.0, 1000.0])
    ratio = cmb_dl_uk2(ell, Cosmology(sigma8=1.05 * PLANCK18.sigma8)) / cmb_dl_uk2(ell)
    np.testing.assert_allclose(ratio, 1.05**2, rtol=0.02)


def brightness_to_temperature(frequency_ghz):
    """MJy/sr in thermodynamic µK, by astropy."""
    convert = u.thermodynamic_temperature(frequency_ghz * u.GHz, 2.7255 * u.K)
    return (1 * u.MJy / u.sr).to_value(u.uK, equivalencies=convert)


@pytest.mark.parametrize("frequency_ghz", [95.0, 220.0, 353.0])
@pytest.mark.parametrize(("name", "beta"), [("dusty_poisson", 1.505), ("dusty_clustered", 2.51)])
def test_dust_is_a_modified_blackbody_by_astropys_units(frequency_ghz, name, beta):
    def temperature(nu):
        return nu**beta * BlackBody(20 * u.K)(nu * u.GHz).value * brightness_to_temperature(nu)

    expected = temperature(frequency_ghz) / temperature(150.0)
    assert ForegroundSpectra().scaling(name, frequency_ghz) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("frequency_ghz", [95.0, 220.0])
def test_radio_sources_have_a_power_law_in_flux_by_astropys_units(frequency_ghz):
    ratio = brightness_to_temperature(frequency_ghz) / brightness_to_temperature(150.0)
    expected = (frequency_ghz / 150.0) ** -0.9 * ratio
    assert ForegroundSpectra().scaling("radio", frequency_ghz) == pytest.approx(expected, rel=1e-6)


def test_sz_effects_scale_as_they_should():
    spectra = ForegroundSpectra()
    assert spectra.scaling("ksz", 220.0) == 1.0
    # f(95) = -1.5540 and f(150) = -0.9533 (Sunyaev & Zel'dovich 1972)
    assert spectra.scaling("tsz", 95.0) == pytest.approx(1.5540 / 0.9533, rel=2e-4)
    assert spectra.scaling("tsz", 280.0) < 0


AMPLITUDES = {
    "tsz": 3.2443,
    "ksz": 2.9629,
    "dusty_poisson": 9.4152,
    "dusty_clustered": 3.3673,
    "radio": 1.0053,
}


def test_tsz_and_dust_take_from_each_other_as_in_george_et_al(george2015):
    """Their best-fit curve has xi = 0.1018 with the sum of the dust's parts: -1.31 µK^2 at ell 3000."""
    ell = george2015[(george2015[:, 0] >= 1000) & (george2015[:, 0] <= 10000), 0]
    spectra = ForegroundSpectra(tsz_dust_correlation=0.10177)
    power = foreground_covariance_dl_uk2(ell, AMPLITUDES, bands(150.0), spectra)
    rows = np.isin(george2015[:, 0], ell)
    np.testing.assert_allclose(power["tsz_dust"][0, 0], george2015[rows, 8], rtol=0.02)
    assert power["tsz_dust"][0, 0, ell == 3000] == pytest.approx(-1.3107, rel=2e-3)


def test_foregrounds_of_two_bands_go_together_as_far_as_they_are_correlated():
    ell = np.array([3000.0])
    spectra = ForegroundSpectra(dusty_correlation=0.9, radio_correlation=0.8, tsz_dust_correlation=0.1)
    powers = foreground_covariance_dl_uk2(ell, AMPLITUDES, bands(95.0, 150.0, 220.0), spectra)
    for name, rho in [
        ("tsz", 1),
        ("ksz", 1),
        ("dusty_poisson", 0.9),
        ("dusty_clustered", 0.9),
        ("radio", 0.8),
    ]:
        power = powers[name][:, :, 0]
        assert power[1, 1] == pytest.approx(AMPLITUDES[name])
        between = abs(power[0, 1]) / np.sqrt(power[0, 0] * power[1, 1])
        assert between == pytest.approx(rho)
    # what is left of the SZ effect above its null is an increment: the dust adds to it
    assert powers["tsz_dust"][0, 0, 0] < 0 < powers["tsz_dust"][2, 2, 0]
    np.testing.assert_allclose(powers["tsz_dust"][0, 2], powers["tsz_dust"][2, 0])
    total = sum(powers.values())[:, :, 0]
    assert np.linalg.eigvalsh(total).min() > 0


def test_a_foreground_that_is_off_is_not_there():
    powers = foreground_covariance_dl_uk2(
        [3000.0], {"tsz": 0.0, "radio": 1.0}, bands(150.0), ForegroundSpectra()
    )
    assert set(powers) == {"radio"}
