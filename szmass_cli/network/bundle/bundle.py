"""A trained model on disk: a folder of data, checked as it is opened, never executed."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from szmass_cli.config import SurveyConfig, TrainingConfig, parse_config
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.likelihood.skymodel import CMB_ELL, SkyModel
from szmass_cli.network.bundle.files import (
    check_facts,
    check_hashes,
    find_bundle,
    read_table,
    read_weights,
    refusing_malformed,
    shipped_models,
)
from szmass_cli.network.bundle.files import read_history as history_in
from szmass_cli.network.bundle.metadata import (
    CALIBRATION,
    METADATA,
    OF_LIKELIHOOD,
    OF_ODDNESS,
    RECIPE,
    Metadata,
    PaperMetadata,
    read_metadata,
    stated,
)
from szmass_cli.network.evidence import n_evidence
from szmass_cli.network.paper.bundle import PaperBundle, read_paper_bundle
from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.profiles import SzModel
from szmass_cli.posterior.recalibration import Recalibration

__all__ = [
    "AnyBundle",
    "Bundle",
    "PaperBundle",
    "different_cutouts",
    "find_bundle",
    "read_bundle",
    "read_history",
    "shipped_models",
    "training_in_words",
]


@dataclass(frozen=True)
class Bundle:
    """A checked model for any instrument in memory, without TensorFlow.

    Parameters
    ----------
    path : Path
        Folder that the bundle was read from.
    metadata : Metadata
        What it states about itself, checked against the other files.
    recipe : SurveyConfig
        The configuration it was trained from.
    weights : list of numpy.ndarray
        The network's variables in the order Keras lists them.
    recalibration : Recalibration
        Recalibration of the model's posteriors.
    sky_model : SkyModel
        The sky that its likelihoods assume, whatever the instrument.
    of_likelihood : Recalibration, optional
        Recalibration of the likelihood alone, on the same simulations: what the model is compared with.
    odd_levels : OddnessLevels, optional
        Levels above which cutouts are unlike those of its training; those of a Gaussian sky otherwise.
    """

    path: Path
    metadata: Metadata
    recipe: SurveyConfig
    weights: list[np.ndarray]
    recalibration: Recalibration
    sky_model: SkyModel
    of_likelihood: Recalibration | None = None
    odd_levels: OddnessLevels = field(default_factory=OddnessLevels.of_gaussian_sky)

    @cached_property
    def ln_mass(self) -> np.ndarray:
        """Return the grid of its posteriors [ln Msun], (m,)."""
        return self.recalibration.ln_mass

    @property
    def cosmology(self) -> Cosmology:
        """Return the cosmology of its clusters."""
        return self.recipe.sky.cosmology.build()

    @property
    def sz_model(self) -> SzModel:
        """Return how the SZ signal of its clusters follows from mass and redshift."""
        return self.sky_model.sz_model

    @property
    def sha256(self) -> str:
        """Return the hash of the metadata file, which holds the hashes of all others."""
        return hashlib.sha256((self.path / METADATA).read_bytes()).hexdigest()


AnyBundle = Bundle | PaperBundle
"""What `read_bundle` may give; this is where the two kinds of models part."""


def read_bundle(model: str | Path) -> AnyBundle:
    """Open and check a bundle.

    Parameters
    ----------
    model : str or Path
        Name of a shipped model, or a folder.

    Raises
    ------
    InputError
        If a file is missing, altered or malformed, or was made for another geometry.
    """
    path = find_bundle(model)
    metadata = read_metadata(path / METADATA)
    check_hashes(path, metadata)
    if isinstance(metadata, PaperMetadata):
        return read_paper_bundle(path, metadata)
    with refusing_malformed(path):
        recipe = parse_config((path / RECIPE).read_text(), str(path / RECIPE), path)
        weights, _ = read_weights(path)
        table = read_table(path / CALIBRATION)
        cmb = table.pop("cmb_dl_uk2").astype(float)
        if cmb.shape != CMB_ELL.shape or not np.isfinite(cmb).all():
            raise ValueError(f"cmb_dl_uk2 is no table of {CMB_ELL.size} numbers")
        alone, odd = _taken(table, OF_LIKELIHOOD), _taken(table, OF_ODDNESS)
        recalibration = _recalibration(table, n_evidence(recipe.network.contamination))
        of_likelihood = _recalibration(alone, 0) if alone else None
        odd_levels = OddnessLevels.from_arrays(odd) if odd else OddnessLevels.of_gaussian_sky()
        facts = stated(recipe)
    check_facts(path, metadata, facts)
    sky = SkyModel(recipe, cmb)
    return Bundle(path, metadata, recipe, weights, recalibration, sky, of_likelihood, odd_levels)


def _taken(table: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Take the arrays whose names begin with a prefix out of those of a file, and return them without it."""
    names = [name for name in table if name.startswith(prefix)]
    return {name.removeprefix(prefix): table.pop(name) for name in names}


def _recalibration(table: dict[str, np.ndarray], evidence: int) -> Recalibration:
    """Return a recalibration from the arrays of a bundle's file, with so much evidence or none."""
    if any(values.dtype.kind != "f" for values in table.values()):
        raise ValueError("tables of a recalibration must be real numbers")
    low, high = table.pop("prior_range_msun")
    floor = float(table.pop("floor"))
    found = Recalibration(**table, prior_range_msun=(float(low), float(high)), floor=floor)
    if found.n_evidence not in (0, evidence):
        raise ValueError(f"usual is of {found.n_evidence} numbers of evidence, not {evidence}")
    return found


def read_history(bundle: AnyBundle) -> list[dict[str, float]]:
    """Return the epochs of the training of a bundle; none if it holds no history.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    return history_in(bundle.path)


def different_cutouts(training: TrainingConfig, n_epochs: int) -> int:
    """Return how many different cutouts there are in a number of epochs."""
    return training.cutouts_per_epoch * training.epochs_drawn(n_epochs)


def training_in_words(bundle: AnyBundle) -> str:
    """Return on how many cutouts a model was trained, and whether its correction is zero.

    Raises
    ------
    InputError
        If the file with the epochs of its training is damaged.
    """
    n_kept = bundle.metadata.cutouts_trained_on
    if n_kept or isinstance(bundle, PaperBundle):
        return f"{n_kept:,} simulated cutouts"
    n_epochs = len(read_history(bundle))
    n_seen = different_cutouts(bundle.recipe.training, n_epochs)
    better = f"none of its {n_epochs} epochs was better on held-out cutouts than the exact posterior"
    reason = f", but {better}" if n_epochs else ""
    return f"{n_seen:,} simulated cutouts{reason}: its correction is zero"
