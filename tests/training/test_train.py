"""Whole training runs, tiny: they end in a bundle, survive a kill, and put nothing half-made anywhere."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from szmass_cli.config import (
    CalibrationConfig,
    ClusterConfig,
    LogUniformMasses,
    NetworkConfig,
    SkyConfig,
    SurveyConfig,
    TrainingConfig,
)
from szmass_cli.errors import InputError, OutputError, SzmassError
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.network.bundle.bundle import PaperBundle, read_bundle, read_history
from szmass_cli.network.bundle.writing import as_stored
from szmass_cli.network.fit.loop import fit
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.network.paper.lesson import Encoder
from szmass_cli.network.paper.predictor import Predictor
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream
from szmass_cli.training import run as stage
from szmass_cli.training.papernetwork import PaperHead
from szmass_cli.training.run import check_bundle_folder, finish, train

TINY = SurveyConfig(
    clusters=ClusterConfig(
        masses=LogUniformMasses(kind="log_uniform", min_m200c_msun=2e14, max_m200c_msun=1.6e15)
    ),
    network=NetworkConfig(head="mass", base_filters=2, input="filtered"),
    training=TrainingConfig(
        cutouts_per_epoch=480,
        validation_cutouts=128,
        batch_size=32,
        max_epochs=2,
        learning_rate=4e-3,
        mass_pixel_weight=100,
        mass_error="relative",
    ),
    calibration=CalibrationConfig(
        cutouts_per_redshift=300, redshifts=(0.5, 0.7), min_m200c_msun=1e14, max_m200c_msun=1.6e15
    ),
)
FILES = {
    "recipe.yaml",
    "weights.h5",
    "calibration.h5",
    "metadata.json",
    "report",
    "README.md",
    "history.json",
}
REPORT = {
    "metrics.json",
    "summary.md",
    "figure3_sz_maps.png",
    "figure4_masses.png",
    "figure5_scatter.png",
    "figure6_irregular.png",
    "loss.png",
}
STATE = {"state.json", "log.csv", "tensorboard"}


@dataclass(frozen=True)
class Run:
    bundle: PaperBundle
    reports: list
    killed: Path
    ended: Path


@pytest.fixture(scope="module", autouse=True)
def few_evaluated(quick_training):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "N_EVALUATED", 256)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One run from beginning to end: its bundle, its progress, and its checkpoints in between.

    These are copied in the middle of the second epoch, where a kill would have left them, and at the end.
    """
    folder = tmp_path_factory.mktemp("trained")
    killed, ended = (tmp_path_factory.mktemp(name) / "tiny.training" for name in ("killed", "ended"))
    reports = []

    def report(name, done, total, detail=""):
        reports.append((name, done, total))
        if name == "training" and done == 480 + 64:
            shutil.copytree(folder / "tiny.training", killed)
        if name == "calibration" and not ended.exists():
            shutil.copytree(folder / "tiny.training", ended)
            assert not (folder / "tiny").exists()

    bundle = train(TINY, folder / "tiny", progress=report)
    return Run(bundle, reports, killed, ended)


@pytest.fixture(scope="module")
def resumed(trained, tmp_path_factory):
    """The run gone on with after the kill: the checkpoint folder, and the epochs it went through."""
    folder = Path(shutil.copytree(trained.killed, tmp_path_factory.mktemp("resumed") / "tiny.training"))
    simulator = CutoutSimulator(TINY)
    labels = Labels.create(TINY, simulator.stamps)
    inputs = NetworkInput.create(TINY.network, simulator.sky, simulator.bands, labels.scale_uk)
    reports = []
    encoder = Encoder(TINY, inputs, labels)
    _, state = fit(TINY, simulator, encoder, folder, progress=lambda *what: reports.append(what))
    return folder, state, reports


