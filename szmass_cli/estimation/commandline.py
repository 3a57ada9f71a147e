"""The command line that repeats a run, from its request."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.estimation.checkrequest import N_CHECKED, NO_CHECK, CheckRequest
from szmass_cli.estimation.request import MapRequest, Request, SkyRequest
from szmass_cli.maps.inmemory import was_in_memory
from szmass_cli.network.bundle.bundle import shipped_models
from szmass_cli.system.fileparts import file_of
from szmass_cli.system.shelltext import shell_line

OPTIONS = {
    "frequency_ghz": "freq",
    "position_error_arcmin": "position-error",
    "mass_definitions": "mass-def",
    "columns": "column",
}
"""Names of options that are not those of the fields."""

ELSEWHERE = frozenset(["path", "maps", "catalog", "sky", "check", "block_rows", "posteriors"])
"""Fields that are written otherwise, or on which no byte of the catalogue depends."""


def command_of(request: Request) -> str:
    """Return the command line of a run, without its outputs.

    Paths are absolute, and what depends on the machine, as the batch size does, is stated. It is empty where
    there is none: tables or maps were in memory, only some maps were given a pixel window, or a file's name
    has a line break.

    Parameters
    ----------
    request : Request
        The request, with everything filled in that was left to szmass.
    """
    maps = [one.resolved() for one in request.maps]
    in_files = isinstance(request.catalog, Path) and all(_stays(one) for one in maps)
    if not in_files or len({one.pixel_window for one in maps}) > 1:
        return ""
    assert isinstance(request.catalog, Path)
    words = ["szmass", "estimate", *_of_maps(maps), str(request.catalog.resolve())]
    if len(maps) == 1:
        words += _options(maps[0], MapRequest(maps[0].path))
    else:
        if maps[0].pixel_window is not None:
            words += _option("pixel-window", maps[0].pixel_window)
        words += [word for one in maps for word in _for_its_band(one)]
    words += _options(request.sky, SkyRequest())
    own = Request(request.maps, request.catalog)
    words += _options(request, own, also=("model", "batch_size"))
    words += _of_check(request.check)
    try:
        return shell_line(words)
    except ValueError:
        return ""


def _stays(request: MapRequest) -> bool:
    """Return whether the files of a map are there when the run is over."""
    return file_of(request.path).exists() and not any(map(was_in_memory, request.files))


def _of_maps(maps: Sequence[MapRequest]) -> list[str]:
    if len(maps) == 1:
        return [str(maps[0].path)]
    return [word for one in maps for word in ("--map", f"{_text(one.frequency_ghz)}={one.path}")]


def _of_check(check: CheckRequest) -> list[str]:
    """Return the options of the check; the default number stays a default, for maps without room for it."""
    words = ["--check", str(check.n)] if check.asked or check.n != N_CHECKED else []
    words += ["--recalibrate"] * check.recalibrate
    return words + (["--seed", str(check.seed)] if check.n and check.seed != NO_CHECK.seed else [])


def _for_its_band(one: MapRequest) -> list[str]:
    """Return the options of one of several maps, each for its frequency alone."""
    own = MapRequest(one.path, one.frequency_ghz, pixel_window=one.pixel_window)
    words = _options(one, own)
    band = _text(one.frequency_ghz)
    return [word if word.startswith("--") else f"{band}={word}" for word in words]


def _options(stated: Any, default: Any, also: Sequence[str] = ()) -> list[str]:
    """Return the options of the fields that differ from their defaults, and of those in `also`."""
    words = []
    for field in fields(stated):
        value, usual = getattr(stated, field.name), getattr(default, field.name)
        if isinstance(value, list | tuple) and usual is not None:
            usual = type(value)(usual)
        if field.name not in ELSEWHERE and (field.name in also or value != usual):
            words += _option(OPTIONS.get(field.name, field.name.replace("_", "-")), value)
    return words


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if name == "column":
        return [word for role, column in value.items() for word in ("--column", f"{role}={column}")]
    if isinstance(value, list | tuple):
        return [f"--{name}", ",".join(map(_text, value))]
    if name == "model":
        value = model_name(value)
    elif name == "sources" or (name == "mass-scale" and Path(value).is_file()):
        value = Path(value).resolve()
    return [f"--{name}", _text(value)]


def model_name(model: str) -> str:
    """Return the name of a shipped model, also where its folder is given, or the absolute path of another."""
    shipped = shipped_models()
    if model in shipped:
        return model
    names = {path.resolve(): name for name, path in shipped.items()}
    folder = Path(model).resolve()
    return names.get(folder, str(folder))


def _text(value: Any) -> str:
    """Return a value as an option takes it: numbers with all their digits."""
    if isinstance(value, float | int):
        return np.format_float_positional(value, trim="-")
    return str(value)
