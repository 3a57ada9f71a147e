"""Adapters know maps of their surveys by headers and names, and say where each fact is from."""

from pathlib import Path

import numpy as np
import pytest
from skies import car_around, make_wcs, write_image
from surveymaps import write_act, write_planck, write_so, write_spt3g, write_spt3g_healpix

from szmass_cli.config import load_config
from szmass_cli.errors import InputError, UsageError
from szmass_cli.maps import open_map
from szmass_cli.maps.surveys import check_survey
from szmass_cli.maps.weights import Weights

WCS, SHAPE = car_around(10.0, 5.0, 0.3, 0.3)
SKY = np.random.default_rng(3).normal(0.0, 50.0, SHAPE)
ZEA = make_wcs("ZEA", 352.5, -55.0, (15.5, 15.5), (-0.5, 0.5))


def facts(path, **options):
    return open_map(path, **options).instrument.facts


# --- ACT ----------------------------------------------------------------------------------------------------


def test_a_coadd_of_act_is_known_by_its_header(tmp_path):
    known = facts(write_act(tmp_path, SKY, WCS, name="mine.fits", band="f090"))
    assert known.survey == "ACT DR6" and known.found == "header: TELESCOP = 'act'"
    assert known.frequency_ghz.value == 97.8 and known.frequency_ghz.source == "header: FREQ = 'f090'"
    assert known.beam.source == "preset act-dr6" and Path(known.beam.value).name == "beam_f090.txt"
    assert known.pixel_window.value is True and known.passband is None and known.ivar is None
    assert known.noise.value == "14,2000,-3.5"


def test_a_coadd_of_act_is_known_by_its_name(tmp_path):
    path = write_image(
        tmp_path / "act-planck_dr6.02_coadd_AA_daynight_f220_map_srcfree.fits", SKY, WCS, unit=None
    )
    known = facts(path)
    assert known.survey == "ACT DR6" and known.found == "file name"
    assert known.frequency_ghz.value == 216.5 and known.frequency_ghz.source == "file name"
    assert open_map(path).units.label == "uK" and open_map(path).units.source == "survey"


def test_numbers_of_adapters_are_those_of_the_presets(tmp_path):
    known = facts(write_act(tmp_path, SKY, WCS))
    band = load_config("act-dr6").sky.bands[1]
    assert known.frequency_ghz.value == band.frequency_ghz
    assert known.noise.value == f"{band.noise_uk_arcmin:g},{band.ell_knee:g},{band.noise_slope:g}"


@pytest.mark.parametrize("product", ["map", "map_srcfree"])
def test_inverse_variances_of_act_lie_beside_the_map(tmp_path, product):
    path = write_act(tmp_path, SKY, WCS, name=f"act_dr6.02_std_AA_night_pa5_f150_4way_set0_{product}.fits")
    ivar = write_image(path.with_name("act_dr6.02_std_AA_night_pa5_f150_4way_set0_ivar.fits"), SKY**2, WCS)
    assert facts(path).ivar.value == ivar and facts(path).ivar.source == "file beside the map"


def test_a_map_of_one_array_has_the_passband_of_that_array_only(tmp_path):
    name = "act_dr6.02_std_AA_night_{}_f090_4way_coadd_map.fits"
    pa5 = facts(write_act(tmp_path, SKY, WCS, name=name.format("pa5"), band="f090"))
    pa6 = facts(write_act(tmp_path, SKY, WCS, name=name.format("pa6"), band="f090"))
    assert pa5.passband.value.name == "passband_f090.txt" and pa6.passband is None


def test_earlier_releases_have_beams_of_their_own(tmp_path):
    name = "act_planck_dr5.01_s08s18_AA_f150_night_map.fits"
    path = write_act(tmp_path, SKY, WCS, name=name, release="dr5.01")
    known = facts(path)
    assert known.survey == "ACT DR5" and known.frequency_ghz.value == 149.6
    assert known.beam is None and known.noise is None
    table = tmp_path / "act_planck_dr5.01_s08s18_f150_night_beam.txt"
    table.write_text("0 1\n30000 0\n")
    assert facts(path).beam.value == str(table)


