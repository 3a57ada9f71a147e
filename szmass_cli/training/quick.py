"""A training of two minutes: the same steps with toy numbers."""

from pathlib import Path

from szmass_cli.config import (
    CalibrationConfig,
    InstrumentsConfig,
    NetworkConfig,
    SurveyConfig,
    TrainingConfig,
)
from szmass_cli.config.base import Strict
from szmass_cli.evaluation.run import evaluate
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.network.fit.checkpoints import TrainingState
from szmass_cli.system.progress import Progress
from szmass_cli.training.run import write_history_and_report

N_EVALUATED = 400
"""Cutouts of the report."""

QUICK_NOTE = "note: --quick makes a toy to see that all of it works; its answers are not to be used."

AT_MOST: dict[str, dict[str, int]] = {
    "training": {
        "cutouts_per_epoch": 768,
        "validation_cutouts": 256,
        "max_epochs": 2,
        "batch_size": 32,
    },
    "instruments": {"training": 2, "in_each_epoch": 2, "validation": 1, "calibration": 1, "depths": 1},
    "network": {"base_filters": 8},
    "calibration": {"cutouts": 512, "cutouts_per_redshift": 400},
}
"""Largest values of the keys that cost time, by section of the configuration."""

SECTIONS: dict[str, type[Strict]] = {
    "training": TrainingConfig,
    "instruments": InstrumentsConfig,
    "network": NetworkConfig,
    "calibration": CalibrationConfig,
}


def quick_config(config: SurveyConfig) -> SurveyConfig:
    """Return a configuration whose training takes about two minutes, to see that all of it works.

    Sky and clusters stay what they are; there are fewer cutouts, epochs, instruments and filters, so that
    what comes out is a model in form, and no good one.
    """
    changed = {}
    for section, largest in AT_MOST.items():
        given = getattr(config, section).model_dump()
        smaller = {key: min(given[key], value) for key, value in largest.items()}
        changed[section] = SECTIONS[section].model_validate({**given, **smaller})
    return config.model_copy(update=changed)


def quick_report(folder: Path, state: TrainingState, progress: Progress) -> None:
    """Write what `szmass evaluate` prints, on few cutouts, as the report of a bundle; see `Report`."""
    bundle = read_bundle(folder)
    evaluation = evaluate(folder, N_EVALUATED, bundle.metadata.seed, progress)
    write_history_and_report(folder, state, evaluation, bundle)
