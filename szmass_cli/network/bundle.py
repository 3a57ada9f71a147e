"""A trained model on disk: a folder of data, checked as it is opened, never executed."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from szmass_cli.config import SurveyConfig, band_label, parse_config
from szmass_cli.errors import InputError, did_you_mean
from szmass_cli.files import atomic_path, sha256_of
from szmass_cli.hdf5 import Hdf5Sink
from szmass_cli.network.inputs import Labels
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import read_beam
from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.profiles import SzModel
from szmass_cli.posterior import Calibration
from szmass_cli.sky.clusters import mass_range, redshift_range
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import StampSky, reference_band
from szmass_cli.stamp import N_PIXELS, PIXEL_ARCMIN

RECIPE, WEIGHTS, CALIBRATION, METADATA, REPORT, CARD, HISTORY = (
    "recipe.yaml",
    "weights.h5",
    "calibration.h5",
    "metadata.json",
    "report",
    "README.md",
    "history.json",
)
HASHED = (RECIPE, WEIGHTS, CALIBRATION)


PerBand = float | tuple[float, ...]
"""A number, or one for each of several bands."""


class Metadata(BaseModel):
    """What a bundle states about itself; the file is refused if any of it is missing or unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format_version: Literal[1]
    name: str
    szmass_version: str
    frequency_ghz: PerBand
    beam_fwhm_arcmin: PerBand
    noise_uk_arcmin: PerBand
    pixel_arcmin: float
    n_pixels: int
    units: Literal["uK_CMB"]
    normalisation_uk: float
    mean_mass_msun: float
    cosmology: str
    mass_definition: Literal["200c"]
    trained_m200c_msun: tuple[float, float]
    trained_redshift: tuple[float, float]
    calibrated_redshift: tuple[float, float]
    prior: str
    sz_scatter_ln: float
    seed: int
    cutouts_trained_on: int
    sha256: dict[str, str]

    def per_band(self, key: Literal["frequency_ghz", "beam_fwhm_arcmin", "noise_uk_arcmin"]) -> str:
        """Numbers of all bands as text: ``95, 150``."""
        value = getattr(self, key)
        return ", ".join(f"{number:g}" for number in (value if isinstance(value, tuple) else (value,)))


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory, without TensorFlow.

    Parameters
    ----------
    path : Path
        The folder.
    metadata : Metadata
    recipe : SurveyConfig
        The configuration it was trained from.
    weights : list of numpy.ndarray
        The network's variables in the order Keras lists them.
    labels : Labels
        The scales of its input and output.
    calibration : Calibration
    sky_power : SkyPower
        Power of the sky it was trained on.
    """

    path: Path
    metadata: Metadata
    recipe: SurveyConfig
    weights: list[np.ndarray]
    labels: Labels
    calibration: Calibration
    sky_power: SkyPower

    def training_sky(self) -> StampSky:
        """The sky that the network was trained on, from the power that the bundle carries."""
        return StampSky(self.sky_power, self.bands)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Frequency, beam and noise that it was trained for."""
        return self.recipe.sky.build_bands()

    @property
    def cosmology(self) -> Cosmology:
        return self.recipe.sky.cosmology.build()

    @property
    def sz_model(self) -> SzModel:
        """How the SZ signal of the training clusters follows from mass and redshift."""
        return self.recipe.clusters.sz_model(self.cosmology)

    @property
    def sha256(self) -> str:
        """Hash of the metadata file, which holds the hashes of all others."""
        return hashlib.sha256((self.path / METADATA).read_bytes()).hexdigest()


def shipped_models() -> dict[str, Path]:
    """Folders of the models that come with szmass, by name."""
    here = Path(__file__).resolve().parents[1]
    # inside the wheel, or beside the package in a source checkout
    for folder in (here / "models", here.parent / "models"):
        if folder.is_dir():
            return {p.parent.name: p.parent for p in sorted(folder.glob(f"*/{METADATA}"))}
    return {}


def find_bundle(model: str | Path) -> Path:
    """Folder of a model given by name or path.

    Raises
    ------
    InputError
        If there is neither a shipped model nor a bundle of that name.
    """
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    path = Path(model)
    if (path / METADATA).is_file():
        return path
    what = "holds no metadata.json, so it is not a model bundle" if path.exists() else "is not there"
    raise InputError(
        f"The model {model} {what}.{did_you_mean(str(model), shipped)}",
        f"Give a bundle's folder, or a shipped model: {', '.join(shipped)}.",
    )


def read_bundle(model: str | Path) -> Bundle:
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
    metadata = _read_metadata(path / METADATA)
    # beam files beside the recipe, where it has any
    for name in {*HASHED, *metadata.sha256}:
        if Path(name).name != name:
            raise InputError(f"{path / METADATA}: {name!r} is no file's name.", "Fetch the bundle again.")
        if not (path / name).is_file():
            raise InputError(f"The model {path} lacks {name}.", "Fetch the bundle again.")
        if metadata.sha256.get(name) != sha256_of(path / name):
            raise InputError(
                f"{path / name} is not the file that the model was saved with: its hash differs.",
                "It was altered or damaged. Fetch the bundle again.",
            )
    try:
        recipe = parse_config((path / RECIPE).read_text(), str(path / RECIPE), path)
        _check_beam_files(path, recipe, metadata)
        with h5py.File(path / WEIGHTS) as file:
            weights = [_own_data(file, name).astype(np.float32) for name in sorted(file)]
            scale_uk, mean_mass = (float(file.attrs[name]) for name in ("normalisation_uk", "mean_mass_msun"))
            labels = Labels(
                scale_uk, mean_mass, reference_band([band.frequency_ghz for band in recipe.sky.bands])
            )
        with h5py.File(path / CALIBRATION) as file:
            table = {name: _own_data(file, name) for name in file}
        low, high = table["prior_range_msun"]
        calibration = Calibration(
            table["redshifts"], table["nodes"], table["ln_mass"], table["edges"], (float(low), float(high))
        )
        cl = table["sky_cl_uk2_sr"]
        power = SkyPower(table["sky_ell"], cl[None, None] if cl.ndim == 1 else cl)  # early ones had one band
        stated = _stated(recipe, labels, calibration)
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"The model {path} cannot be read: {error}.", "Fetch the bundle again.") from error
    for key, value in stated.items():
        if getattr(metadata, key) != value:
            raise InputError(
                f"{path / METADATA}: {key} is {getattr(metadata, key)}, its sealed files say {value}.",
                "It was altered. Fetch the bundle again.",
            )
    return Bundle(path, metadata, recipe, weights, labels, calibration, power)


