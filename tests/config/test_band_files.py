"""Bands of a configuration: their names, the files they are made from, and their noise."""

import numpy as np
import pytest
import yaml

from szmass_cli.config import load_config, parse_config
from szmass_cli.errors import ConfigError
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.transfers import PlaneTransfer

ARCMIN = np.pi / 10_800


def band_of(text, folder=None):
    return parse_config(text, "survey.yaml", folder).sky.bands[0]


@pytest.mark.parametrize(
    ("name", "frequency_ghz"),
    [("f150", 149.6), ("pa5_f090", 97.8), ("150GHz", 150.0), ("95 GHz", 95.0), ("'145'", 145.0)],
)
def test_a_frequency_may_be_a_name(name, frequency_ghz):
    """ACT's f150 and f090 see the SZ effect at 149.6 and 97.8 GHz (Hilton et al. 2025)."""
    assert band_of(f"sky: {{frequency_ghz: {name}}}").frequency_ghz == frequency_ghz


@pytest.mark.parametrize("name", ["loud", "f090 f150", "f9999"])
def test_a_name_that_is_no_frequency_is_refused_with_its_key(name):
    with pytest.raises(ConfigError, match=r"sky\.frequency_ghz: .*[Bb]and"):
        band_of(f"sky: {{frequency_ghz: {name}}}")


@pytest.fixture
def folder(tmp_path):
    """Files of a band at 150 GHz beside a configuration."""
    ell = np.arange(0.0, 30_000.0, 10.0)
    np.savetxt(tmp_path / "beam.txt", np.column_stack([ell, Beam(1.4).b_ell(ell)]))
    np.savetxt(tmp_path / "band.txt", [[140, 0.5], [150, 1.0], [160, 0.5]])
    np.savetxt(tmp_path / "tf.txt", [[0, 0], [300, 0], [600, 1], [20_000, 1]])
    power = (5.0 * ARCMIN) ** 2 * (1.0 + (ell[1:] / 2000.0) ** -3.5)
    np.savetxt(tmp_path / "noise.txt", np.column_stack([ell[1:], power]))
    axis = np.linspace(-20_000, 20_000, 41)
    np.savez(tmp_path / "tf.npz", ell_x=axis, ell_y=axis, tf=np.ones((41, 41)))
    (tmp_path / "survey.yaml").write_text(
        "sky: {frequency_ghz: 150, passband_file: band.txt, beam_file: beam.txt, pixel_arcmin: 0.5, "
        "transfer_file: tf.txt, noise_file: noise.txt}"
    )
    return tmp_path


def test_files_lie_beside_the_configuration_and_make_the_band(folder, monkeypatch):
    monkeypatch.chdir("/")
    config = load_config(folder / "survey.yaml")
    assert [path.name for path in config.data_files] == ["band.txt", "beam.txt", "tf.txt", "noise.txt"]
    (band,) = config.sky.build_instrument().bands
    assert band.passband.frequency_ghz.tolist() == [140, 150, 160]
    assert band.beam.fwhm_arcmin == pytest.approx(1.4, rel=2e-3)
    # T(450) = 1/2 and the pixel's window, 1 - (ell p)^2 / 24 for long waves
    passed = band.optics.b_ell(450.0) / band.beam.b_ell(450.0)
    assert passed == pytest.approx(0.5 * (1 - (450 * 0.5 * ARCMIN) ** 2 / 24), rel=1e-6)
    assert band.noise_uk_arcmin == pytest.approx(5.0, rel=1e-3)
    assert band.red_noise.cl_uk2_sr(2000.0) == pytest.approx((5.0 * ARCMIN) ** 2, rel=1e-3)


def test_a_filter_may_depend_on_direction(folder):
    band = band_of("sky: {transfer_file: tf.npz}", folder).build()
    assert isinstance(band.transfer, PlaneTransfer) and band.plane_transfer is band.transfer


def test_noise_doubles_at_its_knee():
    band = band_of("sky: {noise_uk_arcmin: 14, ell_knee: 2000}").build()
    white = (14 * ARCMIN) ** 2
    assert band.red_noise.cl_uk2_sr(2000.0) == pytest.approx(white)
    assert band.red_noise.cl_uk2_sr(1000.0) == pytest.approx(white * 2**3.5)
    assert band_of("sky: {noise_uk_arcmin: 14}").build().red_noise is None


def test_the_correlation_of_noise_is_the_instruments():
    sky = parse_config("sky: {noise_correlation: 0.9}", "survey.yaml").sky
    assert sky.build_instrument().noise_correlation == 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{noise_file: noise.txt, noise_uk_arcmin: 5}", "noise_file is all of the noise"),
        ("{noise_file: noise.txt, ell_knee: 2000}", "noise_file is all of the noise"),
        ("{passband_file: band.txt}", "give frequency_ghz too"),
        ("{beam_file: 'preset:act_dr6/beam_f030.txt'}", "no such file among those of the shipped presets"),
        ("{beam_file: 'preset:../config/sky.py'}", "no such file among those of the shipped presets"),
        ("{ell_knee: 0}", "greater than or equal to 1"),
        ("{noise_slope: 1}", "less than 0"),
        ("{pixel_arcmin: -1}", "greater than or equal to 0"),
        ("{noise_correlation: 1.5}", "less than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(folder, text, said):
    with pytest.raises(ConfigError, match="sky") as caught:
        parse_config(f"sky: {text}", "survey.yaml", folder)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{frequency_ghz: 95, passband_file: band.txt}", "passband_file: .*140 to 160 GHz.*95 GHz"),
        ("{frequency_ghz: 150, passband_file: none.txt}", r"passband_file: .*none\.txt"),
        ("{transfer_file: none.npz}", r"transfer_file: .*none\.npz"),
        ("{noise_file: tf.txt}", r"noise_file: .*tf\.txt"),
    ],
)
def test_files_that_cannot_be_used_are_named_with_their_key(folder, text, key):
    with pytest.raises(ConfigError, match=key) as caught:
        band_of(f"sky: {text}", folder).build()
    assert caught.value.hint


def test_files_shipped_with_a_preset_are_found_from_anywhere(tmp_path, monkeypatch):
    """A configuration written elsewhere, as in a bundle or a file of cutouts, is that of the preset."""
    monkeypatch.chdir(tmp_path)
    config = load_config("act-dr6")
    (tmp_path / "written.yaml").write_text(config.to_yaml())
    assert str(tmp_path) not in config.to_yaml() and "preset:act_dr6/" in config.to_yaml()
    again = load_config(tmp_path / "written.yaml")
    assert again == config
    bands = again.sky.build_bands()
    # half-power widths of the cores; the SZ effect in pa5, pa5 and pa4
    assert [round(band.beam.fwhm_arcmin, 2) for band in bands] == [2.08, 1.42, 1.03]
    assert [round(band.response.effective_tsz_ghz, 1) for band in bands] == [96.8, 149.2, 220.9]
    assert all(path.is_file() for path in again.data_files) and len(again.data_files) == 6


def test_every_key_of_a_band_is_printed():
    printed = yaml.safe_load(load_config("paper").to_yaml())["sky"]
    for key in ("passband_file", "pixel_arcmin", "transfer_file", "ell_knee", "noise_slope", "noise_file"):
        assert key in printed
    assert "noise_correlation" in printed
