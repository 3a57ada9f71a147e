"""What a run was made with, and when."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

LIBRARIES = (
    "numpy",
    "scipy",
    "astropy",
    "tensorflow",
    "keras",
    "pixell",
    "healpy",
    "ducc0",
    "h5py",
    "pandas",
    "pyarrow",
    "camb",
    "colossus",
)
"""Those that numbers or files may depend on."""


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that are installed, by name."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # installed under another name, as tensorflow-cpu
            continue
    return found


def today() -> str:
    """Return the day in UTC, such as ``2026-03-01``.

    That of SOURCE_DATE_EPOCH, in seconds since 1970, where the environment sets it for files that shall be
    the same whenever they are made (https://reproducible-builds.org/specs/source-date-epoch).
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if seconds.isdecimal():
        return datetime.fromtimestamp(int(seconds), UTC).date().isoformat()
    return datetime.now(UTC).date().isoformat()
