"""Bundles of the paper's network: what comes back, and what is refused."""

import h5py
import numpy as np
import pytest
from bundlefiles import assert_came_back, edit, refusal
from papersky import paper_clusters

from szmass_cli.config import NetworkConfig, SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.network.bundle.bundle import PaperBundle, read_bundle
from szmass_cli.network.mresunet import build_mresunet
from szmass_cli.network.paper.predictor import Predictor, network_of
from szmass_cli.network.weights import model_variables, set_weights

RECIPE = SurveyConfig(
    clusters=paper_clusters(), network=NetworkConfig(head="mass", base_filters=2, input="filtered")
)


def test_a_bundle_comes_back_as_it_was_written(toy_bundle, random_weights, simulator):
    bundle = read_bundle(toy_bundle)
    assert isinstance(bundle, PaperBundle)
    assert_came_back(bundle.weights, random_weights)
    np.testing.assert_array_equal(bundle.sky_power.cl_uk2_sr, simulator.power.cl_uk2_sr)
    np.testing.assert_array_equal(bundle.sky_power.ell, simulator.power.ell)
    assert bundle.recipe.network.base_filters == 2 and bundle.recipe.network.input == "filtered"
    assert bundle.labels.scale_uk == 600.0 and bundle.labels.mean_mass_msun == 4.5e14
    assert bundle.calibration.prior_range_msun == (1e14, 8e14)
    assert bundle.calibration.nodes.shape == (1, 64)
    metadata = bundle.metadata
    assert metadata.prior == "flat in M200c, 1 to 8 1e14 Msun"
    assert (metadata.frequency_ghz, metadata.beam_fwhm_arcmin, metadata.noise_uk_arcmin) == (150.0, 1.0, 5.0)
    assert (metadata.pixel_arcmin, metadata.n_pixels, metadata.units) == (0.25, 40, "uK_CMB")
    assert metadata.cosmology == "planck18" and metadata.mass_definition == "200c"
    assert metadata.trained_redshift == metadata.calibrated_redshift == (0.7, 0.7)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("beam_fwhm_arcmin", None),
        ("sha256", None),
        ("surprise", 1),
        ("units", "K"),
        ("mass_definition", "500c"),
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
        ("beam_fwhm_arcmin", 1.4),
        ("noise_uk_arcmin", 20.0),
        ("frequency_ghz", 90.0),
        ("mean_mass_msun", 9e14),
        ("sz_scatter_ln", 0.0),
        ("calibrated_redshift", [0.1, 2.0]),
        ("normalisation_uk", -1.0),
    ],
)
def test_metadata_that_contradict_the_sealed_files_are_refused(bundle_folder, key, value):
    """Masses scale with mean_mass_msun and the filters follow the beam: a wrong one is a wrong answer."""
    edit(bundle_folder, **{key: value})
    refusal(bundle_folder)


@pytest.mark.parametrize("name", ["redshifts", "nodes", "ln_mass", "edges", "prior_range_msun", "sky_ell"])
def test_a_calibration_without_one_of_its_parts_is_refused(bundle_folder, seal, name):
    with h5py.File(bundle_folder / "calibration.h5", "a") as file:
        del file[name]
    seal(bundle_folder)
    assert name in refusal(bundle_folder)


@pytest.mark.parametrize("kind", ["text", "folder"])
def test_weights_that_are_no_numbers_are_refused(bundle_folder, seal, kind):
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
        ("redshifts", []),
        ("redshifts", 0.7),
        ("redshifts", [0.7, 0.7]),
        ("nodes", [1.0, 2.0, 3.0]),
        ("ln_mass", np.ones((2, 2))),
        ("ln_mass", "text"),
        ("edges", [[1.0, np.nan]]),
        ("sky_ell", [2.0, 3.0]),
        ("prior_range_msun", [1e14]),
    ],
)
def test_a_calibration_of_another_shape_is_refused_even_if_sealed(bundle_folder, seal, name, values):
    with h5py.File(bundle_folder / "calibration.h5", "a") as file:
        del file[name]
        file[name] = values
    seal(bundle_folder)
    assert "cannot be read" in refusal(bundle_folder)


@pytest.mark.parametrize("spoil", ["another shape", "one too few", "one too many"])
def test_weights_of_another_network_are_refused(bundle_folder, seal, simulator, spoil):
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
        Predictor.from_bundle(read_bundle(bundle_folder), simulator.sky)


def test_dropout_has_no_place_among_the_weights():
    """Its random state is not carried in a bundle and plays no part in answers."""
    config = RECIPE.network.model_copy(update={"dropout_rate": 0.3})
    trained, loaded = build_mresunet(config, 2), build_mresunet(config, 2)
    plain = build_mresunet(RECIPE.network, 2)
    assert len(model_variables(trained)) == len(model_variables(plain)) < len(trained.variables)
    trained.layers[-1].set_weights([np.full((1, 1, 2, 2), 0.3), np.ones(2)])
    set_weights(loaded, [np.asarray(v) for v in model_variables(trained)], "toy")
    images = np.random.default_rng(1).standard_normal((2, 40, 40, 2)).astype(np.float32)
    answers = [network.predict_on_batch(images) for network in (trained, loaded)]
    assert answers[0].std() > 0
    np.testing.assert_array_equal(*answers)


def test_the_sky_of_a_bundle_is_the_one_it_was_trained_on(toy_bundle, simulator):
    sky = read_bundle(toy_bundle).training_sky()
    np.testing.assert_allclose(sky.covariance_uk2, simulator.sky.covariance_uk2)


def test_the_shipped_one_opens_and_its_weights_fit():
    bundle = read_bundle("paper")
    assert isinstance(bundle, PaperBundle) and bundle.recipe.network.head == "mass"
    network_of(bundle.recipe.network, 2, bundle.weights, "paper")
    assert bundle.metadata.beam_fwhm_arcmin == bundle.recipe.sky.bands[0].beam_fwhm_arcmin == 1.0
