"""Writing a bundle: its files, then the metadata that seal them."""

import json
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np

from szmass_cli.config import SurveyConfig, band_label, parse_config
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.network.bundle.metadata import (
    CALIBRATION,
    HASHED,
    METADATA,
    RECIPE,
    WEIGHTS,
    Metadata,
    stated,
)
from szmass_cli.network.inputs import Labels
from szmass_cli.physics.beams import read_beam
from szmass_cli.posterior import Calibration
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.files import atomic_path, sha256_of
from szmass_cli.system.hdf5 import Hdf5Sink


def as_stored(values: np.ndarray) -> np.ndarray:
    """The values of one variable as they are read back from a bundle, float32."""
    return _in_file(values).astype(np.float32)


def _in_file(values: np.ndarray) -> np.ndarray:
    """Kernels in half precision; biases and running statistics, few and of any size, in single."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if values.ndim > 1 and np.isfinite(half).all() else values.astype(np.float32)


def _keep_beams(folder: Path, recipe: SurveyConfig) -> tuple[SurveyConfig, list[str]]:
    """The recipe with its measured beams in files of the bundle, and their names."""
    kept, names = [], []
    for band in recipe.sky.bands:
        if band.beam_file is None:
            kept.append(band)
            continue
        beam = read_beam(band.beam_file)
        names.append(f"beam_{band_label(band.frequency_ghz)}.txt")
        np.savetxt(folder / names[-1], np.column_stack([beam.ell, beam.transfer]), header="ell, B_ell")
        kept.append(band.model_copy(update={"beam_file": Path(names[-1])}))
    return recipe.model_copy(update={"sky": recipe.sky.model_copy(update={"bands": tuple(kept)})}), names


def write_bundle(
    folder: Path,
    facts: dict,
    recipe: SurveyConfig,
    labels: Labels,
    weights: list[np.ndarray],
    calibration: Calibration | Recalibration,
    sky_power: SkyPower,
) -> None:
    """Write the files of a bundle into an existing folder; the metadata, which seals it, comes last.

    Parameters
    ----------
    folder : Path
    facts : dict
        The fields of `Metadata` that no other argument holds: ``name``, ``szmass_version``,
        ``cutouts_trained_on``.
    recipe : SurveyConfig
    labels : Labels
    weights : list of numpy.ndarray
    calibration : Calibration or Recalibration
    sky_power : SkyPower
    """
    recipe, beam_files = _keep_beams(folder, recipe)
    (folder / RECIPE).write_text(recipe.to_yaml())
    recipe = parse_config(recipe.to_yaml(), str(folder / RECIPE), folder)  # as it will be read
    with Hdf5Sink(folder / WEIGHTS) as sink, h5py.File(sink, "w") as file:
        file.attrs.update(normalisation_uk=labels.scale_uk, mean_mass_msun=labels.mean_mass_msun)
        for index, values in enumerate(weights):
            file.create_dataset(f"{index:04d}", data=_in_file(values))
    with Hdf5Sink(folder / CALIBRATION) as sink, h5py.File(sink, "w") as file:
        for field in fields(calibration):
            file[field.name] = np.asarray(getattr(calibration, field.name), float)
        file["sky_ell"], file["sky_cl_uk2_sr"] = sky_power.ell, sky_power.cl_uk2_sr
    metadata = Metadata(
        format_version=1,
        pixel_arcmin=PIXEL_ARCMIN,
        n_pixels=N_PIXELS,
        units="uK_CMB",
        mass_definition="200c",
        sha256={name: sha256_of(folder / name) for name in (*HASHED, *beam_files)},
        **stated(recipe, labels, calibration),
        **facts,
    )
    with atomic_path(folder / METADATA, overwrite=True) as part:
        part.write_text(json.dumps(metadata.model_dump(exclude_none=True), indent=2) + "\n")
