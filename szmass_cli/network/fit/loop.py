"""Fitting the network: loss, learning-rate schedule, early stopping, and going on after an interruption."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import ConfigError, Interrupted, SzmassError
from szmass_cli.network.backend import backend_name, dtype_policy, load_keras, on_jax
from szmass_cli.network.fit.averaging import WeightAverage
from szmass_cli.network.fit.blockstore import BlockStore
from szmass_cli.network.fit.checkpoints import Checkpoints, TrainingState
from szmass_cli.network.fit.course import Course
from szmass_cli.network.fit.dataset import Batch, Simulator, Source, Teacher, joined, source_of
from szmass_cli.network.fit.device import Device, training_device
from szmass_cli.network.fit.feeding import fed_by
from szmass_cli.network.fit.interrupt import EndOfEpoch
from szmass_cli.network.fit.jaxsteps import JaxSteps
from szmass_cli.network.fit.kerassteps import KerasSteps
from szmass_cli.network.fit.lessons import Lesson
from szmass_cli.network.fit.logs import write_csv, write_tensorboard
from szmass_cli.sky.cutouts import Stream
from szmass_cli.system.progress import Progress, silent

if TYPE_CHECKING:
    import keras

VALIDATION_BATCH = 64


class Steps(Protocol):
    """What trains a network for an epoch, on a backend of Keras."""

    def epoch(self, course: Course) -> float: ...


STEPS: dict[str, Any] = {"tensorflow": KerasSteps, "jax": JaxSteps}
"""By Keras' name of the backend."""


def learning_rate(config: TrainingConfig, state: TrainingState, progress_epochs: float) -> float:
    """Return the learning rate after a (fractional) number of epochs."""
    if config.schedule == "plateau":
        return config.learning_rate * state.learning_rate_factor
    warm_up = min(1.0, (progress_epochs + 1e-3) / max(config.warm_up_epochs, 1e-3))
    return (
        config.learning_rate * warm_up * 0.5 * (1.0 + math.cos(math.pi * progress_epochs / config.max_epochs))
    )


def update_state(state: TrainingState, config: TrainingConfig, validation_loss: float) -> bool:
    """Count an epoch, and return whether it is the best so far."""
    state.epoch += 1
    if validation_loss < state.best_loss:
        state.best_loss, state.best_epoch, state.epochs_without_gain = validation_loss, state.epoch, 0
        return True
    state.epochs_without_gain += 1
    if config.schedule == "plateau" and state.epochs_without_gain % config.halve_after_epochs == 0:
        state.learning_rate_factor *= 0.5
    return False


def fit(
    config: SurveyConfig,
    simulator: Simulator,
    lesson: Lesson,
    folder: Path,
    resume: bool = True,
    progress: Progress = silent,
    device: Device | None = None,
    n_workers: int = 0,
    simulations: Path | None = None,
) -> tuple["keras.Model", TrainingState]:
    """Train a network until its validation loss stops improving or its epochs are used up.

    Parameters
    ----------
    config : SurveyConfig
        Sky, clusters, network and training; a checkpoint must be of the same.
    simulator : Simulator
        Draws labelled simulations for training and validation.
    lesson : Lesson
        Turns simulations into inputs and targets of the network.
    folder : Path
        Where checkpoints and logs live while the run lasts.
    resume : bool
        Go on from a checkpoint of the same configuration, if there is one.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    device : Device, optional
        Where to train; all GPUs or the CPU by default.
    n_workers : int
        Processes that simulate; 0 simulates in this one. The cutouts are the same.
    simulations : Path, optional
        Where stored cutouts are kept; beside the checkpoints otherwise.

    Returns
    -------
    model, state
        The network with its best weights, and the run's history.

    Raises
    ------
    InputError
        If the folder holds a run of another configuration.
    Interrupted
        After the epoch in which Ctrl-C came; that epoch is saved.
    """
    training, recipe = config.training, config.to_yaml()
    device = device or training_device(training)
    model, average = compiled_model(config, lesson, device)
    variables = {
        "model": model.variables,
        "optimizer": model.optimizer.variables,
        "average": average.variables,
    }
    checkpoints = Checkpoints(folder)
    state = (checkpoints.load(recipe) if resume else None) or TrainingState(recipe=recipe)
    if state.epoch:
        checkpoints.restore(state.epoch, variables)

    simulations = simulations or folder / "simulations"
    validation = _validation_set(config, simulator, lesson, simulations)
    if not state.history and lesson.counts_untrained:
        # epoch 0: what is worse than no training at all is not kept
        state.best_loss = _untrained_loss(model, validation, lesson)
        checkpoints.save(state, variables)
    teacher = Teacher(config, simulator, lesson)
    steps = STEPS[backend_name()](model, average, validation, training.batch_size)
    n_blocks = teacher.blocks_per_epoch * training.max_epochs
    with fed_by(teacher, n_workers, n_blocks) as draw:
        source = source_of(teacher, draw, simulations)
        while not _is_finished(state, training):
            with EndOfEpoch() as end:
                row = _epoch(
                    model, steps, average, validation, lesson, _course(source, training, state, progress)
                )
                state.history.append({"epoch": state.epoch + 1, **row})
                update_state(state, training, row["validation_loss"])
                checkpoints.save(state, variables)
                write_csv(state.history, folder / "log.csv")
                write_tensorboard(state.history[-1], folder / "tensorboard")
            if end.wanted and not _is_finished(state, training):
                raise Interrupted(
                    f"Interrupted after epoch {state.epoch} of {training.max_epochs}, which is saved.",
                    f"The best model so far, of epoch {state.best_epoch}, is kept in {folder}. The same "
                    "command goes on; with --finish it makes a bundle of the best model as it is.",
                )
    checkpoints.restore(state.best_epoch, variables)
    average.take()
    return model, state


