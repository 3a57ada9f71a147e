"""How the paper's network is taught, calibrated and written: one instrument, the mass in a pixel."""

from pathlib import Path

import numpy as np

from szmass_cli.config import LogUniformMasses, SurveyConfig
from szmass_cli.network.paper.bundle import write_paper_bundle
from szmass_cli.network.paper.calibration import Calibration, fit_calibration
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.network.paper.lesson import Encoder
from szmass_cli.network.paper.predictor import Predictor, network_of
from szmass_cli.sky.cutouts import CutoutSimulator, Stream
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.keptblocks import KeptBlocks

RAW, TRUE = "raw_mass_msun", "m200c_msun"
"""Arrays of a block of the calibration."""


class PaperHead:
    """The paper's network: one instrument and redshift, and the mass in a pixel of its second map.

    Parameters
    ----------
    config : SurveyConfig
        Sky of one instrument, clusters at one redshift, network and calibration.
    """

    def __init__(self, config: SurveyConfig):
        self._config = config
        self.simulator = CutoutSimulator(config)
        self.labels = Labels.create(config, self.simulator.stamps)
        sky, bands = self.simulator.sky, self.simulator.bands
        self.inputs = NetworkInput.create(config.network, sky, bands, self.labels.scale_uk)
        self.lesson = Encoder(config, self.inputs, self.labels)

    @staticmethod
    def instruments_each_epoch(config: SurveyConfig) -> int:
        """Return 0: there is one instrument, made before the first epoch."""
        return 0

    @staticmethod
    def instruments_of_calibration(config: SurveyConfig) -> int:
        """Return 0: there is one instrument, made before the first epoch."""
        return 0

    @staticmethod
    def calibration_cutouts(config: SurveyConfig) -> int:
        """Return how many simulations the calibration takes, at all of its redshifts."""
        return len(config.calibration.redshifts) * config.calibration.cutouts_per_redshift

    def write(
        self,
        folder: Path,
        facts: dict,
        weights: list[np.ndarray],
        kept: KeptBlocks,
        progress: Progress = silent,
    ) -> None:
        """Calibrate a trained network and write it as a bundle; see `Head`."""
        network = network_of(self._config.network, self.inputs.channels, weights)
        predictor = Predictor(network, self.inputs, self.labels)
        calibration = calibrate(self._config, self.simulator, predictor, kept, progress)
        write_paper_bundle(
            folder, facts, self._config, self.labels, weights, calibration, self.simulator.power
        )


def calibrate(
    config: SurveyConfig,
    simulator: CutoutSimulator,
    predictor: Predictor,
    kept: KeptBlocks,
    progress: Progress = silent,
) -> Calibration:
    """Measure, on simulations held out from training, which masses give which network output."""
    settings, n = config.calibration, config.calibration.cutouts_per_redshift
    masses = LogUniformMasses(min_m200c_msun=settings.min_m200c_msun, max_m200c_msun=settings.max_m200c_msun)
    total, done = len(settings.redshifts) * n, 0
    outputs: list[dict[str, np.ndarray]] = []
    for salt, redshift in enumerate(settings.redshifts):
        clusters = config.clusters.model_copy(update={"redshift": redshift, "masses": masses})
        series = f"redshift{salt}"
        parts = kept.found(series)
        first, n_there = len(parts), sum(len(part[TRUE]) for part in parts)
        blocks = simulator.blocks(
            clusters, n - n_there, config.training.seed, Stream.CALIBRATION, first_block=first, salt=salt
        )
        done += n_there
        for block in blocks:
            part = {RAW: predictor(block.image).raw_mass_msun, TRUE: block.m200c}
            kept.add(series, len(parts), part)
            parts.append(part)
            done += len(block)
            progress("calibration", done, total)
        outputs.append({name: np.concatenate([part[name] for part in parts]) for name in (RAW, TRUE)})
    return fit_calibration(
        settings.redshifts,
        np.array([output[RAW] for output in outputs]),
        np.array([output[TRUE] for output in outputs]),
        (settings.min_m200c_msun, settings.max_m200c_msun),
    )
