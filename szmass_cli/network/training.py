"""Fitting the network: loss, learning-rate schedule, early stopping, and going on after an interruption."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import SzmassError
from szmass_cli.network.backend import load_keras, load_tensorflow
from szmass_cli.network.checkpoints import Checkpoints, TrainingState
from szmass_cli.network.dataset import SOURCES, Encoder
from szmass_cli.network.mresunet import OUTPUTS, build_mresunet
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream

if TYPE_CHECKING:
    import keras

WARM_UP_EPOCHS = 0.5


def weighted_mse(targets, outputs):
    """Mean squared error with the weights carried in the targets' last channels."""
    ops = load_keras().ops
    wanted, weights = targets[..., :OUTPUTS], targets[..., OUTPUTS:]
    return ops.mean(weights * ops.square(wanted - outputs))


def learning_rate(config: TrainingConfig, state: TrainingState, progress_epochs: float) -> float:
    """Learning rate after a (fractional) number of epochs."""
    if config.schedule == "plateau":
        return config.learning_rate * state.learning_rate_factor
    warm_up = min(1.0, (progress_epochs + 1e-3) / WARM_UP_EPOCHS)
    return (
        config.learning_rate * warm_up * 0.5 * (1.0 + math.cos(math.pi * progress_epochs / config.max_epochs))
    )


def update_state(state: TrainingState, config: TrainingConfig, validation_loss: float) -> bool:
    """Count an epoch; returns whether it is the best so far."""
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
    simulator: CutoutSimulator,
    encoder: Encoder,
    folder: Path,
    resume: bool = True,
    progress: Progress = silent,
) -> tuple["keras.Model", TrainingState]:
    """Train a network until its validation loss stops improving or its epochs are used up.

    Parameters
    ----------
    config : SurveyConfig
    simulator : CutoutSimulator
    encoder : Encoder
    folder : Path
        Where checkpoints live while the run lasts.
    resume : bool
        Go on from a checkpoint of the same configuration, if there is one.
    progress : Progress

    Returns
    -------
    model, state
        The network with its best weights, and the run's history.

    Raises
    ------
    InputError
        If the folder holds a run of another configuration.
    """
    keras = load_keras()
    training, recipe = config.training, config.to_yaml()
    keras.utils.set_random_seed(training.seed)
    model = build_mresunet(config.network, encoder.inputs.channels)
    model.compile(keras.optimizers.Adam(training.learning_rate), loss=weighted_mse)
    checkpoints = Checkpoints(folder)
    state = (checkpoints.load(recipe) if resume else None) or TrainingState(recipe=recipe)
    model.optimizer.build(model.trainable_variables)
    if state.epoch:
        checkpoints.restore(state.epoch, model)

    source = SOURCES[training.cutouts](config, simulator)
    validation = _validation_set(config, simulator, encoder)
    while state.epoch < training.max_epochs and state.epochs_without_gain < training.stop_after_epochs:
        loss = _train_epoch(model, source.epoch(state.epoch), encoder, training, state, progress)
        validation_loss = float(model.evaluate(*validation, batch_size=256, verbose=0))
        _check_finite(validation_loss, state.epoch + 1)
        rate = float(model.optimizer.learning_rate)
        row = {
            "epoch": state.epoch + 1,
            "loss": loss,
            "validation_loss": validation_loss,
            "learning_rate": rate,
        }
        state.history.append(row)
        update_state(state, training, validation_loss)
        checkpoints.save(state, model)
    checkpoints.restore(state.best_epoch, model)
    return model, state


def _check_finite(loss: float, epoch: int) -> None:
    if not np.isfinite(loss):
        raise SzmassError(
            f"The loss became {loss} in epoch {epoch}.",
            "Lower training.learning_rate and begin anew with --no-resume.",
        )


def _validation_set(config: SurveyConfig, simulator: CutoutSimulator, encoder: Encoder):
    training = config.training
    blocks = simulator.blocks(config.clusters, training.validation_cutouts, training.seed, Stream.VALIDATION)
    return encoder(CutoutBlock.concatenate(list(blocks)))


def _train_epoch(model, batches, encoder, training: TrainingConfig, state: TrainingState, progress) -> float:
    """One pass over the epoch's batches; returns the mean loss."""
    keras: Any = load_keras()
    tf = load_tensorflow()
    n_batches = training.cutouts_per_epoch // training.batch_size
    signature = (
        tf.TensorSpec((training.batch_size, *model.input_shape[1:]), tf.float32),
        tf.TensorSpec((training.batch_size, *model.output_shape[1:-1], 2 * OUTPUTS), tf.float32),
    )
    # simulation runs in tf.data's own thread while the network trains
    data = tf.data.Dataset.from_generator(
        lambda: (encoder(batch) for batch in batches), output_signature=signature
    ).prefetch(8)
    last_validation = state.history[-1]["validation_loss"] if state.history else math.nan

    class PerBatch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            done = state.epoch + batch / n_batches
            self.model.optimizer.learning_rate.assign(learning_rate(training, state, done))

        def on_train_batch_end(self, batch, logs=None):
            detail = f"epoch {state.epoch + 1}  loss {logs['loss']:.4f}  validation {last_validation:.4f}"
            done = (state.epoch * n_batches + batch + 1) * training.batch_size
            progress("training", done, training.max_epochs * n_batches * training.batch_size, detail)

    history = model.fit(
        data, epochs=1, steps_per_epoch=n_batches, shuffle=False, verbose=0, callbacks=[PerBatch()]
    )
    loss = float(history.history["loss"][-1])
    _check_finite(loss, state.epoch + 1)
    return loss
