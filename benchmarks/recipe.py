"""Networks of several sizes and inputs, trained on the same stored cutouts and judged on the same others.

    szmass train --config survey -o DIR --simulations SIMS     draws the cutouts that are needed
    python benchmarks/smoothed.py BANDS                           draws three bands of the same cutouts
    python benchmarks/recipe.py SIMS [--bands BANDS] [--epochs 1 4] [--blocks 64] [--only NAME] [-o FILE]

Prints a row for each variant: weights, passes through the cutouts, seconds of training, and the gain in ln p
of the truth [nats] on the validation set over the Gaussian likelihood, of all clusters and of those with S/N
above 3, beside that of the likelihood recalibrated by maximum likelihood on the same training cutouts, and
that of the sum over what clusters shine with before anything is learnt. The last column is over that sum,
cutout by cutout. Errors are those of the mean.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from smoothed import CENTRES_GHZ, bands_store

from szmass_cli.config import NetworkConfig, SurveyConfig, load_config
from szmass_cli.evaluation.markdown import table
from szmass_cli.likelihood.contamination import KINDS
from szmass_cli.likelihood.features import IMAGE_SIDE, N_MASSES, mass_nodes
from szmass_cli.network.backend import load_keras
from szmass_cli.network.correction import HIDDEN, believed_gains, build_correction, corrections, input_shapes
from szmass_cli.network.fit.blockstore import BlockStore
from szmass_cli.network.fit.lessons import FLOOR, CorrectionLesson
from szmass_cli.posterior.grid import ln_density_at, mass_grid
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.recalibrating import fit_recalibration
from szmass_cli.sky.clusters import mass_range

BATCH = 128
TOGETHER = 12


@dataclass(frozen=True)
class Variant:
    """A network.

    Parameters
    ----------
    images : int
        How many of the four score images it sees.
    base_filters : int
        Its size.
    members : float
        What share of the sum over members it sees.
    bands : int
        How many of the three smoothed bands it sees.
    """

    images: int
    base_filters: int
    members: float = 1.0
    bands: int = 0


VARIANTS = {
    "no image": Variant(0, 4),
    "y score image, 4 filters": Variant(1, 4),
    "all images, 4 filters": Variant(4, 4),
    "all images, 8 filters": Variant(4, 8),
    "all images, 16 filters": Variant(4, 16),
    "all images, 4 filters, no sum": Variant(4, 4, 0.0),
    "all images, 4 filters, smoothed bands": Variant(4, 4, 1.0, len(CENTRES_GHZ)),
}


def drawn_before(*_: Any) -> Any:
    """Stand where blocks would be drawn that should be there."""
    raise SystemExit("This folder lacks blocks: run szmass train with --simulations first.")


def shown(variant: Variant, config: NetworkConfig) -> dict[str, np.ndarray]:
    """Return factors of the inputs: 1 of what a variant sees, 0 of what it does not."""
    factors = {name: np.ones(shape[-1], np.float32) for name, shape in input_shapes(config).items()}
    factors["images"][variant.images :] = 0.0
    factors["curves"][-KINDS[config.contamination].N_GAINS * N_MASSES :] = variant.members
    return factors


def built(variant: Variant, config: NetworkConfig) -> Any:
    """Return the network of a variant."""
    keras = load_keras()
    inputs = {name: keras.Input(shape, name=name) for name, shape in input_shapes(config).items()}
    seen = {name: inputs[name] * factor for name, factor in shown(variant, config).items()}
    if variant.bands:
        inputs["bands"] = keras.Input((IMAGE_SIDE, IMAGE_SIDE, variant.bands), name="bands")
        seen["images"] = keras.ops.concatenate([seen["images"], inputs["bands"]], axis=-1)
    if variant.images:
        sized = config.model_copy(update={"base_filters": variant.base_filters})
        return keras.Model(inputs, corrections(seen, sized))
    hidden = seen["curves"]
    for _ in range(2):
        hidden = keras.layers.Dense(HIDDEN, kernel_initializer="lecun_normal", activation="selu")(hidden)
    added = keras.layers.Dense(N_MASSES, kernel_initializer="zeros")(hidden)
    g = added + believed_gains(hidden, seen["curves"], config)
    nothing = keras.layers.UpSampling2D(2)(inputs["images"][..., :1] * 0.0)
    return keras.Model(inputs, {"g": g, "y": nothing})


@dataclass(frozen=True)
class Cutouts:
    """Stored cutouts.

    Parameters
    ----------
    store : BlockStore
        What a lesson makes of their features.
    bands : BlockStore, optional
        Smoothed bands of the same.
    """

    store: BlockStore
    bands: BlockStore | None

    def block(self, name: str, variant: Variant | None = None) -> Any:
        """Return inputs and targets of a block, with the smoothed bands that a variant sees."""
        inputs, targets = self.store.block(name, drawn_before)
        if variant is None or variant.bands == 0:
            return inputs, targets
        if self.bands is None:
            raise SystemExit("Smoothed bands are asked for: give --bands.")
        drawn_again = self.bands.block(name, drawn_before)
        if not np.allclose(drawn_again["ln_redshift"], inputs["curves"][:, 3 * N_MASSES], atol=1e-5):
            raise SystemExit(f"Smoothed bands of block {name} are of other cutouts.")
        return {**inputs, "bands": drawn_again["bands"][..., : variant.bands]}, targets


def trained(variant: Variant, config: SurveyConfig, cutouts: Cutouts, n_blocks: int, epochs: float) -> Any:
    """Return the network of a variant after some passes through stored blocks."""
    keras = load_keras()
    keras.utils.set_random_seed(config.training.seed)
    model, size = built(variant, config.network), 768
    steps = int(epochs * n_blocks) * size // BATCH
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=config.training.learning_rate, warmup_steps=steps // 20
    )
    adam = keras.optimizers.Adam(rate, global_clipnorm=config.training.gradient_clip_norm)
    model.compile(adam, **CorrectionLesson(config).losses)
    numbers = np.arange(int(epochs * n_blocks)) % n_blocks
    for start in range(0, numbers.size, TOGETHER):
        blocks = [cutouts.block(f"{k:05d}", variant) for k in numbers[start : start + TOGETHER]]
        inputs, targets = (
            {name: np.concatenate([block[which][name] for block in blocks]) for name in blocks[0][which]}
            for which in (0, 1)
        )
        model.fit(inputs, targets, batch_size=BATCH, verbose=0)
    return model


def held_out(block: Any, ln_mass: np.ndarray) -> HeldOut:
    """Return the posteriors of the likelihood that a lesson's block holds, with the truth."""
    inputs, targets = block
    exact = np.exp(targets["g"][:, N_MASSES + 1 :].astype(float))
    curves = inputs["curves"]
    return HeldOut(
        exact / exact.sum(axis=1, keepdims=True),
        targets["g"][:, :N_MASSES] @ mass_nodes(ln_mass),
        np.exp(curves[:, 3 * N_MASSES]),
        2.0 * np.sinh(curves[:, N_MASSES : 2 * N_MASSES]).max(axis=1),
    )


