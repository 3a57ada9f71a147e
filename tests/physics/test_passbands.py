"""Passbands against published band centres and blackbodies integrated elsewhere."""

from importlib.resources import files

import numpy as np
import pytest
from astropy import units as u
from astropy.modeling.physical_models import BlackBody

from szmass_cli.errors import InputError
from szmass_cli.physics.beams import read_beam
from szmass_cli.physics.cosmology import T_CMB_K
from szmass_cli.physics.foregrounds import ForegroundSpectra
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.relativistic import tsz_f_relativistic
from szmass_cli.physics.spectra import tsz_f, tsz_uk_per_y

ACT_DR6 = files("szmass_cli") / "presets" / "act_dr6"


def act(band: str) -> Passband:
    return Passband.read(ACT_DR6 / f"passband_{band}.txt")


def brightness(frequency_ghz, temperature_k):
    return BlackBody(temperature_k * u.K)(frequency_ghz * u.GHz).to_value(u.MJy / u.sr)


def test_monochromatic_band_sees_its_frequency():
    band = Passband.monochromatic(150.0)
    assert band.tsz_f() == pytest.approx(-0.9533, abs=1e-4)
    assert band.tsz_uk_per_y() == pytest.approx(tsz_uk_per_y(150.0))
    assert band.effective_tsz_ghz == pytest.approx(150.0)
    assert band.mean(lambda nu: nu) == pytest.approx(150.0)


def test_relativistic_effect_of_a_monochromatic_band():
    kt = np.array([0.0, 3.3, 9.0, 14.7])
    assert Passband.monochromatic(95.0).tsz_f(kt) == pytest.approx(tsz_f_relativistic(95.0, kt), abs=1e-6)


def test_average_over_a_band_keeps_the_shape_of_the_temperatures():
    kt = np.full((2, 3), 5.0)
    assert act("f150").tsz_f(kt).shape == (2, 3)
    assert np.ndim(act("f150").tsz_f(5.0)) == 0


def test_band_averages_the_hot_spectrum_at_its_own_frequencies():
    band = act("f220")
    assert band.tsz_f(8.0) == pytest.approx(band.mean(lambda nu: tsz_f_relativistic(nu, 8.0)), abs=1e-6)


@pytest.mark.parametrize(("band", "centre_ghz"), [("f090", 96.54), ("f150", 149.31)])
def test_act_bands_have_their_published_centres(band, centre_ghz):
    """Of pa5 in pspipe_utils; a response not divided by nu^2 would put them 1.1 to 1.4 GHz higher."""
    assert act(band).mean(lambda nu: nu) == pytest.approx(centre_ghz, abs=0.4)


@pytest.mark.parametrize(("band", "effective_ghz"), [("f090", 97.8), ("f150", 149.6)])
def test_act_bands_see_the_sz_effect_near_the_frequency_of_the_combined_maps(band, effective_ghz):
    """Hilton et al. 2025: theirs are averages over arrays, of which this is one."""
    assert act(band).tsz_f() == pytest.approx(tsz_f(effective_ghz), rel=0.008)


def test_act_220_ghz_band_has_almost_no_sz_effect():
    assert abs(act("f220").tsz_f()) < 0.06 * abs(act("f150").tsz_f())


@pytest.mark.parametrize("band", ["f090", "f150", "f220"])
def test_average_is_intensity_over_that_of_the_cmb(band):
    """A modified blackbody, integrated as intensity with the response over nu^2, against temperatures."""
    frequency, response = np.loadtxt(ACT_DR6 / f"passband_{band}.txt", usecols=(0, 1)).T
    step_k = 1e-3
    per_kelvin = (brightness(frequency, T_CMB_K + step_k) - brightness(frequency, T_CMB_K - step_k)) / (
        2.0 * step_k
    )
    dust = frequency**1.5 * brightness(frequency, 20.0)
    tau = response / frequency**2
    expected = np.trapezoid(tau * dust, frequency) / np.trapezoid(tau * per_kelvin, frequency)
    seen = Passband.read(ACT_DR6 / f"passband_{band}.txt").mean(lambda nu: dust / per_kelvin)
    assert seen == pytest.approx(expected, rel=1e-6)


def test_cmb_is_the_same_in_every_band():
    assert act("f090").mean(np.ones_like) == pytest.approx(1.0)
    assert act("f220").mean(lambda nu: 3.0) == pytest.approx(3.0)


def test_narrow_band_is_a_monochromatic_one():
    narrow = Passband(np.linspace(149.9, 150.1, 5), np.ones(5))
    assert narrow.tsz_f(6.0) == pytest.approx(Passband.monochromatic(150.0).tsz_f(6.0), rel=1e-5)


@pytest.mark.parametrize("name", ["tsz", "ksz", "dusty_poisson", "dusty_clustered", "radio"])
def test_foregrounds_scale_over_a_band_as_at_its_frequencies(name):
    spectra = ForegroundSpectra()
    band = Passband(np.array([140.0, 150.0, 160.0]), np.ones(3))
    single = [spectra.scaling(name, nu) for nu in band.frequency_ghz]
    seen = band.mean(lambda nu: spectra.scaling(name, nu))
    assert min(single) - 1e-12 <= seen <= max(single) + 1e-12
    assert spectra.scaling(name, band.frequency_ghz) == pytest.approx(single)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("150 1\n140 1\n", "ascend"),
        ("140 1\n150 -0.1\n", "negative at 150"),
        ("140 0\n150 0\n", "0 everywhere"),
        ("140 nan\n150 1\n", "not finite"),
        ("1.4e11 1\n1.5e11 1\n", "GHz"),
        ("nu tau\n", "cannot be read"),
        ("140\n150\n", "cannot be read"),
        ("", "cannot be"),
    ],
)
def test_what_is_not_a_passband_is_refused(tmp_path, text, problem):
    path = tmp_path / "passband.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        Passband.read(path)
    assert str(path) in caught.value.message
    assert "two columns" in caught.value.hint


def test_missing_passband_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Passband.read(tmp_path / "none.txt")


def test_temperature_beyond_the_table_is_refused():
    with pytest.raises(InputError, match="outside"):
        act("f150").tsz_f([5.0, 200.0])


@pytest.mark.parametrize(("band", "fwhm_arcmin"), [("f090", 2.08), ("f150", 1.42), ("f220", 1.03)])
def test_shipped_act_beams_have_their_published_cores(band, fwhm_arcmin):
    assert read_beam(ACT_DR6 / f"beam_{band}.txt").fwhm_arcmin == pytest.approx(fwhm_arcmin, abs=0.01)
