"""Masses for a catalogue: cut the map at each row, ask the network, calibrate, write the columns."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from astropy.table import Table

from szmass_cli import DEFAULT_MODEL, __version__
from szmass_cli.catalog import (
    FLAGS_COLUMN,
    Catalog,
    Flag,
    check_output,
    check_output_columns,
    read_catalog,
    write_catalog,
)
from szmass_cli.errors import InputError
from szmass_cli.executors import Executor, in_threads
from szmass_cli.files import check_not_an_input, sha256_of
from szmass_cli.mapbeam import MapBeam, beam_notes, check_frequency, map_beam
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.truncation import survive_truncation
from szmass_cli.masstable import check_mass_definitions, check_percentiles, column_names, mass_table
from szmass_cli.measure import ALWAYS, Job, Measured, check_plausible
from szmass_cli.network.backend import fitting_batch_size
from szmass_cli.network.bundle import Bundle, read_bundle
from szmass_cli.parts import Parts, opened_parts, parts_folder, read_plan
from szmass_cli.progress import Progress, silent
from szmass_cli.rows import Rows, catalog_rows
from szmass_cli.runplan import BLOCK_ROWS, Block, RunPlan, Shard, check_unchanged, make_plan, quick_identity
from szmass_cli.tables.formats import output_files


@dataclass(frozen=True)
class Request:
    """What is asked for: everything that masses depend on.

    Parameters
    ----------
    map_path : Path
        CAR, any other WCS image, or HEALPix.
    catalog_path : Path
        CSV, ECSV, FITS, VOTable or Parquet.
    model : str
        A shipped model or a bundle's folder.
    units : str, optional
        ``K``, ``mK``, ``uK`` or ``y``; the map's header otherwise.
    beam_fwhm_arcmin : float, optional
        The map's beam; otherwise what its header says, or the model's.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_definitions : sequence of str
        Of ``200c``, ``500c``, ``200m``.
    columns : mapping, optional
        Role -> column name where the catalogue's names are not known or ambiguous.
    batch_size : int, optional
        Cutouts that go through the network at once; as many as suit the device otherwise. Masses depend on
        it by rounding only.
    block_rows : int
        Rows that are kept together in one part; masses do not depend on it.
    """

    map_path: Path
    catalog_path: Path
    model: str = DEFAULT_MODEL
    units: str | None = None
    beam_fwhm_arcmin: float | None = None
    percentiles: Sequence[float] = ALWAYS
    mass_definitions: Sequence[str] = ("200c",)
    columns: Mapping[str, str] | None = None
    batch_size: int | None = None
    block_rows: int = BLOCK_ROWS


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
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, str | float]
    notes: tuple[str, ...]

    def flag_counts(self) -> dict[str, int]:
        """Number of rows that carry each flag, those that occur only."""
        flags = np.asarray(self.columns[FLAGS_COLUMN])
        counts = {str(flag.name): int(np.sum((flags & flag.value) != 0)) for flag in Flag}
        return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True)
class _Run:
    """A request whose inputs were opened and found fit for each other."""

    request: Request
    bundle: Bundle
    catalog: Catalog
    sky_map: SkyMap
    beam: MapBeam
    rows: Rows
    job: Job
    plan: RunPlan
    notes: tuple[str, ...]

    def stated(self) -> dict[str, Any]:
        """The request as JSON holds it, its paths absolute, for `merge_shards`."""
        paths = {
            "map_path": self.sky_map.path,
            "catalog_path": self.catalog.path,
            "model": self.bundle.path,
        }
        return {**asdict(self.request), **{name: str(path.resolve()) for name, path in paths.items()}}


def estimate_catalog(
    request: Request,
    output: Path,
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
    output : Path
        The input's rows and columns, with those of the masses added; format by suffix.
    executor : Executor
        Who does the work.
    resume : bool
        Whether parts that an interrupted run left are used; they are dropped otherwise.
    overwrite : bool
    progress : Progress

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
    _check_paths(request, output)
    check_output(output, overwrite)
    run = _prepared(request)
    with (
        opened_parts(output, run.plan, run.stated(), resume=resume) as parts,
        _hashed_meanwhile(run.sky_map.path) as map_sha256,
    ):
        _measure(run, parts, run.plan.blocks, executor, progress)
        estimates = _estimates(run, parts.collect(len(run.rows)), map_sha256.result())
        write_catalog(run.catalog, estimates.columns, output, estimates.meta, overwrite=overwrite)
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
    _check_paths(request, output)
    check_output(output, overwrite=True)
    run = _prepared(request)
    with opened_parts(output, run.plan, run.stated(), resume=resume, shard=shard) as parts:
        _measure(run, parts, shard.share(run.plan.blocks), executor, progress)
    return parts_folder(output)


def merge_shards(output: Path, *, overwrite: bool = False) -> Estimates:
    """Make the output of a run whose shards have measured all rows.

    Parameters
    ----------
    output : Path
        As the shards were given it.
    overwrite : bool

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
    request = _request_from(stated["request"])
    _check_paths(request, output)
    run = _prepared(request)
    if run.plan.fingerprint != stated["fingerprint"]:
        raise InputError(
            f"{parts_folder(output)}: map, catalogue, model or szmass are not those of the shards.",
            "Run them again, with --no-resume.",
        )
    with opened_parts(output, run.plan, run.stated(), resume=True) as parts:
        measured = parts.collect(len(run.rows), stated["shards"])
        estimates = _estimates(run, measured, sha256_of(run.sky_map.path))
        write_catalog(run.catalog, estimates.columns, output, estimates.meta, overwrite=overwrite)
        parts.remove()
    return estimates


