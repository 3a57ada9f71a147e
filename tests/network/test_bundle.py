"""Bundles on disk: what comes back, and that nothing altered, missing or foreign is used."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from bundlefiles import assert_came_back, edit, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.errors import InputError
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.likelihood.rarity import Rarity
from szmass_cli.network.bundle.bundle import (
    Bundle,
    find_bundle,
    read_bundle,
    read_history,
    shipped_models,
    training_in_words,
)
from szmass_cli.network.bundle.metadata import HASHED
from szmass_cli.network.bundle.writing import as_stored, write_bundle
from szmass_cli.network.correction import Corrector, build_correction
from szmass_cli.network.weights import model_variables, set_weights
from szmass_cli.posterior.recalibration import Recalibration

MASSES = (1e14, 1.5e15)


def test_a_bundle_comes_back_as_it_was_written(toy_bundle, correction_weights, toy_sky):
    bundle = read_bundle(toy_bundle)
    assert isinstance(bundle, Bundle)
    assert_came_back(bundle.weights, correction_weights)
    np.testing.assert_array_equal(bundle.sky_model.cmb_dl_uk2, toy_sky.cmb_dl_uk2)
    assert bundle.recipe == toy_sky.config
    assert bundle.recalibration.is_identity and bundle.recalibration.prior_range_msun == (1e14, 1.5e15)
    assert bundle.ln_mass.shape == (400,)
    metadata = bundle.metadata
    assert metadata.prior == "flat in ln M200c, 1 to 15 1e14 Msun"
    assert metadata.trained_bands == (1, 4) and metadata.trained_frequency_ghz == (27.0, 280.0)
    assert metadata.trained_beam_fwhm_arcmin == (0.9, 3.0)
    assert (metadata.pixel_arcmin, metadata.n_pixels, metadata.units) == (0.25, 40, "uK_CMB")
    assert metadata.cosmology == "planck18" and metadata.mass_definition == "200c"
    assert metadata.trained_redshift == (0.2, 1.2) and metadata.relativistic


RARITY = Rarity(
    np.array([1.0, 4.0, 9.0]),
    np.array([1e-6, 2e-6]),
    np.arange(4.0),
    *np.random.default_rng(9).random((3, 3, 2, 4)).cumsum(axis=-1),
    np.random.default_rng(10).random((3, 2)),
)
"""Of no cutouts in particular."""


def test_levels_of_oddness_come_back_and_are_those_of_a_gaussian_sky_where_none_are(
    tmp_path, toy_bundle, toy_sky, correction_weights
):
    levels = OddnessLevels(*np.random.default_rng(8).random((5, 3)).cumsum(axis=1), rarity=RARITY)
    recalibration = Recalibration.identity(MASSES)
    facts = {"name": "toy", "szmass_version": "0.0", "cutouts_trained_on": 0}
    write_bundle(tmp_path, facts, toy_sky, correction_weights, recalibration, recalibration, levels)
    found = read_bundle(tmp_path)
    for name in ("snr", "extreme", "source", "offset", "noise"):
        np.testing.assert_array_equal(getattr(found.odd_levels, name), getattr(levels, name))
    for name in ("snr", "y_error", "ln_shares", "extreme", "offset", "neighbour", "level"):
        np.testing.assert_array_equal(getattr(found.odd_levels.rarity, name), getattr(RARITY, name))
    assert found.of_likelihood.is_identity
    assert read_bundle(toy_bundle).odd_levels.rarity is None
    np.testing.assert_array_equal(read_bundle(toy_bundle).odd_levels.extreme, [5.5])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.pop("odd_noise"),
        lambda f: f["odd_snr"].write_direct(np.zeros(3)),
        lambda f: f.pop("odd_rarity_level"),
        lambda f: f["odd_rarity_extreme"].write_direct(np.full((3, 2, 4), np.nan)),
        lambda f: f["odd_rarity_y_error"].write_direct(np.array([-1.0, 1.0])),
        lambda f: f.create_dataset("odd_rarity_other", data=np.zeros(3)),
    ],
)
def test_malformed_levels_of_oddness_are_refused_even_if_sealed(
    tmp_path, toy_sky, correction_weights, seal, spoil
):
    levels = OddnessLevels(*np.ones((5, 3)).cumsum(axis=1), rarity=RARITY)
    facts = {"name": "toy", "szmass_version": "0.0", "cutouts_trained_on": 0}
    recalibration = Recalibration.identity(MASSES)
    write_bundle(tmp_path, facts, toy_sky, correction_weights, recalibration, odd_levels=levels)
    with h5py.File(tmp_path / "calibration.h5", "r+") as file:
        spoil(file)
    seal(tmp_path)
    with pytest.raises(InputError, match=r"calibration|malformed|levels|ascend|rarit"):
        read_bundle(tmp_path)


def test_kernels_take_two_bytes_a_number_and_the_rest_four(toy_bundle):
    with h5py.File(toy_bundle / "weights.h5") as file:
        for name in file:
            assert file[name].dtype == (np.float16 if file[name].ndim > 1 else np.float32), name
        assert {file[name].ndim for name in file} == {1, 2, 4}


@given(st.lists(st.floats(-65000, 65000, width=32), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_is_stored_is_stored_again_without_a_change(values):
    kernel = as_stored(np.reshape(np.array(values, np.float32), (2, 2)))
    np.testing.assert_array_equal(as_stored(kernel), kernel)
    bias = np.array(values, np.float32)
    np.testing.assert_array_equal(as_stored(bias), bias)


def test_a_kernel_too_large_for_half_precision_keeps_single():
    kernel = np.array([[1e5, 1.0 + 2.0**-20]], np.float32)
    np.testing.assert_array_equal(as_stored(kernel), kernel)


def test_the_history_of_a_bundle_without_one_is_empty(toy_bundle):
    assert read_history(read_bundle(toy_bundle)) == []


@pytest.mark.parametrize("text", ["{", "3", '[{"epoch": "first"}]', "[1]"])
def test_a_damaged_history_is_refused(bundle_folder, text):
    (bundle_folder / "history.json").write_text(text)
    with pytest.raises(InputError, match=r"history\.json"):
        read_history(read_bundle(bundle_folder))


@pytest.mark.parametrize(
    ("epochs", "kept", "words"),
    [
        (0, 0, "0 simulated cutouts: its correction is zero"),
        (3, 0, "300 simulated cutouts, but none of its 3 epochs was better on held-out cutouts"),
        (3, 200, "200 simulated cutouts"),
    ],
)
def test_a_bundle_says_how_much_was_seen_and_when_its_correction_is_zero(bundle_folder, epochs, kept, words):
    history = [{"epoch": float(n + 1), "validation_loss": 0.01} for n in range(epochs)]
    (bundle_folder / "history.json").write_text(json.dumps(history))
    edit(bundle_folder, cutouts_trained_on=kept)
    bundle = read_bundle(bundle_folder)
    training = bundle.recipe.training.model_copy(update={"cutouts_per_epoch": 100, "cutouts": "fresh"})
    bundle = replace(bundle, recipe=bundle.recipe.model_copy(update={"training": training}))
    said = training_in_words(bundle)
    assert said.startswith(words) and ("zero" in said) == (kept == 0)


def test_the_hash_of_a_bundle_stands_for_all_of_it(bundle_folder):
    before = read_bundle(bundle_folder).sha256
    assert before == read_bundle(str(bundle_folder)).sha256
    edit(bundle_folder, szmass_version="other")
    assert read_bundle(bundle_folder).sha256 != before


@pytest.mark.parametrize("name", HASHED)
def test_an_altered_file_is_refused(bundle_folder, name):
    path = bundle_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    message = refusal(bundle_folder)
    assert name in message and "hash differs" in message


@pytest.mark.parametrize("name", HASHED)
def test_a_missing_file_is_named(bundle_folder, name):
    (bundle_folder / name).unlink()
    assert f"lacks {name}" in refusal(bundle_folder)


def test_a_folder_without_metadata_is_no_bundle(tmp_path):
    assert "holds no metadata.json" in refusal(tmp_path)


def test_an_unknown_name_lists_the_shipped_models(tmp_path):
    with pytest.raises(InputError, match="no-such-model") as caught:
        read_bundle("no-such-model")
    for name in shipped_models():
        assert name in caught.value.hint


@pytest.mark.parametrize("text", ["", "{", "null", "[1, 2]", '"toy"', "{}", '{"name": "toy"}'])
def test_malformed_metadata_is_refused(bundle_folder, text):
    (bundle_folder / "metadata.json").write_text(text)
    assert "metadata.json" in refusal(bundle_folder)


def test_binary_metadata_is_refused(bundle_folder):
    (bundle_folder / "metadata.json").write_bytes(b"\x89HDF\r\n\xff\xfe")
    assert "metadata.json" in refusal(bundle_folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trained_bands", None),
        ("sha256", None),
        ("surprise", 1),
        ("units", "K"),
        ("mass_definition", "500c"),
        ("format_version", 1),
        ("format_version", 3),
        ("trained_m200c_msun", [1e14]),
        ("seed", "one"),
        ("pixel_arcmin", 0.5),
        ("n_pixels", 64),
        ("cosmology", "WMAP9"),
    ],
)
def test_altered_metadata_is_refused_by_key(bundle_folder, key, value):
    edit(bundle_folder, **{key: value})
    message = refusal(bundle_folder)
    assert key in message or key == "format_version"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trained_beam_fwhm_arcmin", [0.1, 9.0]),
        ("trained_redshift", [0.1, 2.0]),
        ("sz_scatter_ln", 0.0),
        ("concentration_scatter_ln", 0.0),
        ("relativistic", False),
        ("prior", "flat in M200c"),
    ],
)
def test_metadata_that_contradict_the_sealed_files_are_refused(bundle_folder, key, value):
    edit(bundle_folder, **{key: value})
    assert key in refusal(bundle_folder)


@pytest.mark.parametrize("name", ["weights.h5", "calibration.h5"])
def test_what_is_not_hdf5_is_refused_even_if_sealed(bundle_folder, seal, name):
    (bundle_folder / name).write_bytes(b"not a file of numbers")
    seal(bundle_folder)
    assert "cannot be read" in refusal(bundle_folder)


@pytest.mark.parametrize(
    "name", ["ln_mass_nodes", "shift", "stretch", "floor", "prior_range_msun", "cmb_dl_uk2"]
)
def test_a_calibration_without_one_of_its_parts_is_refused(bundle_folder, seal, name):
    with h5py.File(bundle_folder / "calibration.h5", "a") as file:
        del file[name]
    seal(bundle_folder)
    assert "cannot be read" in refusal(bundle_folder)


@pytest.mark.parametrize("kind", ["text", "group"])
def test_weights_that_are_no_numbers_are_refused_even_if_sealed(bundle_folder, seal, kind):
    with h5py.File(bundle_folder / "weights.h5", "a") as file:
        del file["0000"]
        if kind == "text":
            file["0000"] = "text"
        else:
            file.create_group("0000")
    seal(bundle_folder)
    assert "cannot be read" in refusal(bundle_folder)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ln_redshift_nodes", []),
        ("snr_nodes", [1.0, 1.0]),
        ("shift", np.zeros((2, 2, 2))),
        ("stretch", [[[0.0]]]),
        ("stretch", "text"),
        ("floor", 0.9),
        ("cmb_dl_uk2", [2.0, 3.0]),
        ("prior_range_msun", [1e14]),
    ],
)
def test_a_calibration_of_another_shape_is_refused_even_if_sealed(bundle_folder, seal, name, values):
    with h5py.File(bundle_folder / "calibration.h5", "a") as file:
        del file[name]
        file[name] = values
    seal(bundle_folder)
    assert "cannot be read" in refusal(bundle_folder)


def test_nothing_in_a_bundle_is_executed(bundle_folder, seal, tmp_path):
    witness = tmp_path / "executed"
    (bundle_folder / "recipe.yaml").write_text(f"sky: !!python/object/apply:os.system ['touch {witness}']")
    seal(bundle_folder)
    assert "recipe.yaml" in refusal(bundle_folder)
    assert not witness.exists()


@pytest.mark.parametrize("spoil", ["another shape", "one too few", "one too many"])
def test_weights_of_another_network_are_refused(bundle_folder, seal, spoil):
    with h5py.File(bundle_folder / "weights.h5", "a") as file:
        last = sorted(file)[-1]
        if spoil == "one too many":
            file["9999"] = np.zeros(3)
        else:
            del file[last]
        if spoil == "another shape":
            file[last] = np.zeros(7)
    seal(bundle_folder)
    with pytest.raises(InputError, match="do not fit the network"):
        Corrector.from_bundle(read_bundle(bundle_folder))


def test_weights_go_to_the_variables_they_came_from(correction_weights, toy_bundle):
    bundle = read_bundle(toy_bundle)
    network = build_correction(bundle.recipe.network)
    set_weights(network, bundle.weights, "toy")
    for variable, written in zip(model_variables(network), correction_weights, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), as_stored(written))


@pytest.mark.parametrize("name", shipped_models())
def test_shipped_models_open_by_name(name):
    bundle = read_bundle(name)
    assert bundle.metadata.name == name
    assert find_bundle(name) == bundle.path


def test_the_default_model_fits_its_network_and_takes_ten_megabytes_at_most():
    bundle = read_bundle("survey")
    set_weights(build_correction(bundle.recipe.network), bundle.weights, "survey")
    assert sum(p.stat().st_size for p in bundle.path.rglob("*") if p.is_file()) < 10e6
