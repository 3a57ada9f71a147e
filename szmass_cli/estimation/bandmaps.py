"""An opened map and the band it shows: its stated properties, where they come from, and its cutouts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.completion import NotKnown, completed, short_source, stated_frequency
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import quick_identity
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.maps.cutouts import Cutouts, extract_cutouts
from szmass_cli.maps.fading import Fade
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.surveys import Facts
from szmass_cli.maps.truncation import survive_truncation
from szmass_cli.maps.weights import Weights
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, AnyBeam, Beam, read_beam
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer, read_transfer
from szmass_cli.system.fileparts import file_of, split_part
from szmass_cli.system.files import sha256_of

WIDEST_BEAM_ARCMIN = 5.0
"""Behind wider beams a cluster fills its whole cutout of 10'."""

Y_SCALE_GHZ = 150.0
"""A map of Compton y is put on the scale of temperatures at this frequency where none is given."""

_Y_NOTE = f"The map of Compton y is put on the scale of temperatures at {Y_SCALE_GHZ:g} GHz."

COARSE_PIXELS = 0.6
"""Pixels wider than this fraction of the beam cannot hold all that it lets through."""

PASSBAND_TOLERANCE = 0.1
"""Bands are called by round numbers, as 90 GHz for 97.8: a passband further from its map's is another's."""


