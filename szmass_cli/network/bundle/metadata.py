"""What a bundle states about itself, for people and for checks."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from szmass_cli.config import SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.sky.clusters import mass_range, redshift_range

RECIPE, WEIGHTS, CALIBRATION, METADATA, REPORT, CARD, HISTORY = (
    "recipe.yaml",
    "weights.h5",
    "calibration.h5",
    "metadata.json",
    "report",
    "README.md",
    "history.json",
)
OF_LIKELIHOOD = "of_likelihood_"
"""Before the names of arrays of the recalibration of the likelihood alone, in `CALIBRATION`."""

OF_ODDNESS = "odd_"
"""Before those of the levels above which cutouts are unlike those of the training."""

HASHED = (RECIPE, WEIGHTS, CALIBRATION)


class CommonMetadata(BaseModel):
    """What every bundle states; the file is refused if any of it is missing or unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    szmass_version: str
    pixel_arcmin: float
    n_pixels: int
    units: Literal["uK_CMB"]
    cosmology: str
    mass_definition: Literal["200c"]
    trained_m200c_msun: tuple[float, float]
    trained_redshift: tuple[float, float]
    prior: str
    sz_scatter_ln: float
    seed: int
    cutouts_trained_on: int
    """Different cutouts behind the weights that were kept: 0 where no epoch was better than none."""
    sha256: dict[str, str]


class Metadata(CommonMetadata):
    """What a model for any instrument states."""

    format_version: Literal[2]
    concentration_scatter_ln: float
    relativistic: bool
    trained_bands: tuple[int, int]
    trained_frequency_ghz: tuple[float, float]
    trained_beam_fwhm_arcmin: tuple[float, float]
    trained_noise_uk_arcmin: tuple[float, float]


PerBand = float | tuple[float, ...]
"""A number, or one for each of several bands."""


class PaperMetadata(CommonMetadata):
    """What the paper's network states: it holds for one instrument."""

    format_version: Literal[1]
    frequency_ghz: PerBand
    beam_fwhm_arcmin: PerBand
    noise_uk_arcmin: PerBand
    normalisation_uk: float
    mean_mass_msun: float
    calibrated_redshift: tuple[float, float]

    def per_band(self, key: Literal["frequency_ghz", "beam_fwhm_arcmin", "noise_uk_arcmin"]) -> str:
        """Return numbers of all bands as text: ``95, 150``."""
        value = getattr(self, key)
        return ", ".join(f"{number:g}" for number in (value if isinstance(value, tuple) else (value,)))


AnyMetadata = Metadata | PaperMetadata

_ANY: TypeAdapter[AnyMetadata] = TypeAdapter(Annotated[AnyMetadata, Field(discriminator="format_version")])


def stated_by_all(recipe: SurveyConfig) -> dict[str, Any]:
    """Return what the metadata of any model repeat of its recipe, and must not contradict."""
    return {
        "cosmology": recipe.sky.cosmology.build().name,
        "trained_m200c_msun": mass_range(recipe.clusters),
        "trained_redshift": redshift_range(recipe.clusters),
        "sz_scatter_ln": recipe.clusters.sz_scatter_ln,
        "seed": recipe.training.seed,
    }


def stated(recipe: SurveyConfig) -> dict[str, Any]:
    """Return what the metadata of a model for any instrument repeat of its recipe."""
    low, high = (value / 1e14 for value in mass_range(recipe.clusters))
    instruments = recipe.instruments
    return {
        **stated_by_all(recipe),
        "prior": f"flat in ln M200c, {low:g} to {high:g} 1e14 Msun",
        "concentration_scatter_ln": recipe.clusters.concentration_scatter_ln,
        "relativistic": recipe.clusters.relativistic,
        "trained_bands": instruments.bands_range,
        "trained_frequency_ghz": instruments.frequency_range_ghz,
        "trained_beam_fwhm_arcmin": instruments.beam_range_arcmin,
        "trained_noise_uk_arcmin": instruments.noise_range_uk_arcmin,
    }


def read_metadata(path: Path) -> AnyMetadata:
    """Return the checked metadata of a bundle.

    Raises
    ------
    InputError
        If the file is not that of a model, or the model was made for another geometry.
    """
    try:
        metadata = _ANY.validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        reason = (
            error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("",), "msg": str(error)}
        )
        key = ".".join(str(part) for part in reason["loc"] if part not in (1, 2))
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
