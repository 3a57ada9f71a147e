"""Masses for a catalogue: prepare, measure block by block, write the columns."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import numpy as np
from astropy.table import Table

from szmass_cli.catalog import (
    FLAGS_COLUMN,
    Catalog,
    Flag,
    check_output,
    check_output_holds,
    write_catalog,
)
from szmass_cli.errors import InputError
from szmass_cli.estimation.executors import Executor, in_threads
from szmass_cli.estimation.masstable import as_written, mass_table
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.parts import Parts, PartsInMemory, opened_parts, parts_folder, read_plan
from szmass_cli.estimation.preparation import Run, check_paths, prepared
from szmass_cli.estimation.provenance import maps_in_words, provenance
from szmass_cli.estimation.request import Request, request_from
from szmass_cli.estimation.runplan import Block, Hashed, Shard, check_unchanged
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.posterior.posteriorfile import written_posteriors
from szmass_cli.system.fileparts import file_of
from szmass_cli.system.progress import Progress, silent


@dataclass(frozen=True)
class Estimates:
    """Masses of a whole catalogue.

    Parameters
    ----------
    catalog : Catalog
        The input.
    columns : astropy.table.Table
        The added columns, a row for each input row.
    meta : dict
        Provenance, as it is written to the output's header.
    notes : tuple of str
        What was assumed, and what the user should know.
    maps : tuple of str
        A line for each map, for people.
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, str | float]
    notes: tuple[str, ...]
    maps: tuple[str, ...]

    def flag_counts(self) -> dict[str, int]:
        """Number of rows that carry each flag, those that occur only."""
        flags = np.asarray(self.columns[FLAGS_COLUMN])
        counts = {str(flag.name): int(np.sum((flags & flag.value) != 0)) for flag in Flag}
        return {name: count for name, count in counts.items() if count}


