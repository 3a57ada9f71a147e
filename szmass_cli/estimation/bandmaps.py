"""A map that was opened, and the band that it shows: what is said of it, by whom, and how it is cut."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import quick_identity
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.maps.cutouts import Cutouts, extract_cutouts
from szmass_cli.maps.instrument import StatedInstrument, header_frequency_ghz
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.truncation import survive_truncation
from szmass_cli.maps.weights import Weights
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE, Band
from szmass_cli.physics.beams import ARCMIN, AnyBeam, Beam, read_beam
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer, read_transfer
from szmass_cli.system.fileparts import file_of, split_part
from szmass_cli.system.files import sha256_of

WIDEST_BEAM_ARCMIN = 5.0
"""Behind wider beams a cluster fills its whole cutout of 10'."""

SAME_FREQUENCY = 0.002
"""Frequencies that differ by less than this fraction need no word about it: 0.2 per cent in mass."""

COARSE_PIXELS = 0.6
"""Pixels wider than this fraction of the beam cannot hold all that it lets through."""

PASSBAND_TOLERANCE = 0.1
"""Bands are called by round numbers, as 90 GHz for 97.8: a passband further from its map's is another's."""


@dataclass(frozen=True)
class BandMap:
    """A map that was opened, and the band that it shows.

    Parameters
    ----------
    request : MapRequest
        Its file, and what the user says of it.
    sky_map : SkyMap
        The opened map; its unit is known, Compton y included.
    weights : Weights
        Mask and inverse variances that go with the map.
    frequency_ghz : float
        Effective frequency for the thermal SZ effect.
    beam : Beam or TabulatedBeam, optional
        None where nobody states one.
    beam_source : str
        ``option``, ``header`` or ``assumed``.
    passband : Passband, optional
        Response of the band with frequency; None for that of `frequency_ghz` alone.
    transfer : IsotropicTransfer or PlaneTransfer, optional
        Fraction of each mode that the map's filter has left; None where nothing was filtered.
    said : tuple of str
        What is to be said of the frequency.
    """

    request: MapRequest
    sky_map: SkyMap
    weights: Weights
    frequency_ghz: float
    beam: AnyBeam | None
    beam_source: str
    passband: Passband | None
    transfer: IsotropicTransfer | PlaneTransfer | None
    said: tuple[str, ...] = ()

    @classmethod
    def open(cls, request: MapRequest, model_frequency_ghz: float | None = None) -> "BandMap":
        """Open a map with all that goes with it.

        Parameters
        ----------
        request : MapRequest
            The files of map, mask, inverse variances and instrument, and what is said of them.
        model_frequency_ghz : float, optional
            Taken where nobody states a frequency: of models of one frequency.

        Raises
        ------
        InputError
            A file cannot be used; nobody says at which frequency the map was made, or header and option
            contradict each other; the passband is of another frequency; its pixels are too coarse for its
            beam.
        """
        passband = None if request.passband is None else Passband.read(request.passband)
        sky_map = open_map(request.path, units=request.units)
        frequency_ghz, said = _frequency(request, sky_map.instrument, passband, model_frequency_ghz)
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
        beam, source = _beam(request, sky_map.instrument)
        if beam is not None:
            check_resolution(sky_map, width_arcmin(beam))
        transfer = None if request.transfer is None else read_transfer(request.transfer)
        return cls(request, sky_map, weights, frequency_ghz, beam, source, passband, transfer, said)

    @property
    def name(self) -> str:
        """What the map is called in messages."""
        return f"{self.frequency_ghz:g} GHz"

    @cached_property
    def noise(self) -> NoiseLevel | None:
        """The noise that is stated, None where none is."""
        return self.request.noise_level()

    def band(self, noise: NoiseLevel, pixel_arcmin: float) -> Band:
        """Return the band, with its noise and the side of its pixels [arcmin], 0 for samples.

        Raises
        ------
        InputError
            Nobody states the beam, or it is too wide.
        """
        if self.beam is None:
            raise InputError(
                f"{self.sky_map.path}: its beam is not known: a header seldom states it, and no option does.",
                "Give --beam with the full width at half maximum in arcmin, or a table of B(theta) or B_ell.",
            )
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
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed, and what the user should know."""
        notes = [*self.sky_map.assumptions, *self.weights.notes, *self.said]
        if self.beam is not None and self.sky_map.pixel_arcmin > COARSE_PIXELS * width_arcmin(self.beam):
            fwhm = width_arcmin(self.beam)
            notes.append(
                f"Pixels of {self.sky_map.pixel_arcmin:.2g}' are coarse for a beam of {fwhm:.3g}': expect "
                "errors of a few per cent in mass, of either sign, from them."
            )
        return tuple(notes)

    def cutouts(self, rows: Rows, exchange: BeamExchange | None = None) -> Cutouts:
        """Return cutouts around rows, with the masked pixels marked, behind another beam where wanted."""
        cutouts = extract_cutouts(self.sky_map, rows.ra_deg, rows.dec_deg, exchange)
        return cutouts.masked(self.weights.bad(rows.ra_deg, rows.dec_deg))

    def noise_uk_arcmin(self, rows: Rows) -> np.ndarray | None:
        """Return the white noise (n,) [µK-arcmin] around rows by the inverse variances; None without them.

        NaN where there are none.
        """
        noise = self.weights.noise_per_arcmin(rows.ra_deg, rows.dec_deg)
        return None if noise is None else np.abs(noise * self.sky_map.units.to_uk)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that its cutouts depend on, and all that is said of the instrument; found out once."""
        request, units = self.request, self.sky_map.units
        tables = {name: path and sha256_of(path) for name, path in request.tables.items()}
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
        }


