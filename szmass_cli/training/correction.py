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
        corrected, alone = self._held_out(Corrector(network, mass_grid(masses)), kept, progress)
        tables = fit_recalibration(masses, corrected), fit_recalibration(masses, alone)
        write_bundle(folder, facts, self._sky_model, weights, *tables)

    def _held_out(
        self, corrector: Corrector, kept: KeptBlocks, progress: Progress
    ) -> tuple[HeldOut, HeldOut]:
        """Return posteriors of simulations of instruments that training did not see: corrected, and not."""
        config = self._config
        parts = [_both(arrays) for arrays in kept.found(HELD_OUT)]
        total, done = config.calibration.cutouts, sum(len(part) for part, _ in parts)
        blocks = self.simulator.blocks(
            config.clusters, total, config.training.seed, Stream.CALIBRATION, first_block=len(parts)
        )
        for block in blocks:
            seen = block.features
            arrays = {
                "density": normalised(seen.ln_likelihood + corrector(seen).g),
                "alone": normalised(seen.ln_likelihood),
                "ln_mass": np.log(block.m200c),
                "redshift": block.redshift,
                "snr": seen.snr,
            }
            kept.add(HELD_OUT, len(parts), arrays)
            parts.append(_both(arrays))
            done += len(block)
            progress("calibration", done, total)
        corrected, alone = zip(*parts, strict=True)
        return HeldOut.concatenate(corrected), HeldOut.concatenate(alone)


def _both(arrays: dict[str, np.ndarray]) -> tuple[HeldOut, HeldOut]:
    """Return what is kept of a block as corrected posteriors, and as those of the likelihood alone."""
    truth = (arrays["ln_mass"], arrays["redshift"], arrays["snr"])
    return HeldOut(arrays["density"], *truth), HeldOut(arrays["alone"], *truth)
