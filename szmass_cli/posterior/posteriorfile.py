"""Likelihoods and posteriors of a catalogue on disk: HDF5 that `qp` reads as an ensemble of histograms."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from szmass_cli.errors import InputError, UsageError
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.system.files import atomic_path
from szmass_cli.system.hdf5 import Hdf5Sink, check_own, own_array, reading

SUFFIX = ".hdf5"
"""The one that `qp` takes for HDF5; it takes .h5 for a table of pandas."""

PDFS, LN_LIKELIHOOD, BINS = "data/pdfs", "ancil/ln_likelihood", "meta/bins"
REDSHIFT, FLAGS, ROW = "ancil/redshift", "ancil/szmass_flags", "ancil/row"


@dataclass(frozen=True)
class PosteriorTable:
    """Likelihoods and posteriors of n rows on one grid of ln M200c.

    Parameters
    ----------
    posterior : MassPosterior
        Posterior under the prior of the run; NaN in rows without a result.
    ln_likelihood : numpy.ndarray, shape (n, m)
        ln of the likelihood of each mass, without any prior, up to a constant in each row.
    redshift : numpy.ndarray, shape (n,)
        Redshifts used in the measurement; NaN where there is none.
    flags : numpy.ndarray of int, shape (n,)
        Column ``szmass_flags`` of the catalogue.
    meta : dict
        Provenance keywords and values, as in the catalogue's header.
    """

    posterior: MassPosterior
    ln_likelihood: np.ndarray
    redshift: np.ndarray
    flags: np.ndarray
    meta: dict[str, str | float]

    @property
    def ln_mass(self) -> np.ndarray:
        """Return the centres of the cells of the grid, ln(M200c / Msun), (m,)."""
        return self.posterior.ln_mass

    def __len__(self) -> int:
        return len(self.posterior)


def check_posterior_path(path: Path) -> None:
    """Refuse a file name that `qp` would read as another format.

    Raises
    ------
    UsageError
        The suffix is not ``.hdf5``.
    """
    if path.suffix != SUFFIX:
        raise UsageError(
            f"--posteriors {path}: the suffix is not {SUFFIX}.", f"Name it {path.with_suffix(SUFFIX)}."
        )


class PosteriorRows:
    """Writes rows to their places in a file of posteriors.

    Parameters
    ----------
    file : int
        Descriptor of the file, opened for writing.
    places : mapping
        Byte offset of each of the two datasets, by name.
    step : float
        Width of a cell of the grid in ln M.
    """

    def __init__(self, file: int, places: Mapping[str, int], step: float):
        self._file, self._places, self._step = file, places, step

    def put(self, rows: np.ndarray, ln_likelihood: np.ndarray, density: np.ndarray) -> None:
        """Write the curves of some rows.

        Parameters
        ----------
        rows : numpy.ndarray of int, shape (k,)
            Row numbers in the catalogue, in any order.
        ln_likelihood, density : numpy.ndarray, shape (k, m)
            ln of the likelihood and posterior probability of each cell of the grid.
        """
        for name, values in ((LN_LIKELIHOOD, ln_likelihood), (PDFS, density / self._step)):
            curves = np.ascontiguousarray(values, "<f4")
            for row, curve in zip(rows.tolist(), curves, strict=True):
                _write_at(self._file, self._places[name] + row * curve.nbytes, curve)

    def flush(self) -> None:
        """Write through to the disk what the system still holds.

        Raises
        ------
        OSError
            There is no room for it after all.
        """
        os.fsync(self._file)


@contextmanager
def written_posteriors(
    path: Path,
    ln_mass: np.ndarray,
    redshift: np.ndarray,
    flags: np.ndarray,
    meta: Mapping[str, str | float],
    overwrite: bool = False,
) -> Iterator[PosteriorRows]:
    """Open a file of posteriors to write rows to; it appears when the context exits without error.

    Parameters
    ----------
    path : Path
        Final path of the file.
    ln_mass : numpy.ndarray, shape (m,)
        Centres of the cells of the grid [ln Msun].
    redshift, flags : numpy.ndarray, shape (n,)
        Redshift used and ``szmass_flags`` of every row.
    meta : mapping
        Provenance keywords and values, stored as one JSON attribute.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    PosteriorRows
        Writer of the curves; every row must be written.

    Raises
    ------
    OutputError, SzmassError
        See `szmass_cli.system.files.atomic_path`.
    """
    step = float(ln_mass[1] - ln_mass[0])
    edges = np.append(ln_mass - 0.5 * step, ln_mass[-1] + 0.5 * step)
    with atomic_path(path, overwrite) as part:
        with Hdf5Sink(part) as sink, h5py.File(sink, "w") as file:
            file.attrs["provenance"] = json.dumps(dict(meta))
            file["meta/pdf_name"], file["meta/pdf_version"] = np.array([b"hist"]), np.array([0])
            file[BINS] = edges[None]
            file[ROW], file[REDSHIFT] = np.arange(len(flags)), np.asarray(redshift, float)
            file[FLAGS] = np.asarray(flags, np.int32)
            places = {name: _room(file, name, (len(flags), ln_mass.size)) for name in (PDFS, LN_LIKELIHOOD)}
        with open(part, "r+b", buffering=0) as stream:
            yield PosteriorRows(stream.fileno(), places, step)


@dataclass(frozen=True)
class LikelihoodRows:
    """Likelihoods of n rows in an open file, read block by block.

    Parameters
    ----------
    ln_mass : numpy.ndarray, shape (m,)
        Centres of the cells of the grid [ln Msun].
    redshift, flags : numpy.ndarray, shape (n,)
        Redshift used and ``szmass_flags`` of every row.
    meta : dict
        Provenance keywords and values, as in the catalogue's header.
    file : h5py.File
        The open file.
    """

    ln_mass: np.ndarray
    redshift: np.ndarray
    flags: np.ndarray
    meta: dict[str, str | float]
    file: h5py.File

    def __len__(self) -> int:
        return len(self.flags)

    def blocks(self, n_rows: int) -> Iterator[np.ndarray]:
        """Yield the ln likelihoods (k, m) of consecutive rows, n_rows at a time; NaN without one."""
        for start in range(0, len(self), n_rows):
            yield self.file[LN_LIKELIHOOD][start : start + n_rows]


@contextmanager
def opened_likelihoods(path: str | os.PathLike[str]) -> Iterator[LikelihoodRows]:
    """Open a file written by `szmass estimate --posteriors` whose likelihoods need not fit into memory.

    Parameters
    ----------
    path : path
        File of posteriors, with the suffix ``.hdf5``.

    Yields
    ------
    LikelihoodRows
        Rows in the order of the catalogue.

    Raises
    ------
    InputError
        The file cannot be read, or does not contain posteriors of szmass.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(reading(path))
            edges = own_array(file, BINS)[0]
            redshift, flags = own_array(file, REDSHIFT), own_array(file, FLAGS)
            meta = json.loads(file.attrs["provenance"])
            check_own(file, LN_LIKELIHOOD)
            if file[LN_LIKELIHOOD].shape != (len(flags), edges.size - 1) or edges.size < 21:
                raise ValueError("its datasets do not fit each other")
        except _MALFORMED as error:
            raise _no_posteriors(path, error) from error
        yield LikelihoodRows(0.5 * (edges[1:] + edges[:-1]), redshift, flags, meta, file)


