"""Maps of the Atacama Cosmology Telescope: data releases 4 to 6.

File names and products: LAMBDA's pages on DR4, DR5 and DR6.02, and Naess et al. 2025 (arXiv:2503.14451).
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from szmass_cli.maps.surveys.facts import Fact, Facts, Seen
from szmass_cli.maps.surveys.presetbands import preset_band, with_band
from szmass_cli.system.presets import located

_PRESET = "act-dr6"
_NAMED = re.compile(r"(?<![a-z0-9])act(pol)?[-_](planck[-_])?dr\d|(?<![a-z0-9])pa[1-7]_f\d{3}")
_RELEASE = re.compile(r"dr(\d)")
_ARRAY = re.compile(r"(?<![a-z0-9])pa[1-7](?![0-9])")
_PRODUCT = re.compile(r"_(map|map_srcfree|srcfree)(_healpix)?(\.fits?(\.gz)?)$")
_PASSBAND_ARRAYS = {90: "pa5", 150: "pa5", 220: "pa4"}
"""Arrays that the passbands of the preset were measured with."""


class Act:
    """The adapter of ACT; what the preset act-dr6 states is stated there only."""

    name = "act"

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that it is ACT's; nothing if it does not."""
        telescope = seen.text("TELESCOP").lower()
        if telescope in ("act", "atacama cosmology telescope"):
            return seen.card("TELESCOP")
        return "file name" if seen.has_words(_NAMED) else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what is known of a map of ACT.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.
        """
        release = _release(seen)
        array = seen.text("ARRAY").lower() or next(iter(_ARRAY.findall(seen.name)), "")
        facts = Facts(
            f"ACT DR{release}" if release else "ACT",
            found,
            units=Fact("uK", "as all maps of ACT"),
            pixel_window=Fact(True, "as all maps of ACT"),
            ivar=_ivar(seen),
            beam=_beam_beside(seen),
            notes=_notes(seen),
        )
        nominal = _nominal(seen)
        if nominal is None:
            return facts
        band = preset_band(_PRESET, nominal.value, seen.path)
        known = with_band(facts, _PRESET, band, nominal)
        if release in ("", "6"):
            return replace(known, passband=_passband(band.passband_file, nominal.value, array))
        # beams and depths differ from release to release; the frequencies are those of the same bands
        return replace(known, beam=facts.beam, noise=None)


def _nominal(seen: Seen) -> Fact[int] | None:
    """Return the frequency [GHz] that the band is called by."""
    text = seen.text("FREQ").lower()
    if re.fullmatch(r"f\d{3}", text):
        return Fact(int(text[1:]), seen.card("FREQ"))
    return seen.named_band()


def _release(seen: Seen) -> str:
    """Return the number of the data release, as text; the later one of joint maps, nothing if not known."""
    found = _RELEASE.findall(seen.text("RELEASE").lower()) or _RELEASE.findall(seen.name)
    return max(found, default="")


def _passband(file: Path | None, nominal_ghz: int, array: str) -> Fact[Path] | None:
    """Return the passband of a map of one array; a coadd of several is as its effective frequency says."""
    if file is None or array != _PASSBAND_ARRAYS.get(nominal_ghz):
        return None
    return Fact(located(file), f"preset {_PRESET}, array {array}")


def _ivar(seen: Seen) -> Fact[Path] | None:
    """Return the map of inverse variances beside the map: the same name with another product."""
    end = _PRODUCT.search(seen.path.name)
    if end is None:
        return None
    stem = seen.path.name[: end.start()]
    file = seen.beside(f"{stem}_ivar{end[2] or ''}{end[3]}", f"{stem}_ivar{end[3]}")
    return None if file is None else Fact(file, "file beside the map")


def _beam_beside(seen: Seen) -> Fact[str] | None:
    """Return a table of the beam beside the map, as DR5 calls it."""
    end = _PRODUCT.search(seen.path.name)
    stem = seen.path.name[: end.start()] if end else seen.path.name.partition(".fits")[0]
    file = seen.beside(f"{stem}_beam.txt", f"{stem.replace('_AA', '')}_beam.txt")
    return None if file is None else Fact(str(file), "file beside the map")


def _notes(seen: Seen) -> tuple[str, ...]:
    free = seen.beside(re.sub(r"_map(\.fits?(\.gz)?)$", r"_map_srcfree\1", seen.path.name))
    if free is None:
        return ()
    return (f"Point sources are in {seen.path.name}; {free.name}, beside it, is free of them.",)
