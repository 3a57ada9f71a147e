"""What an evaluation found: numbers for tables, and arrays for figures."""

from dataclasses import dataclass

from szmass_cli.evaluation.measure import Estimated, MeanMaps
from szmass_cli.evaluation.metrics import Metrics
from szmass_cli.evaluation.posteriors import Judged


@dataclass
class Evaluation:
    """A report's numbers, and what its figures show.

    Parameters
    ----------
    metrics : Metrics
    scatter : list of Estimated
        The sets of 2-7e14 Msun, as in ``metrics.scatter``.
    masses, irregular : Estimated or None
        The sets of Figures 4 and 6.
    maps : dict of MeanMaps
        Those of Figure 3, by mass [Msun].
    posteriors : Judged or None
        Clusters drawn as those of training, as in ``metrics.posteriors.overall``.
    """

    metrics: Metrics
    scatter: list[Estimated]
    masses: Estimated | None = None
    irregular: Estimated | None = None
    maps: dict[float, MeanMaps] | None = None
    posteriors: Judged | None = None
