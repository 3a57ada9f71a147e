"""The files of a simulated field: their names, and what their headers say."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from szmass_cli import __version__
from szmass_cli.config import FieldConfig, SurveyConfig, band_label
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import KneeNoise
from szmass_cli.sky.observing import Errors
from szmass_cli.system.presets import is_shipped

SUFFIXES = (".fits", ".fits.gz", ".fit", ".fit.gz")
"""Of files of maps."""


@dataclass(frozen=True)
class FieldPaths:
    """Where the files of a field go.

    Parameters
    ----------
    maps, ivars : tuple of Path
        Sky map and inverse-variance map of each band (FITS).
    mask, truth : Path
        One of each for all bands: the apodised mask (FITS), and the clusters with their true masses (CSV).
    """

    maps: tuple[Path, ...]
    ivars: tuple[Path, ...]
    mask: Path
    truth: Path

    @property
    def all(self) -> tuple[Path, ...]:
        return *self.maps, *self.ivars, self.mask, self.truth


def field_paths(output: Path, frequencies_ghz: Sequence[float]) -> FieldPaths:
    """Return the names of all files of a field.

    Beside ``field.fits`` there are ``field_ivar.fits``, ``field_mask.fits`` and ``field_truth.csv``; several
    bands have ``field_95.fits``, ``field_95_ivar.fits`` and so on.
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
    """Return the path of a field's truth catalogue: ``field.fits`` has ``field_truth.csv`` beside it."""
    return output.with_name(f"{_split(output)[0]}_truth.csv")


def _split(output: Path) -> tuple[str, str]:
    """Return a name without its suffixes, and the suffix of further maps."""
    stem = output.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".fit")
    return stem, output.name[len(stem) :] or ".fits"


def map_cards(config: SurveyConfig, index: int, band: Band, seed: int, errors: Errors) -> dict[str, tuple]:
    """Return the header cards of a temperature map.

    Parameters
    ----------
    config : SurveyConfig
        What the map is made from.
    index : int
        Which of its bands it shows.
    band : Band
        That band, its files read.
    seed : int
        What the field was drawn with; a card states it.
    errors : Errors
        By what the maps of all bands fall short; cards state it, which nothing reads.
    """
    return {
        "BUNIT": ("uK", "thermodynamic (CMB) temperature"),
        **_frequency(band),
        **_beam(config, index, band),
        **_noise(config, index, band),
        **_errors(errors, index),
        **_origin(seed),
    }


def _errors(errors: Errors, index: int) -> dict[str, tuple]:
    """Return what was drawn of the errors of one band."""
    cards: dict[str, tuple] = {}
    if errors.calibration is not None:
        cards["CALERR"] = (float(errors.calibration[0, index]), "drawn: sky is this fraction too bright")
    if errors.beam_error is not None:
        for number, drawn in enumerate(errors.beam_error[0, index], start=1):
            cards[f"BEAMERR{number}"] = (float(drawn), "drawn: std of this mode of the beam's error")
    return cards


def ivar_cards(band: Band, seed: int) -> dict[str, tuple]:
    """Return the header cards of an inverse-variance map."""
    return {
        "BUNIT": ("uK-2", "inverse variance of the white noise in a pixel"),
        **_frequency(band),
        **_origin(seed),
    }


def _frequency(band: Band) -> dict[str, tuple]:
    if band.passband is None:
        return {"FREQ": (band.frequency_ghz, "[GHz]")}
    return {"FREQ": (round(band.passband.effective_tsz_ghz, 2), "[GHz] of the SZ effect in the passband")}


def _beam(config: SurveyConfig, index: int, band: Band) -> dict[str, tuple]:
    """Return what blurs and filters a map."""
    given, averaging = config.sky.bands[index], config.field.pixel_averaging
    cards: dict[str, tuple] = {}
    if isinstance(band.beam, Beam):  # a number would be taken for the width of a Gaussian
        cards["BEAM"] = (band.beam.fwhm_arcmin, "[arcmin] FWHM of the beam")
    pixel_arcmin = config.field.pixel_side_arcmin if averaging else band.pixel_arcmin
    if pixel_arcmin > 0.0:
        cards["PIXWIN"] = (pixel_arcmin, "[arcmin] values are means over such pixels")
    for key, path, comment in (
        ("BEAMFILE", given.beam_file, "table of the beam"),
        ("TRANSFER", given.transfer_file, "filter that the sky went through"),
        ("PASSBAND", given.passband_file, "response with frequency"),
    ):
        if path is not None:
            cards[key] = (_named(path), comment)
    shallowest = (1.0 + config.field.depth_variation) * (1.0 + config.field.scan_depth_variation)
    if shallowest > 1.0:
        cards["DEPTHVAR"] = (round(shallowest - 1.0, 9), "more noise where most, see the ivar map")
    return cards


def _noise(config: SurveyConfig, index: int, band: Band) -> dict[str, tuple]:
    cards: dict[str, tuple] = {"NOISE": (band.noise_uk_arcmin, "[uK arcmin] white noise in the middle")}
    if isinstance(band.red_noise, KneeNoise):
        cards["LKNEE"] = (band.red_noise.ell_knee, "multipole where 1/f noise is as strong")
        cards["NSLOPE"] = (band.red_noise.slope, "exponent of 1/f noise with multipole")
    path = config.sky.bands[index].noise_file
    if path is not None:
        cards["NOISEFIL"] = (_named(path), "table of the noise power")
    if band.red_noise is not None and len(config.sky.bands) > 1:
        cards["NOISECOR"] = (config.sky.noise_correlation, "of 1/f noise between bands")
    observing = config.sky.observing
    if band.red_noise is not None and observing.stripes > 0:
        cards["STRIPES"] = (observing.stripes, "fraction of 1/f power across the scans")
        cards["STRIPWID"] = (observing.stripe_width_deg, "[deg] rms of directions of stripes")
        for number, angle in enumerate(observing.scan_angles_deg, start=1):
            cards[f"SCANANG{number}"] = (angle, "[deg] of scans, from east to north")
    return cards


def _named(path: Path) -> str:
    """Return a file's name for a card, of one that is shipped with a preset all of its path."""
    return path.as_posix() if is_shipped(path) else path.name[:_LONGEST_TEXT]


_LONGEST_TEXT = 40  # of 80 characters of a card, with its comment


def mask_cards(field: FieldConfig, seed: int) -> dict[str, tuple]:
    """Return the header cards of a mask."""
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
