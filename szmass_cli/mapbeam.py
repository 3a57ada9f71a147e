"""Whether a map is one that a model can be used on: its beam, its pixels, its frequency."""

from dataclasses import dataclass
from typing import Literal

from szmass_cli.errors import InputError
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.network.bundle import Bundle

BEAM_TOLERANCE = 0.1
"""A map's beam may differ from the model's by this fraction before the map is refused."""

FREQUENCY_TOLERANCE = 0.05
"""So may its frequency: SPT's 150 GHz band is centred on 152.9 GHz for the SZ effect."""

COARSE_PIXELS = 0.6
"""Pixels wider than this fraction of the beam cannot hold all that it lets through."""


@dataclass(frozen=True)
class MapBeam:
    """The map's beam and how it is known."""

    fwhm_arcmin: float
    source: Literal["option", "header", "assumed"]


def map_beam(bundle: Bundle, sky_map: SkyMap, option_arcmin: float | None) -> MapBeam:
    """The map's beam: the user's word, else the header's, else the model's; refused if it is another."""
    trained = bundle.metadata.beam_fwhm_arcmin
    if option_arcmin is not None:
        beam = MapBeam(option_arcmin, "option")
    elif sky_map.instrument.beam_fwhm_arcmin is not None:
        beam = MapBeam(sky_map.instrument.beam_fwhm_arcmin, "header")
    else:
        beam = MapBeam(trained, "assumed")
    if abs(beam.fwhm_arcmin / trained - 1.0) > BEAM_TOLERANCE:
        where = "--beam" if beam.source == "option" else f"{sky_map.path}, BEAM in its header"
        raise InputError(
            f"{where}: the map's beam of {beam.fwhm_arcmin:g}' is not the {trained:g}' that the model "
            f"{bundle.metadata.name} was trained for.",
            "Train a model for this beam: set sky.beam_fwhm_arcmin and run szmass train.",
        )
    return beam


def beam_notes(beam: MapBeam, sky_map: SkyMap) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if beam.source == "assumed":
        notes = (f"The map's beam was not given: assumed to be the model's, {beam.fwhm_arcmin:g}'.",)
    if sky_map.pixel_arcmin > COARSE_PIXELS * beam.fwhm_arcmin:
        coarse = f"Pixels of {sky_map.pixel_arcmin:.2g}' are coarse for a beam of {beam.fwhm_arcmin:g}'"
        notes = (*notes, f"{coarse}: expect errors of a few per cent in mass from them.")
    return notes


def check_frequency(bundle: Bundle, sky_map: SkyMap) -> None:
    trained, stated = bundle.metadata.frequency_ghz, sky_map.instrument.frequency_ghz
    if stated is not None and abs(stated / trained - 1.0) > FREQUENCY_TOLERANCE:
        raise InputError(
            f"{sky_map.path}, FREQ in its header: a map at {stated:g} GHz is not for the model "
            f"{bundle.metadata.name}, trained at {trained:g} GHz.",
            "Train a model for this frequency: set sky.frequency_ghz and run szmass train.",
        )