def _own_data(file: h5py.File, name: str) -> np.ndarray:
    """A dataset that lies in the file itself: HDF5 can link to others, of which no hash is known."""
    link = file.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink) or not isinstance(file[name], h5py.Dataset) or file[name].external:
        raise ValueError(f"{name} is no data of its own")
    return file[name][()]


def _check_beam_files(path: Path, recipe: SurveyConfig, metadata: Metadata) -> None:
    """Refuse a recipe whose beams are files of somewhere else."""
    for band in recipe.sky.bands:
        file = band.beam_file
        if file is not None and (file.parent != path or file.name not in metadata.sha256):
            raise InputError(f"{path / RECIPE}: {file} is not part of the bundle.", "Fetch the bundle again.")


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


def _stated(recipe: SurveyConfig, labels: Labels, calibration: Calibration) -> dict[str, Any]:
    """Metadata that follow from the hashed files: repeated for people, and never to contradict them."""
    low, high = (value / 1e14 for value in calibration.prior_range_msun)
    bands = recipe.sky.build_bands()
    return {
        "frequency_ghz": _per_band([band.frequency_ghz for band in bands]),
        "beam_fwhm_arcmin": _per_band([band.beam.fwhm_arcmin for band in bands]),
        "noise_uk_arcmin": _per_band([band.noise_uk_arcmin for band in bands]),
        "cosmology": recipe.sky.cosmology.build().name,
        "normalisation_uk": labels.scale_uk,
        "mean_mass_msun": labels.mean_mass_msun,
        "trained_m200c_msun": mass_range(recipe.clusters),
        "trained_redshift": redshift_range(recipe.clusters),
        "calibrated_redshift": (float(calibration.redshifts[0]), float(calibration.redshifts[-1])),
        "prior": f"flat in M200c, {low:g} to {high:g} 1e14 Msun",
        "sz_scatter_ln": recipe.clusters.sz_scatter_ln,
        "seed": recipe.training.seed,
    }


def _per_band(values: list[float]) -> PerBand:
    return values[0] if len(values) == 1 else tuple(values)


def _read_metadata(path: Path) -> Metadata:
    try:
        metadata = Metadata.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        reason = (
            error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("",), "msg": str(error)}
        )
        key = ".".join(str(part) for part in reason["loc"])
        raise InputError(
            f"{path} is not the metadata of a szmass model: {key}: {reason['msg']}.",
            "Fetch the bundle again, or update szmass.",
        ) from None
    expected = {"pixel_arcmin": PIXEL_ARCMIN, "n_pixels": N_PIXELS}
    for key, value in expected.items():
        if getattr(metadata, key) != value:
            raise InputError(
                f"{path}: {key} is {getattr(metadata, key)}, this szmass works with {value}.",
                "Retrain the model.",
            )
    return metadata


def as_stored(values: np.ndarray) -> np.ndarray:
    """The values of one variable as they are read back from a bundle, float32."""
    return _in_file(values).astype(np.float32)


def _in_file(values: np.ndarray) -> np.ndarray:
    """Kernels in half precision; biases and running statistics, few and of any size, in single."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if values.ndim > 1 and np.isfinite(half).all() else values.astype(np.float32)


def read_history(bundle: Bundle) -> list[dict[str, float]]:
    """The epochs of a bundle's training; empty where it does not tell.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = bundle.path / HISTORY
    if not path.is_file():
        return []
    try:
        return TypeAdapter(list[dict[str, float]]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            f"{path} is no history of a training run: {error.errors()[0]['msg']}.", "Fetch the bundle again."
        ) from None


def write_bundle(
    folder: Path,
    facts: dict,
    recipe: SurveyConfig,
    labels: Labels,
    weights: list[np.ndarray],
    calibration: Calibration,
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
    calibration : Calibration
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
        for name in ("redshifts", "nodes", "ln_mass", "edges", "prior_range_msun"):
            file[name] = np.asarray(getattr(calibration, name), float)
        file["sky_ell"], file["sky_cl_uk2_sr"] = sky_power.ell, sky_power.cl_uk2_sr
    metadata = Metadata(
        format_version=1,
        pixel_arcmin=PIXEL_ARCMIN,
        n_pixels=N_PIXELS,
        units="uK_CMB",
        mass_definition="200c",
        sha256={name: sha256_of(folder / name) for name in (*HASHED, *beam_files)},
        **_stated(recipe, labels, calibration),
        **facts,
    )
    with atomic_path(folder / METADATA, overwrite=True) as part:
        part.write_text(json.dumps(metadata.model_dump(), indent=2) + "\n")
