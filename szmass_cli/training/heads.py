"""How networks of either head are taught and calibrated: all of training but the fit itself."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.likelihood.instruments import InstrumentSimulator
from szmass_cli.network.conditioned import IMAGE_SCALE_UK, ConditionedInput, Conditions, build_conditioned
from szmass_cli.network.fit.dataset import Simulator
from szmass_cli.network.fit.lessons import Encoder, Lesson, PosteriorLesson
from szmass_cli.network.inputs import Labels, NetworkInput
from szmass_cli.network.model import Predictor, network_of, set_weights
from szmass_cli.network.paper.calibration import Calibration, fit_calibration
from szmass_cli.network.posteriormodel import PosteriorPredictor
from szmass_cli.posterior.recalibration import Recalibration, fit_recalibration, mass_grid, median_mass
from szmass_cli.sky.clusters import mass_range, mean_mass
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.system.progress import Progress, silent


class Head(Protocol):
    """Simulations, what is taught of them, and the calibration of what was learnt."""

    @property
    def simulator(self) -> Simulator: ...

    @property
    def lesson(self) -> Lesson: ...

    @property
    def labels(self) -> Labels: ...

    def calibrate(
        self, weights: list[np.ndarray], progress: Progress = silent
    ) -> Calibration | Recalibration:
        """Measure, on simulations held out from training, what a network's answers mean."""
        ...


class MassHead:
    """The paper's network: one instrument and redshift, and the mass in a pixel of its second map."""

    def __init__(self, config: SurveyConfig):
        self._config = config
        self.simulator = CutoutSimulator(config)
        self.labels = Labels.create(config, self.simulator.stamps)
        sky, bands = self.simulator.sky, self.simulator.bands
        self._inputs = NetworkInput.create(config.network, sky, bands, self.labels.scale_uk)
        self.lesson = Encoder(config, self._inputs, self.labels)

    def calibrate(self, weights: list[np.ndarray], progress: Progress = silent) -> Calibration:
        network = network_of(self._config.network, self._inputs.channels, weights)
        predictor = Predictor(network, self._inputs, self.labels)
        return calibrate(self._config, self.simulator, predictor, progress)


class PosteriorHead:
    """A network told of redshift, beam and noise, that gives p(ln M)."""

    def __init__(self, config: SurveyConfig):
        self._config = config
        self.simulator = InstrumentSimulator(config)
        self.labels = Labels(IMAGE_SCALE_UK, mean_mass(config.clusters))
        self._inputs = ConditionedInput(config, self.simulator.modes)
        self.lesson = PosteriorLesson(config, self._inputs)

    def calibrate(self, weights: list[np.ndarray], progress: Progress = silent) -> Recalibration:
        config, inputs = self._config, self._inputs
        network = build_conditioned(config.network, inputs.shapes)
        set_weights(network, weights, "the model")
        masses = mass_range(config.clusters)
        predictor = PosteriorPredictor(network, inputs, mass_grid(masses))
        total, columns = config.calibration.cutouts, []
        blocks = self.simulator.blocks(config.clusters, total, config.training.seed, Stream.CALIBRATION)
        done = 0
        for block in blocks:
            conditions = Conditions.of(block)
            density = predictor(block.image, conditions).density
            snr = inputs.snr(block.image, conditions, median_mass(mass_grid(masses), density))
            columns.append((density.astype(np.float32), np.log(block.m200c), block.redshift, snr))
            done += len(block)
            progress("calibration", done, total)
        density, ln_mass, redshift, snr = (np.concatenate(column) for column in zip(*columns, strict=True))
        return fit_recalibration(masses, density, ln_mass, redshift, snr)


HEADS: Mapping[str, type[MassHead] | type[PosteriorHead]] = {
    "mass": MassHead,
    "posterior": PosteriorHead,
}
"""By the head of the network."""


def calibrate(
    config: SurveyConfig, simulator: CutoutSimulator, predictor: Predictor, progress: Progress = silent
) -> Calibration:
    """Measure, on simulations held out from training, which masses give which network output."""
    settings = config.calibration
    masses = LogUniformMasses(min_m200c_msun=settings.min_m200c_msun, max_m200c_msun=settings.max_m200c_msun)
    total, done = len(settings.redshifts) * settings.cutouts_per_redshift, 0
    raw: list[list[np.ndarray]] = []
    true: list[list[np.ndarray]] = []
    for salt, redshift in enumerate(settings.redshifts):
        clusters = config.clusters.model_copy(update={"redshift": redshift, "masses": masses})
        blocks = simulator.blocks(
            clusters, settings.cutouts_per_redshift, config.training.seed, Stream.CALIBRATION, salt=salt
        )
        raw.append([])
        true.append([])
        for block in blocks:
            raw[-1].append(predictor(block.image).raw_mass_msun)
            true[-1].append(block.m200c)
            done += len(block)
            progress("calibration", done, total)
    return fit_calibration(
        settings.redshifts,
        np.array([np.concatenate(r) for r in raw]),
        np.array([np.concatenate(t) for t in true]),
        (settings.min_m200c_msun, settings.max_m200c_msun),
    )
