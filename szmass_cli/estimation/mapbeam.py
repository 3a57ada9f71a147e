"""Whether a map is one that a model can be used on: its beam, its pixels, its frequency."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.transfer import Transfer
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE, Band
from szmass_cli.physics.beams import ARCMIN, AnyBeam, Beam, read_beam

BEAM_TOLERANCE = 0.1
"""A map's beam may be wider than the model's by this fraction before the map is refused."""

SAME_BEAM = 0.01
"""Beams whose widths differ by no more than this fraction are taken for the same."""

SAME_SHAPE = 0.005
"""Transfer functions that differ nowhere by more than this are taken for the same."""

COARSE_PIXELS = 0.6
"""Pixels wider than this fraction of the beam cannot hold all that it lets through."""


@dataclass(frozen=True)
class MapBeam:
    """The map's beam and how it is known.

    Parameters
    ----------
    beam : Beam or TabulatedBeam
    source : str
    pixel_window : bool
        Whether the map's pixels are means over their area, which the beam does not include.
    trained : Beam or TabulatedBeam
        The beam of the model.
    """

    beam: AnyBeam
    source: Literal["option", "header", "assumed"]
    pixel_window: bool
    trained: AnyBeam

    @property
    def fwhm_arcmin(self) -> float:
        """See `width_arcmin`."""
        return width_arcmin(self.beam)

    @property
    def excess(self) -> float:
        """By which fraction the map's beam is wider than the model's, negative where it is narrower."""
        return self.fwhm_arcmin / width_arcmin(self.trained) - 1.0

    @property
    def is_wider(self) -> bool:
        """Whether the map is blunter than what the model was trained on, within the tolerance."""
        return self.excess > SAME_BEAM

    @property
    def transfer(self) -> Transfer | None:
        """What brings the map's stamps to the beam of the model; None where they have it."""
        same = abs(self.excess) <= SAME_BEAM and self._has_the_trained_shape
        if same and not self.pixel_window:
            return None
        return Transfer(self.trained if same else self.beam, self.trained, self.pixel_window)

    @property
    def _has_the_trained_shape(self) -> bool:
        """Whether a measured beam is no other than the model's, wings included; Gaussians have one shape."""
        if isinstance(self.beam, Beam) and isinstance(self.trained, Beam):
            return True
        ell = np.linspace(0.0, 30_000.0, 301)
        return bool(np.abs(self.beam.b_ell(ell) - self.trained.b_ell(ell)).max() <= SAME_SHAPE)

    def numbers(self) -> list[float]:
        """The transfer function, at multipoles that tell beams apart."""
        ell = np.linspace(0.0, 30_000.0, 31)
        return [float(value) for value in np.round(self.beam.b_ell(ell), 9)]


def width_arcmin(beam: AnyBeam) -> float:
    """FWHM [arcmin] of the Gaussian whose transfer function falls to one half where the beam's does.

    For a Gaussian beam its FWHM; for a measured one it does not depend on how its wings are cut.
    """
    if isinstance(beam, Beam):
        return beam.fwhm_arcmin
    ell = np.arange(100.0, 200_000.0, 10.0)
    below = int(np.argmax(beam.b_ell(ell) < 0.5))
    ell_half = np.interp(-0.5, -beam.b_ell(ell[[below - 1, below]]), ell[[below - 1, below]])
    return round(float(4.0 * np.log(2.0) / ell_half / ARCMIN), 6)


def stated_fwhm_arcmin(sky_map: SkyMap, option: float | str | None) -> float | None:
    """Width [arcmin] of the map's beam by the user's word, else the header's; None where nothing is said.

    Raises
    ------
    InputError
        A file is no beam.
    """
    if isinstance(option, str):
        return width_arcmin(read_beam(option))
    return sky_map.instrument.beam_fwhm_arcmin if option is None else option


def map_beam(
    band: Band, model: str, sky_map: SkyMap, option: float | str | None = None, pixel_window: bool = False
) -> MapBeam:
    """The map's beam: the user's word, else the header's, else the model's.

    Parameters
    ----------
    band : Band
        Of the model that the map is for.
    model : str
        Its name, for messages.
    sky_map : SkyMap
    option : float or str, optional
        FWHM [arcmin], or the file of a profile or transfer function; see `physics.beams.read_beam`.
    pixel_window : bool
        See `MapBeam`.

    Raises
    ------
    InputError
        The map's beam is wider than the model's by more than `BEAM_TOLERANCE`, or its file is no beam.
    """
    trained, stated = band.beam, sky_map.instrument.beam_fwhm_arcmin
    if isinstance(option, str):
        beam = MapBeam(read_beam(option), "option", pixel_window, trained)
    elif option is not None:
        beam = MapBeam(Beam(option), "option", pixel_window, trained)
    elif stated is not None:
        beam = MapBeam(Beam(stated), "header", pixel_window, trained)
    else:
        beam = MapBeam(trained, "assumed", pixel_window, trained)
    if beam.excess > BEAM_TOLERANCE:
        where = "--beam" if beam.source == "option" else f"{sky_map.path}, BEAM in its header"
        raise InputError(
            f"{where}: the map's beam of {beam.fwhm_arcmin:.3g}' is wider than the "
            f"{width_arcmin(trained):.3g}' that the model {model} was trained for.",
            "Train a model for this beam: set sky.beam_fwhm_arcmin and run szmass train.",
        )
    return beam


def beam_notes(beam: MapBeam, sky_map: SkyMap) -> tuple[str, ...]:
    """What the user should know of beam and pixels."""
    notes = []
    if beam.source == "assumed":
        notes.append(f"The map's beam was not given: assumed to be the model's, {beam.fwhm_arcmin:.3g}'.")
    if beam.is_wider:
        notes.append(
            f"The map's beam of {beam.fwhm_arcmin:.3g}' was sharpened to the model's, with its noise."
        )
    elif beam.excess < -SAME_BEAM:
        trained = width_arcmin(beam.trained)
        notes.append(f"The map's beam of {beam.fwhm_arcmin:.3g}' was smoothed to the model's {trained:.3g}'.")
    if sky_map.pixel_arcmin > COARSE_PIXELS * beam.fwhm_arcmin:
        coarse = f"Pixels of {sky_map.pixel_arcmin:.2g}' are coarse for a beam of {beam.fwhm_arcmin:.3g}'"
        notes.append(f"{coarse}: expect errors of a few per cent in mass, of either sign, from them.")
    return tuple(notes)


def check_frequency(band: Band, model: str, sky_map: SkyMap) -> None:
    """Refuse a map that says it was made at another frequency than the model's.

    Raises
    ------
    InputError
    """
    trained, stated = band.frequency_ghz, sky_map.instrument.frequency_ghz
    if stated is not None and abs(stated / trained - 1.0) > FREQUENCY_TOLERANCE:
        raise InputError(
            f"{sky_map.path}, FREQ in its header: a map at {stated:g} GHz is not for the model "
            f"{model}, trained at {trained:g} GHz.",
            "Train a model for this frequency: set sky.frequency_ghz and run szmass train.",
        )
