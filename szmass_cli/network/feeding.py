"""Worker processes that draw training cutouts ahead: one GPU trains faster than one core simulates."""

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing.connection import wait
from pathlib import Path

from szmass_cli.blas import limit_blas_threads
from szmass_cli.errors import SzmassError
from szmass_cli.network.dataset import Batch, Draw, Teacher

AHEAD = 2
"""Blocks that are asked for before they are wanted, beside one for every worker."""


@contextmanager
def fed_by(teacher: Teacher, n_workers: int, n_blocks: int) -> Iterator[Draw]:
    """A `Draw` whose blocks are those of a teacher, whoever draws them.

    Parameters
    ----------
    teacher : Teacher
    n_workers : int
        Processes that draw; 0 draws in this one.
    n_blocks : int
        Of the whole training: no block after the last is drawn ahead.
    """
    if n_workers == 0:
        yield teacher
        return
    with tempfile.TemporaryDirectory(prefix="szmass-") as folder:
        path = Path(folder) / "teacher.pickle"
        path.write_bytes(pickle.dumps(teacher))
        # forked processes would share the locks of a network's threads
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(n_workers, mp_context=context, initializer=_begin) as pool:
            try:
                yield _Ahead(pool, str(path), n_workers + AHEAD, n_blocks)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


class _Ahead:
    """Asks for the blocks that come next whenever one is taken."""

    def __init__(self, pool: ProcessPoolExecutor, path: str, depth: int, n_blocks: int):
        self._pool, self._path, self._depth, self._n_blocks = pool, path, depth, n_blocks
        self._waiting: dict[int, Future[Batch]] = {}

    def __call__(self, number: int) -> Batch:
        for wanted in range(number, max(number + 1, min(number + self._depth, self._n_blocks))):
            if wanted not in self._waiting:
                self._waiting[wanted] = self._pool.submit(_drawn, self._path, wanted)
        try:
            return self._waiting.pop(number).result()
        except BrokenProcessPool as error:
            raise SzmassError(
                "A process that simulates cutouts died.",
                "Memory may be short: give fewer --workers. The same command goes on from the last epoch.",
            ) from error


def _begin() -> None:
    """Let the process that trains decide when this one ends: on Ctrl-C it ends its epoch first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_blas_threads()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed parent closes no queue: nobody would tell its workers to stop."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _drawn(path: str, number: int) -> Batch:
    return _teacher(path)(number)


@lru_cache(maxsize=1)
def _teacher(path: str) -> Teacher:
    teacher: Teacher = pickle.loads(Path(path).read_bytes())
    return teacher
