"""Maps of the South Pole Telescope: SPT-SZ, SPTpol and SPT-3G.

Headers: maps/python/fitsio.py of spt3g_software, and the first release (Schaffer et al. 2011, ApJ 743, 90).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from szmass_cli.maps.cards import SPT3G_UNITS
from szmass_cli.maps.surveys.facts import BY_OPTION, Fact, Facts, Seen
from szmass_cli.maps.surveys.presetbands import preset_band, with_band

_ANY = re.compile(r"(?<![a-z])spt(?![a-z])")
_COMPTON = re.compile(r"compton|(?<![a-z])(tsz_?)?y_?map|(?<![a-z0-9])y(?![a-z0-9])")
_FILTERED = (
    "maps of SPT are high-pass filtered along the scan: their transfer function, released with each field, "
    "is needed"
)


@dataclass(frozen=True)
class Spt:
    """The adapter of one camera of SPT; the numbers are those of the preset of the same name.

    Parameters
    ----------
    name : str
        Name of the preset, and of ``--survey``.
    label : str
        Name for people.
    named : re.Pattern
        What the names of files of this camera have in them.
    """

    name: str
    label: str
    named: re.Pattern[str]

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that it is of this camera; nothing if it does not."""
        if self.named.search(seen.name):
            return "file name"
        return seen.card("INSTRUME") if self.named.search(seen.text("INSTRUME").lower()) else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what is known of a map of this camera.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.
        """
        facts = _of_any_camera(seen, found, self.label)
        nominal = _nominal(seen)
        if nominal is None or _is_compton_y(seen):
            return facts
        return with_band(facts, self.name, preset_band(self.name, nominal.value, seen.path), nominal)


class AnySpt:
    """The adapter of a map that spt3g_software wrote, or that names SPT, and no camera."""

    name = "spt"

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that SPT's software wrote it; nothing if it does not."""
        if seen.text("TELESCOP").upper().startswith("SPT"):
            return seen.card("TELESCOP")
        written_by_spt3g = seen.text("UNITS") == SPT3G_UNITS and seen.text("COORDREF") != ""
        if written_by_spt3g:
            return f"{seen.card('UNITS')}, COORDREF"
        return "file name" if seen.has_words(_ANY) else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what is known of a map of SPT whose camera is not.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.
        """
        facts = _of_any_camera(seen, found, "SPT")
        if _is_compton_y(seen):
            return facts
        return replace(
            facts,
            notes=(
                *facts.notes,
                "Nothing says which camera made it: --survey spt-3g, sptpol or spt-sz gives band and beam.",
            ),
        )


def _of_any_camera(seen: Seen, found: str, label: str) -> Facts:
    """Return what all maps of SPT have in common."""
    if _is_compton_y(seen):
        said = " although its header says UNITS = 'Tcmb'" if seen.text("UNITS") == SPT3G_UNITS else ""
        note = f"By its name {seen.path.name} is a map of Compton y{said}: --units K if it is a temperature."
        return Facts(label, found, units=Fact("y", "file name"), filtered=_FILTERED, notes=(note,))
    in_kelvin = found == BY_OPTION or seen.text("UNITS") == SPT3G_UNITS
    return Facts(
        label,
        found,
        units=Fact("K", "as spt3g_software writes maps") if in_kelvin else None,
        pixel_window=Fact(True, "as all maps of SPT"),
        filtered=_FILTERED,
    )


def _is_compton_y(seen: Seen) -> bool:
    return seen.has_words(_COMPTON)


def _nominal(seen: Seen) -> Fact[int] | None:
    """Return the frequency [GHz] that the band is called by."""
    for key in ("BAND", "FREQ"):
        numbers = re.findall(r"(?<!\d)(\d{2,3})(?!\d)", seen.text(key))
        if len(numbers) == 1:
            return Fact(int(numbers[0]), seen.card(key))
    return seen.named_band()


CAMERAS = (
    Spt("spt-3g", "SPT-3G", re.compile(r"spt[-_ ]?3g")),
    Spt("sptpol", "SPTpol", re.compile(r"spt[-_ ]?pol")),
    Spt("spt-sz", "SPT-SZ", re.compile(r"spt[-_ ]?sz|spt_map_ra\d+h\d+dec|2500d")),
)
