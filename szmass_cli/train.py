"""From a configuration to a model: simulate, train, calibrate, evaluate, and write the bundle."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli import __version__
from szmass_cli.card import model_card
from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.errors import ConfigError, OutputError, SzmassError
from szmass_cli.evaluate import evaluate_fully
from szmass_cli.files import check_writable, move_folder
from szmass_cli.network.bundle import (
    CARD,
    HISTORY,
    METADATA,
    REPORT,
    Bundle,
    as_stored,
    read_bundle,
    write_bundle,
)
from szmass_cli.network.checkpoints import TrainingState
from szmass_cli.network.dataset import Encoder
from szmass_cli.network.inputs import Labels, NetworkInput
from szmass_cli.network.model import Predictor, model_variables, network_of
from szmass_cli.network.training import best_so_far, fit
from szmass_cli.physics.profiles import BeamedProfile, cluster_scales
from szmass_cli.posterior import Calibration, fit_calibration
from szmass_cli.progress import Progress, silent
from szmass_cli.report import write_report
from szmass_cli.sky.clusters import mass_range, redshift_range
from szmass_cli.sky.cutouts import CutoutSimulator, Stream

N_EVALUATED = 5_000
"""Fresh cutouts in each large test set of a new bundle's report; `szmass evaluate` takes more."""


def train(
    config: SurveyConfig,
    output: Path,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Bundle:
    """Train a network for a survey and write it as a bundle.

    Parameters
    ----------
    config : SurveyConfig
    output : Path
        Folder of the bundle; its name is the model's. Checkpoints and logs live in ``<output>.training``
        beside it until the bundle is written.
    resume : bool
        Go on from a checkpoint of the same configuration, if there is one.
    overwrite : bool
        Whether a bundle already there is replaced.
    progress : Progress

    Returns
    -------
    Bundle

    Raises
    ------
    OutputError
        If the folder is already there or cannot be made.
    InputError
        If the checkpoints are of another configuration, or the calibration does not cover the clusters.
    Interrupted
        After Ctrl-C, once the epoch has ended.
    """
    workshop = _Workshop.open(config, output, overwrite)
    network, state = fit(config, workshop.simulator, workshop.encoder, workshop.checkpoints, resume, progress)
    return workshop.complete(network, state, progress)


def finish(
    config: SurveyConfig, output: Path, overwrite: bool = False, progress: Progress = silent
) -> Bundle:
    """Make a bundle of the best model of an unfinished run, without training on.

    Parameters
    ----------
    config, output, overwrite, progress
        As for `train`, which began the run.

    Raises
    ------
    InputError
        If there is no run of this configuration.
    """
    workshop = _Workshop.open(config, output, overwrite)
    network, state = best_so_far(config, workshop.encoder, workshop.checkpoints)
    return workshop.complete(network, state, progress)


@dataclass(frozen=True)
class _Workshop:
    """What is needed from the first batch to the finished bundle."""

    config: SurveyConfig
    output: Path
    simulator: CutoutSimulator
    encoder: Encoder

    @classmethod
    def open(cls, config: SurveyConfig, output: Path, overwrite: bool) -> "_Workshop":
        """Check first, then prepare for the long work."""
        check(config, output, overwrite)
        simulator = CutoutSimulator(config)
        labels = Labels.create(config, simulator.stamps)
        inputs = NetworkInput.create(config.network, simulator.sky, simulator.bands, labels.scale_uk)
        return cls(config, output, simulator, Encoder(config, inputs, labels))

    @property
    def checkpoints(self) -> Path:
        """Where the run's state lives while it lasts."""
        return self.output.with_name(self.output.name + ".training")

    def complete(self, network: Any, state: TrainingState, progress: Progress) -> Bundle:
        """Calibrate, write and evaluate a trained network."""
        inputs, labels, config = self.encoder.inputs, self.encoder.labels, self.config
        # as they will be read: calibration and report are those of the rounded weights, in single precision
        weights = [as_stored(np.asarray(v)) for v in model_variables(network)]
        predictor = Predictor(network_of(config.network, inputs.channels, weights), inputs, labels)
        calibration = calibrate(config, self.simulator, predictor, progress)
        facts = {
            "name": self.output.name,
            "szmass_version": __version__,
            "cutouts_trained_on": _cutouts_seen(config, state),
        }
        parent = self.output.parent
        try:
            with tempfile.TemporaryDirectory(dir=parent, prefix=f".{self.output.name}.") as temporary:
                part = Path(temporary) / self.output.name
                part.mkdir()
                write_bundle(part, facts, config, labels, weights, calibration, self.simulator.power)
                _report(part, state, progress)
                move_folder(part, self.output)
        except OSError as error:
            raise SzmassError(
                f"{self.output} could not be written: {error.strerror or error}",
                f"The trained network is kept in {self.checkpoints}: free some space and give the same "
                "command again.",
            ) from error
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return read_bundle(self.output)


def check(config: SurveyConfig, output: Path, overwrite: bool) -> None:
    """All that can be checked before the long work.

    Raises
    ------
    ConfigError, OutputError
    """
    check_trainable(config)
    check_calibration(config)
    check_bundle_folder(output, overwrite)


def check_bundle_folder(output: Path, overwrite: bool) -> None:
    """Refuse an output folder that is taken by anything but a bundle to be replaced, or cannot be made."""
    if output.exists() and not overwrite:
        raise OutputError(f"{output} is already there.", "--overwrite replaces it.")
    empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not empty and not (output / METADATA).is_file():
        raise OutputError(f"{output} is not a model bundle, so it is not replaced.", "Give another name.")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{output}: its folder cannot be made: {error.strerror or error}", "Give another name."
        ) from None
    check_writable(output.parent / f".{output.name}.check")