def width_arcmin(beam: AnyBeam) -> float:
    """Return the FWHM [arcmin] of the Gaussian whose transfer function is one half where the beam's is.

    For a Gaussian beam its FWHM; for a measured one it does not depend on how its wings are cut.
    """
    if isinstance(beam, Beam):
        return beam.fwhm_arcmin
    ell = np.arange(100.0, 200_000.0, 10.0)
    below = int(np.argmax(beam.b_ell(ell) < 0.5))
    ell_half = np.interp(-0.5, -beam.b_ell(ell[[below - 1, below]]), ell[[below - 1, below]])
    return round(float(4.0 * np.log(2.0) / ell_half / ARCMIN), 6)


def _beam(request: MapRequest, stated: StatedInstrument) -> tuple[AnyBeam | None, str]:
    """Return the beam by the user's word, else the header's, and who said so."""
    if isinstance(request.beam, str):
        return read_beam(request.beam), "option"
    if request.beam is not None:
        return Beam(request.beam), "option"
    if stated.beam_fwhm_arcmin is not None:
        return Beam(stated.beam_fwhm_arcmin), "header"
    return None, "assumed"


def _frequency(
    request: MapRequest,
    stated: StatedInstrument,
    passband: Passband | None,
    model_frequency_ghz: float | None,
) -> tuple[float, tuple[str, ...]]:
    """Return the band's frequency [GHz] and what is to be said of it."""
    by_header = header_frequency_ghz(stated, request.path, request.frequency_ghz is None)
    card = f"{stated.band.card} = {stated.band.text!r}" if stated.band else "FREQ"
    given = request.frequency_ghz
    if given is None and by_header is None:
        if passband is not None:
            return passband.effective_tsz_ghz, ()
        if model_frequency_ghz is not None:
            note = f"The map does not state its frequency: {model_frequency_ghz:g} GHz, the model's, assumed."
            return model_frequency_ghz, (note,)
        raise InputError(
            f"{request.path}: neither its header nor an option says at which frequency it was made.",
            "Give --freq 150, or the band's name, such as --freq f150; of several maps --map 150=FILE.",
        )
    if given is None:
        assert by_header is not None
        differs = stated.frequency_ghz is None
        said = f"The band of {request.path.name} is {by_header:g} GHz by its header ({card})."
        return by_header, (said,) if differs else ()
    if by_header is None or abs(by_header / given - 1.0) <= SAME_FREQUENCY:
        return given, ()
    if abs(by_header / given - 1.0) > FREQUENCY_TOLERANCE:
        raise InputError(
            f"{request.path}: its header says {card}, {by_header:g} GHz; it is given as {given:g} GHz.",
            f"Give it as {by_header:g} GHz, or correct its header.",
        )
    note = (
        f"{request.path.name} is taken to be at {given:g} GHz, as given; its header says {by_header:g} GHz."
    )
    return given, (note,)


def _check_passband(request: MapRequest, passband: Passband, frequency_ghz: float) -> None:
    """Refuse the passband of another band than the map's: masses would be of the one, names of the other."""
    effective_ghz = passband.effective_tsz_ghz
    if abs(effective_ghz / frequency_ghz - 1.0) > PASSBAND_TOLERANCE:
        raise InputError(
            f"{request.passband}: its SZ effect is that of {effective_ghz:.4g} GHz, and {request.path} is at "
            f"{frequency_ghz:g} GHz.",
            "Give the passband of the map's own band, or --freq if the map's header is wrong.",
        )
