"""Throughput of `szmass train` against a bare Keras loop on arrays in memory, same batch and precision.

Usage: python benchmarks/train.py [--config paper-fresh] [--batches 20]

Both take the same number of steps with the same network, in turn and twice; the better rate of each counts.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.dataset import Simulator, joined
from szmass_cli.network.fit.device import training_device
from szmass_cli.network.fit.lessons import Lesson
from szmass_cli.network.fit.loop import compiled_model, fit
from szmass_cli.sky.cutouts import Stream
from szmass_cli.training.heads import HEADS


def bare_rate(config: SurveyConfig, lesson: Lesson, simulator: Simulator, n_batches: int) -> float:
    """Cutouts per second of `train_on_batch`."""
    training = config.training
    size = training.batch_size
    blocks = simulator.blocks(config.clusters, n_batches * size, 1, Stream.TRAINING)
    arrays = lesson(joined(blocks))
    model, _ = compiled_model(config, lesson, training_device(training))
    batches = [
        load_keras().tree.map_structure(lambda array, first=first: array[first : first + size], arrays)
        for first in range(0, n_batches * size, size)
    ]
    model.train_on_batch(*batches[0])
    start = time.perf_counter()
    for batch in batches:
        model.train_on_batch(*batch)
    return n_batches * size / (time.perf_counter() - start)


def szmass_rate(config: SurveyConfig, lesson: Lesson, simulator: Simulator, n_batches: int) -> float:
    """Cutouts per second of an epoch of `szmass train`, simulation and averaging included."""
    size = config.training.batch_size
    training = {"cutouts_per_epoch": n_batches * size, "max_epochs": 2, "validation_cutouts": size}
    short = config.model_copy(update={"training": config.training.model_copy(update=training)})
    with tempfile.TemporaryDirectory() as folder:
        _, state = fit(short, simulator, lesson, Path(folder))
    # the first epoch traces the network
    return float(state.history[-1]["cutouts_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="paper-fresh")
    parser.add_argument("--batches", type=int, default=20)
    arguments = parser.parse_args()
    config = load_config(arguments.config)
    head = HEADS[config.network.head](config)
    rates = np.array(
        [
            [
                rate(config, head.lesson, head.simulator, arguments.batches)
                for rate in (szmass_rate, bare_rate)
            ]
            for _ in range(2)
        ]
    ).max(axis=0)
    where = training_device(config.training).description
    print(f"{arguments.config} on {where}, batch {config.training.batch_size}")
    print(f"szmass train         {rates[0]:8.2f} cutouts/s")
    print(f"bare train_on_batch  {rates[1]:8.2f} cutouts/s")
    print(f"ratio                {rates[0] / rates[1]:8.3f}")


if __name__ == "__main__":
    main()
