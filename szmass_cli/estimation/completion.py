"""What the adapter of a map's survey knows is filled in where the user states nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from szmass_cli.errors import InputError
from szmass_cli.estimation.request import MapRequest
from szmass_cli.maps.instrument import StatedInstrument, header_frequency_ghz
from szmass_cli.maps.surveys import Fact, Facts
from szmass_cli.physics.bandnames import ACT_TSZ_GHZ
from szmass_cli.physics.bands import FREQUENCY_TOLERANCE
from szmass_cli.physics.passbands import Passband

SAME_FREQUENCY = 0.002
"""Frequencies that differ by less than this fraction need no word about it: 0.2 per cent in mass."""

OPTION = "option"


@dataclass(frozen=True)
class Completed:
    """A request of which nothing is left open that is known of the map.

    Parameters
    ----------
    request : MapRequest
        The user's, with the files and numbers of the survey's adapter filled in.
    sources : mapping of str to str
        Where each field that is stated is from, in words; ``option`` for the user's own.
    """

    request: MapRequest
    sources: Mapping[str, str]


def short_source(source: str | None) -> str:
    """Return where a property is from in one word: ``option``, ``header``, ``survey`` or ``assumed``."""
    if source is None:
        return "assumed"
    if source == OPTION:
        return source
    return "header" if source.startswith("header") else "survey"


def completed(request: MapRequest, facts: Facts | None) -> Completed:
    """Return a request with what an adapter knows of the map, where the user says nothing.

    Parameters
    ----------
    request : MapRequest
        What the user states, which stays.
    facts : Facts, optional
        What the adapter knows; None where the map is of no known survey.
    """
    fields = ("passband", "beam", "pixel_window", "transfer", "noise", "ivar", "mask")
    sources = {name: OPTION for name in fields if getattr(request, name) is not None}
    if facts is not None:
        known: dict[str, Fact | None] = {
            "passband": facts.passband if _is_the_bands(request, facts) else None,
            "beam": facts.beam,
            "pixel_window": facts.pixel_window,
            "transfer": facts.transfer,
            # who states the noise has said what the weights would
            "ivar": None if request.noise is not None else facts.ivar,
        }
        found = {name: fact for name, fact in known.items() if fact is not None and name not in sources}
        values: dict[str, Any] = {name: fact.value for name, fact in found.items()}
        request = replace(request, **values)
        sources |= {name: fact.source for name, fact in found.items()}
    return Completed(replace(request, pixel_window=bool(request.pixel_window)), sources)


def _is_the_bands(request: MapRequest, facts: Facts) -> bool:
    """Return whether the frequency is left to the adapter, or given as it has it."""
    given, known = request.frequency_ghz, facts.frequency_ghz
    return given is None or (known is not None and abs(known.value / given - 1.0) <= SAME_FREQUENCY)


def stated_frequency(
    request: MapRequest, stated: StatedInstrument, passband: Passband | None
) -> tuple[float | None, str, tuple[str, ...]]:
    """Return the band's frequency [GHz], None if nobody states it, where it is from, and notes about it.

    Parameters
    ----------
    request : MapRequest
        What the user states.
    stated : StatedInstrument
        What header and adapter say.
    passband : Passband, optional
        The band's response.

    Raises
    ------
    InputError
        Header and option contradict each other.
    """
    by_header = header_frequency_ghz(stated, request.path, request.frequency_ghz is None)
    where = _where(stated)
    teller, _, words = where.partition(": ")
    given = request.frequency_ghz
    if given is None and by_header is None:
        if passband is not None:
            return passband.effective_tsz_ghz, "passband", ()
        return None, "", ()
    if given is None or (by_header is not None and _is_its_name(given, stated.facts)):
        assert by_header is not None
        own = stated.facts is not None and stated.facts.survey == "szmass"
        by = f"{teller} ({words})" if words else teller
        said = f"The band of {request.path.name} is {by_header:g} GHz by its {by}."
        return by_header, where, () if own else (said,)
    if by_header is None or abs(by_header / given - 1.0) <= SAME_FREQUENCY:
        return given, OPTION, ()
    if abs(by_header / given - 1.0) > FREQUENCY_TOLERANCE:
        says = f"{words}, {by_header:g} GHz" if words else f"{by_header:g} GHz"
        raise InputError(
            f"{request.path}: its {teller} says {says}; it is given as {given:g} GHz.",
            f"Give it as {by_header:g} GHz, or correct its {teller}.",
        )
    note = (
        f"{request.path.name} is taken to be at {given:g} GHz, as given; its {teller} says {by_header:g} GHz."
    )
    return given, OPTION, (note,)


def _where(stated: StatedInstrument) -> str:
    """Return where the frequency of a map is from other than from the user: a header's card, or its name."""
    facts = stated.facts
    if facts is not None and facts.frequency_ghz is not None:
        return facts.frequency_ghz.source
    return f"header: {stated.band.card} = {stated.band.text!r}" if stated.band else ""


def _is_its_name(given_ghz: float, facts: Facts | None) -> bool:
    """Return whether a frequency is ACT's for the name that another survey gives to a band of its own.

    f090 is 97.8 GHz in ACT's maps, and 93 in those of the Simons Observatory.
    """
    nominal = None if facts is None else facts.nominal_ghz
    return nominal is not None and ACT_TSZ_GHZ.get(nominal) == given_ghz


class NotKnown(InputError):
    """What is needed of maps and nobody states: one message asks for all of it.

    Parameters
    ----------
    missing : mapping of Path to list of str
        What is missing of each map: ``frequency``, ``beam`` or both.
    """

    def __init__(self, missing: Mapping[Path, list[str]]):
        self.missing = dict(missing)
        lines = [
            f"{path}: {'; '.join(_NOT_KNOWN[what] for what in of_map)}." for path, of_map in missing.items()
        ]
        asked = [text for what, text in _ASK.items() if any(what in of_map for of_map in missing.values())]
        super().__init__(" ".join(lines), " ".join([*asked, _SURVEY_HINT]))

    def __reduce__(self):
        return type(self), (self.missing,)


_NOT_KNOWN = {
    "frequency": "neither its header nor an option says at which frequency it was made",
    "beam": "its beam is not known: a header seldom states it, and no option does",
}
_ASK = {
    "frequency": "Give --freq 150, or the band's name, such as --freq f150; of several maps --map 150=FILE.",
    "beam": "Give --beam with the full width at half maximum in arcmin, or a table of B(theta) or B_ell.",
}
_SURVEY_HINT = "Or name a survey with --survey; `szmass info MAP` prints what is known."
