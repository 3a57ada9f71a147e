"""How good a model is on fresh simulations, beside the best possible estimator on the very same cutouts."""

from dataclasses import replace
from pathlib import Path

from szmass_cli.errors import SzmassError
from szmass_cli.evaluation.estimators import build_estimators
from szmass_cli.evaluation.measure import (
    Estimated,
    estimate_set,
    mass_rows,
    profile_maps,
)
from szmass_cli.evaluation.metrics import FORMAT_VERSION, Metrics
from szmass_cli.evaluation.results import Evaluation
from szmass_cli.evaluation.testsets import (
    IRREGULAR_REDSHIFTS,
    MASSES_1E14,
    PAPER_IRREGULAR,
    TestSizes,
    clusters_of_each_mass,
    irregular_survey,
    scatter_clusters,
)
from szmass_cli.network.bundle import Bundle, read_bundle
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.cutouts import CutoutSimulator


def evaluate(model: str | Path, n: int, seed: int, progress: Progress = silent) -> Evaluation:
    """Compare a model with a matched filter and with the best possible, on clusters of 2-7e14 Msun.

    Parameters
    ----------
    model : str or Path
        A shipped model, or a bundle's folder.
    n, seed : int
        Number of cutouts with SZ scatter, and of those without, and their seed.
    progress : Progress

    Raises
    ------
    InputError
        If the model cannot be read.
    """
    bundle = read_bundle(model)
    return _Bench(bundle, seed, progress).scatter(n)


def evaluate_fully(model: str | Path, n: int, seed: int, progress: Progress = silent) -> Evaluation:
    """All that the paper shows of its model: scatter, each mass, mean SZ maps, irregular clusters.

    Parameters
    ----------
    model : str or Path
    n, seed : int
        As for `evaluate`; `TestSizes` says how many cutouts the other sets have.
    progress : Progress

    Raises
    ------
    InputError
        If the model cannot be read.
    """
    bundle, sizes = read_bundle(model), TestSizes.of(n)
    bench = _Bench(bundle, seed, progress)
    evaluation = bench.scatter(sizes.scatter)
    bench.each_mass(evaluation, sizes.per_mass)
    bench.irregular(evaluation, sizes.irregular)
    return evaluation


class _Bench:
    """A model and its rivals at the model's redshift, built once for all sets."""

    def __init__(self, bundle: Bundle, seed: int, progress: Progress):
        self._bundle, self._seed, self._progress = bundle, seed, progress
        self._simulator = CutoutSimulator(bundle.recipe)
        self._redshift = bundle.metadata.trained_redshift[0]
        self._estimators = {self._redshift: build_estimators(bundle, self._simulator, self._redshift)}

    def scatter(self, n: int) -> Evaluation:
        """Section 4.3: with SZ scatter, and without."""
        clusters = self._bundle.recipe.clusters
        scatters = list(dict.fromkeys((clusters.sz_scatter_ln, 0.0)))
        # the same skies for both
        sets = [
            self._estimate(self._simulator, scatter_clusters(clusters, scatter), n, 0, f"scatter {scatter:g}")
            for scatter in scatters
        ]
        metrics = Metrics(
            FORMAT_VERSION,
            self._bundle.metadata.name,
            self._bundle.sha256,
            self._seed,
            tuple(s.comparison(scatter) for s, scatter in zip(sets, scatters, strict=True)),
            trained_m200c_msun=self._bundle.metadata.trained_m200c_msun,
        )
        return Evaluation(metrics, sets)

    def each_mass(self, evaluation: Evaluation, per_mass: int) -> None:
        """Sections 4.1 and 4.2."""
        clusters = clusters_of_each_mass(self._bundle.recipe.clusters)
        n, maps = per_mass * len(MASSES_1E14), profile_maps()
        evaluation.masses = self._estimate(self._simulator, clusters, n, 1, "each mass", maps)
        evaluation.maps = maps
        evaluation.metrics = replace(
            evaluation.metrics,
            masses=mass_rows(evaluation.masses),
            profiles=tuple(sums.row(mass) for mass, sums in maps.items()),
        )

    def irregular(self, evaluation: Evaluation, n: int) -> None:
        """Section 4.4; left out where irregular clusters cannot be simulated."""
        survey = irregular_survey(self._bundle.recipe)
        try:
            simulator = CutoutSimulator(survey)
        except SzmassError:  # a beam too wide for them, or pitszi is not installed
            return
        rivals = {z: build_estimators(self._bundle, self._simulator, z) for z in IRREGULAR_REDSHIFTS}
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
