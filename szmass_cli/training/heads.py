"""All of training but the fit itself, for either kind of network; this is where training tells them apart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.network.fit.dataset import Simulator
from szmass_cli.network.fit.lessons import Lesson
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.correction import CorrectionHead
from szmass_cli.training.keptblocks import KeptBlocks
from szmass_cli.training.papernetwork import PaperHead


class Head(Protocol):
    """A kind of model: its simulations, its lesson, and how the trained network becomes a bundle."""

    def __init__(self, config: SurveyConfig): ...

    @staticmethod
    def instruments_each_epoch(config: SurveyConfig) -> int:
        """Return how many instruments are worked out anew for the cutouts of an epoch."""
        ...

    @staticmethod
    def instruments_of_calibration(config: SurveyConfig) -> int:
        """Return how many instruments are worked out for the calibration."""
        ...

    @staticmethod
    def calibration_cutouts(config: SurveyConfig) -> int:
        """Return how many simulations the calibration takes."""
        ...

    @property
    def simulator(self) -> Simulator:
        """Return the simulator that draws labelled simulations."""
        ...

    @property
    def lesson(self) -> Lesson:
        """Return the lesson that turns simulations into arrays for the network."""
        ...

    def write(
        self,
        folder: Path,
        facts: dict,
        weights: list[np.ndarray],
        kept: KeptBlocks,
        progress: Progress = silent,
    ) -> None:
        """Calibrate a network on simulations held out from training, and write it as a bundle.

        Parameters
        ----------
        folder : Path
            An existing folder to write the bundle to.
        facts : dict
            ``name``, ``szmass_version`` and ``cutouts_trained_on`` of the metadata.
        weights : list of numpy.ndarray
            As they are read back from a bundle.
        kept : KeptBlocks
            What an interrupted calibration of this very network found already.
        progress : Progress
            Called with each task, how much of it is done, and the total.
        """
        ...


HEADS: Mapping[str, type[Head]] = {
    "mass": PaperHead,
    "correction": CorrectionHead,
}
"""By ``network.head``."""
