"""A model on surveys of the realistic sky."""

from collections.abc import Sequence

from szmass_cli.evaluation.instruments.judging import Network
from szmass_cli.evaluation.realistic.judging import opinions
from szmass_cli.evaluation.realistic.rows import RealisticRow
from szmass_cli.evaluation.realistic.testsets import RealisticCase
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.system.progress import Progress

SALT = 300
"""Of the first test set; each has its own streams."""


def realistic_rows(
    bundle: Bundle, cases: Sequence[RealisticCase], n: int, seed: int, progress: Progress
) -> tuple[RealisticRow, ...]:
    """Return the rows of n clusters of each case.

    Parameters
    ----------
    bundle : Bundle
        The model to evaluate.
    cases : sequence of RealisticCase
        The surveys.
    n, seed : int
        Number of cutouts of each, and their seed.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    """
    return tuple(realistic_row(bundle, case, n, seed, index, progress) for index, case in enumerate(cases))


def realistic_row(
    bundle: Bundle, case: RealisticCase, n: int, seed: int, number: int, progress: Progress
) -> RealisticRow:
    """Return the row of one case by its number among those of `realistic_rows`, which says which clusters."""
    of_likelihood = bundle.of_likelihood or Recalibration.identity(bundle.recalibration.prior_range_msun)

    def report(done: int) -> None:
        progress(case.name, done, n)

    network = Network.of(bundle)
    found = opinions(case, bundle.sky_model, network, of_likelihood, n, seed, SALT + number, report)
    return RealisticRow.of(case.name, found)
