"""Bands of the shipped configurations: the one home of the numbers that adapters give."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from szmass_cli.config.sky import BandConfig
from szmass_cli.config.survey import load_config
from szmass_cli.errors import InputError
from szmass_cli.maps.surveys.facts import Fact, Facts
from szmass_cli.system.presets import located

NOMINAL_TOLERANCE = 0.12
"""Bands are called by round numbers: f030 is 27 GHz, 90 is 97.8."""


def preset_band(preset: str, nominal_ghz: float, path: Path) -> BandConfig:
    """Return the band of a preset that is called by a nominal frequency [GHz].

    Raises
    ------
    InputError
        The preset has no such band; the message names the file.
    """
    bands = load_config(preset).sky.bands
    nearest = min(bands, key=lambda band: abs(band.frequency_ghz / nominal_ghz - 1.0))
    if abs(nearest.frequency_ghz / nominal_ghz - 1.0) > NOMINAL_TOLERANCE:
        there = ", ".join(f"{band.frequency_ghz:g}" for band in bands)
        raise InputError(
            f"{path}: a map at {nominal_ghz:g} GHz; the bands of {preset} are at {there} GHz.",
            "Name its survey with --survey, or --survey none and its properties.",
        )
    return nearest


def with_band(facts: Facts, preset: str, band: BandConfig, nominal: Fact[int]) -> Facts:
    """Return facts with the numbers of a preset's band: frequency, beam and noise.

    Parameters
    ----------
    facts : Facts
        What is known otherwise, which stays.
    preset : str
        Name of the preset, which becomes the source.
    band : BandConfig
        Its band.
    nominal : Fact of int
        Frequency [GHz] that the map is called by, and where that is from.
    """
    source = f"preset {preset}"
    wide: Fact[float] | Fact[str]
    if band.beam_file is not None:
        wide = Fact(str(located(band.beam_file)), source)
    else:
        assert band.beam_fwhm_arcmin is not None  # one of the two is given
        wide = Fact(band.beam_fwhm_arcmin, source)
    noise = f"{band.noise_uk_arcmin:g}"
    if band.ell_knee is not None:
        noise += f",{band.ell_knee:g},{band.noise_slope:g}"
    return replace(
        facts,
        nominal_ghz=nominal.value,
        frequency_ghz=Fact(band.frequency_ghz, nominal.source),
        beam=facts.beam or wide,
        noise=facts.noise or Fact(noise, source),
    )
