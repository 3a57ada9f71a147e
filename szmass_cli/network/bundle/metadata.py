"""What a bundle states about itself, for people and for checks."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from szmass_cli.config import SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.network.inputs import Labels
from szmass_cli.posterior import Calibration
from szmass_cli.posterior.recalibration import Recalibration
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
    trained_beam_fwhm_arcmin: tuple[float, float] | None = None
    trained_noise_uk_arcmin: tuple[float, float] | None = None
    sha256: dict[str, str]

    def per_band(self, key: Literal["frequency_ghz", "beam_fwhm_arcmin", "noise_uk_arcmin"]) -> str:
        """Numbers of all bands as text: ``95, 150``."""
        value = getattr(self, key)
        return ", ".join(f"{number:g}" for number in (value if isinstance(value, tuple) else (value,)))


def stated(recipe: SurveyConfig, labels: Labels, calibration: Calibration | Recalibration) -> dict[str, Any]:
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
        "sz_scatter_ln": recipe.clusters.sz_scatter_ln,
        "seed": recipe.training.seed,
        **_stated_of_head(recipe, calibration, f"{low:g} to {high:g} 1e14 Msun"),
    }


def _stated_of_head(
    recipe: SurveyConfig, calibration: Calibration | Recalibration, masses: str
) -> dict[str, Any]:
    if isinstance(calibration, Calibration):
        return {
            "calibrated_redshift": (float(calibration.redshifts[0]), float(calibration.redshifts[-1])),
            "prior": f"flat in M200c, {masses}",
        }
    ranges = recipe.trained_instruments
    return {
        "calibrated_redshift": redshift_range(recipe.clusters),
        "prior": f"flat in ln M200c, {masses}",
        "trained_beam_fwhm_arcmin": ranges.beam_range_arcmin,
        "trained_noise_uk_arcmin": ranges.noise_range_uk_arcmin,
    }


def _per_band(values: list[float]) -> PerBand:
    return values[0] if len(values) == 1 else tuple(values)


def read_metadata(path: Path) -> Metadata:
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
