"""Configuration files: what is accepted, and that every refusal names the file and the key."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from szmass_cli.config import (
    BandConfig,
    FieldConfig,
    ListedMasses,
    LogUniformMasses,
    SurveyConfig,
    UniformMasses,
    load_config,
    parse_config,
    preset_names,
)
from szmass_cli.errors import ConfigError, SzmassError
from szmass_cli.physics.beams import Beam


def refusal(text, name="survey.yaml"):
    """The one line about what is wrong."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text, name)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    assert name in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("skies: {}", "skies"),
        ("sky: {noise: 5}", "sky.noise"),
        ("sky: {foregrounds_dl3000_uk2: {cib: 3}}", "sky.foregrounds_dl3000_uk2.cib"),
        ("network: {filters: 3}", "network.filters"),
        (
            "clusters: {masses: {kind: uniform, min_m200c_msun: 1.0e+14, max: 5}}",
            "clusters.masses.max",
        ),
    ],
)
def test_an_unknown_key_is_named(text, key):
    assert f"survey.yaml: {key}: is not a known key" in refusal(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("skyes: {}", "sky"),
        ("sky: {noise_uk_arcmins: 5}", "noise_uk_arcmin"),
        ("sky: {forgrounds_dl3000_uk2: {}}", "foregrounds_dl3000_uk2"),
        ("sky: {bands: [{frequency: 95}]}", "frequency_ghz"),
        ("clusters: {masses: {kind: list, m200c_msun: [2.0e+14], m200_msun: 1}}", "m200c_msun"),
        ("clusters: {redshift: {kind: uniform, minimum: 0.2}}", "min"),
        ("cutouts: {split: {validate: 0.2}}", "validation"),
        ("network: {Base_Filter: 3}", "base_filters"),
    ],
)
def test_the_nearest_key_is_suggested(text, meant):
    assert f"is not a known key. Did you mean {meant}?" in refusal(text)


def test_only_keys_of_the_same_kind_are_suggested():
    """A list of masses knows no min_m200c_msun."""
    said = refusal("clusters: {masses: {kind: list, m200c_msun: [2.0e+14], min_m200c: 1.0e+14}}")
    assert "min_m200c_msun" not in said


def test_a_word_that_is_like_no_key_brings_no_suggestion():
    assert refusal("sky: {quux: 5}").endswith("sky.quux: is not a known key.")


def test_the_hint_names_a_preset_that_prints_every_key():
    with pytest.raises(ConfigError, match="quux") as caught:
        parse_config("quux: 1", "survey.yaml")
    assert "`szmass config survey`" in caught.value.hint
    printed = yaml.safe_load(load_config("survey").to_yaml())
    assert printed.keys() == SurveyConfig.model_fields.keys()


