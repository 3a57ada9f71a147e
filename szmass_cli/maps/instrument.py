"""What a map's header says of the instrument that made it, and the frequency that is meant by it."""

import re
from dataclasses import dataclass
from pathlib import Path

from szmass_cli.errors import InputError
from szmass_cli.maps.mapfrequency import StatedBand
from szmass_cli.maps.surveys.facts import Facts
from szmass_cli.physics.bandnames import FREQUENCY_RANGE_GHZ, effective_frequency_ghz

_IN_HERTZ = re.compile(r"\s*([0-9.eE+-]+)\s*([GMk]?)Hz\s*")
_GHZ = {"G": 1.0, "M": 1e-3, "k": 1e-6, "": 1e-9}


@dataclass(frozen=True)
class StatedInstrument:
    """What is known of the instrument without the user, None where nothing is.

    Parameters
    ----------
    band : StatedBand or None
        What any header says of its band, in its own words.
    facts : Facts, optional
        What the adapter of the map's survey knows; None where it is of no known survey. Only adapters take
        numbers from headers: no two surveys agree on what such keywords mean, or in which units.
    """

    band: StatedBand | None = None
    facts: Facts | None = None


def header_frequency_ghz(stated: StatedInstrument, path: Path, needed: bool = True) -> float | None:
    """Return the frequency [GHz] that a map's survey or header states, None where neither says anything.

    Parameters
    ----------
    stated : StatedInstrument
        What is known of the band; an adapter's word counts first, as bands of one name differ.
    path : Path
        The map's file, named in messages.
    needed : bool
        Whether words that name no frequency are an error; they are passed over otherwise.

    Raises
    ------
    InputError
        The header's words name no frequency.
    """
    if stated.facts is not None and stated.facts.frequency_ghz is not None:
        return stated.facts.frequency_ghz.value
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
