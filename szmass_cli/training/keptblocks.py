"""What was found on blocks of simulations, kept on disk so that an interrupted calibration goes on."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from szmass_cli import likelihood
from szmass_cli.system.files import atomic_path
from szmass_cli.system.hdf5 import Hdf5Sink, own_array, reading

KEY = "of"


def calibration_key(recipe: str, weights: Sequence[np.ndarray], code: bytes | None = None) -> str:
    """Return what tells the calibration of one network from that of another.

    Parameters
    ----------
    recipe : str
        YAML of the whole configuration.
    weights : sequence of numpy.ndarray
        The trained weights, as they are written.
    code : bytes, optional
        Of the likelihood that the blocks were found with, by default that which is installed: another one
        gives other posteriors of the same simulations.
    """
    digest = hashlib.sha256(recipe.encode())
    digest.update(hashlib.sha256(likelihood_code() if code is None else code).digest())
    for one in weights:
        digest.update(np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()


def likelihood_code() -> bytes:
    """Return the source of the package's likelihoods."""
    folder = Path(next(iter(likelihood.__path__)))
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))


class KeptBlocks:
    """A folder with a file for each block that is done; all others are worked out again.

    Parameters
    ----------
    folder : Path
        Made with the first block.
    key : str
        See `calibration_key`: blocks of another calibration count for nothing.
    """

    def __init__(self, folder: Path, key: str):
        self._folder, self._key = folder, key

    def found(self, series: str) -> list[dict[str, np.ndarray]]:
        """Return the arrays of the blocks of a series that are there, up to the first that is not."""
        blocks: list[dict[str, np.ndarray]] = []
        while (arrays := self._read(series, len(blocks))) is not None:
            blocks.append(arrays)
        return blocks

    def add(self, series: str, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a block, which replace what its file held.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        whole = atomic_path(self._path(series, number), overwrite=True)
        with whole as part, Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
            file.attrs[KEY] = self._key
            for name, values in arrays.items():
                file[name] = values

    def _read(self, series: str, number: int) -> dict[str, np.ndarray] | None:
        """Return the arrays of a block; none where it is not there, damaged, or of something else."""
        try:
            with reading(self._path(series, number)) as file:
                if file.attrs.get(KEY) != self._key:
                    return None
                return {name: own_array(file, name) for name in file}
        except (OSError, KeyError, ValueError):
            return None

    def _path(self, series: str, number: int) -> Path:
        return self._folder / f"{series}-{number:05d}.h5"