def ln_p(density: np.ndarray, truth: HeldOut, ln_mass: np.ndarray) -> np.ndarray:
    """Return ln p of the truth with the floor of the loss, (n,)."""
    width = ln_mass.size * (ln_mass[1] - ln_mass[0])
    found = np.exp(ln_density_at(ln_mass, density, truth.ln_mass))
    return np.log((1.0 - FLOOR) * found + FLOOR / width)


def row(
    name: str, weights: int, passes: float, seconds: float, gains: list[np.ndarray], snr: np.ndarray
) -> list[str]:
    """Return a row of the table; `gains` are over the likelihood, and over the sum where there is one."""
    groups = (gains[0], gains[0][snr > 3.0], *(gain[snr > 3.0] for gain in gains[1:]))
    cells = [f"{g.mean():+.4f} ± {g.std() / np.sqrt(g.size):.4f}" for g in groups]
    return [name, f"{weights:,}", f"{passes:g}", f"{seconds:,.0f}", *cells, *["-"] * (3 - len(cells))]


def judged(
    model: Any, validation: Any, truth: HeldOut, config: SurveyConfig, ln_mass: np.ndarray
) -> np.ndarray:
    """Return ln p of the truth by a network, (n,)."""
    to_grid = CorrectionLesson(config).losses["loss"]["g"].to_grid
    inputs, targets = validation
    g = model.predict(inputs, batch_size=256, verbose=0)["g"] @ to_grid
    # in ln: corrections may raise what the likelihood alone thinks hopeless
    density = softmax(targets["g"][:, N_MASSES + 1 :].astype(float) + g, axis=1)
    return ln_p(density, truth, ln_mass)


def main() -> None:
    """Train and judge the variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("simulations", type=Path)
    parser.add_argument("--bands", type=Path)
    parser.add_argument("--config", default="survey")
    parser.add_argument("--blocks", type=int, default=64)
    parser.add_argument("--epochs", type=float, default=[1.0], nargs="+")
    parser.add_argument("--only", choices=VARIANTS, action="append")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    config = load_config(options.config)
    bands = None if options.bands is None else bands_store(options.bands, config)
    cutouts = Cutouts(BlockStore(options.simulations, config.simulations), bands)
    ln_mass = mass_grid(mass_range(config.clusters))
    validation = cutouts.block("validation")
    truth = held_out(validation, ln_mass)
    before = ln_p(truth.density, truth, ln_mass)
    began = time.process_time()
    parts = [
        held_out(cutouts.block(f"{k:05d}"), ln_mass)
        for k in range(0, options.blocks, max(1, options.blocks // 24))
    ]
    recalibration = fit_recalibration(mass_range(config.clusters), HeldOut.concatenate(parts))
    after = ln_p(recalibration(truth.density, truth.redshift, truth.snr), truth, ln_mass)
    seconds = time.process_time() - began
    rows = [row("recalibrated likelihood", 0, 0.0, seconds, [after - before], truth.snr)]
    untaught = judged(build_correction(config.network), validation, truth, config, ln_mass)
    rows.append(row("the sum, nothing learnt", 0, 0.0, 0.0, [untaught - before], truth.snr))
    seen = [name for name, variant in VARIANTS.items() if bands is not None or variant.bands == 0]
    for passes, name in product(options.epochs, options.only or seen):
        began = time.process_time()
        model = trained(VARIANTS[name], config, cutouts, options.blocks, passes)
        seconds = time.process_time() - began
        after = judged(model, cutouts.block("validation", VARIANTS[name]), truth, config, ln_mass)
        gains = [after - before, after - untaught]
        rows.append(row(name, model.count_params(), passes, seconds, gains, truth.snr))
        print(*rows[-1], file=sys.stderr, flush=True)
    head = ["", "weights", "passes", "CPU s", "all [nats]", "S/N > 3", "S/N > 3, over the sum"]
    text = table(head, rows)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