def test_the_nearest_preset_is_suggested():
    with pytest.raises(ConfigError, match=r"no configuration sptpool\. Did you mean sptpol\?"):
        load_config("sptpool")


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("sky: {noise_uk_arcmin: 0}", "sky.noise_uk_arcmin", "0"),
        ("sky: {noise_uk_arcmin: -5}", "sky.noise_uk_arcmin", "-5"),
        ("sky: {noise_uk_arcmin: .nan}", "sky.noise_uk_arcmin", "nan"),
        ("sky: {noise_uk_arcmin: .inf}", "sky.noise_uk_arcmin", "inf"),
        ("sky: {beam_fwhm_arcmin: 0.1}", "sky.beam_fwhm_arcmin", "0.1"),
        ("sky: {frequency_ghz: 1500}", "sky.frequency_ghz", "1500"),
        ("sky: {foregrounds_dl3000_uk2: {radio: -1}}", "sky.foregrounds_dl3000_uk2.radio", "-1"),
        ("clusters: {redshift: 0}", "clusters.redshift", "0"),
        ("clusters: {sz_scatter_ln: 1.5}", "clusters.sz_scatter_ln", "1.5"),
        (
            "clusters: {masses: {kind: uniform, min_m200c_msun: 1}}",
            "clusters.masses.min_m200c_msun",
            "1",
        ),
        ("clusters: {masses: {kind: list, m200c_msun: []}}", "clusters.masses.m200c_msun", ""),
        ("clusters: {masses: {kind: list, m200c_msun: [1.0e+14, 3]}}", "clusters.masses.m200c_msun.1", "3"),
        ("network: {dropout_rate: 1}", "network.dropout_rate", "1"),
        ("network: {base_filters: 1}", "network.base_filters", "1"),
        ("training: {batch_size: 0}", "training.batch_size", "0"),
        ("training: {learning_rate: 0}", "training.learning_rate", "0"),
        ("training: {warm_up_epochs: -1}", "training.warm_up_epochs", "-1"),
        ("training: {average_decay: 1}", "training.average_decay", "1"),
        ("training: {average_decay: -0.1}", "training.average_decay", "-0.1"),
        ("training: {sz_map_weight: 0}", "training.sz_map_weight", "0"),
        ("calibration: {cutouts_per_redshift: 5}", "calibration.cutouts_per_redshift", "5"),
        ("calibration: {redshifts: []}", "calibration.redshifts", ""),
        ("calibration: {redshifts: [0.5, 9]}", "calibration.redshifts.1", "9"),
        ("field: {center_dec_deg: 90}", "field.center_dec_deg", "90"),
        ("field: {pixel_arcmin: 0}", "field.pixel_arcmin", "0"),
    ],
)
def test_a_value_out_of_range_is_named_and_shown(text, key, shown):
    message = refusal(text)
    assert f"survey.yaml: {key}: " in message
    assert f"(got {shown}" in message


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("sky: 5", "sky"),
        ("sky: [1, 2]", "sky"),
        ("sky: {noise_uk_arcmin: loud}", "sky.noise_uk_arcmin"),
        ("sky: {noise_uk_arcmin: [5]}", "sky.noise_uk_arcmin"),
        ("sky: {cmb: perhaps}", "sky.cmb"),
        ("network: {base_filters: 16.5}", "network.base_filters"),
        ("network: {dropout_in: both}", "network.dropout_in"),
        ("network: {input: whitened}", "network.input"),
        ("training: {cutouts: stale}", "training.cutouts"),
        ("training: {schedule: warp}", "training.schedule"),
        ("training: {precision: float8}", "training.precision"),
        ("network: {residual: none}", "network.residual"),
        ("clusters: {masses: 3}", "clusters.masses"),
        ("clusters: {masses: {kind: gaussian}}", "clusters.masses"),
        ("clusters: {masses: {min_m200c_msun: 2.0e+14}}", "clusters.masses"),
        ("1: 2", "1"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(text, key):
    assert f"survey.yaml: {key}: " in refusal(text)


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        (
            "clusters: {masses: {kind: log_uniform, min_m200c_msun: 5.0e+14, max_m200c_msun: 2.0e+14}}",
            "clusters.masses",
            "min_m200c_msun must be below max_m200c_msun",
        ),
        ("calibration: {min_m200c_msun: 9.0e+14}", "calibration", "min_m200c_msun must be below"),
        ("calibration: {redshifts: [0.7, 0.5]}", "calibration", "redshifts must ascend"),
        ("calibration: {redshifts: [0.5, 0.5]}", "calibration", "redshifts must ascend"),
        (
            "training: {batch_size: 64, cutouts_per_epoch: 10}",
            "training",
            "batch_size must not exceed cutouts_per_epoch",
        ),
        ("field: {center_dec_deg: 80, height_deg: 30}", "field", "reach beyond the pole"),
    ],
)
def test_values_that_contradict_each_other_are_refused(text, key, reason):
    message = refusal(text)
    assert f"survey.yaml: {key}: " in message and reason in message


def test_every_mistake_is_reported_at_once():
    message = refusal("sky: {noise: 5, beam_fwhm_arcmin: 99}\nnetwork: {base_filters: x}")
    assert len(message.splitlines()) == 3


