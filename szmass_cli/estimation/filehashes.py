"""The SHA-256 digests of maps, computed in full while other things are waited for."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from szmass_cli.estimation.preparation import Run
from szmass_cli.estimation.request import MapRequest
from szmass_cli.estimation.runplan import Hashed, check_unchanged
from szmass_cli.system.fileparts import file_of

KINDS = ("map", "mask", "ivar", "split")
"""Files of a band that are large; of splits there are two."""


@contextmanager
def hashed_meanwhile(maps: Sequence[MapRequest]) -> Iterator[Future[dict[Path, Hashed]]]:
    """Yield a future of the digests of maps, masks and weights; a thread takes as long as reading them.

    Hashing runs while another core loads the network; started later, it would compete with the measurement.
    """
    unwanted = Event()
    given = [path for one in maps for path in _files(one) if path is not None]

    def hashed() -> dict[Path, Hashed]:
        # a pipe would keep the thread for ever; it is refused where maps are opened
        files = [file for path in dict.fromkeys(given) if (file := file_of(path)).is_file()]
        return {path: Hashed.of(path, lambda: not unwanted.is_set()) for path in files}

    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(hashed)
        finally:
            unwanted.set()


def _files(request: MapRequest) -> tuple[Path | None, ...]:
    return request.path, request.mask, request.ivar, *(request.split or ())


def sha256_of_maps(run: Run, hashed: Mapping[Path, Hashed]) -> list[dict[str, str]]:
    """Return the digests of the `KINDS` of files of each band as measured; empty text where there is none.

    Parameters
    ----------
    run : Run
        The prepared run.
    hashed : mapping
        Digests that are known; a file that was replaced since is read again.

    Raises
    ------
    InputError
        A file has changed since the run began.
    """
    found, known = [], dict(hashed)
    for band_map, identity in zip(run.bench.maps, run.plan.identity["maps"], strict=True):
        paths = {"map": band_map.sky_map.path, "mask": band_map.request.mask, "ivar": band_map.request.ivar}
        digests = dict.fromkeys(KINDS, "")
        for kind, path in paths.items():
            if path is not None:
                digests[kind] = _sha256(file_of(path), identity[kind], known)
        digests["split"] = ", ".join(_of_file(file_of(path), known) for path in band_map.request.split or ())
        found.append(digests)
    return found


def _of_file(path: Path, known: dict[Path, Hashed]) -> str:
    if path not in known:
        known[path] = Hashed.of(path)
    return known[path].sha256


def _sha256(path: Path, measured: Mapping, known: dict[Path, Hashed]) -> str:
    if path not in known or not known[path].is_of(measured):
        known[path] = Hashed.of(path)
    check_unchanged(path, measured)
    return known[path].sha256
