"""A model for any instrument on surveys, single bands, filters, and maps that are not as stated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from szmass_cli.config import MassFunctionMasses, SurveyConfig, load_config
from szmass_cli.evaluation.figures.instruments import save_instrument_figures
from szmass_cli.evaluation.instruments.cases import (
    Case,
    cell_cases,
    outside_case,
    preset_cases,
    survey_case,
    white_band,
)
from szmass_cli.evaluation.instruments.judging import Judged, Network, Posteriors, judged_case
from szmass_cli.evaluation.instruments.metrics import InstrumentsMetrics, PriorRow
from szmass_cli.evaluation.instruments.rows import (
    CENTRAL,
    MIN_SNR,
    CaseRow,
    coverage,
    mass_bias_rows,
    pit_histogram,
)
from szmass_cli.evaluation.instruments.simulation import ViewSimulator
from szmass_cli.evaluation.instruments.tables import summary
from szmass_cli.evaluation.instruments.variations import (
    concentration_cases,
    depth_case,
    filter_cases,
    mismatch_cases,
    position_cases,
    scan_filter,
)
from szmass_cli.evaluation.realistic.run import realistic_rows
from szmass_cli.evaluation.realistic.testsets import RealisticCase, realistic_cases
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.posterior.grid import probability_below
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.sky.clusters import mass_range
from szmass_cli.system.progress import Progress

REFERENCE = "spt-3g"
"""The preset whose bands filters, depths, positions and mismatches are tried on."""

TRANSFERS = {"|ell_x| > 300": (300.0, 0.0), "|ell_x| > 500": (500.0, 0.0), "both cuts": (500.0, 800.0)}
"""Least |ell_x| and |ell| that filters leave."""


@dataclass(frozen=True)
class Sizes:
    """How many clusters each set has.

    Parameters
    ----------
    survey, variation, cell : int
        Of each survey; of each filter, depth and so on; of each single band, redshift and mismatch.
    """

    survey: int
    variation: int
    cell: int

    @classmethod
    def of(cls, n: int) -> "Sizes":
        """Return sizes in the proportions of the report: 10,000 give 5,000 of each survey."""
        return cls(max(n // 2, 50), max(n // 5, 50), max(n // 10, 20))


@dataclass
class InstrumentsEvaluation:
    """A report's numbers, and what its figures show.

    Parameters
    ----------
    metrics : InstrumentsMetrics
        What metrics.json and the summary hold.
    surveys : dict of Judged
        Clusters with their verdicts, by the names in ``metrics.surveys``.
    """

    metrics: InstrumentsMetrics
    surveys: dict[str, Judged]

    def summary(self) -> str:
        """Return the numbers as Markdown tables."""
        return summary(self.metrics)

    def save_figures(self, history: list[dict[str, float]], folder: Path) -> None:
        """Draw all figures into a folder, as PNG files."""
        save_instrument_figures(self.metrics, self.surveys, history, folder)


class InstrumentsBench:
    """A model with its network, loaded once for all sets.

    Parameters
    ----------
    bundle : Bundle
        The model to evaluate.
    seed : int
        Seed of the random streams; the same seed gives the same cutouts.
    progress : Progress
        Called with each task, how much of it is done, and the total.
    """

    def __init__(self, bundle: Bundle, seed: int, progress: Progress):
        self._bundle, self._seed, self._progress = bundle, seed, progress
        self._network = Network.of(bundle)
        self._sky = bundle.sky_model

    def surveys(self, n: int, config: SurveyConfig | None, name: str) -> InstrumentsEvaluation:
        """Return the results on n clusters of each survey, or of a configuration's survey alone."""
        cases = preset_cases(self._sky) if config is None else [survey_case(self._sky, config, name)]
        judged = {case.name: self._judged(case, n, index, case.name) for index, case in enumerate(cases)}
        together = Judged.concatenate(list(judged.values()))
        detected = together.model.below[together.snr > MIN_SNR]
        metrics = InstrumentsMetrics(
            self._bundle.metadata.name,
            self._bundle.sha256,
            self._seed,
            tuple(CaseRow.of(case.name, judged[case.name], case.is_told_the_truth) for case in cases),
            pit_histogram(detected) if detected.size else (),
            mass_bias_rows(together),
            realistic=realistic_rows(
                self._bundle, self._realistic(config, name), n, self._seed, self._progress
            ),
        )
        return InstrumentsEvaluation(metrics, judged)

    def _realistic(self, config: SurveyConfig | None, name: str) -> list[RealisticCase]:
        """Return the surveys of the realistic sky, for models that were trained on it."""
        if self._bundle.recipe.training.sky != "realistic":
            return []
        if config is not None:
            return [RealisticCase.of(self._sky, config, name)]
        return realistic_cases(self._sky)

    def further(self, found: InstrumentsEvaluation, sizes: Sizes, config: SurveyConfig | None) -> None:
        """Add all other sets to the results on surveys; for a configuration, only those that concern it."""
        metrics = found.metrics
        if config is None:
            metrics = replace(
                metrics,
                cells=self._rows(cell_cases(self._sky), sizes.cell, 100, "single bands"),
                outside=self._rows([outside_case(self._sky)], sizes.variation, 130, "outside"),
                variations=self._variations(sizes.variation),
            )
        survey = load_config(REFERENCE) if config is None else config
        name = REFERENCE if config is None else metrics.surveys[0].name
        instrument = survey.sky.build_instrument()
        mismatch = mismatch_cases(self._sky, instrument, name)
        if config is None:
            mismatch += mismatch_cases(self._sky, white_band(1.0, 5.0), "1', 5 µK-arcmin")
        found.metrics = replace(
            metrics,
            mass_function=self._mass_function(survey_case(self._sky, survey, name), sizes.survey),
            mismatch=self._rows(mismatch, sizes.cell, 200, "mismatch", same=True),
        )

    def _judged(self, case: Case, n: int, salt: int, task: str) -> Judged:
        def report(done: int) -> None:
            self._progress(task, done, n)

        return judged_case(case, self._bundle.ln_mass, self._network, n, self._seed, salt, report)

    def _rows(
        self, cases: Sequence[Case], n: int, salt: int, task: str, same: bool = False
    ) -> tuple[CaseRow, ...]:
        """Return the rows of n clusters of each case: the same clusters for all, where so asked."""
        rows = []
        for index, case in enumerate(cases):
            of_case = salt + (0 if same else index)
            judged = judged_case(case, self._bundle.ln_mass, self._network, n, self._seed, of_case)
            rows.append(CaseRow.of(case.name, judged, case.is_told_the_truth))
            self._progress(task, index + 1, len(cases))
        return tuple(rows)

    def _variations(self, n: int) -> tuple[CaseRow, ...]:
        three = load_config(REFERENCE).sky.build_instrument()
        one = three.only((1,))
        transfers = {name: scan_filter(*least) for name, least in TRANSFERS.items()}
        cases = [
            *filter_cases(self._sky, one, f"{REFERENCE} at 150 GHz", transfers),
            *filter_cases(self._sky, three, REFERENCE, {"|ell_x| > 300": scan_filter(300.0)}),
            *position_cases(self._sky, three, REFERENCE),
            *concentration_cases(self._sky, one, f"{REFERENCE} at 150 GHz"),
            *concentration_cases(self._sky, three, REFERENCE),
        ]
        return (*self._rows(cases, n, 150, "variations", same=True), *self._depths(three, n))

    def _depths(self, instrument, n: int) -> list[CaseRow]:
        """Return rows of each third of the depths."""
        case = depth_case(self._sky, instrument, REFERENCE)
        judged = self._judged(case, 3 * n, 180, "depths")
        third = np.digitize(judged.depth, np.quantile(judged.depth, [1 / 3, 2 / 3]))
        names = ("deepest", "middle", "shallowest")
        return [CaseRow.of(f"{case.name}, {names[k]}", judged[third == k]) for k in range(3)]

    def _mass_function(self, case: Case, n: int) -> tuple[PriorRow, ...]:
        """Return how posteriors under the mass function do on clusters drawn from it."""
        low, high = mass_range(case.clusters)
        masses = MassFunctionMasses(min_m200c_msun=low, max_m200c_msun=high)
        clusters = case.clusters.model_copy(update={"masses": masses})
        change = PriorChange(Prior.FLAT_LOG, Prior.MASS_FUNCTION, self._bundle.cosmology)
        posteriors = Posteriors(case.told, self._bundle.ln_mass, self._network)
        simulator, columns, done = ViewSimulator(case.truth.sky, case.truth.instrument), [], 0
        for block in simulator.blocks(clusters, n, self._seed, 190):
            answer = posteriors(block.view(0), block.redshift, block.variance_ratio)
            told = answer.told
            grid = np.broadcast_to(told.ln_mass, told.density.shape)
            ln_ratio = change.ln_ratio(grid, block.redshift)
            found = told.reweighted(ln_ratio).with_floor(answer.floor, ln_ratio)
            mean, sigma = found.moments
            ln_mass = np.log(block.m200c_msun)
            below = probability_below(found.ln_mass, found.density, ln_mass)
            columns.append((answer.snr, (mean - ln_mass) / sigma, below))
            done += len(block)
            self._progress("mass function", done, n)
        snr, bias, below = (np.concatenate(column) for column in zip(*columns, strict=True))
        rows = []
        for name, chosen in (("all", snr > -np.inf), (f"S/N > {MIN_SNR:g}", snr > MIN_SNR)):
            if chosen.any():
                covered = (coverage(below[chosen], level) for level in CENTRAL)
                rows.append(PriorRow(name, int(chosen.sum()), float(bias[chosen].mean()), *covered))
        return tuple(rows)