def best_so_far(config: SurveyConfig, lesson: Lesson, folder: Path) -> tuple["keras.Model", TrainingState]:
    """Return the network with the best weights of an unfinished run, and the run's history.

    Raises
    ------
    InputError
        If the folder holds no run, or one of another configuration.
    """
    checkpoints = Checkpoints(folder)
    state = checkpoints.load(config.to_yaml())
    if state is None:
        raise ConfigError(f"{folder} holds no training run to finish.", "Train without --finish first.")
    model, average = compiled_model(config, lesson, training_device(config.training))
    checkpoints.restore(state.best_epoch, {"model": model.variables, "average": average.variables})
    average.take()
    return model, state


def compiled_model(
    config: SurveyConfig, lesson: Lesson, device: Device
) -> tuple["keras.Model", WeightAverage]:
    """Return a network ready to be trained on a device, its weights drawn from the configured seed."""
    keras, training = load_keras(), config.training
    if training.batch_size % device.n_replicas:
        raise ConfigError(
            f"training.batch_size: {training.batch_size} cannot be shared by {device.n_replicas} devices.",
            "Give a multiple of their number.",
        )
    keras.utils.set_random_seed(training.seed)
    with device.strategy.scope(), dtype_policy(device.policy):
        model = lesson.build(synchronised=device.n_replicas > 1)
        # on TensorFlow, XLA makes dilated convolutions no faster on CPUs, and start minutes later
        clip = training.gradient_clip_norm or None
        adam = keras.optimizers.Adam(training.learning_rate, global_clipnorm=clip)
        model.compile(adam, **lesson.losses, jit_compile=on_jax())
        model.optimizer.build(model.trainable_variables)
        average = WeightAverage(model, training.average_decay)
    return model, average


def _is_finished(state: TrainingState, training: TrainingConfig) -> bool:
    return state.epoch >= training.max_epochs or state.epochs_without_gain >= training.stop_after_epochs


def _validation_set(config: SurveyConfig, simulator: Simulator, lesson: Lesson, simulations: Path) -> Batch:
    training = config.training

    def draw() -> Batch:
        n, seed = training.validation_cutouts, training.seed
        return lesson(joined(simulator.blocks(config.clusters, n, seed, Stream.VALIDATION)))

    if training.cutouts == "stored":
        return BlockStore(simulations, config.simulations).block("validation", draw)
    return draw()


def _epoch(
    model, steps: Steps, average: WeightAverage, validation: Batch, lesson: Lesson, course: Course
) -> dict[str, float]:
    """Train for an epoch and return its entry in the history."""
    epoch = course.first_step // course.n_batches + 1
    began = time.monotonic()
    loss = _checked(steps.epoch(course), epoch)
    rate = course.n_cutouts / (time.monotonic() - began)
    with average.in_place():
        validation_loss = _checked(_loss_on(model, validation, lesson.judged_by), epoch)
    return {
        "loss": loss,
        "validation_loss": validation_loss,
        "learning_rate": course.learning_rate(course.n_batches - 1),
        "cutouts_per_second": round(rate, 2),
    }


def _loss_on(model, validation: Batch, judged_by: str) -> float:
    found = model.evaluate(*validation, batch_size=VALIDATION_BATCH, verbose=0, return_dict=True)
    return float(found[judged_by])


def _untrained_loss(model, validation: Batch, lesson: Lesson) -> float:
    """Return the validation loss of a network that has learnt nothing."""
    return _loss_on(model, validation, lesson.judged_by)


def _course(source: Source, training: TrainingConfig, state: TrainingState, progress: Progress) -> Course:
    """Return the epoch that comes next."""
    epoch, n_batches = state.epoch, training.cutouts_per_epoch // training.batch_size
    before = f"  validation {state.history[-1]['validation_loss']:.4f}" if state.history else ""

    def tell(batches_done: int, loss: float) -> None:
        done = (epoch * n_batches + batches_done) * training.batch_size
        total = training.max_epochs * n_batches * training.batch_size
        progress("training", done, total, f"epoch {epoch + 1}  loss {loss:.4f}{before}")

    return Course(
        lambda: source.epoch(epoch),
        n_batches,
        training.batch_size,
        epoch * n_batches,
        lambda batch: learning_rate(training, state, epoch + batch / n_batches),
        tell,
    )


def _checked(loss: float, epoch: int) -> float:
    """Return a loss, which has to be a finite number.

    Raises
    ------
    SzmassError
        If it is not finite.
    """
    if not np.isfinite(loss):
        raise SzmassError(
            f"The loss became {loss} in epoch {epoch}.",
            "Lower training.learning_rate and begin anew with --no-resume.",
        )
    return loss
