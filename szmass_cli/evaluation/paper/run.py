"""The paper's network, evaluated beside a matched filter and the best possible estimator."""

from dataclasses import replace
from pathlib import Path

from szmass_cli.errors import SzmassError
from szmass_cli.evaluation.figures.paper import save_paper_figures
from szmass_cli.evaluation.paper.estimators import Estimator, NetworkEstimator, build_estimators
from szmass_cli.evaluation.paper.measure import Estimated, estimate_set, mass_rows, profile_maps
from szmass_cli.evaluation.paper.metrics import PaperMetrics
from szmass_cli.evaluation.paper.results import PaperResults
from szmass_cli.evaluation.paper.tables import summary
from szmass_cli.evaluation.paper.testsets import (
    IRREGULAR_REDSHIFTS,
    MASSES_1E14,
    PAPER_IRREGULAR,
    TestSizes,
    clusters_of_each_mass,
    irregular_survey,
    scatter_clusters,
    tested_redshift,
)
from szmass_cli.network.paper.bundle import PaperBundle
from szmass_cli.sky.cutouts import CutoutSimulator
from szmass_cli.system.progress import Progress


class PaperEvaluation(PaperResults):
    """The results as a report."""

    def summary(self) -> str:
        """Return the numbers as Markdown tables."""
        return summary(self.metrics)

    def save_figures(self, history: list[dict[str, float]], folder: Path) -> None:
        """Draw all figures into a folder, as PNG files."""
        save_paper_figures(self, history, folder)


class PaperBench:
    """The paper's network and its rivals at the model's redshift, built once for all sets.

    Parameters
    ----------
    bundle : PaperBundle
        The network to evaluate.
    seed : int
        Seed of the random streams; the same seed gives the same cutouts.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    """

    def __init__(self, bundle: PaperBundle, seed: int, progress: Progress):
        self._bundle, self._seed, self._progress = bundle, seed, progress
        self._simulator = CutoutSimulator(bundle.recipe)
        self._redshift = tested_redshift(bundle)
        self._clusters = bundle.recipe.clusters.model_copy(update={"redshift": self._redshift})
        self._network = NetworkEstimator(bundle)
        self._estimators = {self._redshift: self._rivals(self._redshift)}

    def _rivals(self, redshift: float) -> dict[str, Estimator]:
        return build_estimators(self._bundle, self._simulator, redshift, self._network)

    def scatter(self, n: int) -> PaperEvaluation:
        """Measure what section 4.3 of the paper shows: the scatter with SZ scatter, and without."""
        clusters = self._clusters
        scatters = list(dict.fromkeys((clusters.sz_scatter_ln, 0.0)))
        # the same skies for both
        sets = [
            self._estimate(self._simulator, scatter_clusters(clusters, scatter), n, 0, f"scatter {scatter:g}")
            for scatter in scatters
        ]
        metrics = PaperMetrics(
            self._bundle.metadata.name,
            self._bundle.sha256,
            self._seed,
            tuple(s.comparison(scatter) for s, scatter in zip(sets, scatters, strict=True)),
            trained_m200c_msun=self._bundle.metadata.trained_m200c_msun,
        )
        return PaperEvaluation(metrics, sets)

    def each_mass(self, evaluation: PaperEvaluation, per_mass: int) -> None:
        """Add what sections 4.1 and 4.2 of the paper show, on clusters of each of the paper's masses."""
        clusters = clusters_of_each_mass(self._clusters)
        n, maps = per_mass * len(MASSES_1E14), profile_maps()
        evaluation.masses = self._estimate(self._simulator, clusters, n, 1, "each mass", maps)
        evaluation.maps = maps
        evaluation.metrics = replace(
            evaluation.metrics,
            masses=mass_rows(evaluation.masses),
            profiles=tuple(sums.row(mass) for mass, sums in maps.items()),
        )

    def irregular(self, evaluation: PaperEvaluation, n: int) -> None:
        """Add what section 4.4 of the paper shows; nothing where irregular clusters cannot be simulated."""
        survey = irregular_survey(self._bundle.recipe)
        try:
            simulator = CutoutSimulator(survey)
        except SzmassError:  # a beam too wide for them, or pitszi is not installed
            return
        rivals = {z: self._rivals(z) for z in IRREGULAR_REDSHIFTS}
        found = estimate_set(
            simulator, survey.clusters, rivals, n, self._seed, 2, "irregular", self._progress
        )
        evaluation.irregular = found
        scatter = survey.clusters.sz_scatter_ln
        sets = [found.first(PAPER_IRREGULAR), found] if n > PAPER_IRREGULAR else [found]
        evaluation.metrics = replace(
            evaluation.metrics, irregular=tuple(part.comparison(scatter) for part in sets)
        )

    def _estimate(self, simulator, clusters, n, salt, task, maps=None) -> Estimated:
        band = self._bundle.labels.band
        return estimate_set(
            simulator, clusters, self._estimators, n, self._seed, salt, task, self._progress, maps, band
        )

    def further(self, evaluation: PaperEvaluation, sizes: TestSizes) -> None:
        """Add all that the paper shows beside the scatter: each mass, mean SZ maps, irregular clusters."""
        self.each_mass(evaluation, sizes.per_mass)
        self.irregular(evaluation, sizes.irregular)
