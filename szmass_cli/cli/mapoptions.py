"""Options of maps: one value, or one for each of several maps by its frequency or the name of its band."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from szmass_cli.errors import UsageError
from szmass_cli.maps.units import UNITS
from szmass_cli.physics.bandnames import effective_frequency_ghz


def input_files(files: list[Path], maps: list[str] | None) -> tuple[Path | dict[float, Path], Path]:
    """Return the map, or the maps by frequency [GHz], and the catalogue."""
    if maps:
        if len(files) != 1:
            raise UsageError(
                f"With --map there is one more file, the catalogue; {len(files)} are given.",
                "For example szmass estimate --map 98=a.fits --map 150=b.fits clusters.csv -o masses.fits.",
            )
        return only_maps([], maps), files[0]
    if len(files) != 2:
        raise UsageError(
            f"A map and a catalogue are needed; given: {', '.join(map(str, files))}.",
            "Usage: szmass estimate MAP CATALOG -o OUTPUT.",
        )
    return files[0], files[1]


def moved_maps(maps: list[str] | None) -> dict[float, Path]:
    """Return where maps are now, by frequency [GHz]; 0 stands for the only one."""
    found = per_map(maps, "--map", Path)
    return found if isinstance(found, dict) else {} if found is None else {0.0: found}


def only_maps(files: list[Path], maps: list[str] | None) -> Path | dict[float, Path]:
    """Return the map, or the maps by frequency [GHz], of a command without a catalogue."""
    if not maps:
        if len(files) != 1:
            raise UsageError(
                f"One map is needed, or --map for each of several; given: {', '.join(map(str, files))}.",
                "Usage: szmass inject MAP -o STUDY, or --map 98=a.fits --map 150=b.fits in place of MAP.",
            )
        return files[0]
    if files:
        raise UsageError(f"--map gives the maps, and {files[0]} is given, too.", "Give it as --map GHZ=FILE.")
    by_frequency = per_map(maps, "--map", Path)
    if not isinstance(by_frequency, dict):
        raise UsageError(f"--map {maps[0]}: not GHZ=MAP.", "For example --map 150=map.fits.")
    return by_frequency


def map_settings(freq: str | None, pixel_window: bool | None, **texts: list[str] | None) -> dict[str, Any]:
    """Return the settings of `estimation.request.map_requests` that the options of maps state.

    Parameters
    ----------
    freq : str, optional
        Text of ``--freq``.
    pixel_window : bool, optional
        Whether ``--pixel-window`` or its contrary is given.
    **texts : list of str, optional
        Texts of the options that may be given for each map, by name.
    """
    read = {name: per_map(value, f"--{name}", READERS[name]) for name, value in texts.items()}
    return {"frequency_ghz": frequency_of(freq), "pixel_window": pixel_window, **read}


def per_map(texts: list[str] | None, option: str, read: Callable[[str], Any]) -> Any:
    """Return one value, or a dictionary of values by frequency [GHz]; None if no text is given."""
    if not texts:
        return None
    values: dict[float, Any] = {}
    for text in texts:
        band, separator, value = text.partition("=")
        frequency = _frequency_before(band, option, text) if separator else None
        if frequency is None:
            if len(texts) > 1:
                raise UsageError(f"{option} {text}: several are given, and not by GHZ=.", "Give it once.")
            return read(text)
        if frequency in values:
            raise UsageError(f"{option} {text}: {band} GHz is there twice.", "Give it once.")
        values[frequency] = read(value)
    return values


def _frequency_before(band: str, option: str, text: str) -> float | None:
    """Return the frequency [GHz] that stands before an ``=``; None if the ``=`` is part of a file's name."""
    try:
        return effective_frequency_ghz(band)
    except UsageError:
        try:
            float(band)
        except ValueError:
            return None
        raise UsageError(
            f"{option} {text}: {band} is no frequency [GHz].", "For example 150=... or f150=..."
        ) from None


def frequency_of(text: str | None) -> float | None:
    """Return the frequency [GHz] that ``--freq`` names."""
    if text is None:
        return None
    try:
        return effective_frequency_ghz(text)
    except UsageError as error:
        raise UsageError(f"--freq {text}: {error.message}", error.hint) from None


def unit_of(text: str) -> str:
    """Return the unit that ``--units`` names."""
    if text not in UNITS:
        raise UsageError(
            f"--units {text}: not one of {', '.join(UNITS)}.", "Temperatures are CMB temperatures."
        )
    return text


def beam_of(text: str) -> float | str:
    """Return the width [arcmin] or file that ``--beam`` names."""
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


def split_of(text: str) -> tuple[Path, Path]:
    """Return the two files that ``--split`` names."""
    first, separator, second = text.partition(",")
    if not (separator and first and second) or "," in second:
        raise UsageError(f"--split {text}: not two maps.", "For example --split half1.fits,half2.fits.")
    return Path(first), Path(second)


READERS: dict[str, Callable[[str], Any]] = {
    "passband": Path,
    "units": unit_of,
    "beam": beam_of,
    "transfer": Path,
    "noise": str,
    "ivar": Path,
    "mask": Path,
    "survey": str,
    "split": split_of,
}
"""How the texts of options of maps are read."""
