"""Files that a configuration names: beams, passbands, noise and transfer functions."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, ValidationInfo

from szmass_cli.errors import ConfigError, InputError
from szmass_cli.system.presets import SCHEME, is_shipped, located

Read = TypeVar("Read")


def _placed(path: Path, info: ValidationInfo) -> Path:
    """Return a path that does not depend on the current folder."""
    if is_shipped(path):
        if ".." in path.as_posix().removeprefix(SCHEME).split("/") or not located(path).is_file():
            raise ValueError("there is no such file among those of the shipped presets")
        return path
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


DataFile = Annotated[Path, AfterValidator(_placed)]
"""A path in a YAML file: relative ones start where that file lies, ``preset:`` where the presets do."""


def read_data(key: str, path: Path, read: Callable[[Path], Read]) -> Read:
    """Read a file that a configuration names.

    Parameters
    ----------
    key : str
        What names it, for errors.
    path : Path
        Path of the file as written in the configuration.
    read : callable
        Takes where the file lies; raises `InputError` if it cannot be used.

    Returns
    -------
    what ``read`` returns

    Raises
    ------
    ConfigError
        If the file cannot be used.
    """
    try:
        return read(located(path))
    except InputError as error:
        raise ConfigError(f"{key}: {error.message}", error.hint) from None
