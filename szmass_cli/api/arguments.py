"""How the arguments of functions for scripts are read: paths, tables, quantities, a value for each band."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szmass_cli.catalog.inmemory import table_from_frame, table_from_positions
from szmass_cli.errors import UsageError
from szmass_cli.estimation.executors import Executor, in_threads, on_local_workers, on_scheduler
from szmass_cli.physics.bandnames import effective_frequency_ghz

T = TypeVar("T")
PerMap = Union[T, Mapping[float | str, T], None]  # noqa: UP007 - generic aliases need Union
"""A value for all maps, or one for each by its frequency [GHz] or the name of its band."""


def settings_of_maps(freq: float | str | None, pixel_window: bool | None, **given: Any) -> dict[str, Any]:
    """Return the settings of maps in the form that `map_requests` takes.

    Parameters
    ----------
    freq : float, str or Quantity, optional
        Frequency [GHz] or name of the band of a single map.
    pixel_window : bool, optional
        Whether values are means over pixels.
    **given
        Properties of maps, see `READERS`: each a value for all maps, or one for each band.

    Raises
    ------
    UsageError
        A property is unknown, or in a unit that cannot be converted.
    """
    unknown = sorted(given.keys() - READERS.keys())
    if unknown:
        raise UsageError(f"{unknown[0]} is no property of maps.", f"Use {', '.join(READERS)}.")
    read = {name: of_each_band(value, READERS[name]) for name, value in given.items()}
    frequency = None if freq is None else effective_frequency_ghz(plain(freq, "GHz"))
    return {"frequency_ghz": frequency, "pixel_window": pixel_window, **read}


READERS: dict[str, Callable[[Any], Any]] = {
    "passband": Path,
    "units": str,
    "beam": lambda value: _text_or_number(value, "arcmin"),
    "transfer": Path,
    "noise": lambda value: _text_or_number(value, "uK arcmin"),
    "ivar": Path,
    "mask": Path,
    "survey": str,
    "split": lambda pair: (Path(pair[0]), Path(pair[1])),
}
"""What the values of properties of maps are turned into."""


def mass_definitions(text: str) -> list[str]:
    """Return the mass definitions listed in a text.

    Parameters
    ----------
    text : str
        As ``--mass-def`` takes it, with commas between them.
    """
    return [part.strip() for part in text.split(",")]


def table_or_path(catalog: Any) -> Path | Table:
    """Return a catalogue in the form that `Request` takes.

    Parameters
    ----------
    catalog : path, astropy.table.Table, pandas.DataFrame, SkyCoord, mapping or numpy.ndarray
        Rows with positions, as a file or in memory.

    Raises
    ------
    UsageError
        It is none of these.
    """
    if isinstance(catalog, Table):
        return catalog
    if isinstance(catalog, str | os.PathLike):
        return Path(catalog)
    if hasattr(catalog, "iloc"):  # pandas is not imported for those who do not use it
        return table_from_frame(catalog)
    if isinstance(catalog, SkyCoord | Mapping | np.ndarray):
        return table_from_positions(catalog)
    raise UsageError(
        f"catalog: a {type(catalog).__name__} is no catalogue.",
        "Give a file, an astropy Table, a pandas DataFrame, a SkyCoord, or arrays.",
    )


def plain(value: Any, unit: str) -> Any:
    """Return a quantity as a number in a unit; anything else as it is.

    Parameters
    ----------
    value : Quantity or any
        What a script gave.
    unit : str
        As astropy names it.

    Raises
    ------
    UsageError
        It cannot be converted.
    """
    if not isinstance(value, u.Quantity):
        return value
    try:
        return float(value.to_value(u.Unit(unit)))
    except (u.UnitConversionError, TypeError) as error:
        raise UsageError(f"{value}: not in {unit}: {error}", f"Give it in {unit}.") from error


def _text_or_number(value: Any, unit: str) -> Any:
    """Return a path as text, a quantity as a number, and anything else as it is."""
    return str(value) if isinstance(value, Path) else plain(value, unit)


def of_each_band(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return a value, or each of a mapping's values, after a change; None stays None.

    Parameters
    ----------
    value : mapping or any
        A value for all maps, or one for each by its frequency [GHz] or the name of its band.
    change : callable
        Takes one value.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {effective_frequency_ghz(band): change(one) for band, one in value.items()}
    return change(value)


def chosen_executor(workers: int | None, scheduler: str | None) -> Executor:
    """Return the executor chosen by the options ``--workers`` and ``--scheduler``.

    Parameters
    ----------
    workers : int, optional
        Processes of this machine.
    scheduler : str, optional
        Address of a Dask scheduler.

    Raises
    ------
    UsageError
        Both options are given.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: not 1 or more.", "Leave it out for threads of one process.")
    if workers is not None and scheduler is not None:
        raise UsageError("--workers and --scheduler exclude each other.", "Give one of them.")
    if scheduler is not None:
        return on_scheduler(scheduler)
    return in_threads if workers is None else on_local_workers(workers)
