"""Worker processes that draw training cutouts ahead: one GPU trains faster than one core simulates."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection

from szmass_cli.errors import SzmassError
from szmass_cli.network.fit.dataset import Batch, Draw, Teacher
from szmass_cli.system.blas import limit_blas_threads

AHEAD = 2
"""Blocks that are asked for before they are wanted, beside one for every worker."""


@contextmanager
def fed_by(teacher: Teacher, n_workers: int, n_blocks: int) -> Iterator[Draw]:
    """Yield a `Draw` whose blocks are those of a teacher, whichever process draws them.

    Parameters
    ----------
    teacher : Teacher
        Sent to each process, which draws the same blocks of it.
    n_workers : int
        Processes that draw; 0 draws in this one.
    n_blocks : int
        Of the whole training: no block after the last is drawn ahead.
    """
    if n_workers == 0:
        yield teacher
        return
    # forked processes would share the locks of a network's threads
    context = multiprocessing.get_context("spawn")
    lifeline, ours = context.Pipe(duplex=False)
    with ProcessPoolExecutor(n_workers, context, _begin, (lifeline, teacher)) as pool:
        try:
            yield _Ahead(pool, n_workers + AHEAD, n_blocks)
        finally:
            # nobody waits for blocks that are not wanted any more
            ours.close()
            lifeline.close()
            pool.shutdown(wait=True, cancel_futures=True)


class _Ahead:
    """Asks for the blocks that come next whenever one is taken; may be called from several threads."""

    def __init__(self, pool: ProcessPoolExecutor, depth: int, n_blocks: int):
        self._pool, self._depth, self._n_blocks = pool, depth, n_blocks
        self._waiting: dict[int, Future[Batch]] = {}
        self._lock = threading.Lock()

    def __call__(self, number: int) -> Batch:
        try:
            with self._lock, _ctrl_c_held_back():
                for wanted in range(number, max(number + 1, min(number + self._depth, self._n_blocks))):
                    if wanted not in self._waiting:
                        self._waiting[wanted] = self._pool.submit(_drawn, wanted)
                asked = self._waiting.pop(number)
            return asked.result()
        except BrokenProcessPool as error:
            raise SzmassError(
                "A process that simulates cutouts died.",
                "Memory may be short: give fewer --workers. The same command goes on from the last epoch.",
            ) from error


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Let processes that start in this context ignore Ctrl-C, which the process that trains answers."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_teachers: list[Teacher] = []
"""Of a worker process: the one it draws for."""


def _begin(lifeline: Connection, teacher: Teacher) -> None:
    """Prepare a worker, which ends when the process that trains ends, however it does, or has enough."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_blas_threads()
    _teachers.append(teacher)
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()


def _end_with_parent(lifeline: Connection) -> None:
    lifeline.poll(None)  # nothing is ever sent: it returns when the other end is closed
    os._exit(1)


def _drawn(number: int) -> Batch:
    return _teachers[-1](number)
