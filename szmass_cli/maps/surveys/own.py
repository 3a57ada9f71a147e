"""Maps that `szmass simulate field` wrote, whose headers state everything."""

from __future__ import annotations

from pathlib import Path

from szmass_cli.maps.cards import number_of
from szmass_cli.maps.surveys.facts import Fact, Facts, Seen
from szmass_cli.system.presets import is_shipped, located


class Own:
    """The adapter of szmass's own maps."""

    name = "szmass"

    def recognised(self, seen: Seen) -> str:
        """Return how a map shows that szmass wrote it; nothing if it does not."""
        return "header: ORIGIN" if seen.text("ORIGIN").startswith("szmass") else ""

    def facts(self, seen: Seen, found: str) -> Facts:
        """Return what the header of a map of szmass says.

        Parameters
        ----------
        seen : Seen
            The map's name and headers.
        found : str
            How it was recognised.
        """
        frequency_ghz, beam = number_of(seen.header, "FREQ"), number_of(seen.header, "BEAM")
        wide: Fact[float] | Fact[str] | None = None
        if beam is not None and beam > 0.0:
            wide = Fact(beam, seen.card("BEAM"))
        elif (file := _file(seen, "BEAMFILE")) is not None:
            wide = Fact(str(file.value), file.source)
        transfer = _file(seen, "TRANSFER")
        missing = [key for key in ("BEAMFILE", "PASSBAND", "TRANSFER") if _is_missing(seen, key)]
        return Facts(
            "szmass",
            found,
            frequency_ghz=None if not frequency_ghz else Fact(frequency_ghz, seen.card("FREQ")),
            passband=_file(seen, "PASSBAND"),
            beam=wide,
            pixel_window=Fact((number_of(seen.header, "PIXWIN") or 0.0) > 0.0, seen.card("PIXWIN")),
            ivar=_ivar(seen),
            noise=_noise(seen),
            transfer=transfer,
            filtered=f"its header names a filter, {seen.text('TRANSFER')}" if "TRANSFER" in missing else "",
            notes=tuple(
                f"{seen.path.name}: its header says {key} = {seen.text(key)!r}, and there is no such file "
                "beside it."
                for key in missing
            ),
        )


def _placed(seen: Seen, key: str) -> Path | None:
    """Return where the file lies that a card names: with the presets, or beside the map."""
    name = seen.text(key)
    if not name or ".." in Path(name).parts:
        return None
    return located(Path(name)) if is_shipped(name) else seen.path.with_name(Path(name).name)


def _file(seen: Seen, key: str) -> Fact[Path] | None:
    """Return the file that a card names, None where it names none or none is there."""
    file = _placed(seen, key)
    return None if file is None or not file.is_file() else Fact(file, seen.card(key))


def _is_missing(seen: Seen, key: str) -> bool:
    return seen.text(key) != "" and _file(seen, key) is None


def _ivar(seen: Seen) -> Fact[Path] | None:
    """Return the inverse variances beside the map, where its depth varies."""
    if not number_of(seen.header, "DEPTHVAR"):
        return None
    stem, dot, suffix = seen.path.name.partition(".fit")
    file = seen.beside(f"{stem}_ivar{dot}{suffix}")
    return None if file is None else Fact(file, "file beside the map")


def _noise(seen: Seen) -> Fact[str] | None:
    """Return the noise in the form of ``--noise``."""
    if seen.text("NOISEFIL"):
        file = _file(seen, "NOISEFIL")
        return None if file is None else Fact(str(file.value), file.source)
    white, knee = number_of(seen.header, "NOISE"), number_of(seen.header, "LKNEE")
    if white is None:
        return None
    if knee is None:
        return Fact(f"{white:g}", "header: NOISE")
    slope = number_of(seen.header, "NSLOPE")
    return Fact(f"{white:g},{knee:g}" + ("" if slope is None else f",{slope:g}"), "header: NOISE, LKNEE")