def estimate_catalog(
    request: Request,
    output: Path | None,
    *,
    executor: Executor = in_threads,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Estimates:
    """Estimate the mass of every cluster of a catalogue from a map, and write the catalogue with its masses.

    Rows are kept as they are measured, in parts beside the output; when all are there, the output is
    written and the parts are removed.

    Parameters
    ----------
    request : Request
        Maps, catalogue, model, and all that masses depend on.
    output : Path, optional
        The input's rows and columns, with those of the masses added; format by suffix. None: nothing is
        written, parts are kept in memory.
    executor : Executor
        Who does the work.
    resume : bool
        Whether parts that an interrupted run left are used; they are dropped otherwise.
    overwrite : bool
        Whether an output that is already there may be replaced.
    progress : Progress
        Called with the number of clusters measured so far, and of all.

    Returns
    -------
    Estimates

    Raises
    ------
    InputError, UsageError, OutputError
        If the map, catalogue, model, options or output cannot be used; nothing is written then.
    SzmassError
        If the output cannot be finished; parts are kept.
    """
    check_paths(request, output, overwrite)
    with _hashed_meanwhile([one.path for one in request.maps]) as hashed:
        run = prepared(request)
        with _opened(run, output, resume) as parts:
            if output is not None:
                check_output_holds(run.catalog, run.new_columns, output)
            _measure(run, parts, run.plan.blocks, executor, progress)
            estimates = _estimates(run, parts.collect(len(run.rows)), _sha256_of_maps(run, hashed.result()))
            _write(run, parts, estimates, output, overwrite)
            parts.remove()
    return estimates


def estimate_shard(
    request: Request,
    output: Path,
    shard: Shard,
    *,
    executor: Executor = in_threads,
    resume: bool = True,
    progress: Progress = silent,
) -> Path:
    """Measure one share of a catalogue; `merge_shards` makes the output of all shares.

    Parameters
    ----------
    request : Request
        The same for every shard.
    output : Path
        The same for every shard: parts are kept in a folder beside it.
    shard : Shard
        Which of how many shares.
    executor, resume, progress
        See `estimate_catalog`.

    Returns
    -------
    Path
        The folder of the parts.

    Raises
    ------
    SzmassError
        See `estimate_catalog`.
    """
    check_paths(request, output)
    run = prepared(request, shares=shard.count)
    with opened_parts(output, run.plan, run.stated(), resume=resume, shard=shard) as parts:
        check_output_holds(run.catalog, run.new_columns, output)
        _measure(run, parts, shard.share(run.plan.blocks), executor, progress)
    return parts_folder(output)


def merge_shards(output: Path, *, overwrite: bool = False) -> Estimates:
    """Make the output of a run whose shards have measured all rows.

    Parameters
    ----------
    output : Path
        As the shards were given it.
    overwrite : bool
        Whether an output that is already there may be replaced.

    Returns
    -------
    Estimates

    Raises
    ------
    InputError
        Shards have not finished (the message names them), or the inputs have changed since.
    OutputError, SzmassError
        The output cannot be written; the parts are kept.
    """
    check_output(output, overwrite)
    stated = read_plan(parts_folder(output))
    request = request_from(stated["request"])
    check_paths(request, output, overwrite)
    run = prepared(request)
    if run.plan.fingerprint != stated["fingerprint"]:
        raise InputError(
            f"{parts_folder(output)}: map, catalogue, model or szmass are not those of the shards.",
            f"Remove {parts_folder(output)} and run the shards again.",
        )
    with opened_parts(output, run.plan, run.stated(), resume=True) as parts:
        measured = parts.collect(len(run.rows), stated["shards"])
        estimates = _estimates(run, measured, _sha256_of_maps(run, {}))
        _write(run, parts, estimates, output, overwrite)
        parts.remove()
    return estimates


def _write(run: Run, parts: Parts, estimates: Estimates, output: Path | None, overwrite: bool) -> None:
    """Write what was asked for; the file of posteriors appears when the catalogue is there."""
    with _posteriors_written(run, parts, estimates, overwrite):
        if output is not None:
            columns = as_written(estimates.columns, run.request.suffix, run.request.flag_names)
            write_catalog(run.catalog, columns, output, estimates.meta, overwrite=overwrite)


@contextmanager
def _posteriors_written(run: Run, parts: Parts, estimates: Estimates, overwrite: bool) -> Iterator[None]:
    """Write the curves of all parts, where they are wanted; the file appears when the block ends well."""
    path = run.request.posteriors
    if path is None:
        yield
        return
    assert isinstance(run.bundle, Bundle)  # made sure of when it was opened
    ln_mass, flags = run.bundle.ln_mass, np.asarray(estimates.columns[FLAGS_COLUMN])
    with written_posteriors(path, ln_mass, run.rows.redshift, flags, estimates.meta, overwrite) as out:
        for rows, part in parts.curves():
            out.put(rows, part.ln_likelihood, part.density)
        yield


def _opened(run: Run, output: Path | None, resume: bool) -> AbstractContextManager[Parts]:
    """Where finished parts are kept: beside the output, or in memory where there is none."""
    if output is None:
        return nullcontext(PartsInMemory(Path(), run.plan))
    return opened_parts(output, run.plan, run.stated(), resume=resume)


def _measure(run: Run, parts: Parts, blocks: Sequence[Block], executor: Executor, progress: Progress) -> None:
    """Measure the blocks that have no part yet, and keep each as it comes."""
    pending = parts.pending(blocks)
    total = sum(len(block.rows) for block in blocks)
    done = total - sum(len(block.rows) for block in pending)
    if not pending:
        return
    if done:
        progress("clusters", done, total)
    for block, measured in executor(run.bench, run.rows, pending):
        for band_map, identity in zip(run.bench.maps, run.plan.identity["maps"], strict=True):
            check_unchanged(band_map.sky_map.path, identity["map"])
            for name in ("mask", "ivar"):
                if identity[name]:
                    check_unchanged(file_of(getattr(band_map.request, name)), identity[name])
        parts.write(block, measured)
        done += len(block.rows)
        progress("clusters", done, total)


@contextmanager
def _hashed_meanwhile(paths: Sequence[Path]) -> Iterator[Future[dict[Path, Hashed]]]:
    """The future SHA-256 of files, which takes as long as reading all of them.

    While one core loads the network, another hashes; begun later, it would take that core from the clusters.
    """
    unwanted = Event()

    def hashed() -> dict[Path, Hashed]:
        # a pipe would keep the thread for ever; it is refused where maps are opened
        files = [file for path in paths if (file := file_of(path)).is_file()]
        return {path: Hashed.of(path, lambda: not unwanted.is_set()) for path in files}

    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(hashed)
        finally:
            unwanted.set()


def _sha256_of_maps(run: Run, hashed: Mapping[Path, Hashed]) -> list[str]:
    """SHA-256 of the maps as they were measured: read again where what was hashed is another file."""
    found = []
    for band_map, identity in zip(run.bench.maps, run.plan.identity["maps"], strict=True):
        path, measured = band_map.sky_map.path, identity["map"]
        if path not in hashed or not hashed[path].is_of(measured):
            hashed = {**hashed, path: Hashed.of(path)}
        check_unchanged(path, measured)
        found.append(hashed[path].sha256)
    return found


def _estimates(run: Run, measured: Measured, map_sha256: Sequence[str]) -> Estimates:
    levels = run.bench.job.wanted.percentiles
    table = mass_table(measured, run.rows.redshift, levels, run.request.mass_definitions, run.change)
    return Estimates(run.catalog, table, provenance(run, map_sha256), run.notes, maps_in_words(run))
