"""Executors that measure the blocks of a run: threads of this process, or workers of a Dask cluster."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import lru_cache
from threading import Lock
from typing import Any, Protocol

import numpy as np

from szmass_cli.errors import InputError, SzmassError, UsageError
from szmass_cli.estimation.bench import Bench, Job
from szmass_cli.estimation.measured import Measured, join
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import Block
from szmass_cli.network.backend import usable_cores
from szmass_cli.system.blas import limit_blas_threads, one_blas_thread


class RowsByNumber(Protocol):
    """Rows of which some can be taken by their numbers."""

    def __getitem__(self, numbers: np.ndarray) -> Rows: ...


Executor = Callable[[Bench, RowsByNumber, Sequence[Block]], Iterator[tuple[Block, Measured]]]
"""Measures blocks of rows, and gives each as it finishes, in any order."""


_opening = Lock()


def bench_of(job: Job, n_threads: int) -> Bench:
    """Return the opened maps and model of a job; a worker opens them once, for all of its threads."""
    with _opening:
        return _opened(job, n_threads)


@lru_cache(maxsize=1)
def _opened(job: Job, n_threads: int) -> Bench:
    return Bench.open(job).ready(n_threads)


def measure_block(job: Job, strips: Sequence[Rows], n_threads: int) -> Measured:
    """Measure one block, in a worker."""
    limit_blas_threads()  # for good: a worker's other threads are in the middle of theirs
    bench = bench_of(job, n_threads)
    return join([bench(rows) for rows in strips])


def in_threads(bench: Bench, rows: RowsByNumber, blocks: Sequence[Block]) -> Iterator[tuple[Block, Measured]]:
    """Yield blocks as threads of this process finish them: the `Executor` of a single process.

    While some strips pass through the network, others are cut out of the maps.
    """
    n_cores = usable_cores()
    # half as many more strips than cores: one that waits for the interpreter leaves no core idle
    n_threads = n_cores + (n_cores + 1) // 2
    waiting: deque[tuple[Block, list[Future]]] = deque()
    with one_blas_thread(), ThreadPoolExecutor(n_threads) as pool:
        try:
            bench.ready(n_cores)
            for block in blocks:
                waiting.append((block, [pool.submit(bench, rows[strip]) for strip in block.strips]))
                # enough is asked for ahead that no thread waits while a part is written
                while sum(len(strips) for _, strips in list(waiting)[1:]) >= 2 * n_threads:
                    yield _finished(*waiting.popleft())
            while waiting:
                yield _finished(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _finished(block: Block, strips: list[Future]) -> tuple[Block, Measured]:
    return block, join([strip.result() for strip in strips])


def on_local_workers(n_workers: int) -> Executor:
    """Return an `Executor` that runs single-threaded processes on this machine."""

    def run(bench: Bench, rows: RowsByNumber, blocks: Sequence[Block]) -> Iterator[tuple[Block, Measured]]:
        distributed = _load_distributed()
        import dask

        with ExitStack() as stack:
            # Dask looks a hundred times a second where a worker is: one part in twenty of its time
            stack.enter_context(dask.config.set({"distributed.worker.profile.enabled": False}))
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=n_workers,
                    threads_per_worker=1,
                    memory_limit=0,
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,
                )
            )
            client = stack.enter_context(distributed.Client(cluster))
            yield from _on_client(client, bench.job, rows, blocks)

    return run


def on_scheduler(address: str) -> Executor:
    """Return an `Executor` that uses the workers of an existing Dask cluster.

    The workers must see maps and model under the same paths.
    """

    def run(bench: Bench, rows: RowsByNumber, blocks: Sequence[Block]) -> Iterator[tuple[Block, Measured]]:
        distributed = _load_distributed()
        try:
            client = distributed.Client(address, timeout="30s")
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(
                f"--scheduler {address}: there is no Dask scheduler: {error}",
                "Give its address as it prints it, such as tcp://node01:8786.",
            ) from error
        with client:
            yield from _on_client(client, bench.job, rows, blocks)

    return run


def _on_client(
    client: Any, job: Job, rows: RowsByNumber, blocks: Sequence[Block]
) -> Iterator[tuple[Block, Measured]]:
    """Yield blocks as the workers finish them; the blocks of a lost worker are given to others."""
    distributed = _load_distributed()
    futures = {
        client.submit(_on_worker, job, [rows[strip] for strip in block.strips], pure=False): block
        for block in blocks
    }
    try:
        for future in distributed.as_completed(list(futures)):
            try:
                measured = future.result()
            except distributed.KilledWorker as error:
                raise SzmassError(
                    f"Worker after worker died while measuring: {error}",
                    "Memory may be short: give workers more, or fewer workers. Finished parts are kept.",
                ) from error
            yield futures.pop(future), measured
    finally:
        client.cancel(list(futures))


def _on_worker(job: Job, strips: Sequence[Rows]) -> Measured:
    n_threads = _load_distributed().get_worker().state.nthreads
    return measure_block(job, strips, n_threads)


def _load_distributed() -> Any:
    try:
        import dask.distributed
    except ImportError as error:
        raise UsageError(
            "--workers and --scheduler need Dask, which is not installed.",
            "Install it: pip install 'szmass[cluster]'.",
        ) from error
    return dask.distributed
