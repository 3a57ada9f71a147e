"""Does a model do as well for instruments that its training never saw? Fresh cutouts of some of both.

    python benchmarks/seen.py [--model survey] [--n 1024] [--seed 90] [--workers 2]

Draws n cutouts of each instrument that the model was trained on, and of as many others of the same kind, from
another seed: no training, validation or calibration has had those. Prints, of clusters with S/N above 3, the
gain in ln p of the truth [nats] over the recalibrated Gaussian likelihood, what the network adds to the sum
over clusters' light of that, and coverage; and what share of the gain is left for new instruments of what it
would be, had the network learnt as much of them as of those that it was trained on. Errors come from the
scatter between instruments, which differ in what there is to be gained.
"""

import argparse
import multiprocessing
from dataclasses import dataclass
from functools import partial

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.evaluation.instruments.judging import Network, Verdict
from szmass_cli.evaluation.markdown import table
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.correction import Corrector, build_correction
from szmass_cli.network.evidence import Corrected
from szmass_cli.posterior.grid import normalised
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.training.instruments import draw_instruments
from szmass_cli.training.simulator import InstrumentFeatures

SALT, OTHER_SEED, SIZE = 500, 1_000, 256


@dataclass(frozen=True)
class Found:
    """Sums over the clusters of an instrument with S/N above 3."""

    n: int
    gain: float
    learnt: float
    inside_68: float


def instrument_features(config: SurveyConfig, sky: SkyModel, seen: bool, number: int) -> InstrumentFeatures:
    """Return the simulator of an instrument of the training, or of one like them."""
    drawn = config.instruments
    seed = drawn.seed if seen else drawn.seed + OTHER_SEED
    instruments = draw_instruments(drawn, drawn.training, block_generator(seed, Stream.TRAINING, 0))
    low, high = np.log([drawn.min_removed_above_mjy, drawn.max_removed_above_mjy])
    removed = np.exp(block_generator(seed, Stream.TRAINING, 1).uniform(low, high, drawn.training))
    return InstrumentFeatures(sky, instruments[number], float(removed[number]))


def judged(model: str, n: int, seed: int, which: tuple[bool, int]) -> Found:
    """Return what is found for an instrument."""
    seen, number = which
    bundle = read_bundle(model)
    assert isinstance(bundle, Bundle) and bundle.of_likelihood is not None
    sky, ln_mass, config = bundle.sky_model, bundle.ln_mass, bundle.recipe
    simulator = instrument_features(config, sky, seen, number)
    network, untaught = Network.of(bundle), Corrector(build_correction(config.network), ln_mass)
    gains, learnt, inside = [], [], []
    for index in range(-(-n // SIZE)):
        rng = block_generator(seed, Stream.TEST, index, SALT + 100 * seen + number)
        block = simulator.draw(config.clusters, rng, SIZE)
        seen_of = block.features
        truth = (block.redshift, seen_of.snr)
        found = Corrected.of(seen_of, network.corrector(seen_of).g, ln_mass)
        densities = (
            bundle.recalibration(found.density, *truth, found.evidence),
            bundle.of_likelihood(normalised(seen_of.ln_likelihood), *truth),
            found.density,
            normalised(seen_of.ln_likelihood + untaught(seen_of).g),
        )
        one, other, taught, alone = (
            Verdict.of(MassPosterior(ln_mass, density), block.m200c) for density in densities
        )
        bright = seen_of.snr > 3.0
        gains.append((one.ln_density - other.ln_density)[bright])
        learnt.append((taught.ln_density - alone.ln_density)[bright])
        inside.append(np.abs(one.below - 0.5)[bright] < 0.3415)
    gain, added, held = (np.concatenate(parts) for parts in (gains, learnt, inside))
    return Found(gain.size, gain.sum(), added.sum(), held.sum())


def mean_and_error(sums: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """Return the mean over clusters, with its error from leaving out one instrument after another."""
    without = (sums.sum() - sums) / (n.sum() - n)
    return sums.sum() / n.sum(), float(np.sqrt((n.size - 1) * np.var(without)))


def main() -> None:
    """Draw, judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--n", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=90)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    numbers = range(bundle.recipe.instruments.in_each_epoch)
    which = [(seen, number) for seen in (True, False) for number in numbers]
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        found = pool.map(partial(judged, options.model, options.n, options.seed), which, chunksize=1)
    lines, learnt_of = [], []
    for name, part in (("of the training", found[: len(numbers)]), ("never seen", found[len(numbers) :])):
        n = np.array([one.n for one in part])
        columns = [np.array([getattr(one, key) for one in part]) for key in ("gain", "learnt", "inside_68")]
        gain, learnt, inside = (mean_and_error(column, n) for column in columns)
        learnt_of.append(learnt)
        line = [name, f"{n.sum():,}", *(f"{value:+.4f} ± {error:.4f}" for value, error in (gain, learnt))]
        lines.append([*line, f"{100 * inside[0]:.1f} ± {100 * inside[1]:.1f}"])
    print(table(["instruments", "clusters", "gain [nats]", "of it learnt", "in 68.3 %"], lines))
    missed = learnt_of[0][0] - learnt_of[1][0]
    error = np.hypot(learnt_of[0][1], learnt_of[1][1])
    share = gain[0] / (gain[0] + missed)
    print(f"share of the gain left for new instruments: {share:.2f} ± {error * share**2 / gain[0]:.2f}")


if __name__ == "__main__":
    main()
