"""The paper's network on disk: one instrument, its labels and its calibration."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.config import SurveyConfig, parse_config
from szmass_cli.network.bundle.files import check_facts, read_table, read_weights, refusing_malformed
from szmass_cli.network.bundle.metadata import (
    CALIBRATION,
    HASHED,
    METADATA,
    RECIPE,
    PaperMetadata,
    PerBand,
    stated_by_all,
)
from szmass_cli.network.bundle.writing import (
    sealing,
    write_metadata,
    write_recipe,
    write_table,
    write_weights,
)
from szmass_cli.network.paper.calibration import Calibration
from szmass_cli.network.paper.inputs import Labels
from szmass_cli.physics.bands import Band
from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.profiles import SzModel
from szmass_cli.sky.cutoutsky import CutoutSky, reference_band
from szmass_cli.sky.power import SkyPower


@dataclass(frozen=True)
class PaperBundle:
    """A checked bundle of the paper's network in memory, without TensorFlow.

    Parameters
    ----------
    path : Path
        Folder that the bundle was read from.
    metadata : PaperMetadata
        What it states about itself, checked against the other files.
    recipe : SurveyConfig
        The configuration it was trained from.
    weights : list of numpy.ndarray
        The network's variables in the order Keras lists them.
    labels : Labels
        The scales of its input and output.
    calibration : Calibration
        From its mass pixel to percentiles.
    sky_power : SkyPower
        Power of the sky it was trained on.
    """

    path: Path
    metadata: PaperMetadata
    recipe: SurveyConfig
    weights: list[np.ndarray]
    labels: Labels
    calibration: Calibration
    sky_power: SkyPower

    def training_sky(self) -> CutoutSky:
        """Return the sky that the network was trained on, from the power that the bundle carries."""
        return CutoutSky(self.sky_power, self.bands)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Return frequency, beam and noise that it was trained for."""
        return self.recipe.sky.build_bands()

    @property
    def cosmology(self) -> Cosmology:
        """Return the cosmology of its clusters."""
        return self.recipe.sky.cosmology.build()

    @property
    def sz_model(self) -> SzModel:
        """Return how the SZ signal of the training clusters follows from mass and redshift."""
        return self.recipe.clusters.sz_model(self.cosmology)

    @property
    def sha256(self) -> str:
        """Return the hash of the metadata file, which holds the hashes of all others."""
        return hashlib.sha256((self.path / METADATA).read_bytes()).hexdigest()


def read_paper_bundle(path: Path, metadata: PaperMetadata) -> PaperBundle:
    """Return a bundle of the paper's network whose files fit their hashes.

    Raises
    ------
    InputError
        If a file is malformed.
    """
    with refusing_malformed(path):
        recipe = parse_config((path / RECIPE).read_text(), str(path / RECIPE), path)
        weights, notes = read_weights(path)
        labels = Labels(
            notes["normalisation_uk"], notes["mean_mass_msun"], reference_band(recipe.sky.frequencies_ghz)
        )
        table = read_table(path / CALIBRATION)
        power = SkyPower(table.pop("sky_ell"), table.pop("sky_cl_uk2_sr"))
        low, high = table.pop("prior_range_msun")
        calibration = Calibration(**table, prior_range_msun=(float(low), float(high)))
        facts = stated_by_paper(recipe, labels, calibration)
    check_facts(path, metadata, facts)
    return PaperBundle(path, metadata, recipe, weights, labels, calibration, power)


def write_paper_bundle(
    folder: Path,
    facts: dict,
    recipe: SurveyConfig,
    labels: Labels,
    weights: list[np.ndarray],
    calibration: Calibration,
    sky_power: SkyPower,
) -> None:
    """Write the files of a bundle into an existing folder; the metadata, which seal it, come last.

    Parameters
    ----------
    folder : Path
        Folder for the files; its name does not matter.
    facts : dict
        The fields of `PaperMetadata` that no other argument holds: ``name``, ``szmass_version``,
        ``cutouts_trained_on``.
    recipe : SurveyConfig
        The configuration that the network was trained from.
    labels : Labels
        The scales of its input and output.
    weights : list of numpy.ndarray
        In the order of `szmass_cli.network.weights.model_variables`; kernels are rounded to half precision.
    calibration : Calibration
        From its mass pixel to percentiles.
    sky_power : SkyPower
        Power of the sky it was trained on.
    """
    write_recipe(folder, recipe)
    recipe = parse_config((folder / RECIPE).read_text(), str(folder / RECIPE), folder)  # as it will be read
    notes = {"normalisation_uk": labels.scale_uk, "mean_mass_msun": labels.mean_mass_msun}
    write_weights(folder, weights, notes)
    sky = {"sky_ell": sky_power.ell, "sky_cl_uk2_sr": sky_power.cl_uk2_sr}
    write_table(folder / CALIBRATION, calibration, sky)
    facts = {**sealing(folder, HASHED), **stated_by_paper(recipe, labels, calibration), **facts}
    write_metadata(folder, PaperMetadata(format_version=1, **facts))


def stated_by_paper(recipe: SurveyConfig, labels: Labels, calibration: Calibration) -> dict[str, Any]:
    """Return what the metadata of the paper's network repeat of its other files."""
    low, high = (value / 1e14 for value in calibration.prior_range_msun)
    bands = recipe.sky.build_bands()
    return {
        **stated_by_all(recipe),
        "frequency_ghz": _per_band([band.frequency_ghz for band in bands]),
        "beam_fwhm_arcmin": _per_band([band.beam.fwhm_arcmin for band in bands]),
        "noise_uk_arcmin": _per_band([band.noise_uk_arcmin for band in bands]),
        "normalisation_uk": labels.scale_uk,
        "mean_mass_msun": labels.mean_mass_msun,
        "calibrated_redshift": (float(calibration.redshifts[0]), float(calibration.redshifts[-1])),
        "prior": f"flat in M200c, {low:g} to {high:g} 1e14 Msun",
    }


def _per_band(values: list[float]) -> PerBand:
    return values[0] if len(values) == 1 else tuple(values)
