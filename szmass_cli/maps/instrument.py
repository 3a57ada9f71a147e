"""What a map's header says of the instrument that made it, and the frequency that is meant by it."""

import re
from dataclasses import dataclass
from pathlib import Path

from szmass_cli.errors import InputError
from szmass_cli.maps.mapfrequency import StatedBand, stated_band
from szmass_cli.physics.bandnames import FREQUENCY_RANGE_GHZ, effective_frequency_ghz

_IN_HERTZ = re.compile(r"\s*([0-9.eE+-]+)\s*([GMk]?)Hz\s*")
_GHZ = {"G": 1.0, "M": 1e-3, "k": 1e-6, "": 1e-9}


@dataclass(frozen=True)
class StatedInstrument:
    """Frequency and beam as stated, None where they are not.

    Parameters
    ----------
    frequency_ghz, beam_fwhm_arcmin : float or None
        Of a map that szmass simulated.
    band : StatedBand or None
        What any header says of its band, in its own words.
    """

    frequency_ghz: float | None = None
    beam_fwhm_arcmin: float | None = None
    band: StatedBand | None = None


def stated_instrument(header, primary=None) -> StatedInstrument:
    """Read FREQ and BEAM of a map that szmass simulated, and the words of any map for its band.

    Other headers are not asked for numbers: no two surveys agree on what such keywords mean, or in which
    units.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the map's HDU.
    primary : astropy.io.fits.Header, optional
        Header of the file's primary HDU.
    """
    band = stated_band(header) if primary is None else stated_band(header, primary)
    if not str(header.get("ORIGIN", "")).startswith("szmass"):
        return StatedInstrument(band=band)
    frequency, beam = (header.get(key) for key in ("FREQ", "BEAM"))
    return StatedInstrument(_positive(frequency), _positive(beam), band)


def _positive(value) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None


def header_frequency_ghz(stated: StatedInstrument, path: Path, needed: bool = True) -> float | None:
    """Return the frequency [GHz] that a map's header states, None where it says nothing.

    Parameters
    ----------
    stated : StatedInstrument
        What the header says of frequency and band.
    path : Path
        The map's file, named in messages.
    needed : bool
        Whether words that name no frequency are an error; they are passed over otherwise.

    Raises
    ------
    InputError
        The header's words name no frequency.
    """
    if stated.frequency_ghz is not None:
        return stated.frequency_ghz
    if stated.band is None:
        return None
    text = stated.band.text
    in_hertz = _IN_HERTZ.fullmatch(text)
    try:
        if in_hertz:
            text = f"{float(in_hertz[1]) * _GHZ[in_hertz[2]]:g}"
        elif _is_number(text) and float(text) > 1e3 * FREQUENCY_RANGE_GHZ[1]:
            text = f"{float(text) * 1e-9:g}"  # no card is in MHz without saying so, but Hz is the standard's
        return effective_frequency_ghz(text)
    except (InputError, ValueError):
        if not needed:
            return None
        raise InputError(
            f"{path}: {stated.band.card} = {stated.band.text!r} in its header does not name one frequency.",
            "Give --freq 150, or the band's name, such as --freq f150; of several maps --map 150=FILE.",
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
