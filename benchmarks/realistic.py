"""A model on the realistic sky, and what that costs on a Gaussian one.

    python benchmarks/realistic.py [--model NAME] [--n 16000] [--gaussian 5000] [--seed 50] [--workers 2]
                                   [--across FILE] [-o FOLDER]

Prints the tables of `szmass evaluate` on the realistic sky for n cutouts of each survey, then those of
surveys of a Gaussian sky, three bands with noise that they do not share, and one band; writes both to FOLDER,
with a model card, which the table of `benchmarks/across.py -o FILE` is put into.
Surveys are shared out to worker processes; numbers do not depend on how many.
"""

import argparse
import multiprocessing
import sys
from functools import partial
from pathlib import Path

from szmass_cli.config import load_config
from szmass_cli.evaluation.card import model_card
from szmass_cli.evaluation.instruments.cases import PIVOT_GHZ, Case, preset_cases, survey_case
from szmass_cli.evaluation.instruments.judging import Network, judged_case
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics
from szmass_cli.evaluation.instruments.rows import CaseRow
from szmass_cli.evaluation.instruments.tables import summary
from szmass_cli.evaluation.realistic.rows import RealisticRow
from szmass_cli.evaluation.realistic.run import realistic_row
from szmass_cli.evaluation.realistic.testsets import realistic_cases
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.bundle import Bundle, read_bundle


def told(task: str, done: float, total: float, detail: str = "") -> None:
    """Say on stderr how far a task is."""
    if done % 4096 == 0 or done == total:
        print(f"{task}: {done:,.0f} of {total:,.0f}", file=sys.stderr, flush=True)


def realistic(model: str, n: int, seed: int, number: int) -> RealisticRow:
    """Return the row of a survey of the realistic sky by its number."""
    bundle = read_bundle(model)
    assert isinstance(bundle, Bundle)  # of any instrument
    return realistic_row(bundle, realistic_cases(bundle.sky_model)[number], n, seed, number, told)


def gaussian_cases(sky: SkyModel) -> list[Case]:
    """Return three bands of each survey, and one band of SPT-3G, on the sky that likelihoods assume."""
    there = load_config("spt-3g").sky.frequencies_ghz
    one = load_config("spt-3g").with_frequencies([min(there, key=lambda ghz: abs(ghz - PIVOT_GHZ))])
    return [*preset_cases(sky, correlations=(0.0,)), survey_case(sky, one, "spt-3g, 150 GHz alone")]


def gaussian(model: str, n: int, seed: int, number: int) -> CaseRow:
    """Return the row of a survey of the Gaussian sky by its number."""
    bundle = read_bundle(model)
    assert isinstance(bundle, Bundle)
    case = gaussian_cases(bundle.sky_model)[number]
    judged = judged_case(case, bundle.ln_mass, Network.of(bundle), n, seed, number)
    told(case.name, n, n)
    return CaseRow.of(case.name, judged, case.is_told_the_truth)


def main() -> None:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--n", type=int, default=16_000)
    parser.add_argument("--gaussian", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--across", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    bundle = read_bundle(options.model)
    assert isinstance(bundle, Bundle)  # of any instrument
    sky = bundle.sky_model
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        one = partial(realistic, options.model, options.n, options.seed)
        on_realistic = pool.map(one, range(len(realistic_cases(sky))), chunksize=1)
        other = partial(gaussian, options.model, options.gaussian, options.seed)
        on_gaussian = pool.map(other, range(len(gaussian_cases(sky))), chunksize=1)
    metrics = InstrumentsMetrics(
        bundle.metadata.name, bundle.sha256, options.seed, tuple(on_gaussian), realistic=tuple(on_realistic)
    )
    print(summary(metrics))
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "metrics.json").write_bytes(metrics.to_json())
        (options.output / "summary.md").write_text(summary(metrics))
        across = "" if options.across is None else options.across.read_text()
        (options.output / "README.md").write_text(model_card(bundle, metrics, across))


if __name__ == "__main__":
    main()
