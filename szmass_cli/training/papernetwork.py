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

    def write(
        self, folder: Path, facts: dict, weights: list[np.ndarray], progress: Progress = silent
    ) -> None:
        """Calibrate a trained network and write it as a bundle; see `Head`."""
        network = network_of(self._config.network, self.inputs.channels, weights)
        predictor = Predictor(network, self.inputs, self.labels)
        calibration = calibrate(self._config, self.simulator, predictor, progress)
        write_paper_bundle(
            folder, facts, self._config, self.labels, weights, calibration, self.simulator.power
        )


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