@dataclass(frozen=True)
class BandMap:
    """An opened map and the band that it shows.

    Parameters
    ----------
    request : MapRequest
        The map file and the properties stated by the user.
    sky_map : SkyMap
        The opened map; its unit is known (it may be Compton y).
    weights : Weights
        Mask and inverse-variance map that accompany the map.
    frequency_ghz : float
        Effective frequency for the thermal SZ effect.
    beam : Beam or TabulatedBeam, optional
        The beam; None where neither the user nor the header states one.
    sources : mapping of str to str
        Where each property that is known is from, in words, by the field of `MapRequest`, and ``frequency``.
    passband : Passband, optional
        Response of the band with frequency; None if monochromatic at `frequency_ghz`.
    transfer : IsotropicTransfer or PlaneTransfer, optional
        Fraction of each mode that the map's filter preserves; None for an unfiltered map.
    said : tuple of str
        Notes for the user about the frequency.
    splits : tuple of SkyMap
        Two maps of the same sky with noises of their own; empty without them.
    fade : Fade, optional
        How the map fades towards its edges, once it was looked at.
    """

    request: MapRequest
    sky_map: SkyMap
    weights: Weights
    frequency_ghz: float
    beam: AnyBeam | None
    sources: Mapping[str, str]
    passband: Passband | None
    transfer: IsotropicTransfer | PlaneTransfer | None
    said: tuple[str, ...] = ()
    splits: tuple[SkyMap, ...] = ()
    fade: Fade | None = None

    @classmethod
    def open(cls, request: MapRequest, model_frequency_ghz: float | None = None) -> "BandMap":
        """Open a map together with its mask, inverse variances and instrument files.

        Parameters
        ----------
        request : MapRequest
            The files of map, mask, inverse variances and instrument, with their stated properties.
        model_frequency_ghz : float, optional
            Frequency [GHz] of a single-band model, assumed where neither user nor header states one.

        Raises
        ------
        InputError
            A file cannot be used; the map's frequency is not stated, or header and option contradict each
            other; the passband belongs to another frequency; the pixels are too coarse for the beam.
        """
        sky_map = open_map(request.path, units=request.units, survey=request.survey)
        full = completed(request, sky_map.instrument.facts)
        request = full.request
        passband = None if request.passband is None else Passband.read(request.passband)
        frequency_ghz, source, said = stated_frequency(request, sky_map.instrument, passband)
        if frequency_ghz is None and sky_map.units.label == "y":
            frequency_ghz, source, said = Y_SCALE_GHZ, "assumed", (_Y_NOTE,)
        if frequency_ghz is None and model_frequency_ghz is not None:
            note = f"The map does not state its frequency: {model_frequency_ghz:g} GHz, the model's, assumed."
            frequency_ghz, source, said = model_frequency_ghz, "model", (note,)
        if frequency_ghz is None:
            missing = ["frequency"] if "beam" in full.sources else ["frequency", "beam"]
            raise NotKnown({request.path: missing})
        if passband is not None:
            _check_passband(request, passband, frequency_ghz)
        if sky_map.units.label == "y":
            response = passband or Passband.monochromatic(frequency_ghz)
            units = replace(sky_map.units, to_uk=float(response.tsz_uk_per_y()))
            # every map is a dataclass, which a protocol cannot say
            sky_map = replace(sky_map, units=units)  # type: ignore[type-var]
        weights = Weights.open(request.mask, request.ivar, sky_map.units)
        for opened in (sky_map, weights.mask, weights.ivar):
            if opened is not None:
                survive_truncation(opened.path, opened.raw)
        beam = None if request.beam is None else _beam(request.beam)
        if beam is not None:
            check_resolution(sky_map, width_arcmin(beam))
        transfer = None if request.transfer is None else read_transfer(request.transfer)
        splits = () if request.split is None else _splits(request, sky_map)
        sources = {**full.sources, "frequency": source}
        return cls(request, sky_map, weights, frequency_ghz, beam, sources, passband, transfer, said, splits)

    @property
    def name(self) -> str:
        """Return the name of the map for messages."""
        return f"{self.frequency_ghz:g} GHz"

    @cached_property
    def noise(self) -> NoiseLevel | None:
        """Return the stated noise, None where none is stated."""
        return self.request.noise_level()

    @property
    def facts(self) -> Facts | None:
        """Return what the adapter of the map's survey knows; None where it is of no known survey."""
        return self.sky_map.instrument.facts

    @property
    def is_filtered_unknown(self) -> bool:
        """Return whether maps of the survey are filtered, and no transfer function is given."""
        return self.facts is not None and self.facts.filtered != "" and self.transfer is None

    @property
    def beam_source(self) -> str:
        """Return where the beam is from: ``option``, ``header``, ``survey`` or ``assumed``."""
        return short_source(self.sources.get("beam"))

    def band(self, noise: NoiseLevel, pixel_arcmin: float) -> Band:
        """Return the band with the given noise and pixel side [arcmin]; 0 for point-sampled pixels.

        Raises
        ------
        InputError
            The beam is not stated, or it is too wide.
        """
        if self.beam is None:
            raise NotKnown({self.sky_map.path: ["beam"]})
        fwhm = width_arcmin(self.beam)
        if fwhm > WIDEST_BEAM_ARCMIN:
            raise InputError(
                f"{self.sky_map.path}: behind its beam of {fwhm:.3g}' a cluster fills the whole cutout of "
                "10', and nothing tells it from the CMB.",
                f"Maps of up to {WIDEST_BEAM_ARCMIN:g}' can be measured: those of ACT, SPT or SO, not "
                "Planck's.",
            )
        return Band(
            self.frequency_ghz,
            self.beam,
            noise.white_uk_arcmin,
            noise.red,
            self.passband,
            pixel_arcmin,
            self.transfer,
            self.sky_map.units.label == "y",
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes for the user: assumptions made, and anything else worth knowing."""
        notes = [*self.sky_map.assumptions, *self.weights.notes, *self.said]
        if self.facts is not None:
            notes += [*self.facts.notes, *self._filled_in]
            if self.is_filtered_unknown:
                notes.append(
                    f"{self.request.path.name}: {self.facts.filtered}: --transfer gives it. Without it "
                    "masses are too low, and every row is flagged UNCALIBRATED_MAP."
                )
        if self.beam is not None and self.sky_map.pixel_arcmin > COARSE_PIXELS * width_arcmin(self.beam):
            fwhm = width_arcmin(self.beam)
            notes.append(
                f"Pixels of {self.sky_map.pixel_arcmin:.2g}' are coarse for a beam of {fwhm:.3g}': expect "
                "errors of a few per cent in mass, of either sign, from them."
            )
        return tuple(notes)

    @property
    def _filled_in(self) -> list[str]:
        """Return a note on what an adapter has filled in."""
        named = {"beam": self.request.beam, "passband": self.request.passband, "ivar": self.request.ivar}
        found = [
            f"{field} {value if isinstance(value, float) else Path(value).name} ({self.sources[field]})"
            for field, value in named.items()
            if value is not None and short_source(self.sources[field]) == "survey"
        ]
        if short_source(self.sources.get("pixel_window")) == "survey" and self.request.pixel_window:
            found.append(f"pixels that are means ({self.sources['pixel_window']})")
        if not found or self.facts is None:
            return []
        return [f"{self.request.path.name} is a map of {self.facts.survey}: {', '.join(found)}."]

    def cutouts(self, rows: Rows, exchange: BeamExchange | None = None) -> Cutouts:
        """Return cutouts around rows, masked pixels marked, convolved to another beam if one is given."""
        cutouts = extract_cutouts(self.sky_map, rows.ra_deg, rows.dec_deg, exchange)
        return cutouts.masked(self.weights.bad(rows.ra_deg, rows.dec_deg))

    def noise_uk_arcmin(self, rows: Rows) -> np.ndarray | None:
        """Return the white noise (n,) [µK-arcmin] around rows from the inverse variances; None without them.

        NaN for rows without any inverse variance.
        """
        noise = self.weights.noise_per_arcmin(rows.ra_deg, rows.dec_deg)
        return None if noise is None else np.abs(noise * self.sky_map.units.to_uk)

    @cached_property
    def table_sha256(self) -> dict[str, str | None]:
        """Return the SHA-256 digests of the small files of the instrument, by option; None without a file."""
        return {name: sha256_of(path) if path else None for name, path in self.request.tables.items()}

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Return all that the cutouts and the description of the instrument depend on; computed once."""
        request, units, tables = self.request, self.sky_map.units, self.table_sha256
        return {
            "map": quick_identity(self.sky_map.path),
            "frequency": self.frequency_ghz,
            "passband": tables["passband"],
            "beam": tables["beam"] or (None if self.beam is None else width_arcmin(self.beam)),
            "transfer": tables["transfer"],
            "noise": tables["noise"] or (None if request.noise is None else str(request.noise)),
            "units": [units.label, units.to_uk],
            "pixel window": request.pixel_window,
            "mask": request.mask and quick_identity(file_of(request.mask)),
            "ivar": request.ivar and quick_identity(file_of(request.ivar)),
            "parts of files": [
                split_part(file)[1] for file in (request.path, request.mask, request.ivar) if file
            ],
            "splits": [quick_identity(file_of(file)) for file in request.split or ()],
        }


def width_arcmin(beam: AnyBeam) -> float:
    """Return the FWHM [arcmin] of the Gaussian whose B_ell falls to one half at the same ell as the beam's.

    For a Gaussian beam this is its FWHM; for a measured beam it is insensitive to truncation of the wings.
    """
    if isinstance(beam, Beam):
        return beam.fwhm_arcmin
    ell = np.arange(100.0, 200_000.0, 10.0)
    below = int(np.argmax(beam.b_ell(ell) < 0.5))
    ell_half = np.interp(-0.5, -beam.b_ell(ell[[below - 1, below]]), ell[[below - 1, below]])
    return round(float(4.0 * np.log(2.0) / ell_half / ARCMIN), 6)


def _beam(given: float | str) -> AnyBeam:
    """Return a beam given by its FWHM [arcmin], or by a file."""
    return read_beam(given) if isinstance(given, str) else Beam(given)


def _splits(request: MapRequest, sky_map: SkyMap) -> tuple[SkyMap, ...]:
    """Open the splits of a map, on pixels like its own.

    Raises
    ------
    InputError
        A split has other pixels than the map, or is of Compton y.
    """
    assert request.split is not None
    if sky_map.units.label == "y":
        raise InputError(
            f"{request.path}: what is left of the sky in a map of Compton y is noise too, and the difference "
            "of its splits does not have it.",
            "Leave --split out: the noise is measured in the map itself.",
        )
    splits = tuple(open_map(path, units=request.units) for path in request.split)
    for path, one in zip(request.split, splits, strict=True):
        if one.description != sky_map.description:
            raise InputError(
                f"{path} does not match {request.path}: {one.description}, and not {sky_map.description}.",
                "Splits are maps of the same sky on the same pixels.",
            )
    return splits


def _check_passband(request: MapRequest, passband: Passband, frequency_ghz: float) -> None:
    """Refuse a passband that does not belong to the map's band: masses and names would disagree."""
    effective_ghz = passband.effective_tsz_ghz
    if abs(effective_ghz / frequency_ghz - 1.0) > PASSBAND_TOLERANCE:
        raise InputError(
            f"{request.passband}: its SZ effect is that of {effective_ghz:.4g} GHz, and {request.path} is at "
            f"{frequency_ghz:g} GHz.",
            "Give the passband of the map's own band, or --freq if the map's header is wrong.",
        )
