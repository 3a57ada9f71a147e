"""What the paper's report shows: numbers for tables, and arrays for figures."""

from dataclasses import dataclass

from szmass_cli.evaluation.paper.measure import Estimated, MeanMaps
from szmass_cli.evaluation.paper.metrics import PaperMetrics


@dataclass
class PaperResults:
    """A report's numbers, and what its figures show.

    Parameters
    ----------
    metrics : PaperMetrics
        What metrics.json and the summary hold.
    scatter : list of Estimated
        The sets of 2-7e14 Msun, as in ``metrics.scatter``.
    masses, irregular : Estimated or None
        The sets of Figures 4 and 6.
    maps : dict of MeanMaps
        Those of Figure 3, by mass [Msun].
    """

    metrics: PaperMetrics
    scatter: list[Estimated]
    masses: Estimated | None = None
    irregular: Estimated | None = None
    maps: dict[float, MeanMaps] | None = None
