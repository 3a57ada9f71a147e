"""The shipped configurations and the files that belong to them."""

from enum import StrEnum
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

SCHEME = "preset:"
"""What paths to files shipped with presets begin with; the rest is a path in the folder of presets."""


class SkyKind(StrEnum):
    """The two skies that any survey can be simulated with."""

    GAUSSIAN = "gaussian"
    REALISTIC = "realistic"


def presets_folder() -> Traversable:
    """Return the folder of the shipped configurations."""
    return files("szmass_cli") / "presets"


def preset_names() -> list[str]:
    """Return the names that ``--config`` takes besides files: what lies in the folder, ascending."""
    return sorted(
        item.name.removesuffix(".yaml") for item in presets_folder().iterdir() if item.name.endswith(".yaml")
    )


def is_shipped(path: str | Path) -> bool:
    """Return whether a path stands for a file that is shipped with a preset."""
    return str(path).startswith(SCHEME)


def located(path: Path) -> Path:
    """Return where a file lies, of a path that may stand for one that is shipped with a preset.

    A configuration keeps such a path as it is, so that it can be loaded wherever szmass is installed.
    """
    if not is_shipped(path):
        return path
    return Path(str(presets_folder())) / path.as_posix().removeprefix(SCHEME)
