"""How the correction of the Gaussian likelihood is taught, recalibrated and written."""

from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.writing import write_bundle
from szmass_cli.network.correction import Corrector, build_correction
from szmass_cli.network.fit.lessons import CorrectionLesson
from szmass_cli.network.weights import set_weights
from szmass_cli.posterior.grid import mass_grid, normalised
from szmass_cli.posterior.recalibrating import HeldOut, fit_recalibration
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import Stream
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.simulator import FeatureSimulator


class CorrectionHead:
    """A correction of ln L for any instrument.

    Parameters
    ----------
    config : SurveyConfig
        Sky, clusters, random instruments, network and calibration.
    """

    def __init__(self, config: SurveyConfig):
        self._config = config
        self._sky_model = SkyModel.from_config(config)
        self.simulator = FeatureSimulator(self._sky_model)
        self.lesson = CorrectionLesson(config)

    def write(
        self, folder: Path, facts: dict, weights: list[np.ndarray], progress: Progress = silent
    ) -> None:
        """Recalibrate a trained network and write it as a bundle; see `Head`."""
        masses = mass_range(self._config.clusters)
        network = build_correction(self._config.network)
        set_weights(network, weights, "the model")
        corrected, alone = self._held_out(Corrector(network, mass_grid(masses)), progress)
        tables = fit_recalibration(masses, corrected), fit_recalibration(masses, alone)
        write_bundle(folder, facts, self._sky_model, weights, *tables)

    def _held_out(self, corrector: Corrector, progress: Progress) -> tuple[HeldOut, HeldOut]:
        """Return posteriors of simulations of instruments that training did not see: corrected, and not."""
        config = self._config
        total, done = config.calibration.cutouts, 0
        parts: tuple[list[HeldOut], list[HeldOut]] = ([], [])
        for block in self.simulator.blocks(config.clusters, total, config.training.seed, Stream.CALIBRATION):
            seen = block.features
            for part, ln_density in zip(
                parts, (seen.ln_likelihood + corrector(seen).g, seen.ln_likelihood), strict=True
            ):
                part.append(HeldOut(normalised(ln_density), np.log(block.m200c), block.redshift, seen.snr))
            done += len(block)
            progress("calibration", done, total)
        return HeldOut.concatenate(parts[0]), HeldOut.concatenate(parts[1])
