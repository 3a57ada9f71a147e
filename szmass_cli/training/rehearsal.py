"""What a training would do, found out with a few steps that are thrown away."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.network.backend import backend_name
from szmass_cli.network.fit.checkpoints import Checkpoints
from szmass_cli.network.fit.course import Course
from szmass_cli.network.fit.dataset import Simulator, joined
from szmass_cli.network.fit.device import Device, training_device
from szmass_cli.network.fit.lessons import Lesson
from szmass_cli.network.fit.loop import STEPS, compiled_model
from szmass_cli.sky.clusters import mass_range, redshift_range
from szmass_cli.sky.cutouts import Stream
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.heads import HEADS
from szmass_cli.training.run import check, checkpoint_folder

N_STEPS = 2
"""Steps of training that are timed, after as many that are not."""

INSTRUMENTS = {"training": 2, "in_each_epoch": 2}
"""Of the trial, at most: what is worked out for an instrument takes longer than cutouts of it."""


@dataclass(frozen=True)
class Trial:
    """What was timed [s].

    Parameters
    ----------
    instrument, cutout, step : float
        Working out one instrument, simulating one cutout, and one step of training.
    """

    instrument: float
    cutout: float
    step: float


@dataclass(frozen=True)
class TrainingRehearsal:
    """What is understood of a training, and how long it will take.

    Parameters
    ----------
    network, clusters, device : str
        In words.
    epochs, epochs_done : int
        Most that there will be, and those that a checkpoint has.
    cutouts_per_epoch, validation_cutouts, calibration_cutouts : int
        Numbers of simulations.
    training_seconds, calibration_seconds : float
        Time that each takes on this machine, by the trial; the evaluation for the report comes on top.
    """

    network: str
    clusters: str
    device: str
    epochs: int
    epochs_done: int
    cutouts_per_epoch: int
    validation_cutouts: int
    calibration_cutouts: int
    training_seconds: float
    calibration_seconds: float


def rehearse(
    config: SurveyConfig,
    output: Path,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
    n_workers: int | None = None,
) -> TrainingRehearsal:
    """Check a configuration as its training would, take a few steps, and write nothing.

    Parameters
    ----------
    config, output, resume, overwrite, n_workers
        As for `train`.
    progress : Progress
        Called with ``trial``, how much of it is done, and the total.

    Raises
    ------
    ConfigError, OutputError, InputError
        What the training itself would refuse.
    """
    check(config, output, overwrite)
    state = Checkpoints(checkpoint_folder(output)).load(config.to_yaml()) if resume else None
    device = training_device(config.training)
    n_workers = device.n_feeding_processes if n_workers is None else n_workers
    trial, n_weights = _trial(config, device, progress)
    training = config.training
    done = 0 if state is None else state.epoch
    head = HEADS[config.network.head]
    calibration = head.calibration_cutouts(config)
    low, high = (mass / 1e14 for mass in mass_range(config.clusters))
    least, most = redshift_range(config.clusters)
    return TrainingRehearsal(
        f"{config.network.head}, mResUNet, {config.network.base_filters} base filters, {n_weights:,} weights",
        f"M200c {low:g} to {high:g} x 1e14 Msun, redshift "
        + (f"{least:g}" if least == most else f"{least:g} to {most:g}"),
        device.description,
        training.max_epochs,
        done,
        training.cutouts_per_epoch,
        training.validation_cutouts,
        calibration,
        training_seconds(
            config, trial, training.max_epochs - done, head.instruments_each_epoch(config), n_workers
        ),
        calibration * (trial.cutout + trial.step / training.batch_size)
        + head.instruments_of_calibration(config) * trial.instrument,
    )


def training_seconds(
    config: SurveyConfig, trial: Trial, n_epochs: int, n_instruments: int, n_workers: int
) -> float:
    """Return how long some epochs take, with the simulation of their cutouts [s].

    Parameters
    ----------
    config : SurveyConfig
        Its ``training`` section.
    trial : Trial
        What was timed.
    n_epochs : int
        Epochs to come.
    n_instruments : int
        Instruments that are worked out for each epoch.
    n_workers : int
        Processes that simulate while the network trains; with none it is done in turns.
    """
    training = config.training
    n_drawn = training.epochs_drawn(n_epochs)
    drawing = n_drawn * (training.cutouts_per_epoch * trial.cutout + n_instruments * trial.instrument)
    steps = n_epochs * (training.cutouts_per_epoch // training.batch_size) * trial.step
    validation = training.validation_cutouts * (trial.cutout + n_epochs * trial.step / training.batch_size)
    return validation + (drawing + steps if n_workers == 0 else max(drawing / n_workers, steps))


def _trial(config: SurveyConfig, device: Device, progress: Progress) -> tuple[Trial, int]:
    """Return times, and the number of the network's weights."""
    fewer = {key: min(getattr(config.instruments, key), value) for key, value in INSTRUMENTS.items()}
    small = config.model_copy(update={"instruments": config.instruments.model_copy(update=fewer)})
    progress("trial", 0, 3)
    head = HEADS[config.network.head](small)
    first, second, block = _drawn(small, head.simulator)
    progress("trial", 1, 3)
    n_instruments = head.instruments_each_epoch(small)
    instrument = max(first - second, 0.0) / n_instruments if n_instruments else 0.0
    step, n_weights = _step(config, head.lesson, block, device)
    progress("trial", 3, 3)
    return Trial(instrument, second / len(block), step), n_weights


def _drawn(config: SurveyConfig, simulator: Simulator) -> tuple[float, float, Any]:
    """Return the times [s] that a first and a second block of training take, and the second."""
    seconds = []
    for number in range(2):
        begin = time.monotonic()
        block = joined(
            simulator.blocks(
                config.clusters, simulator.block_size, config.training.seed, Stream.TRAINING, number
            )
        )
        seconds.append(time.monotonic() - begin)
    return seconds[0], seconds[1], block


def _step(config: SurveyConfig, lesson: Lesson, block: Any, device: Device) -> tuple[float, int]:
    """Return the time of a step of training [s], and the number of the network's weights."""
    size = config.training.batch_size
    model, average = compiled_model(config, lesson, device)
    batch = lesson(block[np.resize(np.arange(len(block)), size)])
    steps = STEPS[backend_name()](model, average, batch, size)

    def batches() -> Iterator[Any]:
        return repeat(batch, N_STEPS)

    course = Course(batches, N_STEPS, size, 0, lambda _: 0.0, lambda *_: None)
    steps.epoch(course)
    begin = time.monotonic()
    steps.epoch(replace(course, first_step=N_STEPS))
    return (time.monotonic() - begin) / N_STEPS, model.count_params()