def test_joint_maps_of_two_releases_are_those_of_the_later(tmp_path):
    path = write_image(tmp_path / "act_dr4dr6_coadd_AA_night_f150_map.fits", SKY, WCS)
    assert facts(path).survey == "ACT DR6" and facts(path).beam is not None


def test_a_map_with_sources_names_the_one_without_them_beside_it(tmp_path):
    path = write_act(tmp_path, SKY, WCS)
    assert facts(path).notes == ()
    write_act(tmp_path, SKY, WCS, name=path.name.replace("_map", "_map_srcfree"))
    (note,) = facts(path).notes
    assert "map_srcfree.fits" in note


# --- SPT ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", ["ZEA", "SFL"])
def test_flat_maps_of_spt3g_software_are_in_kelvin(tmp_path, projection):
    wcs = ZEA if projection == "ZEA" else make_wcs("SFL", 352.5, 0.0, (15.5, 6615.5), (-0.5, 0.5))
    path = write_spt3g(tmp_path, 1e-6 * SKY[:30, :30], wcs, weights=np.ones((30, 30)))
    sky_map = open_map(path)
    known = sky_map.instrument.facts
    assert (sky_map.units.label, sky_map.units.source) == ("K", "survey")
    assert known.survey == "SPT-3G" and known.frequency_ghz.value == 148.8 and known.beam.value == 1.17
    assert known.pixel_window.value is True and known.transfer is None and "transfer" in known.filtered
    assert "assumed" not in " ".join(sky_map.assumptions)


def test_healpix_maps_of_spt3g_software_are_in_kelvin(tmp_path):
    path = write_spt3g_healpix(tmp_path, np.arange(64), np.full(64, 1e-4), 256)
    sky_map = open_map(path)
    assert (sky_map.units.label, sky_map.units.source) == ("K", "survey")
    assert sky_map.instrument.facts.frequency_ghz.value == 148.8


@pytest.mark.parametrize(
    ("name", "survey", "frequency", "beam"),
    [
        ("spt3g_95ghz.fits", "SPT-3G", 95.7, 1.57),
        ("SPT-3G_f220_coadd.fits", "SPT-3G", 220.2, 1.04),
        ("sptpol_500d_150ghz.fits", "SPTpol", 150.0, 1.2),
        ("sptsz_90ghz_map.fits", "SPT-SZ", 97.6, 1.7),
    ],
)
def test_cameras_of_spt_are_told_apart_by_name(tmp_path, name, survey, frequency, beam):
    known = facts(write_spt3g(tmp_path, SKY[:30, :30], ZEA, name=name))
    assert (known.survey, known.frequency_ghz.value, known.beam.value) == (survey, frequency, beam)


def test_the_first_release_of_spt_names_its_band_in_a_card(tmp_path):
    cards = {"TELESCOP": "SPT (South Pole Telescope)", "BAND": "150 GHz", "FIELD": "RA5H30DEC-55"}
    name = "spt_map_ra5h30dec-55_2008_zea_dr1.fits"
    path = write_image(tmp_path / name, 1e-6 * SKY[:30, :30], ZEA, unit=None, TUNIT="K_CMB", **cards)
    known = facts(path)
    assert known.survey == "SPT-SZ" and known.frequency_ghz.value == 152.9
    assert open_map(path).units.source == "header" and open_map(path).units.label == "K"


def test_a_map_of_spt_without_a_camera_asks_for_it(tmp_path):
    known = facts(write_spt3g(tmp_path, SKY[:30, :30], ZEA, name="coadd_150ghz.fits"))
    assert known.survey == "SPT" and known.frequency_ghz is None and known.beam is None
    assert "--survey spt-3g" in known.notes[0]


def test_the_user_names_the_camera(tmp_path):
    path = write_spt3g(tmp_path, SKY[:30, :30], ZEA, name="coadd_150ghz.fits")
    known = facts(path, survey="sptpol")
    assert known.survey == "SPTpol" and known.found == "--survey" and known.frequency_ghz.value == 150.0