def numbers_in(path):
    """Every array of an HDF5 file, by name."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {})
        )
    return found


def test_a_run_ends_in_a_bundle_and_nothing_else(trained):
    bundle = trained.bundle
    assert {p.name for p in bundle.path.iterdir()} == FILES
    # irregular clusters only where pitszi is installed
    drawn = {p.name for p in (bundle.path / "report").iterdir()}
    assert drawn | {"figure6_irregular.png"} == REPORT
    assert [p.name for p in bundle.path.parent.iterdir()] == ["tiny"]
    assert bundle.recipe == TINY
    metadata = bundle.metadata
    assert metadata.name == "tiny" and metadata.seed == 1 and metadata.sz_scatter_ln == 0.2
    assert metadata.trained_m200c_msun == (2e14, 1.6e15)
    assert metadata.trained_redshift == (0.7, 0.7) and metadata.calibrated_redshift == (0.5, 0.7)
    # mean of a distribution flat in ln M
    assert metadata.mean_mass_msun == pytest.approx(1.4e15 / np.log(8))
    best = min(read_history(bundle), key=lambda row: row["validation_loss"])
    assert metadata.cutouts_trained_on == 480 * best["epoch"]


def test_the_loss_falls(trained):
    first, second = read_history(trained.bundle)
    assert second["loss"] < 0.8 * first["loss"]
    assert (first["epoch"], second["epoch"]) == (1, 2)


def test_progress_names_its_stages_and_reaches_each_end(trained):
    stages = {}
    for name, done, total, *_ in trained.reports:
        assert 0 <= done <= total
        stages[name] = (done, total)
    stages.setdefault("irregular", (25, 25))  # left out where pitszi is not installed
    assert list(stages) == ["training", "calibration", "scatter 0.2", "scatter 0", "each mass", "irregular"]
    assert stages["training"] == (960, 960)
    assert stages["calibration"] == (600, 600)
    assert stages["scatter 0.2"] == stages["scatter 0"] == (256, 256)
    assert stages["each mass"] == (190, 190) and stages["irregular"] == (25, 25)


def test_the_bundle_measures_fresh_clusters(trained):
    """Better than a guess: raw masses follow true ones, and intervals hold roughly what they promise."""
    bundle = trained.bundle
    simulator = CutoutSimulator(bundle.recipe)
    predictor = Predictor.from_bundle(bundle, bundle.training_sky())
    masses = LogUniformMasses(kind="log_uniform", min_m200c_msun=1e14, max_m200c_msun=1.6e15)
    block = CutoutBlock.concatenate(list(simulator.blocks(ClusterConfig(masses=masses), 512, 3, Stream.USER)))
    raw = predictor(block.image[..., 0]).raw_mass_msun
    assert np.corrcoef(raw, block.m200c)[0, 1] > 0.5
    p16, p84 = bundle.calibration.percentiles(raw, block.redshift, (16, 84)).T
    assert np.isfinite(p16).all() and np.all(p16 < p84)
    flat_in_mass = block.m200c / block.m200c.sum()
    assert np.sum(flat_in_mass * ((p16 < block.m200c) & (block.m200c < p84))) == pytest.approx(0.68, abs=0.12)


def test_the_report_compares_with_the_best_possible_and_nothing_leaks(trained):
    bundle = trained.bundle
    metrics = read_metrics(bundle.path / "report" / "metrics.json")
    assert (metrics.model, metrics.model_sha256) == ("tiny", bundle.sha256)
    with_scatter, without = metrics.scatter
    assert (with_scatter.sz_scatter_ln, without.sz_scatter_ln) == (0.2, 0.0)
    for comparison in (with_scatter, without):
        assert comparison.n_cutouts == 256
        assert not comparison.leaks
        assert comparison.network.std > comparison.best_possible.std
    # without scatter all estimators still allow for it, so that none is the best there
    assert with_scatter.matched_filter.std > with_scatter.best_possible.std
    card = (bundle.path / "README.md").read_text()
    for scatter in (with_scatter.network, with_scatter.matched_filter, without.best_possible):
        assert f"{scatter.std:.3f}" in card


def test_after_every_epoch_there_is_a_whole_state_to_go_on_from(trained):
    assert {p.name for p in trained.killed.iterdir()} == {"epoch-00001.h5", *STATE}
    state = json.loads((trained.killed / "state.json").read_text())
    assert state["epoch"] == 1 and len(state["history"]) == 1
    # Adam's moments are part of it
    assert any(name.startswith("optimizer/") for name in numbers_in(trained.killed / "epoch-00001.h5"))


def test_another_configuration_does_not_go_on_with_it(trained, tmp_path):
    shutil.copytree(trained.killed, tmp_path / "tiny.training")
    other = TINY.model_copy(update={"sky": SkyConfig(noise_uk_arcmin=6.0)})
    with pytest.raises(InputError, match=r"tiny\.training.*another configuration") as refused:
        train(other, tmp_path / "tiny")
    assert "--no-resume" in refused.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.training"]


def test_a_killed_run_goes_on_to_the_same_model(trained, resumed):
    """Same epochs, cutouts and rates; losses and weights the same but for rounding, there being no dropout.

    Rounding, since TensorFlow's threads add in any order; without Adam's moments or with other cutouts the
    second loss is off by per cents.
    """
    folder, state, reports = resumed
    for a, b in zip(read_history(trained.bundle), state.history, strict=True):
        assert a["epoch"] == b["epoch"]
        assert b["loss"] == pytest.approx(a["loss"], rel=2e-3)
        assert b["learning_rate"] == pytest.approx(a["learning_rate"])
    assert min(done for _, done, *_ in reports) == 480 + 32
    last = "epoch-00002.h5"
    one, other = numbers_in(trained.ended / last), numbers_in(folder / last)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-2, atol=1e-2, err_msg=name)


def skill(predictor, block):
    """Slope of raw mass against true mass: one is perfect, none is nothing learnt."""
    raw = predictor(block.image).raw_mass_msun
    return np.polyfit(block.m200c, raw, 1)[0]


class WrongLabels:
    """A lesson whose cutouts carry the labels of others."""

    def __init__(self, lesson):
        self.build, self.losses, self._lesson = lesson.build, lesson.losses, lesson
        self.judged_by, self.counts_untrained = lesson.judged_by, lesson.counts_untrained

    def __call__(self, block):
        other = block[np.roll(np.arange(len(block)), 1)]
        return self._lesson(replace(block, sz=other.sz, m200c=other.m200c))


def test_shuffled_labels_teach_nothing(trained, tmp_path):
    """The same run as `trained`, but for the labels: what is learnt comes from them and from nowhere else."""
    simulator = CutoutSimulator(TINY)
    labels = Labels.create(TINY, simulator.stamps)
    inputs = NetworkInput.create(TINY.network, simulator.sky, simulator.bands, labels.scale_uk)
    lesson = WrongLabels(Encoder(TINY, inputs, labels))
    network, state = fit(TINY, simulator, lesson, tmp_path / "shuffled.training")
    block = CutoutBlock.concatenate(list(simulator.blocks(TINY.clusters, 512, 4, Stream.USER)))
    taught = skill(Predictor.from_bundle(trained.bundle, simulator.sky), block)
    fooled = skill(Predictor(network, inputs, labels), block)
    assert state.epoch == 2
    assert taught > 0.6
    # not zero: after two epochs its output still grows towards the mean mass, more so on brighter cutouts
    assert abs(fooled) < 0.35 * taught


@pytest.mark.slow
def test_finish_makes_a_bundle_of_the_best_epoch(trained, tmp_path):
    """Of a run killed in its second epoch: the first is the best, and no epoch is trained."""
    shutil.copytree(trained.killed, tmp_path / "tiny.training")
    state = json.loads((trained.killed / "state.json").read_text())
    reports = []
    bundle = finish(TINY, tmp_path / "tiny", progress=lambda *what: reports.append(what[0]))
    assert "training" not in reports and reports[0] == "calibration"
    assert read_history(bundle) == state["history"]
    assert bundle.metadata.cutouts_trained_on == 480 and bundle.recipe == TINY
    assert [p.name for p in tmp_path.iterdir()] == ["tiny"]
    kept = numbers_in(trained.killed / "epoch-00001.h5")
    values_kept = [values for name, values in sorted(kept.items()) if name.startswith("model/")]
    for got, values in zip(bundle.weights, values_kept, strict=True):
        np.testing.assert_array_equal(got, as_stored(values))


def test_finish_of_another_configuration_is_refused(trained, tmp_path):
    shutil.copytree(trained.killed, tmp_path / "tiny.training")
    other = TINY.model_copy(update={"sky": SkyConfig(noise_uk_arcmin=6.0)})
    with pytest.raises(InputError, match="another configuration"):
        finish(other, tmp_path / "tiny")


def test_finish_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"tiny\.training holds no training run") as refused:
        finish(TINY, tmp_path / "tiny")
    assert refused.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_only_a_bundle_may_be_replaced(trained, tmp_path):
    bundle = trained.bundle
    with pytest.raises(OutputError, match="already there") as refused:
        check_bundle_folder(bundle.path, overwrite=False)
    assert "--overwrite" in refused.value.hint
    check_bundle_folder(bundle.path, overwrite=True)
    check_bundle_folder(tmp_path / "new" / "model", overwrite=False)
    (tmp_path / "empty").mkdir()
    check_bundle_folder(tmp_path / "empty", overwrite=True)
    assert read_bundle(bundle.path).sha256 == bundle.sha256


def test_a_full_disk_at_the_end_keeps_what_was_trained(trained, tmp_path, monkeypatch):
    shutil.copytree(trained.ended, tmp_path / "tiny.training")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PaperHead, "write", full)
    with pytest.raises(SzmassError, match="could not be written: No space left on device") as told:
        train(TINY, tmp_path / "tiny")
    assert "tiny.training" in told.value.hint and told.value.exit_code == 1
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.training"]