@pytest.mark.parametrize(
    "text", ["sky: [1", "a: b: c", "\x00", "sky:\n\t- 1", "- 1", "just words", "3", "&a [*a]", "? [1]\n: 2"]
)
def test_what_is_not_a_mapping_in_yaml_is_refused(text):
    refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "sky: 2024-99-99",
        "sky: {noise_uk_arcmin: 1" + "0" * 5000 + "}",
        "[" * 3000,
        "sky: !!map [a]",
        "sky: !!int ''",
        "sky: !!bool foo",
        "sky: !!timestamp foo",
    ],
    ids=len,
)
def test_text_that_trips_the_yaml_reader_is_refused(text):
    refusal(text)


def test_a_key_given_twice_is_refused():
    """YAML readers take the last of them without a word."""
    message = refusal("sky: {noise_uk_arcmin: 5}\nclusters: {redshift: 0.7}\nsky: {noise_uk_arcmin: 10}\n")
    assert "'sky' is there twice" in message and "line 1" in message


def test_a_survey_of_one_band_states_it_in_sky_itself():
    """What recipes of earlier models say; they read as one band, and are written as one, with every key."""
    config = parse_config("sky: {frequency_ghz: 148, beam_fwhm_arcmin: 1.4}", "act.yaml")
    (band,) = config.sky.bands
    assert (band.frequency_ghz, band.beam_fwhm_arcmin, band.noise_uk_arcmin) == (148, 1.4, 5)
    assert config == parse_config("sky: {bands: [{frequency_ghz: 148, beam_fwhm_arcmin: 1.4}]}", "act.yaml")
    written = yaml.safe_load(config.to_yaml())["sky"]
    assert written["frequency_ghz"] == 148 and "bands" not in written
    assert BandConfig.model_fields.keys() <= written.keys() and written["beam_file"] is None
    assert parse_config(config.to_yaml(), "again") == config


TWO_BANDS = "{frequency_ghz: 95, beam_fwhm_arcmin: 1.6}, {frequency_ghz: 148.9, noise_uk_arcmin: 4}"


def test_bands_come_back_as_they_were_written():
    config = parse_config(f"sky: {{bands: [{TWO_BANDS}]}}", "survey.yaml")
    assert [band.beam_fwhm_arcmin for band in config.sky.bands] == [1.6, 1.0]
    assert parse_config(config.to_yaml(), "again") == config


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("sky: {bands: []}", "sky", "bands: there must be 1"),
        ("sky: {bands: [{frequency_ghz: 95}, {frequency_ghz: 95}]}", "sky", "the same frequency_ghz"),
        (
            "sky: {bands: [{frequency_ghz: 95}], noise_uk_arcmin: 3}",
            "sky",
            "noise_uk_arcmin belongs into each",
        ),
        ("sky: {bands: [{noise_uk_arcmin: -3}]}", "sky.bands.0.noise_uk_arcmin", "greater than 0"),
        ("sky: {beam_file: b.txt, beam_fwhm_arcmin: 1}", "sky", "two beams"),
        (
            "sky: {foreground_spectra: {tsz_dust_correlation: 0.9, dusty_correlation: 0.5}}",
            "sky.foreground_spectra",
            "cannot exceed",
        ),
        ("sky: {cosmology: {omega_m: 3}}", "sky.cosmology.omega_m", "less than"),
        (
            "clusters: {redshift: {kind: uniform, min: 1, max: 0.5}}",
            "clusters.redshift",
            "min must be below max",
        ),
        ("clusters: {redshift: {kind: gaussian}}", "clusters.redshift", "must be a number, or have a kind"),
        ("clusters: {sz_mass_bias: 1}", "clusters.sz_mass_bias", "less than"),
        ("clusters: {miscentring_arcmin: -1}", "clusters.miscentring_arcmin", "greater than"),
        (
            "cutouts: {split: {train: 0.9, validation: 0.3}}",
            "cutouts.split",
            "must not add up to more than 1",
        ),
        ("cutouts: {apodisation_arcmin: 6}", "cutouts.apodisation_arcmin", "less than"),
        ("field: {nside: 1000, pixelisation: healpix}", "field", "nside must be a power of two"),
    ],
)
def test_what_cannot_be_is_refused_with_its_key(text, key, reason):
    message = refusal(text)
    assert f"survey.yaml: {key}: " in message and reason in message
    assert len(message.splitlines()) == 1


