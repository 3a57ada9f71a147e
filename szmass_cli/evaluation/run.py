"""How good a model is on fresh simulations, beside the best possible estimator on the very same cutouts."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from szmass_cli.config import MassFunctionMasses
from szmass_cli.errors import SzmassError
from szmass_cli.evaluation.estimators import Estimator, build_estimators, network_estimator
from szmass_cli.evaluation.honesty import (
    CENTRAL,
    Honesty,
    InstrumentRow,
    PosteriorRow,
    PriorRow,
    bias_rows,
    coverage,
    coverage_rows,
    pit_histogram,
)
from szmass_cli.evaluation.measure import (
    Estimated,
    estimate_set,
    mass_rows,
    profile_maps,
)
from szmass_cli.evaluation.metrics import FORMAT_VERSION, Metrics
from szmass_cli.evaluation.mismatch import mismatch_rows
from szmass_cli.evaluation.posteriors import MIN_SNR, Judge, Judged, below
from szmass_cli.evaluation.results import Evaluation
from szmass_cli.evaluation.testsets import (
    IRREGULAR_REDSHIFTS,
    MASSES_1E14,
    PAPER_IRREGULAR,
    POSTERIOR_INSTRUMENTS,
    POSTERIOR_REDSHIFTS,
    TestSizes,
    at_instrument,
    clusters_of_each_mass,
    irregular_survey,
    is_centred_and_round,
    is_trained_for,
    scatter_clusters,
    tested_redshift,
)
from szmass_cli.likelihood.instruments import InstrumentModes, InstrumentSimulator
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.posterior.recalibration import Recalibration, moments
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.system.progress import Progress, silent


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
    if isinstance(bundle.calibration, Recalibration):
        add_posteriors(evaluation, bundle, sizes, seed, progress)
    return evaluation


def add_posteriors(
    evaluation: Evaluation, bundle: Bundle, sizes: TestSizes, seed: int, progress: Progress
) -> None:
    """Posteriors beside the exact ones: of clusters drawn as those of training, and at single instruments."""
    simulator = InstrumentSimulator(bundle.recipe, bundle.sky_power)
    single, clusters = single_instruments(bundle), bundle.recipe.clusters
    instruments = {fwhm: one.instruments[fwhm] for (fwhm, _), one in single.items()}
    judge = Judge(bundle, InstrumentModes(simulator.instruments | instruments))
    parts, done = [], 0
    for block in simulator.blocks(clusters, sizes.posteriors, seed, Stream.TEST, salt=3):
        parts.append(judge(block))
        done += len(block)
        progress("posteriors", done, sizes.posteriors)
    drawn = Judged.concatenate(parts)
    rows = instrument_rows(judge, single, bundle, sizes.per_instrument, seed, progress)
    honesty = Honesty(
        PosteriorRow.of(drawn),
        rows,
        coverage_rows(drawn),
        pit_histogram(drawn.pit),
        bias_rows(drawn),
        prior_rows(judge, simulator, bundle, sizes.posteriors, seed, progress),
        mismatch_rows(bundle, sizes.per_instrument, seed, progress),
        exact_is_best=is_centred_and_round(clusters),
    )
    evaluation.posteriors = drawn
    evaluation.metrics = replace(evaluation.metrics, posteriors=honesty)


def prior_rows(
    judge: Judge, simulator: InstrumentSimulator, bundle: Bundle, n: int, seed: int, progress: Progress
) -> tuple[PriorRow, ...]:
    """Posteriors under the mass function, of n clusters drawn from it."""
    low, high = mass_range(bundle.recipe.clusters)
    masses = MassFunctionMasses(min_m200c_msun=low, max_m200c_msun=high)
    clusters = bundle.recipe.clusters.model_copy(update={"masses": masses})
    change = PriorChange(Prior.FLAT_LOG, Prior.MASS_FUNCTION, bundle.cosmology)
    columns, done = [], 0
    for block in simulator.blocks(clusters, n, seed, Stream.TEST, salt=4):
        density, snr = judge.network(block)
        own = MassPosterior(np.broadcast_to(judge.ln_mass, density.shape), density)
        density = own.reweighted(change.ln_ratio(own.ln_mass, block.redshift)).weight
        mean, sigma = moments(judge.ln_mass, density)
        ln_mass = np.log(block.m200c)
        columns.append((snr, (mean - ln_mass) / sigma, below(judge.ln_mass, density, ln_mass)))
        done += len(block)
        progress("mass function", done, n)
    snr, bias, pit = (np.concatenate(column) for column in zip(*columns, strict=True))
    rows = []
    for name, chosen in (("all", snr > -np.inf), (f"S/N > {MIN_SNR:g}", snr > MIN_SNR)):
        if chosen.any():
            covered = (coverage(pit[chosen], level) for level in CENTRAL)
            rows.append(PriorRow(name, int(chosen.sum()), float(bias[chosen].mean()), *covered))
    return tuple(rows)


def single_instruments(bundle: Bundle) -> dict[tuple[float, float], InstrumentSimulator]:
    """Simulators of one beam and depth each, by FWHM [arcmin] and noise [µK-arcmin], that a model knows."""
    known = [pair for pair in POSTERIOR_INSTRUMENTS if is_trained_for(bundle, *pair)]
    return {
        pair: InstrumentSimulator(at_instrument(bundle.recipe, *pair), bundle.sky_power) for pair in known
    }


def instrument_rows(
    judge: Judge,
    simulators: Mapping[tuple[float, float], InstrumentSimulator],
    bundle: Bundle,
    n: int,
    seed: int,
    progress: Progress,
) -> tuple[InstrumentRow, ...]:
    """Posteriors of n clusters at each redshift of the list, and at each single instrument."""
    low, high = bundle.metadata.trained_redshift
    cells = [(z, pair) for pair in simulators for z in POSTERIOR_REDSHIFTS if low <= z <= high]
    rows = []
    for index, (z, (fwhm, noise)) in enumerate(cells):
        clusters = bundle.recipe.clusters.model_copy(update={"redshift": z})
        blocks = simulators[fwhm, noise].blocks(clusters, n, seed, Stream.TEST, salt=10 + index)
        judged = Judged.concatenate([judge(block) for block in blocks])
        rows.append(InstrumentRow(z, fwhm, noise, PosteriorRow.of(judged)))
        progress("instruments", index + 1, len(cells))
    return tuple(rows)


class _Bench:
    """A model and its rivals at the model's redshift, built once for all sets."""

    def __init__(self, bundle: Bundle, seed: int, progress: Progress):
        self._bundle, self._seed, self._progress = bundle, seed, progress
        self._simulator = CutoutSimulator(bundle.recipe)
        self._redshift = tested_redshift(bundle)
        self._clusters = bundle.recipe.clusters.model_copy(update={"redshift": self._redshift})
        self._network = network_estimator(bundle)
        self._estimators = {self._redshift: self._rivals(self._redshift)}

    def _rivals(self, redshift: float) -> dict[str, Estimator]:
        return build_estimators(self._bundle, self._simulator, redshift, self._network)

    def scatter(self, n: int) -> Evaluation:
        """Section 4.3: with SZ scatter, and without."""
        clusters = self._clusters
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
        clusters = clusters_of_each_mass(self._clusters)
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
