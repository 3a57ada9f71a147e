"""The files of a simulated field: their names, and what their headers say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from szmass_cli import __version__
from szmass_cli.config import FieldConfig, band_label
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam

SUFFIXES = (".fits", ".fits.gz", ".fit", ".fit.gz")
"""Of files of maps."""


@dataclass(frozen=True)
class FieldPaths:
    """Where the files of a field go.

    Parameters
    ----------
    maps, ivars : tuple of Path
        Of each band.
    mask, truth : Path
    """

    maps: tuple[Path, ...]
    ivars: tuple[Path, ...]
    mask: Path
    truth: Path

    @property
    def all(self) -> tuple[Path, ...]:
        return *self.maps, *self.ivars, self.mask, self.truth


def field_paths(output: Path, frequencies_ghz: Sequence[float]) -> FieldPaths:
    """Names of all files: beside ``field.fits`` there are ``field_ivar.fits``, ``field_mask.fits`` and
    ``field_truth.csv``; several bands have ``field_95.fits``, ``field_95_ivar.fits`` and so on.
    """
    stem, suffix = _split(output)
    labels = [f"_{band_label(frequency)}" for frequency in frequencies_ghz]
    if len(labels) == 1:
        labels = [""]
    maps = tuple(output.with_name(f"{stem}{label}{suffix}") for label in labels)
    ivars = tuple(output.with_name(f"{stem}{label}_ivar{suffix}") for label in labels)
    mask = output.with_name(f"{stem}_mask{suffix}")
    return FieldPaths(maps if len(labels) > 1 else (output,), ivars, mask, truth_path(output))


def truth_path(output: Path) -> Path:
    """Where the truth catalogue of a field goes: ``field.fits`` has ``field_truth.csv`` beside it."""
    return output.with_name(f"{_split(output)[0]}_truth.csv")


def _split(output: Path) -> tuple[str, str]:
    """A name without its suffixes, and the suffix of further maps."""
    stem = output.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".fit")
    return stem, output.name[len(stem) :] or ".fits"


def map_cards(band: Band, seed: int) -> dict[str, tuple]:
    """Header cards of a temperature map."""
    # a number would be taken for the width of a Gaussian
    beam = (
        {"BEAM": (band.beam.fwhm_arcmin, "[arcmin] FWHM of the beam")} if isinstance(band.beam, Beam) else {}
    )
    return {
        "BUNIT": ("uK", "thermodynamic (CMB) temperature"),
        "FREQ": (band.frequency_ghz, "[GHz]"),
        **beam,
        "NOISE": (band.noise_uk_arcmin, "[uK arcmin] white noise in the middle"),
        **_origin(seed),
    }


def ivar_cards(band: Band, seed: int) -> dict[str, tuple]:
    """Header cards of an inverse-variance map."""
    return {
        "BUNIT": ("uK-2", "inverse variance of the noise in a pixel"),
        "FREQ": (band.frequency_ghz, "[GHz]"),
        **_origin(seed),
    }


def mask_cards(field: FieldConfig, seed: int) -> dict[str, tuple]:
    """Header cards of a mask."""
    return {
        "EXTNAME": ("MASK", "1 inside, 0 in holes; maps are multiplied by it"),
        "CONTENT": ("MASK", "dimensionless"),
        "APOD": (field.apodisation_arcmin, "[arcmin] cosine taper at edges and holes"),
        "HOLERAD": (field.hole_radius_arcmin, "[arcmin] radius of holes"),
        "HOLEDENS": (field.holes_per_deg2, "[deg-2] mean number of holes"),
        **_origin(seed),
    }


def _origin(seed: int) -> dict[str, tuple]:
    return {
        "SEED": (seed, "of all random numbers"),
        "ORIGIN": (f"szmass {__version__} simulate field", "program"),
    }
