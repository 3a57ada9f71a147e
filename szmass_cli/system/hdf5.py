"""HDF5 files: from strangers, from disks without locks, and to disks that may fill up."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

MAX_BYTES = 2**32
"""A dataset that would take more memory is refused: a compressed one of zeros is small at any size."""

_LIBRARY_SAYS = (
    "Unable to",
    "Can't",
    "Unspecified error",
    "Link iteration failed",
    "Object visitation failed",
)


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """Open an HDF5 file to read, without a lock: some file systems have none, and nothing writes to ours.

    Raises
    ------
    OSError
        The file cannot be opened, is no HDF5, or is damaged.
    """
    if not Path(path).is_file():  # a pipe would be waited for
        raise OSError(f"{path} is no file")
    try:
        file = h5py.File(path, "r", locking=False)
    except RuntimeError as error:  # what the library says of damaged files, some of the time
        raise OSError(f"{path} is damaged: {error}") from error
    with file:
        try:
            yield file
        except RuntimeError as error:
            if not str(error).startswith(_LIBRARY_SAYS):
                raise
            raise OSError(f"{path} is damaged: {error}") from error


def own_array(file: h5py.Group, name: str, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """Read a dataset of numbers that lies in the file itself.

    HDF5 can link to other files, lay a dataset over pieces of them, and hold text and objects.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        File or group, open for reading.
    name : str
        Name of the dataset, or its path in `file`.
    max_bytes : int
        Memory that it may take.

    Raises
    ------
    KeyError
        There is nothing of that name.
    ValueError
        It is something else, or too large.
    OSError
        It is damaged.
    """
    check_own(file, name)
    dataset = file[name]
    if dataset.size is None or dataset.nbytes > max_bytes:
        raise ValueError(f"{name} would take {dataset.nbytes / 1e9 if dataset.size else 0:.3g} GB")
    try:
        return dataset[()]
    except RuntimeError as error:
        raise OSError(f"{name} is damaged: {error}") from error


def check_own(file: h5py.Group, name: str) -> None:
    """Make sure that a dataset of numbers lies in the file itself.

    Parameters
    ----------
    file : h5py.File or h5py.Group
        File or group, open for reading.
    name : str
        Name of the dataset, or its path in `file`.

    Raises
    ------
    KeyError
        There is nothing of that name.
    ValueError
        It is something else.
    """
    link = file.get(name, getlink=True)
    if link is None:
        raise KeyError(name)
    if not isinstance(link, h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise ValueError(f"{name} is no data of its own")
    dataset = file[name]
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name} is no data of its own")
    if dataset.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds no numbers")


class Hdf5Sink(io.FileIO):
    """A new file for `h5py.File(sink, "w")` that keeps quiet about a failing write until it is asked.

    The HDF5 library cannot give up a file: it tries again as its objects are deleted, prints a traceback
    each time, and may crash at exit. So the first error is kept, what follows is thrown away, and `check`
    or the end of the ``with`` block raises it.

    Parameters
    ----------
    path : path
        The file to write.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(path, "w+")
        self._error: OSError | None = None

    def write(self, data) -> int:
        """Write all of the data, or remember why not."""
        view, done = memoryview(data).cast("B"), 0
        try:
            while self._error is None and done < len(view):
                done += super().write(view[done:]) or 0
        except OSError as error:
            self._error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the file's length, or remember why not."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def check(self) -> None:
        """Raise the error of the first write that failed, if there is one."""
        if self._error is not None:
            raise self._error

    def __exit__(self, kind, error, trace) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self.check()
