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
    return _yaml_names(presets_folder())


def mass_scales_folder() -> Traversable:
    """Return the folder of the shipped mass scales."""
    return files("szmass_cli") / "massscales"


def mass_scale_names() -> list[str]:
    """Return the names of the shipped mass scales, ascending."""
    return _yaml_names(mass_scales_folder())


def models_folder() -> Path | None:
    """Return the folder of the shipped models: inside the wheel, or beside the package in a checkout."""
    here = Path(str(files("szmass_cli")))
    return next((path for path in (here / "models", here.parent / "models") if path.is_dir()), None)


def model_names() -> list[str]:
    """Return the names of the folders of shipped models, ascending; what they hold is not looked at."""
    folder = models_folder()
    return [] if folder is None else sorted(path.name for path in folder.iterdir() if path.is_dir())


def _yaml_names(folder: Traversable) -> list[str]:
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


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
