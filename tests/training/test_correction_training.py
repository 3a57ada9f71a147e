"""A correction from its configuration to a bundle: tiny, and hardly trained, but all of the way."""

import json
import shutil

import h5py
import numpy as np
import pytest

from szmass_cli.config import parse_config
from szmass_cli.errors import ConfigError
from szmass_cli.likelihood import skymodel
from szmass_cli.likelihood.skymodel import CMB_ELL
from szmass_cli.network.bundle.bundle import Bundle, read_bundle, read_history
from szmass_cli.network.fit.dataset import joined
from szmass_cli.network.massmodel import MassModel
from szmass_cli.posterior.grid import ln_density_at, normalised
from szmass_cli.sky.cutouts import Stream
from szmass_cli.training import run as stage
from szmass_cli.training.checks import check_trainable
from szmass_cli.training.correction import HELD_OUT
from szmass_cli.training.run import train
from szmass_cli.training.simulator import FeatureSimulator

SURVEY = """
instruments:
  {training: 2, in_each_epoch: 2, validation: 1, calibration: 1, max_bands: 1, filtered: 0, depths: 1}
clusters:
  redshift: {kind: log_uniform, min: 0.2, max: 1.2}
  masses: {kind: log_uniform, min_m200c_msun: 1.0e+14, max_m200c_msun: 1.5e+15}
network: {base_filters: 2}
training: {cutouts_per_epoch: 256, validation_cutouts: 128, batch_size: 32, max_epochs: 2}
calibration: {cutouts: 400}
"""


@pytest.fixture(scope="module")
def survey():
    return parse_config(SURVEY, "survey.yaml")


@pytest.fixture(scope="module", autouse=True)
def quick(quick_training):
    """A CMB that is a power law, as CAMB takes half a minute; reports are tested with evaluations."""

    def history_only(folder, state, progress):
        (folder / "history.json").write_text(json.dumps(state.history))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skymodel, "cmb_dl_uk2", lambda ell, cosmology: 5000.0 * (ell / 200.0) ** -1.5)
        patch.setattr(stage, "_report", history_only)
        yield


@pytest.fixture(scope="module")
def calibrating(tmp_path_factory):
    """Where the run's checkpoints are copied to when its calibration has done its first block of two."""
    return tmp_path_factory.mktemp("calibrating") / "tiny.training"


@pytest.fixture(scope="module")
def trained(survey, calibrating, tmp_path_factory):
    reports = []
    folder = tmp_path_factory.mktemp("model") / "tiny"

    def report(task, done, total, detail=""):
        reports.append((task, done, total))
        if (task, done) == ("calibration", 256):
            shutil.copytree(folder.with_name("tiny.training"), calibrating)

    bundle = train(survey, folder, progress=report)
    return bundle, reports


def test_training_ends_in_a_bundle_that_names_no_instrument(trained, survey):
    bundle, reports = trained
    assert isinstance(bundle, Bundle) and bundle.recipe == survey
    assert len(read_history(bundle)) == 2
    assert bundle.sky_model.cmb_dl_uk2.shape == CMB_ELL.shape
    assert {p.name for p in bundle.path.iterdir()} == {
        "recipe.yaml",
        "weights.h5",
        "calibration.h5",
        "metadata.json",
        "history.json",
    }
    assert [p.name for p in bundle.path.parent.iterdir()] == ["tiny"]
    last = {name: (done, total) for name, done, total in reports}
    assert last == {"training": (512, 512), "calibration": (400, 400)}
    assert not {"frequency_ghz", "beam_fwhm_arcmin"} & bundle.metadata.model_dump().keys()


def test_an_interrupted_calibration_goes_on_to_the_same_bundle(trained, calibrating, survey, tmp_path):
    bundle, _ = trained
    shutil.copytree(calibrating, tmp_path / "tiny.training")
    reports = []
    again = train(survey, tmp_path / "tiny", progress=lambda *what: reports.append(what[:3]))
    assert reports == [("calibration", 400, 400)]
    for name in ("weights.h5", "calibration.h5", "metadata.json"):
        assert (again.path / name).read_bytes() == (bundle.path / name).read_bytes(), name
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_blocks_of_a_calibration_of_before_a_number_was_looked_at_are_worked_out_again(
    trained, calibrating, survey, tmp_path
):
    bundle, _ = trained
    shutil.copytree(calibrating, tmp_path / "tiny.training")
    blocks = list((tmp_path / "tiny.training").rglob(f"{HELD_OUT}-*.h5"))
    assert len(blocks) == 1
    with h5py.File(blocks[0], "r+") as file:
        del file["odd_neighbour"]
    reports = []
    again = train(survey, tmp_path / "tiny", progress=lambda *what: reports.append(what[:3]))
    assert reports == [("calibration", 256, 400), ("calibration", 400, 400)]
    assert (again.path / "calibration.h5").read_bytes() == (bundle.path / "calibration.h5").read_bytes()


def test_what_is_kept_is_no_worse_than_no_network_on_the_validation_set(trained):
    """Losses are what is lost in nats against the exact posterior of a Gaussian sky."""
    bundle, _ = trained
    losses = [row["validation_loss"] for row in read_history(bundle)]
    assert np.all(np.abs(losses) < 0.05)
    best = bundle.metadata.cutouts_trained_on // 256
    assert best == (0 if min(losses) >= 0.0 else 1 + int(np.argmin(losses)))


def test_on_a_gaussian_sky_little_is_lost_to_the_exact_posterior(trained):
    bundle, _ = trained
    simulator = FeatureSimulator(bundle.sky_model)
    block = joined(simulator.blocks(bundle.recipe.clusters, 400, 9, Stream.VALIDATION))
    model = MassModel.from_bundle(read_bundle(bundle.path))
    answer = model(block.features, block.redshift)
    ln_mass = np.log(block.m200c)
    exact = normalised(block.features.ln_likelihood)
    gain = ln_density_at(model.ln_mass, answer.posterior.density, ln_mass) - ln_density_at(
        model.ln_mass, exact, ln_mass
    )
    # a recalibration of 400 cutouts has noise of its own
    assert abs(gain.mean()) < 0.1


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: log_uniform, min_m200c", "kind: uniform, min_m200c", r"clusters\.masses: .* log_uniform"),
        ("min: 0.2", "min: 0.02", r"clusters\.redshift, clusters\.masses.*theta500"),
        ("network: {", "cutouts: {apodisation_arcmin: 1}\nnetwork: {", r"cutouts\.apodisation_arcmin"),
        ("network: {", "network: {head: mass, ", r"clusters\.redshift: .* one redshift"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(old, new, words):
    with pytest.raises(ConfigError, match=words):
        check_trainable(parse_config(SURVEY.replace(old, new), "survey.yaml"))


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("max_bands", "{min_bands: 3, max_bands: 2}"),
        ("max_noise_uk_arcmin", "{min_noise_uk_arcmin: 90}"),
        ("max_slope", "{min_slope: -2, max_slope: -3}"),
    ],
)
def test_empty_ranges_of_instruments_are_refused(key, values):
    with pytest.raises(ConfigError, match=key):
        parse_config(f"instruments: {values}", "survey.yaml")
