"""Writing a bundle: its files, then the metadata that seal them."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from szmass_cli.config import SurveyConfig, parse_config
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.likelihood.oddness import OddnessLevels
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.network.bundle.metadata import (
    CALIBRATION,
    HASHED,
    METADATA,
    OF_LIKELIHOOD,
    OF_ODDNESS,
    RECIPE,
    WEIGHTS,
    AnyMetadata,
    Metadata,
    stated,
)
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.system.files import atomic_path, sha256_of
from szmass_cli.system.hdf5 import Hdf5Sink


def as_stored(values: np.ndarray) -> np.ndarray:
    """Return the values of one variable as they are read back from a bundle, float32."""
    return _in_file(values).astype(np.float32)


def _in_file(values: np.ndarray) -> np.ndarray:
    """Return kernels in half precision; biases and running statistics, few and of any size, in single."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if values.ndim > 1 and np.isfinite(half).all() else values.astype(np.float32)


def write_bundle(
    folder: Path,
    facts: dict,
    sky_model: SkyModel,
    weights: list[np.ndarray],
    recalibration: Recalibration,
    of_likelihood: Recalibration | None = None,
    odd_levels: OddnessLevels | None = None,
) -> None:
    """Write the files of a bundle into an existing folder; the metadata, which seal it, come last.

    Parameters
    ----------
    folder : Path
        Folder for the files; its name does not matter.
    facts : dict
        The fields of `Metadata` that no other argument holds: ``name``, ``szmass_version``,
        ``cutouts_trained_on``.
    sky_model : SkyModel
        Its ``config`` is the recipe.
    weights : list of numpy.ndarray
        In the order of `szmass_cli.network.weights.model_variables`; kernels are rounded to half precision.
    recalibration : Recalibration
        Of its posteriors; its range of masses is that of the recipe.
    of_likelihood : Recalibration, optional
        Of the likelihood alone, which evaluations compare the model with.
    odd_levels : OddnessLevels, optional
        Levels above which cutouts are unlike those of the training.
    """
    write_recipe(folder, sky_model.config)
    recipe = parse_config((folder / RECIPE).read_text(), str(folder / RECIPE), folder)  # as it will be read
    write_weights(folder, weights, {})
    others = {"cmb_dl_uk2": sky_model.cmb_dl_uk2}
    if of_likelihood is not None:
        for field in fields(of_likelihood):
            others[OF_LIKELIHOOD + field.name] = np.asarray(getattr(of_likelihood, field.name), float)
    if odd_levels is not None:
        others |= {OF_ODDNESS + name: values for name, values in odd_levels.arrays().items()}
    write_table(folder / CALIBRATION, recalibration, others)
    metadata = Metadata(format_version=2, **sealing(folder, HASHED), **stated(recipe), **facts)
    write_metadata(folder, metadata)


def write_recipe(folder: Path, recipe: SurveyConfig) -> None:
    """Write the configuration that a model was trained from."""
    (folder / RECIPE).write_text(recipe.to_yaml())


def write_weights(folder: Path, weights: list[np.ndarray], notes: Mapping[str, float]) -> None:
    """Write the variables of a network, and numbers that are noted beside them."""
    with Hdf5Sink(folder / WEIGHTS) as sink, h5py.File(sink, "w") as file:
        file.attrs.update(notes)
        for index, values in enumerate(weights):
            file.create_dataset(f"{index:04d}", data=_in_file(values))


def write_table(path: Path, calibration: Any, others: Mapping[str, np.ndarray]) -> None:
    """Write the fields of a calibration, a dataclass of arrays, and other arrays beside them."""
    with Hdf5Sink(path) as sink, h5py.File(sink, "w") as file:
        for field in fields(calibration):
            file[field.name] = np.asarray(getattr(calibration, field.name), float)
        for name, values in others.items():
            file[name] = values


def sealing(folder: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the metadata that are the same for all models, and the hashes of files."""
    return {
        "pixel_arcmin": PIXEL_ARCMIN,
        "n_pixels": N_PIXELS,
        "units": "uK_CMB",
        "mass_definition": "200c",
        "sha256": {name: sha256_of(folder / name) for name in names},
    }


def write_metadata(folder: Path, metadata: AnyMetadata) -> None:
    """Seal a bundle."""
    with atomic_path(folder / METADATA, overwrite=True) as part:
        part.write_text(json.dumps(metadata.model_dump(exclude_none=True), indent=2) + "\n")
