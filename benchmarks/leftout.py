"""A model that is trained on all families of profiles but one, on clusters of that one.

    python benchmarks/leftout.py FAMILY -o FOLDER [--model survey] [--n 4000] [--seed 80] [--workers 2]

Trains the recipe of a shipped model with the others' shares made larger (FOLDER holds the bundle; a run that
was stopped goes on), and prints the table of `benchmarks/across.py` for clusters of the family that was left
out, of the new model and of the shipped one, on the same cutouts.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from across import cells, of_family

from szmass_cli.config import SurveyConfig
from szmass_cli.config.clustershapes import ProfileWeights
from szmass_cli.evaluation.markdown import table
from szmass_cli.evaluation.realistic.run import realistic_rows
from szmass_cli.evaluation.realistic.testsets import realistic_cases
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.network.fit.checkpoints import TrainingState
from szmass_cli.system.progress import Progress
from szmass_cli.training.run import train

HEAD = ["", "S/N > 3", "gain in ln p [nats]", "68 %", "95 %", "median, S/N > 5 [%]", "rms"]


def without(config: SurveyConfig, family: str) -> SurveyConfig:
    """Return the recipe of a training that never sees clusters of a family."""
    shares = config.clusters.realistic().profiles.by_name
    left = {name: share / (1.0 - shares[family]) for name, share in shares.items() if name != family}
    clusters = config.clusters.model_copy(update={"profiles": ProfileWeights(**left)})
    return config.model_copy(update={"clusters": clusters})


def told(task: str, done: float, total: float, detail: str = "") -> None:
    """Say on stderr how far a task is."""
    if done % 4096 == 0 or done == total:
        print(f"{task}: {done:,.0f} of {total:,.0f}  {detail}", file=sys.stderr, flush=True)


def no_report(folder: Path, state: TrainingState, progress: Progress) -> None:
    """Evaluate nothing: what is asked of the model comes after."""


def main() -> None:
    """Train, evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("family", choices=ProfileWeights.model_fields)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="survey")
    parser.add_argument("--n", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=80)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    shipped = read_bundle(options.model)
    assert isinstance(shipped, Bundle)  # of any instrument
    if not options.output.exists():
        train(
            without(shipped.recipe, options.family),
            options.output,
            resume=True,
            n_workers=options.workers,
            progress=told,
            report=no_report,
        )
    blind = read_bundle(options.output)
    assert isinstance(blind, Bundle)
    lines = []
    for name, bundle in ((f"trained without {options.family}", blind), (options.model, shipped)):
        cases = [
            replace(
                case, name=f"{case.name.split(',')[0]}: {name}", drawn=of_family(case.drawn, options.family)
            )
            for case in realistic_cases(bundle.sky_model)[:2]
        ]
        lines += [cells(row) for row in realistic_rows(bundle, cases, options.n, options.seed, told)]
    print(table(HEAD, lines))


if __name__ == "__main__":
    main()
