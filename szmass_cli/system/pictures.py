"""Where a picture goes: checked before the work, whole or absent after it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from szmass_cli.errors import UsageError
from szmass_cli.system.files import atomic_path, check_writable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
DPI = 110


def check_picture_path(path: Path, overwrite: bool, *others: str | os.PathLike[str] | None) -> None:
    """Make sure that a picture can be written, before the long work that leads to it.

    Parameters
    ----------
    path : Path
        The picture's file; its suffix chooses the format.
    overwrite : bool
        Whether an existing file may be replaced.
    *others : path or None
        Files that are read or written besides.

    Raises
    ------
    UsageError
        The name says no format, or is that of one of the others.
    OutputError
        The file is already there or cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: is no {', '.join(SUFFIXES)} file.", "For example picture.png.")
    if any(other is not None and os.path.realpath(other) == os.path.realpath(path) for other in others):
        raise UsageError(f"--plot {path}: is another file of this run.", "Give the picture its own name.")
    check_writable(path, overwrite)


def save_picture(figure: "Figure", path: Path, overwrite: bool) -> None:
    """Write a figure in the format that the name says; the file appears when it is complete."""
    with atomic_path(path, overwrite=overwrite) as part:
        figure.savefig(part, dpi=DPI)
