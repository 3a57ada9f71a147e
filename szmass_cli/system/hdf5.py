"""HDF5 files on disks that may fill up."""

import io
import os


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