def test_frequencies_pick_bands_by_their_names():
    """SPT's 150 GHz band lies at 148.9; nothing lies at 220."""
    config = parse_config(f"sky: {{bands: [{TWO_BANDS}]}}", "survey.yaml")
    assert config.with_frequencies([]) == config
    assert [b.frequency_ghz for b in config.with_frequencies([150]).sky.bands] == [148.9]
    assert [b.frequency_ghz for b in config.with_frequencies([150, 95]).sky.bands] == [148.9, 95]
    with pytest.raises(ConfigError, match=r"no band at 220 GHz"):
        config.with_frequencies([95, 220])


def test_a_beam_file_lies_beside_the_configuration(tmp_path, monkeypatch):
    ell = np.arange(0, 30000, 10)
    np.savetxt(tmp_path / "beam.txt", np.column_stack([ell, Beam(1.4).b_ell(ell)]))
    (tmp_path / "survey.yaml").write_text("sky: {beam_file: beam.txt}")
    monkeypatch.chdir("/")
    (band,) = load_config(tmp_path / "survey.yaml").sky.build_bands()
    assert band.beam.fwhm_arcmin == pytest.approx(1.4, rel=2e-3)


@pytest.mark.parametrize("content", [None, "", "not numbers at all", "0 1\n1 2\n"])
def test_an_unreadable_beam_file_is_named_with_its_key(content, tmp_path):
    if content is not None:
        (tmp_path / "beam.txt").write_text(content)
    (tmp_path / "survey.yaml").write_text("sky: {beam_file: beam.txt}")
    with pytest.raises(ConfigError, match=r"beam_file: .*beam\.txt") as caught:
        load_config(tmp_path / "survey.yaml").sky.build_bands()
    assert caught.value.hint


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/object/new:os.system ['touch {}']",
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{}']]",
    ],
)
def test_nothing_in_a_configuration_is_executed(tag, tmp_path):
    witness = tmp_path / "executed"
    path = tmp_path / "evil.yaml"
    path.write_text("sky: " + tag.format(witness))
    with pytest.raises(ConfigError, match=r"evil\.yaml"):
        load_config(path)
    assert not witness.exists()


