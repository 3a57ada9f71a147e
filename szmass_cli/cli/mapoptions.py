"""Options of maps: one value, or one for each of several maps by its frequency."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from szmass_cli.errors import UsageError

UNITS = ("K", "mK", "uK", "y")


def input_files(files: list[Path], maps: list[str] | None) -> tuple[Path | dict[float, Path], Path]:
    """The map, or the maps by frequency [GHz], and the catalogue."""
    if maps:
        if len(files) != 1:
            raise UsageError(
                f"With --map there is one more file, the catalogue; {len(files)} are given.",
                "For example szmass estimate --map 95=a.fits --map 150=b.fits clusters.csv -o masses.fits.",
            )
        by_frequency = per_map(maps, "--map", Path)
        if not isinstance(by_frequency, dict):
            raise UsageError(f"--map {maps[0]}: not GHZ=MAP.", "For example --map 150=map.fits.")
        return by_frequency, files[0]
    if len(files) != 2:
        raise UsageError(
            f"A map and a catalogue are needed; given: {', '.join(map(str, files))}.",
            "Usage: szmass estimate MAP CATALOG -o OUTPUT.",
        )
    return files[0], files[1]


def per_map(texts: list[str] | None, option: str, read: Callable[[str], Any]) -> Any:
    """One value, or a dictionary of values by frequency [GHz]; None of no text."""
    if not texts:
        return None
    values: dict[float, Any] = {}
    for text in texts:
        frequency, separator, value = text.partition("=")
        try:
            ghz = float(frequency)
        except ValueError:
            separator = ""  # the name of a file may have an = in it
        if separator and not 0 < ghz < 1e4:
            raise UsageError(f"{option} {text}: {frequency} is no frequency [GHz].", "For example 150=...")
        if not separator:
            if len(texts) > 1:
                raise UsageError(f"{option} {text}: several are given, and not by GHZ=.", "Give it once.")
            return read(text)
        if ghz in values:
            raise UsageError(f"{option} {text}: {frequency} GHz is there twice.", "Give it once.")
        values[ghz] = read(value)
    return values


def unit_of(text: str) -> str:
    """The unit that ``--units`` names."""
    if text not in UNITS:
        raise UsageError(
            f"--units {text}: not one of {', '.join(UNITS)}.", "Temperatures are CMB temperatures."
        )
    return text


def noise_of(text: str) -> float:
    """The noise [µK-arcmin] that ``--noise`` names."""
    try:
        noise = float(text)
    except ValueError:
        noise = float("nan")
    if not 0.0 <= noise < 1e6:
        raise UsageError(f"--noise {text}: not a number from 0 on.", "Give µK-arcmin, such as 10.")
    return noise


def beam_of(text: str) -> float | str:
    """The width [arcmin] or file that ``--beam`` names."""
    if Path(text).is_file():
        return text
    try:
        width_arcmin = float(text)
    except ValueError:
        width_arcmin = float("nan")
    if not 0.01 <= width_arcmin < 600.0:
        raise UsageError(
            f"--beam {text}: neither a number of arcmin from 0.01 on nor the name of a file.",
            "Give the full width at half maximum, such as 1.4, or a table of B(theta) or B_ell.",
        )
    return width_arcmin