def read_posteriors(path: str | os.PathLike[str]) -> PosteriorTable:
    """Read a file written by `szmass estimate --posteriors`.

    Parameters
    ----------
    path : path
        File of posteriors, with the suffix ``.hdf5``.

    Returns
    -------
    PosteriorTable
        Rows in the order of the catalogue.

    Raises
    ------
    InputError
        The file cannot be read, or does not contain posteriors of szmass.
    """
    try:
        with reading(path) as file:
            edges = own_array(file, BINS)[0]
            # not packed, so that any number of rows takes no more memory than it takes room in the file
            size = os.path.getsize(path)
            pdfs, ln_likelihood = own_array(file, PDFS, size), own_array(file, LN_LIKELIHOOD, size)
            redshift, flags = own_array(file, REDSHIFT), own_array(file, FLAGS)
            meta = json.loads(file.attrs["provenance"])
        n, m = len(flags), edges.size - 1
        if not pdfs.shape == ln_likelihood.shape == (n, m) or redshift.shape != (n,) or m < 2:
            raise ValueError("its datasets do not fit each other")
    except _MALFORMED as error:
        raise _no_posteriors(path, error) from error
    density = pdfs.astype(float)
    density *= np.diff(edges)
    density /= density.sum(axis=1, keepdims=True)
    posterior = MassPosterior(0.5 * (edges[1:] + edges[:-1]), density)
    return PosteriorTable(posterior, ln_likelihood, redshift, flags, meta)


_MALFORMED = (OSError, KeyError, ValueError, IndexError, TypeError)


def _no_posteriors(path: str | os.PathLike[str], error: Exception) -> InputError:
    return InputError(f"{path} holds no posteriors: {error}", "Give what szmass estimate --posteriors wrote.")


def _room(file: h5py.File, name: str, shape: tuple[int, int]) -> int:
    """Make a dataset with contiguous rows, and return its byte offset in the file.

    Rows arrive in any order, and writing each through the library would take a millisecond.
    """
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)  # the same run gives the same bytes
    folder, _, own_name = name.rpartition("/")
    group, space = file.require_group(folder), h5py.h5s.create_simple(shape)
    made = h5py.h5d.create(group.id, own_name.encode(), h5py.h5t.IEEE_F32LE, space, properties)
    return made.get_offset() or 0  # nothing is allocated for no rows


def _write_at(file: int, place: int, data: np.ndarray) -> None:
    view = memoryview(data.tobytes())
    while len(view):
        done = os.pwrite(file, view, place)
        view, place = view[done:], place + done