def test_a_missing_file_names_itself_and_the_presets(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.yaml")
    assert "none.yaml" in caught.value.message
    assert "paper" in caught.value.hint and "survey" in caught.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\x00sky", b"\x89HDF\r\n\x1a\n"])
def test_a_binary_file_is_refused(tmp_path, content):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.h5"):
        load_config(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=tmp_path.name):
        load_config(tmp_path)


def test_an_empty_file_means_the_defaults(tmp_path):
    path = tmp_path / "empty.yaml"
    path.write_text("# nothing yet\n")
    assert load_config(path) == SurveyConfig()


def test_a_file_is_read_from_a_path_or_its_name(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(
        "sky: {noise_uk_arcmin: 2.5}\nclusters: {masses: {kind: log_uniform}}\n", encoding="utf-8"
    )
    config = load_config(path)
    assert config == load_config(str(path))
    assert config.sky.bands[0].noise_uk_arcmin == 2.5
    assert isinstance(config.clusters.masses, LogUniformMasses)


def test_presets_are_there():
    assert {"survey", "paper"} <= set(preset_names())


@pytest.mark.parametrize("name", ["paper", "paper-fresh"])
def test_the_papers_presets_have_its_sky(name):
    config = load_config(name)
    assert config != SurveyConfig()
    (band,) = config.sky.bands
    assert (band.frequency_ghz, band.beam_fwhm_arcmin, band.noise_uk_arcmin) == (150, 1, 5)


# beams [arcmin] and depths [µK-arcmin]: Bleem et al. 2015; Bleem et al. 2024; Sobrin et al. 2022 and Quan et
# al. 2026; Naess et al. 2025 (f090 and f150: 10 in all; beams of ACT are measured); Simons Observatory 2019,
# table 1; CMB-S4 (design, section 4)
PUBLISHED = {
    "spt-sz": [(1.7, 40), (1.2, 18), (1.0, 70)],
    "sptpol": [(1.7, 11.7), (1.2, 5.3)],
    "spt-3g": [(1.57, 5.4), (1.17, 4.4), (1.04, 16.2)],
    "act-dr6": [(None, 14), (None, 14), (None, 50)],
    "so-lat": [(7.4, 71), (5.1, 36), (2.2, 8.0), (1.4, 10), (1.0, 22), (0.9, 54)],
    "so-goal": [(7.4, 52), (5.1, 27), (2.2, 5.8), (1.4, 6.3), (1.0, 15), (0.9, 37)],
    "so-advanced": [(7.4, 61), (5.1, 30), (2.2, 5.3), (1.4, 6.6), (1.0, 15), (0.9, 35)],
    "s4-wide": [(2.2, 2.0), (1.4, 2.0), (1.0, 6.9)],
}
# knees and slopes of 93, 145 and 225 GHz or what is nearest (design, section 4)
KNEES = {
    "spt-3g": [(1200, -3), (2200, -4), (2300, -4)],
    "act-dr6": [(2000, -3.5), (3000, -3.5)],
    "so-lat": [(1500, -3.5), (2720, -3.5), (5060, -3.5)],
    "so-goal": [(1800, -3.5), (3550, -3.5), (6340, -3.5)],
    "so-advanced": [(2100, -3.5), (3000, -3.5), (3800, -3.5)],
    "s4-wide": [(1932, -3.5), (3917, -3.5), (6740, -3.5)],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_survey_presets_state_published_beams_and_depths(name):
    config = load_config(name)
    bands = config.sky.bands
    assert [(band.beam_fwhm_arcmin, band.noise_uk_arcmin) for band in bands] == PUBLISHED[name]
    assert all(a.frequency_ghz < b.frequency_ghz for a, b in pairwise(bands))
    assert config.field_clusters.masses.kind == "mass_function"
    assert config.field_clusters.redshift.kind == "volume"
    # what a network is trained on stays trainable
    assert isinstance(config.clusters.redshift, float)


def test_act_depths_combine_to_the_published_one():
    depths = [band.noise_uk_arcmin for band in load_config("act-dr6").sky.bands]
    assert sum(depth**-2 for depth in depths) ** -0.5 == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("name", KNEES)
def test_survey_presets_have_the_atmosphere_between_bands(name):
    sky = load_config(name).sky
    assert sky.noise_correlation == 0.9
    bands = [band for band in sky.bands if 90 < band.frequency_ghz < 240]
    found = [(band.ell_knee, band.noise_slope) for band in bands]
    assert found[: len(KNEES[name])] == KNEES[name]


def test_the_noise_of_the_simons_observatory_is_that_of_its_model():
    """N_red [µK^2 s] at ell = 1000 and sensitivity [µK s^1/2] of so_noise_models, LAT v3.1."""
    red = {27: 42.05, 39: 10.17, 93: 119.25, 145: 1500.0, 225: 66504.0, 280: 390100.0}
    sensitivity = {
        "so-lat": {27: 48, 39: 24, 93: 5.4, 145: 6.7, 225: 15, 280: 36},
        "so-goal": {27: 35, 39: 18, 93: 3.9, 145: 4.2, 225: 10, 280: 25},
    }
    for name, white in sensitivity.items():
        for band in load_config(name).sky.bands:
            knee = 1000.0 * (red[band.frequency_ghz] / white[band.frequency_ghz] ** 2) ** (1 / 3.5)
            assert band.ell_knee == pytest.approx(knee, rel=0.015)


def test_irregular_clusters_are_those_of_the_papers_light_cones():
    """Section 4.4: 2-7e14 Msun at z = 0.67 and 0.73, 16 per cent scatter, the sky of the training set."""
    config, paper = load_config("irregular"), load_config("paper")
    assert config.sky.bands == paper.sky.bands
    assert config.sky.foregrounds_dl3000_uk2 == paper.sky.foregrounds_dl3000_uk2.model_copy(update={"tsz": 0})
    clusters = config.clusters
    assert (clusters.masses.min_m200c_msun, clusters.masses.max_m200c_msun) == (2e14, 7e14)
    assert clusters.redshift.redshifts == (0.67, 0.73)
    assert clusters.sz_scatter_ln == 0.16 and clusters.shape.kind == "irregular"


def test_all_presets_are_tested():
    assert set(preset_names()) == {"survey", "gaussian", "paper", "paper-fresh", "irregular", *PUBLISHED}


@pytest.mark.parametrize(("name", "lowest_ghz"), [("survey", 70.0), ("gaussian", 27.0)])
def test_the_presets_of_models_for_any_map_span_real_catalogues(name, lowest_ghz):
    survey = load_config(name)
    assert survey.network.head == "correction"
    drawn = survey.instruments
    assert drawn.bands_range == (1, 4) and drawn.frequency_range_ghz == (lowest_ghz, 280.0)
    assert drawn.beam_range_arcmin == (0.9, 3.0) and drawn.noise_range_uk_arcmin == (1.0, 80.0)
    # profiles of real clusters, and spectra of hot gas
    assert survey.clusters.concentration_scatter_ln == 0.2 and survey.clusters.relativistic
    assert (survey.clusters.redshift.min, survey.clusters.redshift.max) == (0.1, 2.0)
    assert survey.clusters.masses.kind == "log_uniform"


def test_the_paper_preset_is_the_paper():
    """Gupta & Reichardt (2020), sections 2.1, 2.2 and 3."""
    paper = load_config("paper")
    assert isinstance(paper.clusters.masses, ListedMasses)
    assert paper.clusters.masses.m200c_msun == tuple(m * 1e14 for m in range(1, 9))
    masses = [0.5, 0.75, *np.arange(1, 8.5, 0.5), 9, 10]
    assert paper.cutout_clusters.masses.m200c_msun == pytest.approx([m * 1e14 for m in masses])
    assert paper.cutouts.n == 19 * 800
    assert (paper.cutouts.split.train, paper.cutouts.split.validation) == (400 / 800, 200 / 800)
    assert paper.clusters.redshift == 0.7 and paper.clusters.sz_scatter_ln == 0.2
    assert paper.network.base_filters == 64 and paper.network.input == "plain"
    assert paper.network.dropout_rate == 0.3 and paper.network.dropout_in == "decoder"
    training = paper.training
    assert training.cutouts == "fixed" and training.batch_size == 4 and training.learning_rate == 1e-3
    assert training.cutouts_per_epoch == 8 * 400 and training.validation_cutouts == 8 * 200
    assert training.schedule == "plateau"
    assert training.halve_after_epochs == 5 and training.stop_after_epochs == 15
    assert training.average_decay == 0 and training.sz_map_weight == 1 and training.mass_error == "absolute"


def test_the_full_size_preset_trains_the_papers_network_on_the_papers_sky():
    fresh, paper = load_config("paper-fresh"), load_config("paper")
    assert fresh.sky == paper.sky
    assert fresh.clusters.redshift == 0.7 and fresh.clusters.sz_scatter_ln == 0.2
    assert isinstance(fresh.clusters.masses, UniformMasses)
    same = ("base_filters", "residual", "batch_norm_momentum")
    assert all(getattr(fresh.network, key) == getattr(paper.network, key) for key in same)
    assert fresh.training.cutouts == "fresh" and fresh.training.schedule == "cosine"
    assert 0 < fresh.training.warm_up_epochs < fresh.training.max_epochs
    assert fresh.training.average_decay > 0


def test_recipes_from_before_a_key_was_there_have_its_default():
    """The shipped recipes, and checkpoints begun by an earlier version, go on to mean the same."""
    training = parse_config("training: {seed: 3}", "old.yaml").training
    assert training.average_decay == 0 and training.precision == "auto"
    assert training.warm_up_epochs == 0.5 and training.sz_map_weight == 1


def test_default_foregrounds_are_those_of_george_et_al():
    """D_ell [µK^2] at ell = 3000 and 150 GHz (design, section 3)."""
    foregrounds = dict(SurveyConfig().sky.foregrounds_dl3000_uk2)
    assert foregrounds.pop("cirrus") == 0.0
    assert foregrounds == {
        "tsz": 3.68,
        "ksz": 2.9,
        "dusty_poisson": 9.16,
        "dusty_clustered": 3.46,
        "radio": 1.06,
    }


@pytest.mark.parametrize("name", preset_names())
def test_yaml_text_gives_the_same_configuration_back(name):
    config = load_config(name)
    text = config.to_yaml()
    assert parse_config(text, "again") == config
    assert set(yaml.safe_load(text)) == set(SurveyConfig.model_fields)


floats = st.floats(0.6, 4.9)
masses = st.one_of(
    st.just({"kind": "uniform", "min_m200c_msun": 2e14, "max_m200c_msun": 3e14}),
    st.builds(
        lambda low, ratio: {"kind": "log_uniform", "min_m200c_msun": low, "max_m200c_msun": low * ratio},
        st.floats(1e13, 5e14),
        st.floats(1.01, 9),
    ),
    st.builds(
        lambda values: {"kind": "list", "m200c_msun": values}, st.lists(st.floats(1e13, 5e15), min_size=1)
    ),
)


@given(
    beam=floats,
    noise=st.floats(1e-3, 1000),
    masses=masses,
    redshifts=st.sets(st.floats(0.02, 2.5), min_size=1),
)
@settings(max_examples=60, deadline=None)
def test_any_valid_configuration_survives_yaml(beam, noise, masses, redshifts):
    config = SurveyConfig.model_validate(
        {
            "sky": {"beam_fwhm_arcmin": beam, "noise_uk_arcmin": noise},
            "clusters": {"masses": masses},
            "calibration": {"redshifts": sorted(redshifts)},
        }
    )
    assert parse_config(config.to_yaml(), "again") == config


@given(st.text(alphabet=st.sampled_from("sky:{}[]- \n&*!|>'\"#%@,?0.e+_~\t\x01é"), max_size=60))
@example("sky: *nowhere")
@example("%YAML 9.9\n---\nsky: {}")
@example("sky: !!binary /w==")
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_configuration_or_a_plain_refusal(text):
    try:
        config = parse_config(text, "any.yaml")
    except SzmassError as error:
        assert "any.yaml" in error.message
    else:
        assert config == SurveyConfig()


def test_configurations_cannot_be_changed_in_passing():
    with pytest.raises(ValueError, match="frozen"):
        SurveyConfig().sky.bands[0].noise_uk_arcmin = 1.0


def test_a_field_may_reach_87_degrees():
    assert FieldConfig(center_dec_deg=-82, height_deg=10).center_dec_deg == -82


def test_a_folder_named_like_a_preset_does_not_hide_it(tmp_path, monkeypatch):
    """A model bundle written to ./survey is just such a folder."""
    (tmp_path / "survey").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_config("survey") != SurveyConfig()


def test_a_file_in_the_folder_goes_before_a_preset(tmp_path, monkeypatch):
    Path(tmp_path / "paper").write_text("sky: {noise_uk_arcmin: 77}")
    monkeypatch.chdir(tmp_path)
    assert load_config("paper").sky.bands[0].noise_uk_arcmin == 77