@pytest.mark.parametrize("name", ["spt_compton_y.fits", "spt3g_ymap_minvar.fits", "sptsz_y_map.fits"])
def test_a_map_of_compton_y_is_known_by_its_name_against_its_header(tmp_path, name):
    path = write_spt3g(tmp_path, 1e-6 * SKY[:30, :30], ZEA, name=name)
    sky_map = open_map(path)
    assert (sky_map.units.label, sky_map.units.source) == ("y", "survey")
    assert sky_map.instrument.facts.frequency_ghz is None and sky_map.instrument.facts.beam is None
    assert "Tcmb" in sky_map.instrument.facts.notes[0]
    assert open_map(path, units="K").units.label == "K"


def test_weighted_maps_are_refused(tmp_path):
    with pytest.raises(InputError, match="WEIGHTED = True: the map is multiplied by its weights"):
        open_map(write_spt3g(tmp_path, SKY[:30, :30], ZEA, WEIGHTED=True))
    with pytest.raises(InputError, match="WEIGHTED = True"):
        open_map(write_spt3g_healpix(tmp_path, np.arange(64), np.full(64, 1e-4), 256, WEIGHTED=True))


# --- SO -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [3, 4])
def test_maps_of_sotodlib_have_weights_beside_them(tmp_path, axes):
    weights = np.full(SHAPE, 1e12 / 20.0**2)
    sky_map = open_map(write_so(tmp_path, 1e-6 * SKY, WCS, weights=weights, axes=axes))
    known = sky_map.instrument.facts
    assert known.survey == "Simons Observatory LAT" and known.ivar.value.name.endswith("_weights.fits")
    # 93 GHz is f090 of the Simons Observatory, and 145 its f150
    assert known.frequency_ghz.value == 145 and known.beam.value == 1.4 and known.pixel_window.value
    ivar = Weights.open(None, known.ivar.value, sky_map.units)
    noise = ivar.noise_per_arcmin(np.array([10.0]), np.array([5.0])) * sky_map.units.to_uk
    assert noise[0] == pytest.approx(10.0 * np.sqrt(np.cos(np.radians(5.0))), rel=2e-3)


def test_weighted_maps_of_sotodlib_are_refused_by_their_name(tmp_path):
    path = write_so(tmp_path, SKY, WCS, name="atomic_1700000000_ws0_f090_full_wmap.fits")
    with pytest.raises(InputError, match="multiplied by its weights"):
        open_map(path)


def test_the_small_telescopes_of_so_are_refused_for_their_beams(tmp_path):
    with pytest.raises(InputError, match=r"small telescopes.*beams of 10'"):
        open_map(write_so(tmp_path, SKY, WCS, name="satp1_f090_map.fits"))


# --- others -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HFI_SkyMap_143_2048_R3.01_full.fits", "anything.fits"])
def test_planck_is_refused_with_the_reason(tmp_path, name):
    path = write_planck(tmp_path, np.full(12 * 32**2, 1e-4), name=name)
    with pytest.raises(InputError, match="beams are 5' to 33' wide"):
        open_map(path)


@pytest.mark.parametrize("name", ["map.fits", "abstract_f150.fits", "so_what.fits", "impact_dr6.fits"])
def test_other_maps_are_of_no_survey(tmp_path, name):
    assert facts(write_image(tmp_path / name, SKY, WCS)) is None


def test_no_adapter_says_anything_where_the_user_wants_none(tmp_path):
    path = write_act(tmp_path, SKY, WCS)
    assert facts(path, survey="none") is None and facts(path).survey == "ACT DR6"


def test_a_survey_that_is_not_known_is_refused():
    with pytest.raises(UsageError, match="--survey wmap: not one of"):
        check_survey("wmap")


def test_a_band_that_the_survey_does_not_have_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"a map at 27 GHz; the bands of act-dr6 are at 97\.8, 149\.6, 216\.5"
    ):
        open_map(write_act(tmp_path, SKY, WCS, band="f027"))