def _request_from(stated: dict[str, Any]) -> Request:
    paths = {name: Path(stated[name]) for name in ("map_path", "catalog_path")}
    return Request(**{**stated, **paths})


def _check_paths(request: Request, output: Path) -> None:
    for file in output_files(output):
        check_not_an_input(file, request.map_path, request.catalog_path)


def _prepared(request: Request) -> _Run:
    """Open and check all inputs, before the long work."""
    levels = check_percentiles(request.percentiles)
    check_mass_definitions(request.mass_definitions)
    bundle = read_bundle(request.model)
    catalog = read_catalog(request.catalog_path, request.columns)
    check_output_columns(catalog, column_names(levels, request.mass_definitions))
    sky_map = open_map(request.map_path, units=request.units, frequency_ghz=bundle.metadata.frequency_ghz)
    survive_truncation(sky_map.path, sky_map.raw)
    check_frequency(bundle, sky_map)
    beam = map_beam(bundle, sky_map, request.beam_fwhm_arcmin)
    check_resolution(sky_map, beam.fwhm_arcmin)
    rows, notes = catalog_rows(catalog, bundle)
    check_plausible(sky_map, rows, bundle.training_sky())
    batch_size = request.batch_size or fitting_batch_size(bundle.recipe.network)
    request = replace(request, batch_size=batch_size)
    job = Job(sky_map.path.resolve(), bundle.path.resolve(), request.units, levels, batch_size)
    plan = make_plan(
        catalog.dec_deg, _identity(bundle, catalog, sky_map, job), batch_size, request.block_rows
    )
    notes = (*sky_map.assumptions, *notes, *beam_notes(beam, sky_map))
    return _Run(request, bundle, catalog, sky_map, beam, rows, job, plan, notes)


def _identity(bundle: Bundle, catalog: Catalog, sky_map: SkyMap, job: Job) -> dict[str, Any]:
    """All that the measured numbers depend on."""
    return {
        "szmass": __version__,
        "map": quick_identity(sky_map.path),
        "catalogue": sha256_of(catalog.path),
        "columns of the catalogue": dict(sorted(catalog.roles.items())),
        "model": bundle.sha256,
        "units": [sky_map.units.label, sky_map.units.to_uk],
        "percentiles": list(job.percentiles),
        "batch size": job.batch_size,
    }


def _measure(
    run: _Run, parts: Parts, blocks: Sequence[Block], executor: Executor, progress: Progress
) -> None:
    """Measure the blocks that have no part yet, and keep each as it comes."""
    pending = parts.pending(blocks)
    total = sum(len(block.rows) for block in blocks)
    done = total - sum(len(block.rows) for block in pending)
    if not pending:
        return
    if done:
        progress("clusters", done, total)
    for block, measured in executor(run.job, run.rows, pending):
        check_unchanged(run.sky_map.path, run.plan.identity["map"])
        parts.write(block, measured)
        done += len(block.rows)
        progress("clusters", done, total)


@contextmanager
def _hashed_meanwhile(path: Path) -> Iterator[Future[str]]:
    """The future SHA-256 of a file, which takes as long as reading all of it."""
    unwanted = Event()
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(sha256_of, path, wanted=lambda: not unwanted.is_set())
        finally:
            unwanted.set()


def _estimates(run: _Run, measured: Measured, map_sha256: str) -> Estimates:
    table = mass_table(
        measured, run.rows.redshift, run.job.percentiles, run.request.mass_definitions, run.bundle.cosmology
    )
    metadata, units = run.bundle.metadata, run.sky_map.units
    meta: dict[str, str | float] = {
        "SZM_VER": __version__,
        "SZM_MODL": metadata.name,
        "SZM_MSHA": run.bundle.sha256,
        "SZM_MAP": run.sky_map.path.name,
        "SZM_MAPH": map_sha256,
        "SZM_CAT": run.catalog.path.name,
        "SZM_UNIT": units.label,
        "SZM_UNSR": units.source,
        "SZM_BEAM": run.beam.fwhm_arcmin,
        "SZM_BMSR": run.beam.source,
        "SZM_NOIS": metadata.noise_uk_arcmin,
        "SZM_PRI": metadata.prior,
        "SZM_NOTE": " ".join(run.notes),
    }
    return Estimates(run.catalog, table, meta, run.notes)
