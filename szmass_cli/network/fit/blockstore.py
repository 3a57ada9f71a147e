"""Blocks of simulations kept in files, so that they are drawn once: for later epochs, runs and sessions."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.system.files import atomic_path
from szmass_cli.system.hdf5 import Hdf5Sink, reading

FORMAT = "3"
"""To be raised whenever the same configuration gives other arrays."""


class BlockStore:
    """A folder of blocks: nested dictionaries of arrays, by name.

    Parameters
    ----------
    folder : Path
        Made when the first block is kept.
    simulations : str
        All that the blocks follow from; another text is another store.

    Notes
    -----
    Images, arrays of four dimensions, are kept in half precision: they are of the order of one.
    """

    def __init__(self, folder: Path, simulations: str):
        self._folder = folder
        self._sha256 = hashlib.sha256(f"{FORMAT}\n{simulations}".encode()).hexdigest()

    def block(self, name: str, draw: Callable[[], Any]) -> Any:
        """Return a block that is kept, or draw it and keep it.

        Raises
        ------
        InputError
            If the block there is of other simulations, or damaged.
        """
        path = self._folder / f"{name}.h5"
        if not path.exists():
            self._write(path, draw())
        return self._read(path)

    def _write(self, path: Path, block: Any) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(path, overwrite=True) as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
            file.attrs["simulations_sha256"] = self._sha256
            for name, array in _flat(block).items():
                file[name] = array.astype(np.float16) if array.ndim == 4 else array

    def _read(self, path: Path) -> Any:
        try:
            with reading(path) as file:
                if file.attrs.get("simulations_sha256") != self._sha256:
                    raise InputError(
                        f"{path} is of other simulations than this configuration asks for.",
                        "Give another folder, or remove this one.",
                    )
                return _nested(file)
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} cannot be read: {error}.", "Remove this file: its cutouts are drawn again."
            ) from None


def _flat(block: Any, prefix: str = "") -> dict[str, np.ndarray]:
    """Return the arrays of a block by their paths: tuples are numbered, dictionaries named."""
    if isinstance(block, np.ndarray):
        return {prefix.rstrip("/"): block}
    items = block.items() if isinstance(block, dict) else enumerate(block)
    return {path: array for name, value in items for path, array in _flat(value, f"{prefix}{name}/").items()}


def _nested(group: h5py.Group) -> Any:
    """Return the block that `_flat` took apart, in single precision."""
    if isinstance(group, h5py.Dataset):
        values = group[()]
        return values.astype(np.float32) if values.dtype == np.float16 else values
    parts = {name: _nested(value) for name, value in group.items()}
    if all(name.isdigit() for name in parts):
        return tuple(parts[str(number)] for number in range(len(parts)))
    return parts
