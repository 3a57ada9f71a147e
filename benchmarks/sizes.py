"""Cost of corrections of several sizes, and what they gain on a sky: networks of the preset `gaussian`.

Usage: python benchmarks/sizes.py [--config gaussian] [--base 4 8 16] [--epochs 1] [--untrained]

All are trained on the same cutouts and judged on the same validation set. The gain is in ln p of the true
mass over the exact posterior of a Gaussian sky, where it cannot be above zero but for noise. Times are of a
forward pass in batches of 32 on one core. With `--untrained` only these are measured.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.backend import inference, one_thread_per_operation
from szmass_cli.network.correction import build_correction, input_shapes
from szmass_cli.network.fit.lessons import CorrectionLesson
from szmass_cli.network.fit.loop import fit
from szmass_cli.training.simulator import FeatureSimulator

BATCH = 32
N_BATCHES = 64


def variant(config: SurveyConfig, base_filters: int, epochs: int) -> SurveyConfig:
    """Return the recipe with another network and length of training."""
    network = config.network.model_copy(update={"base_filters": base_filters})
    training = config.training.model_copy(update={"max_epochs": epochs})
    return config.model_copy(update={"network": network, "training": training})


def forward_ms(config: SurveyConfig) -> tuple[int, float]:
    """Return the number of weights, and the least time of a forward pass for each cutout [ms]."""
    network = build_correction(config.network)
    shapes = {name: (BATCH, *shape) for name, shape in input_shapes(config.network).items()}
    forward = inference(network, shapes)
    rng = np.random.default_rng(1)
    inputs = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    times = []
    for _ in range(N_BATCHES):
        start = time.perf_counter()
        forward(inputs)
        times.append(time.perf_counter() - start)
    return network.count_params(), 1e3 * min(times) / BATCH


def gains(config: SurveyConfig, simulator: FeatureSimulator) -> list[float]:
    """Return the gain after each epoch [nats]."""
    with tempfile.TemporaryDirectory() as folder:
        _, state = fit(config, simulator, CorrectionLesson(config), Path(folder) / "run.training")
    return [-row["validation_loss"] for row in state.history]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", default="gaussian")
    parser.add_argument("--base", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--untrained", action="store_true")
    arguments = parser.parse_args()
    one_thread_per_operation(1)
    config = load_config(arguments.config)
    simulator = None if arguments.untrained else FeatureSimulator(SkyModel.from_config(config))
    print("base  weights  ms/cutout  gain after each epoch [nats]")
    for base in arguments.base:
        one = variant(config, base, arguments.epochs)
        weights, milliseconds = forward_ms(one)
        gained = [] if simulator is None else gains(one, simulator)
        text = ", ".join(f"{gain:+.4f}" for gain in gained) or "-"
        print(f"{base:>4} {weights:>8,} {milliseconds:>10.2f}  {text}", flush=True)


if __name__ == "__main__":
    main()