def check_trainable(config: SurveyConfig) -> None:
    """Refuse what can be simulated, but not trained on.

    Raises
    ------
    ConfigError
        Naming the key to change.
    """
    if not isinstance(config.clusters.redshift, float):
        raise ConfigError("clusters.redshift: a network is trained at one redshift.", "Give a number.")
    if config.cutouts.apodisation_arcmin > 0:
        raise ConfigError(
            "cutouts.apodisation_arcmin: networks see whole cutouts, as szmass estimate cuts them.",
            "Set it to 0 to train.",
        )


def check_calibration(config: SurveyConfig) -> None:
    """Refuse a calibration that does not cover the clusters trained on, or has clusters beyond simulation.

    Raises
    ------
    ConfigError
        Naming the key to change.
    """
    calibration, redshift = config.calibration, redshift_range(config.clusters)[0]
    low, high = mass_range(config.clusters)
    if not calibration.redshifts[0] <= redshift <= calibration.redshifts[-1]:
        raise ConfigError(
            f"calibration.redshifts: {', '.join(f'{z:g}' for z in calibration.redshifts)} do not enclose "
            f"clusters.redshift, {redshift:g}.",
            f"Set calibration.redshifts to [{redshift:g}], or to a list around it.",
        )
    if calibration.min_m200c_msun > low or calibration.max_m200c_msun < high:
        raise ConfigError(
            f"calibration: its masses of {calibration.min_m200c_msun:g} to "
            f"{calibration.max_m200c_msun:g} Msun do not cover clusters.masses, {low:g} to {high:g} Msun.",
            "Set calibration.min_m200c_msun and calibration.max_m200c_msun.",
        )
    masses = np.array([calibration.min_m200c_msun, calibration.max_m200c_msun])
    model = config.clusters.sz_model(config.sky.cosmology.build())
    sizes = cluster_scales(masses, np.array([calibration.redshifts[-1], calibration.redshifts[0]]), model)
    if not BeamedProfile.is_tabulated(sizes.theta500_arcmin).all():
        raise ConfigError(
            f"calibration.redshifts, calibration.max_m200c_msun: {masses[1]:g} Msun at redshift "
            f"{calibration.redshifts[0]:g} has theta500 = {sizes.theta500_arcmin[1]:.3g}', more than can be "
            "simulated.",
            "Raise the smallest redshift, or lower the mass.",
        )


def calibrate(
    config: SurveyConfig, simulator: CutoutSimulator, predictor: Predictor, progress: Progress = silent
) -> Calibration:
    """Measure, on simulations held out from training, which masses give which network output."""
    settings = config.calibration
    masses = LogUniformMasses(min_m200c_msun=settings.min_m200c_msun, max_m200c_msun=settings.max_m200c_msun)
    total, done = len(settings.redshifts) * settings.cutouts_per_redshift, 0
    raw: list[list[np.ndarray]] = []
    true: list[list[np.ndarray]] = []
    for salt, redshift in enumerate(settings.redshifts):
        clusters = config.clusters.model_copy(update={"redshift": redshift, "masses": masses})
        blocks = simulator.blocks(
            clusters, settings.cutouts_per_redshift, config.training.seed, Stream.CALIBRATION, salt=salt
        )
        raw.append([])
        true.append([])
        for block in blocks:
            raw[-1].append(predictor(block.image).raw_mass_msun)
            true[-1].append(block.m200c)
            done += len(block)
            progress("calibration", done, total)
    return fit_calibration(
        settings.redshifts,
        np.array([np.concatenate(r) for r in raw]),
        np.array([np.concatenate(t) for t in true]),
        (settings.min_m200c_msun, settings.max_m200c_msun),
    )


def _cutouts_seen(config: SurveyConfig, state: TrainingState) -> int:
    """Different cutouts that the kept weights were trained on."""
    epochs = state.best_epoch if config.training.cutouts == "fresh" else 1
    return epochs * config.training.cutouts_per_epoch


def _report(folder: Path, state: TrainingState, progress: Progress) -> None:
    """Evaluate the bundle on fresh cutouts and write its report and card."""
    bundle = read_bundle(folder)
    (folder / HISTORY).write_text(json.dumps(state.history, indent=1) + "\n")
    evaluation = evaluate_fully(folder, N_EVALUATED, bundle.metadata.seed, progress)
    write_report(evaluation, state.history, folder / REPORT)
    (folder / CARD).write_text(model_card(bundle, evaluation.metrics))
