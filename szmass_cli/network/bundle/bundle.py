"""A trained model on disk: a folder of data, checked as it is opened, never executed."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from szmass_cli.config import SurveyConfig, parse_config
from szmass_cli.errors import InputError, did_you_mean
from szmass_cli.network.bundle.metadata import (
    CALIBRATION,
    HASHED,
    HISTORY,
    METADATA,
    RECIPE,
    WEIGHTS,
    Metadata,
    read_metadata,
    stated,
)
from szmass_cli.network.inputs import Labels
from szmass_cli.physics.bands import Band, TrainedBand
from szmass_cli.physics.cosmology import Cosmology
from szmass_cli.physics.profiles import SzModel
from szmass_cli.posterior import Calibration
from szmass_cli.posterior.recalibration import Recalibration
from szmass_cli.sky.power import SkyPower
from szmass_cli.sky.stamps import StampSky, reference_band
from szmass_cli.system.files import sha256_of
from szmass_cli.system.hdf5 import own_array, reading

CALIBRATIONS: dict[str, type[Calibration] | type[Recalibration]] = {
    "mass": Calibration,
    "posterior": Recalibration,
}
"""By the network's head."""


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
    calibration : Calibration or Recalibration
        Of the network's mass head, or of its posterior head.
    sky_power : SkyPower
        Power of the sky it was trained on.
    """

    path: Path
    metadata: Metadata
    recipe: SurveyConfig
    weights: list[np.ndarray]
    labels: Labels
    calibration: Calibration | Recalibration
    sky_power: SkyPower

    def training_sky(self) -> StampSky:
        """The sky that the network was trained on, from the power that the bundle carries."""
        return StampSky(self.sky_power, self.bands)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Frequency, beam and noise that it was trained for."""
        return self.recipe.sky.build_bands()

    @property
    def is_conditioned(self) -> bool:
        """Whether the network takes redshift, beam and noise as inputs."""
        return isinstance(self.calibration, Recalibration)

    @property
    def trained_bands(self) -> tuple[TrainedBand, ...]:
        """The same with the ranges that it takes as inputs."""
        if not self.is_conditioned:
            return tuple(TrainedBand.of_one_instrument(band) for band in self.bands)
        ranges = self.recipe.trained_instruments
        band = self.bands[0]
        return (TrainedBand(band, ranges.beam_range_arcmin, ranges.noise_range_uk_arcmin),)

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
    here = Path(__file__).resolve().parents[2]
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
    metadata = read_metadata(path / METADATA)
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
        with reading(path / WEIGHTS) as file:
            weights = [own_array(file, name).astype(np.float32) for name in sorted(file)]
            scale_uk, mean_mass = (float(file.attrs[name]) for name in ("normalisation_uk", "mean_mass_msun"))
            labels = Labels(
                scale_uk, mean_mass, reference_band([band.frequency_ghz for band in recipe.sky.bands])
            )
        with reading(path / CALIBRATION) as file:
            table = {name: own_array(file, name) for name in file}
        cl = table.pop("sky_cl_uk2_sr")
        cl = cl[None, None] if cl.ndim == 1 else cl  # early ones had one band
        power = SkyPower(table.pop("sky_ell"), cl)
        low, high = table.pop("prior_range_msun")
        kind = CALIBRATIONS[recipe.network.head]
        calibration = kind(**table, prior_range_msun=(float(low), float(high)))
        facts = stated(recipe, labels, calibration)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(f"The model {path} cannot be read: {error}.", "Fetch the bundle again.") from error
    for key, value in facts.items():
        if getattr(metadata, key) != value:
            raise InputError(
                f"{path / METADATA}: {key} is {getattr(metadata, key)}, its sealed files say {value}.",
                "It was altered. Fetch the bundle again.",
            )
    return Bundle(path, metadata, recipe, weights, labels, calibration, power)


def _check_beam_files(path: Path, recipe: SurveyConfig, metadata: Metadata) -> None:
    """Refuse a recipe whose beams are files of somewhere else."""
    for band in recipe.sky.bands:
        file = band.beam_file
        if file is not None and (file.parent != path or file.name not in metadata.sha256):
            raise InputError(f"{path / RECIPE}: {file} is not part of the bundle.", "Fetch the bundle again.")


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
