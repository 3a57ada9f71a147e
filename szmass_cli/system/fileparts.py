"""A file, and which part of it: `map.fits`, `map.fits[2]`, `clusters.fits[CLUSTERS]`."""

from __future__ import annotations

import os
import re
from pathlib import Path

_WITH_PART = re.compile(r"(?P<file>.+)\[(?P<part>[^\[\]/]+)\]", re.DOTALL)


def split_part(path: str | Path) -> tuple[Path, str | None]:
    """Return the file that a path names, and the HDU or column that is chosen in it.

    Parameters
    ----------
    path : str or Path
        A file, or a file with the number or name of an HDU, or the name of a HEALPix column, in brackets:
        ``map.fits[2]``. HDUs count from 0, the primary one, as in astropy and CFITSIO. A file of that very
        name, brackets and all, comes first.

    Returns
    -------
    Path
        The file, without what stands in the brackets.
    str or None
        What stands in the brackets; None where nothing is chosen.
    """
    match = _WITH_PART.fullmatch(str(path))
    if match is None or os.path.lexists(path):
        return Path(path), None
    return Path(match["file"]), match["part"].strip()


def file_of(path: str | Path) -> Path:
    """Return the file alone, whatever is chosen in it."""
    return split_part(path)[0]
