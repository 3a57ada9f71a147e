"""From a configuration to a model: simulate, train, calibrate, evaluate, and write the bundle."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli import N_EVALUATED, __version__
from szmass_cli.config import SurveyConfig
from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.evaluation.card import model_card
from szmass_cli.evaluation.report import check_can_be_made, write_report
from szmass_cli.evaluation.run import Evaluation, evaluate_fully
from szmass_cli.network.bundle.bundle import AnyBundle, different_cutouts, read_bundle
from szmass_cli.network.bundle.metadata import CARD, HISTORY, METADATA, REPORT
from szmass_cli.network.bundle.writing import as_stored
from szmass_cli.network.fit.checkpoints import TrainingState
from szmass_cli.network.fit.device import training_device
from szmass_cli.network.fit.loop import best_so_far, fit
from szmass_cli.network.weights import model_variables
from szmass_cli.system.files import move_folder
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.checks import check_trainable
from szmass_cli.training.heads import HEADS, Head
from szmass_cli.training.keptblocks import KeptBlocks, calibration_key


def train(
    config: SurveyConfig,
    output: Path,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
    n_workers: int | None = None,
    simulations: Path | None = None,
    report: "Report | None" = None,
) -> AnyBundle:
    """Train a network for a survey and write it as a bundle.

    Parameters
    ----------
    config : SurveyConfig
        Sky, clusters, network, training and calibration.
    output : Path
        Folder of the bundle; its name is the model's. Checkpoints and logs live in ``<output>.training``
        beside it until the bundle is written.
    resume : bool
        Go on from a checkpoint of the same configuration, if there is one.
    overwrite : bool
        Whether a bundle already there is replaced.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    n_workers : int, optional
        Processes that simulate; by default as many as the device wants. The cutouts are the same.
    simulations : Path, optional
        Folder in which stored cutouts are kept for other runs of the same simulations; by default they lie
        with the checkpoints, and go with them.
    report : Report, optional
        Writes history, report and card into the bundle; by default the full one.

    Returns
    -------
    Bundle or PaperBundle

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
    head = workshop.head
    device = training_device(config.training)
    n_workers = device.n_feeding_processes if n_workers is None else n_workers
    network, state = fit(
        config,
        head.simulator,
        head.lesson,
        workshop.checkpoints,
        resume,
        progress,
        device,
        n_workers,
        simulations,
    )
    if not resume:
        shutil.rmtree(workshop.calibration, ignore_errors=True)
    return workshop.complete(network, state, progress, report or _report)


def finish(
    config: SurveyConfig,
    output: Path,
    overwrite: bool = False,
    progress: Progress = silent,
    report: "Report | None" = None,
) -> AnyBundle:
    """Make a bundle of the best model of an unfinished run, without training on.

    Parameters
    ----------
    config, output, overwrite, progress, report
        As for `train`, which began the run.

    Raises
    ------
    InputError
        If there is no run of this configuration.
    """
    workshop = _Workshop.open(config, output, overwrite)
    network, state = best_so_far(config, workshop.head.lesson, workshop.checkpoints)
    return workshop.complete(network, state, progress, report or _report)


@dataclass(frozen=True)
class _Workshop:
    """What is needed from the first batch to the finished bundle."""

    config: SurveyConfig
    output: Path
    head: Head

    @classmethod
    def open(cls, config: SurveyConfig, output: Path, overwrite: bool) -> "_Workshop":
        """Check first, then prepare for the long work."""
        check(config, output, overwrite)
        return cls(config, output, HEADS[config.network.head](config))

    @property
    def checkpoints(self) -> Path:
        """Return the folder that holds the run's state until it ends."""
        return checkpoint_folder(self.output)

    @property
    def calibration(self) -> Path:
        """Return the folder that holds what the calibration found so far."""
        return self.checkpoints / "calibration"

    def complete(self, network: Any, state: TrainingState, progress: Progress, report: "Report") -> AnyBundle:
        """Calibrate, write and evaluate a trained network."""
        # as they will be read: calibration and report are those of the rounded weights, in single precision
        weights = [as_stored(np.asarray(v)) for v in model_variables(network)]
        facts = {
            "name": self.output.name,
            "szmass_version": __version__,
            "cutouts_trained_on": different_cutouts(self.config.training, state.best_epoch),
        }
        parent = self.output.parent
        kept = KeptBlocks(self.calibration, calibration_key(self.config.to_yaml(), weights))
        try:
            with tempfile.TemporaryDirectory(dir=parent, prefix=f".{self.output.name}.") as temporary:
                part = Path(temporary) / self.output.name
                part.mkdir()
                self.head.write(part, facts, weights, kept, progress)
                report(part, state, progress)
                move_folder(part, self.output)
        except OSError as error:
            raise SzmassError(
                f"{self.output} could not be written: {error.strerror or error}",
                f"The trained network is kept in {self.checkpoints}: free some space and give the same "
                "command again.",
            ) from error
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return read_bundle(self.output)


def checkpoint_folder(output: Path) -> Path:
    """Return where checkpoints and logs of a bundle's training live until it is written."""
    return output.with_name(output.name + ".training")


def check(config: SurveyConfig, output: Path, overwrite: bool) -> None:
    """Check, before the long work, all that can be checked.

    Raises
    ------
    ConfigError, OutputError
    """
    check_trainable(config)
    check_bundle_folder(output, overwrite)


def check_bundle_folder(output: Path, overwrite: bool) -> None:
    """Refuse an output folder that is taken by anything but a bundle to be replaced, or cannot be made."""
    if output.exists() and not overwrite:
        raise OutputError(f"{output} is already there.", "--overwrite replaces it.")
    empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not empty and not (output / METADATA).is_file():
        raise OutputError(f"{output} is not a model bundle, so it is not replaced.", "Give another name.")
    check_can_be_made(output)


def write_history_and_report(
    folder: Path, state: TrainingState, evaluation: Evaluation, bundle: AnyBundle
) -> None:
    """Write what is known of a bundle's training and of its skill, and its card, into its folder."""
    (folder / HISTORY).write_text(json.dumps(state.history, indent=1) + "\n")
    write_report(evaluation, state.history, folder / REPORT)
    (folder / CARD).write_text(model_card(bundle, evaluation.metrics))


Report = Callable[[Path, TrainingState, Progress], None]
"""Evaluates the bundle in a folder on fresh cutouts, and writes history, report and card into it."""


def _report(folder: Path, state: TrainingState, progress: Progress) -> None:
    """Write all that a report shows; see `Report`."""
    bundle = read_bundle(folder)
    evaluation = evaluate_fully(folder, N_EVALUATED, bundle.metadata.seed, progress)
    write_history_and_report(folder, state, evaluation, bundle)
