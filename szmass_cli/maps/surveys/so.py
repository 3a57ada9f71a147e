"""Maps of the Simons Observatory's large telescope, as sotodlib writes them.

Names and units: site_pipeline and mapmaking of simonsobs/sotodlib (make_ml_map, make_depth1_map,
make_coadd_atomic_map).
"""

from __future__ import annotations

import re
from pathlib import Path

from szmass_cli.errors import InputError
from szmass_cli.maps.surveys.facts import Fact, Facts, Seen
from szmass_cli.maps.surveys.presetbands import preset_band, with_band

_PRESET = "so-lat"
_NAMED = re.compile(
    r"(?<![a-z0-9])(so|sobs|so[-_]?lat|lat[coi]\d|sat_?p[1-4])(?![a-z0-9])"
    r"|(?<![a-z0-9])([coi][1-6](_ws\d)?|ws\d|coadd_\d{8}_\d{8})_f\d{3}"
)
_SMALL_TELESCOPES = re.compile(r"(?<![a-z0-9])sat_?p[1-4](?![a-z0-9])")
_END = re.compile(r"_map(\.fits?(\.gz)?)$")
_WEIGHTED = re.compile(r"_wmap(\.fits?(\.gz)?)$|_wmap_")


class So:
    """The adapter of the Simons Observatory; its numbers are those of the preset so-lat."""

    name = "so"

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that it is of the Simons Observatory; nothing if it does not."""
        telescope = seen.text("TELESCOP").lower()
        if telescope in ("so", "lat", "solat", "simons observatory") or telescope.startswith("satp"):
            return seen.card("TELESCOP")
        return "file name" if seen.has_words(_NAMED) and seen.named_band() is not None else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what is known of a map of the large telescope.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.

        Raises
        ------
        InputError
            It is a map of the small telescopes, or one that is multiplied by its weights.
        """
        if seen.has_words(_SMALL_TELESCOPES) or seen.text("TELESCOP").lower().startswith("satp"):
            raise InputError(
                f"{seen.path}: a map of the small telescopes of the Simons Observatory, whose beams of 10' "
                "and more fill the cutout of 10'.",
                "Give a map of its large telescope.",
            )
        if seen.has_words(_WEIGHTED):
            raise InputError(
                f"{seen.path}: by its name (wmap) the map is multiplied by its weights, and is no "
                "temperature.",
                "Give the _map.fits of sotodlib, or divide it by its _weights.fits.",
            )
        facts = Facts(
            "Simons Observatory LAT",
            found,
            units=Fact("K", "as sotodlib writes maps"),
            pixel_window=Fact(True, "as sotodlib makes maps"),
            ivar=_ivar(seen),
        )
        nominal = seen.named_band()
        if nominal is None:
            return facts
        return with_band(facts, _PRESET, preset_band(_PRESET, nominal.value, seen.path), nominal)


def _ivar(seen: Seen) -> Fact[Path] | None:
    """Return the weights beside the map, of which the first element is the inverse variance of I."""
    end = _END.search(seen.path.name)
    if end is None:
        return None
    stem = seen.path.name[: end.start()]
    file = seen.beside(*(f"{stem}_{word}{end[1]}" for word in ("ivar", "weights", "div")))
    return None if file is None else Fact(file, "file beside the map")
