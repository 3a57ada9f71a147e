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
from szmass_cli.training.keptblocks import KeptBlocks
from szmass_cli.training.simulator import FeatureSimulator

HELD_OUT = "held_out"
"""Name of the blocks of the calibration."""


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

    @staticmethod
    def instruments_each_epoch(config: SurveyConfig) -> int:
        """Return how many instruments are worked out anew for the cutouts of an epoch; see `Head`."""
        return min(config.instruments.in_each_epoch, config.instruments.training)

    @staticmethod
    def instruments_of_calibration(config: SurveyConfig) -> int:
        """Return how many instruments are worked out for the calibration; see `Head`."""
        return config.instruments.calibration

    @staticmethod
    def calibration_cutouts(config: SurveyConfig) -> int:
        """Return how many simulations the calibration takes; see `Head`."""
        return config.calibration.cutouts

    def write(
        self,
        folder: Path,
        facts: dict,
        weights: list[np.ndarray],
        kept: KeptBlocks,
        progress: Progress = silent,
    ) -> None:
        """Recalibrate a trained network and write it as a bundle; see `Head`."""
        masses = mass_range(self._config.clusters)
        network = build_correction(self._config.network)
        set_weights(network, weights, "the model")
        held_out = self._held_out(Corrector(network, mass_grid(masses)), kept, progress)
        write_bundle(folder, facts, self._sky_model, weights, fit_recalibration(masses, held_out))

    def _held_out(self, corrector: Corrector, kept: KeptBlocks, progress: Progress) -> HeldOut:
        """Return corrected posteriors of simulations of instruments that training did not see."""
        config = self._config
        parts = [HeldOut(**arrays) for arrays in kept.found(HELD_OUT)]
        total, done = config.calibration.cutouts, sum(map(len, parts))
        blocks = self.simulator.blocks(
            config.clusters, total, config.training.seed, Stream.CALIBRATION, first_block=len(parts)
        )
        for block in blocks:
            seen = block.features
            density = normalised(seen.ln_likelihood + corrector(seen).g)
            part = HeldOut(density, np.log(block.m200c), block.redshift, seen.snr)
            kept.add(HELD_OUT, len(parts), vars(part))
            parts.append(part)
            done += len(block)
            progress("calibration", done, total)
        return HeldOut.concatenate(parts)
