"""How the correction of the Gaussian likelihood is taught, recalibrated and written."""

from dataclasses import dataclass, fields
from itertools import takewhile
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.oddness import Oddness, OddnessLevels
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.writing import write_bundle
from szmass_cli.network.correction import Corrector, build_correction
from szmass_cli.network.evidence import Corrected
from szmass_cli.network.fit.lessons import CorrectionLesson
from szmass_cli.network.weights import set_weights
from szmass_cli.posterior.grid import mass_grid, moments, normalised
from szmass_cli.posterior.heldout import HeldOut
from szmass_cli.posterior.recalibrating import fit_recalibration
from szmass_cli.sky.clusters import mass_range
from szmass_cli.sky.cutouts import Stream
from szmass_cli.system.progress import Progress, silent
from szmass_cli.training.keptblocks import KeptBlocks
from szmass_cli.training.simulator import DrawnCutouts, FeatureSimulator

HELD_OUT = "held_out"
"""Name of the blocks of the calibration."""

NEEDED = {"evidence", *(f"odd_{field.name}" for field in fields(Oddness))}
"""Arrays that a block must have, and those of earlier versions had not."""


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
        corrected, alone = (fit_recalibration(masses, one) for one in (held_out.corrected, held_out.alone))
        levels = OddnessLevels.of_gaussian_sky()
        if self._config.training.sky == "realistic":
            levels = OddnessLevels.measured(held_out.oddness)
        write_bundle(folder, facts, self._sky_model, weights, corrected, alone, levels)

    def _held_out(self, corrector: Corrector, kept: KeptBlocks, progress: Progress) -> "_HeldOut":
        """Return what is found in simulations of instruments that training did not see."""
        config, ln_mass = self._config, mass_grid(mass_range(self._config.clusters))
        # blocks of a calibration that was begun before all of these were looked at are worked out again
        whole = takewhile(lambda arrays: NEEDED.issubset(arrays), kept.found(HELD_OUT))
        parts = [_HeldOut.of(arrays) for arrays in whole]
        total, done = config.calibration.cutouts, sum(len(part) for part in parts)
        blocks = self.simulator.one_by_one(
            config.clusters, total, config.training.seed, Stream.CALIBRATION, len(parts)
        )
        for block in blocks:
            arrays = found_in(block, corrector, ln_mass)
            kept.add(HELD_OUT, len(parts), arrays)
            parts.append(_HeldOut.of(arrays))
            done += len(block)
            progress("calibration", done, total)
        return _HeldOut.concatenate(parts)


def found_in(block: DrawnCutouts, corrector: Corrector, ln_mass: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the calibration needs of a block of n cutouts, arrays by name.

    Parameters
    ----------
    block : DrawnCutouts
        The cutouts.
    corrector : Corrector
        The trained network.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of posteriors [ln Msun].
    """
    seen = block.labelled.features
    found = Corrected.of(seen, corrector(seen).g, ln_mass)
    odd = block.oddness(moments(ln_mass, found.density)[0])
    return {
        "density": found.density,
        "evidence": found.evidence,
        "alone": normalised(seen.ln_likelihood),
        "ln_mass": np.log(block.labelled.m200c),
        "redshift": block.labelled.redshift,
        "snr": seen.snr,
        **{f"odd_{field.name}": getattr(odd, field.name) for field in fields(odd)},
    }


@dataclass(frozen=True)
class _HeldOut:
    """What is found in simulations that training did not see.

    Parameters
    ----------
    corrected, alone : HeldOut
        Posteriors of the network, and of the likelihood alone.
    oddness : Oddness
        How odd the cutouts are.
    """

    corrected: HeldOut
    alone: HeldOut
    oddness: Oddness

    def __len__(self) -> int:
        return len(self.corrected)

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "_HeldOut":
        """Return what is kept of a block."""
        truth = (arrays["ln_mass"], arrays["redshift"], arrays["snr"])
        odd = Oddness(**{field.name: arrays[f"odd_{field.name}"] for field in fields(Oddness)})
        corrected = HeldOut(arrays["density"], *truth, arrays["evidence"])
        return cls(corrected, HeldOut(arrays["alone"], *truth), odd)

    @classmethod
    def concatenate(cls, parts: "list[_HeldOut]") -> "_HeldOut":
        """Return all of several blocks."""
        return cls(
            HeldOut.concatenate([part.corrected for part in parts]),
            HeldOut.concatenate([part.alone for part in parts]),
            Oddness.concatenate([part.oddness for part in parts]),
        )
