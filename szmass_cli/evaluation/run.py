"""How good a model is on fresh simulations, beside the best possible on the very same cutouts."""

from pathlib import Path
from typing import Protocol

from szmass_cli.config import SurveyConfig, load_config
from szmass_cli.errors import UsageError
from szmass_cli.evaluation.instruments.run import InstrumentsBench, Sizes
from szmass_cli.evaluation.metrics import AnyMetrics
from szmass_cli.evaluation.paper.run import PaperBench
from szmass_cli.evaluation.paper.testsets import TestSizes
from szmass_cli.network.bundle.bundle import PaperBundle, read_bundle
from szmass_cli.system.progress import Progress, silent


class Evaluation(Protocol):
    """A report: its numbers, and what draws them."""

    @property
    def metrics(self) -> AnyMetrics:
        """Return all numbers of the evaluation."""
        ...

    def summary(self) -> str:
        """Return the numbers as Markdown tables."""
        ...

    def save_figures(self, history: list[dict[str, float]], folder: Path) -> None:
        """Draw all figures into a folder, as PNG files."""
        ...


def evaluate(
    model: str | Path, n: int, seed: int, progress: Progress = silent, config: str | Path | None = None
) -> Evaluation:
    """Return how good a model is, in short.

    Parameters
    ----------
    model : str or Path
        A shipped model, or a bundle's folder. The paper's network is compared with a matched filter and with
        the best possible on n clusters of 2-7e14 Msun; a model for any instrument with the exact posterior,
        on clusters of four surveys as `Sizes` says.
    n, seed : int
        Number of cutouts, and their seed.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    config : str or Path, optional
        A configuration, or the name of a preset: only its survey is evaluated.

    Raises
    ------
    InputError
        If the model cannot be read.
    ConfigError
        If the configuration cannot.
    UsageError
        If a configuration is given and the model is of one instrument.
    """
    return _evaluate(model, n, seed, progress, config, fully=False)


def evaluate_fully(
    model: str | Path, n: int, seed: int, progress: Progress = silent, config: str | Path | None = None
) -> Evaluation:
    """Return all that a report shows; see `evaluate`.

    `TestSizes` and `Sizes` say how many cutouts each set has. Of the paper's network: scatter, each mass,
    mean SZ maps, irregular clusters. Of a model for any instrument: surveys, single bands, filters, depths,
    positions, profiles, and maps that are not as stated.
    """
    return _evaluate(model, n, seed, progress, config, fully=True)


def _evaluate(
    model: str | Path, n: int, seed: int, progress: Progress, config: str | Path | None, *, fully: bool
) -> Evaluation:
    bundle = read_bundle(model)
    if isinstance(bundle, PaperBundle):
        if config is not None:
            raise UsageError(
                f"--config: {bundle.metadata.name} was trained for one instrument, which is its own.",
                "Leave --config out, or give a model for any instrument.",
            )
        bench = PaperBench(bundle, seed, progress)
        paper = bench.scatter(n)
        if fully:
            bench.further(paper, TestSizes.of(n))
        return paper
    survey: SurveyConfig | None = None if config is None else load_config(config)
    instruments = InstrumentsBench(bundle, seed, progress)
    sizes = Sizes.of(n)
    found = instruments.surveys(sizes.survey, survey, "" if config is None else Path(config).stem)
    if fully:
        instruments.further(found, sizes, survey)
    return found
