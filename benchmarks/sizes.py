"""Accuracy of conditioned networks against their cost: sizes, with and without what the known sky adds.

Usage: python benchmarks/sizes.py [--cutouts 200000] [--epochs 2] [--base 8 16 32] [--workers 0] [--untrained]

Networks see the bare cutout, or B C^-1 d beside it (whitened), or also matched filters in their head, in the
recipe of the preset `survey` but for a shorter training. All see the same cutouts and are tested on the same
ones. The gap is to the exact posterior's mean ln probability of the true mass; the shift is the rms of
(mean - exact mean) / exact sigma of ln M where the S/N is above 3. With `--untrained` only the forward rates
mean anything. 200,000 cutouts take 4 GB of memory.
"""

import argparse
import time
from functools import partial
from typing import Any

import numpy as np

from szmass_cli.config import SurveyConfig, TrainingConfig, load_config
from szmass_cli.evaluation.exact import ExactPosterior
from szmass_cli.evaluation.posteriors import ln_density_at
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.network.backend import backend_name
from szmass_cli.network.conditioned import ConditionedInput, Conditions
from szmass_cli.network.fit.checkpoints import TrainingState
from szmass_cli.network.fit.course import Course
from szmass_cli.network.fit.dataset import Batch, Teacher, rebatch
from szmass_cli.network.fit.device import training_device
from szmass_cli.network.fit.feeding import fed_by
from szmass_cli.network.fit.lessons import PosteriorLesson
from szmass_cli.network.fit.loop import STEPS, compiled_model, learning_rate
from szmass_cli.network.posteriormodel import PosteriorPredictor
from szmass_cli.posterior.recalibration import mass_grid, moments
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import CutoutBlock, Stream

N_TESTED = 8192
INPUTS = {"bare": ("plain", 0), "whitened": ("filtered", 0), "and filters": ("filtered", 16)}
"""What a network sees: its input, and how many matched filters."""


def variant(config: SurveyConfig, base_filters: int, sees: str) -> SurveyConfig:
    """The recipe with another network."""
    kind, matched_filters = INPUTS[sees]
    network = {"base_filters": base_filters, "input": kind, "matched_filters": matched_filters}
    return config.model_copy(update={"network": config.network.model_copy(update=network)})


def seen(batch: Batch, shapes: dict[str, tuple[int, ...]]) -> Batch:
    """What a network sees of a batch made for one that sees all."""
    inputs, targets = batch
    return {name: inputs[name][..., : shape[-1]] for name, shape in shapes.items()}, targets


class Contest:
    """The cutouts that all networks are trained and tested on."""

    def __init__(self, config: SurveyConfig, n_workers: int):
        self.simulator = InstrumentSimulator(config)
        teacher = Teacher(
            config, self.simulator, PosteriorLesson(config, ConditionedInput(config, self.simulator.modes))
        )
        start = time.perf_counter()
        with fed_by(teacher, n_workers, teacher.blocks_per_epoch) as draw:
            self.blocks = [draw(number) for number in range(teacher.blocks_per_epoch)]
        rate = config.training.cutouts_per_epoch / (time.perf_counter() - start)
        print(f"simulated: {rate:,.0f} cutouts/s with {n_workers} workers", flush=True)
        blocks = self.simulator.blocks(config.clusters, N_TESTED, 1, Stream.TEST)
        self.tested = CutoutBlock.concatenate(list(blocks))
        self.conditions, self.ln_mass = Conditions.of(self.tested), np.log(self.tested.m200c)
        self.grid = mass_grid(mass_range(config.clusters))
        exact = ExactPosterior(self.simulator.modes, self.grid, config.clusters.sz_scatter_ln)
        self.best = exact(self.tested.image, self.conditions)

    def train(self, config: SurveyConfig, inputs: ConditionedInput) -> tuple[Any, float]:
        """A network after the epochs of a recipe, and the cutouts/s of the last of them."""
        training = config.training
        model, average = compiled_model(
            config, PosteriorLesson(config, inputs), training_device(config.training)
        )
        blocks = [seen(block, inputs.shapes) for block in self.blocks]
        steps = STEPS[backend_name()](model, average, blocks[0], training.batch_size)
        n_batches = training.cutouts_per_epoch // training.batch_size
        rate = 0.0
        for epoch in range(training.max_epochs):
            start = time.perf_counter()
            steps.epoch(
                Course(
                    lambda: rebatch(iter(blocks), training.batch_size),
                    n_batches,
                    training.batch_size,
                    epoch * n_batches,
                    partial(_rate, training, n_batches, epoch),
                    lambda done, loss: None,
                )
            )
            rate = training.cutouts_per_epoch / (time.perf_counter() - start)
        average.take()
        return model, rate

    def line(self, config: SurveyConfig) -> str:
        """How good and how quick a network is."""
        inputs = ConditionedInput(config, self.simulator.modes)
        model, trained = self.train(config, inputs)
        predictor = PosteriorPredictor(model, inputs, self.grid)
        predictor(self.tested.image[:64], self.conditions[:64])
        start = time.perf_counter()
        density = predictor(self.tested.image, self.conditions).density
        forward = len(self.tested) / (time.perf_counter() - start)
        gaps = ln_density_at(self.grid, self.best, self.ln_mass) - ln_density_at(
            self.grid, density, self.ln_mass
        )
        (mean, _), (best_mean, best_sigma) = moments(self.grid, density), moments(self.grid, self.best)
        clear = inputs.snr(self.tested.image, self.conditions, np.exp(best_mean)) > 3.0
        shift = np.sqrt(np.mean(((mean - best_mean) / best_sigma)[clear] ** 2))
        error = gaps.std() / np.sqrt(len(gaps))
        return (
            f"{model.count_params():>10,} {gaps.mean():>8.4f} ± {error:.4f} {shift:>7.3f} "
            f"{forward:>10,.0f} {trained:>9,.0f}"
        )


def _rate(training: TrainingConfig, n_batches: int, epoch: int, batch: int) -> float:
    return learning_rate(training, TrainingState(), epoch + batch / n_batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cutouts", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--base", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--untrained", action="store_true")
    arguments = parser.parse_args()
    config = load_config("survey")
    size = config.training.batch_size
    n = 2 * size if arguments.untrained else arguments.cutouts // size * size
    short = {"cutouts_per_epoch": n, "max_epochs": 0 if arguments.untrained else arguments.epochs}
    config = config.model_copy(update={"training": config.training.model_copy(update=short)})
    contest = Contest(config, arguments.workers)
    print(f"{training_device(config.training).description}; {n} cutouts, {config.training.max_epochs} times")
    print("base  sees           weights  gap [nats]         shift  forward/s   train/s")
    for base in arguments.base:
        for sees in INPUTS:
            print(f"{base:>4}  {sees:<11} {contest.line(variant(config, base, sees))}", flush=True)


if __name__ == "__main__":
    main()
