"""Accuracy of conditioned networks against their cost: sizes, with and without matched filters for the head.

Usage: python benchmarks/sizes.py [--cutouts 100000] [--base 8 16 32]

Every network sees the same cutouts, in the recipe of the preset `survey`, and is tested on the same ones.
The gap is to the exact posterior's mean ln probability of the true mass.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.evaluation.exact import ExactPosterior
from szmass_cli.evaluation.posteriors import ln_density_at
from szmass_cli.network.conditioned import ConditionedInput, Conditions
from szmass_cli.network.lessons import PosteriorLesson
from szmass_cli.network.posteriormodel import PosteriorPredictor
from szmass_cli.network.training import fit
from szmass_cli.recalibration import mass_grid
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import CutoutBlock, Stream
from szmass_cli.sky.instruments import InstrumentSimulator

N_TESTED = 4096


def variant(config: SurveyConfig, base_filters: int, matched_filters: int, cutouts: int) -> SurveyConfig:
    """The recipe with another network and a shorter training, of two epochs."""
    network = config.network.model_copy(
        update={"base_filters": base_filters, "matched_filters": matched_filters}
    )
    per_epoch = cutouts // 2 // config.training.batch_size * config.training.batch_size
    short = {"cutouts_per_epoch": per_epoch, "max_epochs": 2, "validation_cutouts": 2048}
    training = config.training.model_copy(update=short)
    return config.model_copy(update={"network": network, "training": training})


def measure(config: SurveyConfig, simulator: InstrumentSimulator, tested: CutoutBlock, best: float) -> str:
    """Train a network and say how good and how quick it is."""
    inputs = ConditionedInput(config, simulator.modes)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        network, _ = fit(config, simulator, PosteriorLesson(config, inputs), Path(folder) / "run")
        trained = time.perf_counter() - start
    grid = mass_grid(mass_range(config.clusters))
    predictor = PosteriorPredictor(network, inputs, grid)
    conditions = Conditions.of(tested)
    predictor(tested.image[:64], conditions[:64])
    start = time.perf_counter()
    density = predictor(tested.image, conditions).density
    rate = len(tested) / (time.perf_counter() - start)
    gap = best - ln_density_at(grid, density, np.log(tested.m200c)).mean()
    seen = config.training.cutouts_per_epoch * config.training.max_epochs
    return f"{network.count_params():>10,} {gap:>9.4f} {rate:>10,.0f} {seen / trained:>10,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cutouts", type=int, default=100_000)
    parser.add_argument("--base", type=int, nargs="+", default=[8, 16, 32])
    arguments = parser.parse_args()
    config = load_config("survey")
    simulator = InstrumentSimulator(config)
    blocks = simulator.blocks(config.clusters, N_TESTED, 1, Stream.TEST)
    tested = CutoutBlock.concatenate(list(blocks))
    grid = mass_grid(mass_range(config.clusters))
    exact = ExactPosterior(simulator.modes, grid, config.clusters.sz_scatter_ln)
    density = exact(tested.image, Conditions.of(tested))
    best = ln_density_at(grid, density, np.log(tested.m200c)).mean()
    print("base  filters   weights  gap [nats]  forward/s    train/s")
    for base in arguments.base:
        for filters in (config.network.matched_filters, 0):
            one = variant(config, base, filters, arguments.cutouts)
            print(f"{base:>4} {filters:>8} {measure(one, simulator, tested, best)}", flush=True)


if __name__ == "__main__":
    main()
