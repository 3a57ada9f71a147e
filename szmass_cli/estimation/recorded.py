"""What an output says of how it was made, and the command line that makes it again."""

import json
import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from astropy.io import fits

from szmass_cli.catalog.tables.fitstable import header_text
from szmass_cli.catalog.tables.formats import output_files, output_format, read_table
from szmass_cli.errors import InputError, UsageError
from szmass_cli.posterior.posteriorfile import SUFFIX
from szmass_cli.system.hdf5 import reading

PREFIX = "SZM_"


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the provenance keywords and values of an output of `szmass estimate`.

    Parameters
    ----------
    path : Path
        A catalogue in any of the formats that are written, or a file of posteriors.

    Raises
    ------
    InputError
        It cannot be read, or holds no provenance.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a reader's worries about units
            meta = _meta_of(path)
    except (OSError, ValueError, KeyError, UsageError) as error:
        raise InputError(f"{path}: cannot be read: {error}", "Give an output of szmass estimate.") from error
    found = {key: value for key, value in meta.items() if key.startswith(PREFIX)}
    if "SZM_VER" not in found:
        raise InputError(
            f"{path}: holds no provenance of szmass.",
            "Give what szmass estimate wrote; the provenance of a CSV is in the .meta.json beside it.",
        )
    return found


def command_again(path: Path, meta: Mapping[str, Any]) -> str:
    """Return the command line that makes an output again, under a name of its own.

    Parameters
    ----------
    path : Path
        The output; the new one is called ``masses_again.fits`` for ``masses.fits``, beside it.
    meta : mapping
        Its provenance.

    Raises
    ------
    InputError
        There is none: tables or maps were in memory, or an older version made the output.
    """
    command = str(meta.get("SZM_CMD", "")).strip()
    if not command:
        raise InputError(
            f"{path}: no command line repeats its run.",
            "Its catalogue or maps were in memory, or it was made by an older szmass.",
        )
    path = path.resolve()
    stem, dot, suffixes = path.name.partition(".")
    again = path.with_name(f"{stem}_again{dot}{suffixes}")
    outputs = ["-o", str(again.with_suffix(".fits") if path.suffix == SUFFIX else again)]
    if str(meta.get("SZM_POST")) == "True":
        outputs += ["--posteriors", str(path.with_name(f"{stem}_again{SUFFIX}"))]
    return f"{command} {shlex.join(outputs)}"


def _meta_of(path: Path) -> Mapping[str, Any]:
    """Return all that a file states beside its columns, without reading these where that can be avoided."""
    if path.suffix == SUFFIX:
        with reading(path) as file:
            return json.loads(file.attrs["provenance"])
    kind = output_format(path)
    if kind == "csv":
        return json.loads(output_files(path)[1].read_text(encoding="utf-8"))["meta"]
    if kind == "fits":
        with fits.open(path) as hdus:
            stated = [hdu.header for hdu in hdus if "SZM_VER" in hdu.header]
            return {key: header_text(value) for key, value in stated[0].items()} if stated else {}
    return read_table(path)[0].meta
