"""Masses for a catalogue: prepare, measure block by block, write the columns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
from szmass_cli.estimation.bandverdict import bands_agree
from szmass_cli.estimation.checkresult import CheckResult
from szmass_cli.estimation.cutoutsources import found_sources, sources_path, write_found_sources
from szmass_cli.estimation.executors import Executor, in_threads
from szmass_cli.estimation.filehashes import hashed_meanwhile, sha256_of_maps
from szmass_cli.estimation.masstable import as_written, mass_table
from szmass_cli.estimation.parts import Parts, PartsInMemory, opened_parts, parts_folder, read_plan
from szmass_cli.estimation.preparation import Run, check_paths, prepared
from szmass_cli.estimation.provenance import maps_in_numbers, maps_in_words, provenance
from szmass_cli.estimation.request import Request, request_from
from szmass_cli.estimation.runplan import Block, Hashed, Shard, check_unchanged
from szmass_cli.estimation.stores import Stores
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
        The input catalogue, as read.
    columns : astropy.table.Table
        The added columns, one row for each input row.
    meta : dict
        Provenance, as written to the output's header.
    notes : tuple of str
        Notes for the user: assumptions made, and anything else worth knowing.
    maps : tuple of str
        One human-readable line for each map.
    posteriors : Path, optional
        File of likelihoods and posteriors, if there is one.
    bands : tuple of dict
        Frequency, unit, beam and noise of each map, see `provenance.maps_in_numbers`.
    run : Run
        The opened maps and model that they were measured with.
    noise : tuple of dict
        Regions in which noise was measured, with what was found there; see `MeasuredNoise.regions`.
    sources : astropy.table.Table, optional
        Sources that were found in the cutouts, where they were looked for; see `found_sources`.
    check : CheckResult, optional
        What the check by injected clusters found, if there was one.
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, str | float]
    notes: tuple[str, ...]
    maps: tuple[str, ...]
    posteriors: Path | None
    bands: tuple[dict[str, str | float], ...]
    run: Run
    noise: tuple[dict[str, Any], ...] = ()
    sources: Table | None = None
    check: CheckResult | None = None

    def flag_counts(self) -> dict[str, int]:
        """Return the number of rows that carry each flag, for the flags that occur."""
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
    """Estimate the mass of every cluster in a catalogue from maps, and write the catalogue with masses.

    Measured rows are stored in parts beside the output; when all are finished, the output is written and
    the parts are removed.

    Parameters
    ----------
    request : Request
        Maps, catalogue, model, and all other settings that masses depend on.
    output : Path, optional
        Catalogue to write: the input's rows and columns with the masses added; the suffix determines the
        format. With None nothing is written, and parts are kept in memory.
    executor : Executor
        Measures the blocks: in threads, local processes or on a Dask cluster.
    resume : bool
        Whether to use the parts of an interrupted run; they are removed otherwise.
    overwrite : bool
        Whether an output that is already there may be replaced.
    progress : Progress
        Called with the number of clusters measured so far, and the total.

    Returns
    -------
    Estimates

    Raises
    ------
    InputError, UsageError, OutputError
        The maps, catalogue, model, options or output cannot be used; nothing is written.
    SzmassError
        The output cannot be completed; the parts are kept.
    """
    check_paths(request, output, overwrite)
    with hashed_meanwhile(request.maps) as hashed:
        run = prepared(request, progress=progress)
        with _opened(run, output, resume) as parts:
            if output is not None:
                check_output_holds(run.catalog, run.new_columns, output)
            stores = Stores.of(run, parts)
            _measure(run, stores, stores.blocks, executor, progress)
            estimates = _estimates(run, stores, hashed.result)
            _write(run, stores, estimates, output, overwrite)
            parts.remove()
    return estimates


def estimate_shard(
    request: Request,
    output: Path,
    shard: Shard,
    *,
    executor: Executor = in_threads,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress = silent,
) -> int:
    """Measure one shard of a catalogue; `merge_shards` makes the output from all shards.

    Parameters
    ----------
    request : Request
        The request, which must be the same for every shard.
    output : Path
        Output path, the same for every shard; parts are stored in a folder beside it.
    shard : Shard
        Number of this shard, and of all shards.
    executor, resume, progress
        As for `estimate_catalog`.
    overwrite : bool
        Whether `merge_shards` may replace existing files; nothing is replaced here.

    Returns
    -------
    int
        Number of rows of the shard, which are in the folder of the parts.

    Raises
    ------
    SzmassError
        See `estimate_catalog`.
    """
    check_paths(request, output, overwrite)
    run = prepared(request, shares=shard.count, progress=progress)
    with opened_parts(output, run.plan, run.stated(), resume=resume, shard=shard) as parts:
        check_output_holds(run.catalog, run.new_columns, output)
        stores = Stores.of(run, parts)
        _measure(run, stores, shard.share(stores.blocks), executor, progress)
        return sum(len(block.rows) for block in shard.share(run.plan.blocks))


def merge_shards(output: Path, *, overwrite: bool = False, progress: Progress = silent) -> Estimates:
    """Make the output of a run whose shards have measured all rows.

    Parameters
    ----------
    output : Path
        Output path, as it was given to the shards.
    overwrite : bool
        Whether an output that is already there may be replaced.
    progress : Progress
        Called while noise is measured in the maps.

    Returns
    -------
    Estimates

    Raises
    ------
    InputError
        Shards have not finished (the message names them), or the inputs have changed.
    OutputError, SzmassError
        The output cannot be written; the parts are kept.
    """
    check_output(output, overwrite)
    stated = read_plan(parts_folder(output))
    request = request_from(stated["request"])
    check_paths(request, output, overwrite)
    run = prepared(request, progress=progress)
    if run.plan.fingerprint != stated["fingerprint"]:
        raise InputError(
            f"{parts_folder(output)}: map, catalogue, model or szmass are not those of the shards.",
            f"Remove {parts_folder(output)} and run the shards again.",
        )
    with opened_parts(output, run.plan, run.stated(), resume=True) as parts:
        stores = Stores.of(run, parts)
        estimates = _estimates(run, stores, dict, stated["shards"])
        _write(run, stores, estimates, output, overwrite)
        parts.remove()
    return estimates


def _write(run: Run, stores: Stores, estimates: Estimates, output: Path | None, overwrite: bool) -> None:
    """Write the requested files; the file of posteriors appears after the catalogue."""
    with _posteriors_written(run, stores, estimates, overwrite):
        if output is not None:
            columns = as_written(estimates.columns, run.request.suffix, run.request.flag_names)
            write_catalog(run.catalog, columns, output, estimates.meta, overwrite=overwrite)
            if estimates.sources is not None:
                write_found_sources(estimates.sources, sources_path(output))


@contextmanager
def _posteriors_written(run: Run, stores: Stores, estimates: Estimates, overwrite: bool) -> Iterator[None]:
    """Write the curves of all parts, if requested; the file appears when the context exits without error."""
    path = run.request.posteriors
    if path is None:
        yield
        return
    assert isinstance(run.bundle, Bundle)  # made sure of when it was opened
    ln_mass, flags = run.bundle.ln_mass, np.asarray(estimates.columns[FLAGS_COLUMN])
    # rows without one hold a placeholder, and were marginalised over all redshifts
    redshift = np.where(np.isinf(run.rows.redshift_err), np.nan, run.rows.redshift)
    with written_posteriors(path, ln_mass, redshift, flags, estimates.meta, overwrite) as out:
        change = stores.change(estimates.check)
        for rows, measured in stores.parts.curves():
            part = change(rows, measured)
            out.put(rows, part.ln_likelihood, part.density)
        out.flush()  # or the catalogue would be there, and no room for this
        yield


def _opened(run: Run, output: Path | None, resume: bool) -> AbstractContextManager[Parts]:
    """Open the storage of finished parts: beside the output, or in memory without one."""
    if output is None:
        return nullcontext(PartsInMemory(Path(), run.plan))
    return opened_parts(output, run.plan, run.stated(), resume=resume)


def _measure(
    run: Run, stores: Stores, blocks: Sequence[Block], executor: Executor, progress: Progress
) -> None:
    """Measure the blocks that have no part yet, and store each as it finishes."""
    pending = stores.pending(blocks)
    total = sum(len(block.rows) for block in blocks)
    done = total - sum(len(block.rows) for block in pending)
    if not pending:
        return
    progress("clusters", done, total)
    for block, measured in executor(run.bench, stores.rows, pending):
        for band_map, identity in zip(run.bench.maps, run.plan.identity["maps"], strict=True):
            check_unchanged(band_map.sky_map.path, identity["map"])
            for name in ("mask", "ivar"):
                if identity[name]:
                    check_unchanged(file_of(getattr(band_map.request, name)), identity[name])
        stores.write(block, measured)
        done += len(block.rows)
        progress("clusters", done, total)


def _estimates(
    run: Run, stores: Stores, hashed: Callable[[], Mapping[Path, Hashed]], shards: int | None = None
) -> Estimates:
    """Return the estimates of a run all of whose parts are finished."""
    check, of_check = stores.check_result()
    measured = stores.parts.collect(len(run.rows), shards, stores.change(check))
    try:
        flag, of_bands = bands_agree(measured, run.bench.maps)
    except InputError:
        stores.parts.remove()  # of no use to the run with the right maps, which would be refused for them
        raise
    measured = replace(measured, flags=measured.flags | flag)
    run = replace(run, notes=(*run.notes, *of_bands, *of_check))
    levels = run.bench.job.wanted.percentiles
    stated = [one.request.frequency_ghz for one in run.bench.maps]
    table = mass_table(measured, run.rows.redshift, levels, run.request.mass_definitions, run.change, stated)
    change = None if check is None else check.recalibration
    meta = provenance(run, sha256_of_maps(run, hashed()), stores.parts.begun, change)
    if check is not None:
        meta |= check.meta
    in_words, in_numbers = maps_in_words(run), maps_in_numbers(run)
    posteriors, noise = run.request.posteriors, run.bench.job.settled.measured
    regions = () if noise is None else tuple(noise.regions())
    sources = None
    if run.request.sky.find_sources is not None:
        sources = found_sources(measured, run.rows, stated)
    return Estimates(
        run.catalog, table, meta, run.notes, in_words, posteriors, in_numbers, run, regions, sources, check
    )
