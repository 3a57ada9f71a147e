"""The adapters of surveys: what is known of their maps from headers and file names, a file each.

An adapter gives facts with their sources. Numbers of instruments have their home in the shipped presets.
"""

from __future__ import annotations

from szmass_cli.errors import UsageError
from szmass_cli.maps.surveys.act import Act
from szmass_cli.maps.surveys.facts import BY_OPTION, Fact, Facts, Seen, Survey
from szmass_cli.maps.surveys.own import Own
from szmass_cli.maps.surveys.planck import Planck
from szmass_cli.maps.surveys.so import So
from szmass_cli.maps.surveys.spt import CAMERAS, AnySpt

__all__ = ["NO_SURVEY", "SURVEY_NAMES", "Fact", "Facts", "check_survey", "facts_of"]

NO_SURVEY = "none"
"""What ``--survey`` takes for a map of which no adapter is to say anything."""

_SURVEYS: tuple[Survey, ...] = (Own(), Act(), So(), *CAMERAS, AnySpt(), Planck())
"""The first that recognises a map counts: ACT's maps with Planck are ACT's."""

SURVEY_NAMES = (*(survey.name for survey in _SURVEYS if survey.name != "spt"), NO_SURVEY)
"""The names that ``--survey`` takes."""


def check_survey(name: str) -> str:
    """Return a name of ``--survey`` that there is.

    Raises
    ------
    UsageError
        There is no such survey.
    """
    if name not in SURVEY_NAMES:
        raise UsageError(f"--survey {name}: not one of {', '.join(SURVEY_NAMES)}.", "Or leave it out.")
    return name


def facts_of(seen: Seen, wanted: str | None) -> Facts | None:
    """Return what the adapter of a map's survey knows, None where there is none.

    Parameters
    ----------
    seen : Seen
        The map's name and headers.
    wanted : str, optional
        The survey by ``--survey``; by default the one that recognises the map.

    Raises
    ------
    InputError
        The survey's maps cannot be used.
    """
    if wanted == NO_SURVEY:
        return None
    for survey in _SURVEYS:
        found = BY_OPTION if survey.name == wanted else "" if wanted else survey.recognised(seen)
        if found:
            return survey.facts(seen, found)
    return None
