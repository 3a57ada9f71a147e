"""Inputs are opened and checked before the measurement starts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli import __version__
from szmass_cli.catalog import (
    FLAG_NAMES_COLUMN,
    Catalog,
    check_output,
    check_output_columns,
    read_catalog,
)
from szmass_cli.catalog.tables.formats import output_files, read_table
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bench import Bench, Job, inputs_identity
from szmass_cli.estimation.checkplan import Check, planned_check
from szmass_cli.estimation.cutoutsources import sources_path
from szmass_cli.estimation.looks import depth_numbers
from szmass_cli.estimation.masstable import check_mass_definitions, check_percentiles, column_names
from szmass_cli.estimation.method import method_of
from szmass_cli.estimation.request import Request
from szmass_cli.estimation.rows import Rows, catalog_rows
from szmass_cli.estimation.runplan import RunPlan, make_plan
from szmass_cli.estimation.settled import Wanted
from szmass_cli.likelihood.sourcesearch import MOST_FOUND
from szmass_cli.maps.reader import open_map
from szmass_cli.network.backend import fitting_batch_size
from szmass_cli.network.bundle.bundle import AnyBundle, PaperBundle, read_bundle
from szmass_cli.posterior.massscale import MassScale
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.system.fileparts import file_of
from szmass_cli.system.files import check_not_an_input, check_writable, sha256_of
from szmass_cli.system.progress import Progress, silent


@dataclass(frozen=True)
class Run:
    """A request whose inputs have been opened and checked for consistency.

    Parameters
    ----------
    request : Request
        The request, with batch size and block size filled in.
    bundle : Bundle or PaperBundle
        The model, as read from disk.
    catalog : Catalog
        The input catalogue, as read; n rows.
    bench : Bench
        The opened maps and model.
    rows : Rows
        The n rows to be measured: positions, redshifts, their errors, and flags raised so far.
    change : PriorChange
        Change from the model's own prior to that of the percentiles.
    plan : RunPlan
        The rows in blocks, and the fingerprint of the run.
    notes : tuple of str
        Notes for the user: assumptions made, and anything else worth knowing.
    check : Check, optional
        Clusters to be injected, None for no check.
    """

    request: Request
    bundle: AnyBundle
    catalog: Catalog
    bench: Bench
    rows: Rows
    change: PriorChange
    plan: RunPlan
    notes: tuple[str, ...]
    check: Check | None = None

    @property
    def new_columns(self) -> list[str]:
        """Return the names of the columns that will be added."""
        return _new_columns(self.request, self.bench.job.wanted.percentiles, self.change)

    def stated(self) -> dict[str, Any]:
        """Return the request in JSON form, for `merge_shards`."""
        return self.request.stated(self.bundle.path.resolve())


def check_paths(request: Request, output: Path | None, overwrite: bool = False) -> None:
    """Refuse outputs that coincide with an input, or cannot be written.

    Parameters
    ----------
    request : Request
        The request, which names the inputs and the file of posteriors.
    output : Path, optional
        The catalogue to write; None to write none.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    InputError, UsageError, OutputError
        A path cannot be used.
    """
    inputs = request.files
    if output is not None:
        check_output(output, overwrite)
        for file in output_files(output):
            check_not_an_input(file, *inputs)
    if output is not None and request.sky.find_sources is not None:
        check_not_an_input(sources_path(output), *inputs)
        check_writable(sources_path(output), overwrite)
    if request.posteriors is not None:
        check_not_an_input(request.posteriors, *inputs)
        check_writable(request.posteriors, overwrite)
        # a link's name may differ
        if output is not None and output.resolve() == request.posteriors.resolve():
            raise UsageError(f"{output} and {request.posteriors} are one file.", "Name two.")


def _new_columns(request: Request, levels: Sequence[float], change: PriorChange) -> list[str]:
    """Return the names of the added columns, as written to the output."""
    stated = [one.frequency_ghz for one in request.maps]
    names = column_names(levels, request.mass_definitions, change, stated)
    if request.flag_names:
        names.append(FLAG_NAMES_COLUMN)
    return [name + request.suffix for name in names]


def prepared(
    request: Request, shares: int = 1, known: Rows | None = None, progress: Progress = silent
) -> Run:
    """Open and check all inputs before the measurement.

    Parameters
    ----------
    request : Request
        Maps, catalogue, model, and all other settings that masses depend on.
    shares : int
        Number of shards: blocks are small enough that each has some.
    known : Rows, optional
        Clusters that are masked where noise is measured; the rows of the catalogue by default.
    progress : Progress
        Called while noise is measured in the maps.

    Raises
    ------
    InputError, UsageError
        Options, maps, catalogue or model cannot be used.
    """
    levels = check_percentiles(request.percentiles)
    check_mass_definitions(request.mass_definitions)
    prior = None if request.prior is None else Prior.parse(request.prior)
    scale = request.scale()
    if scale is not None and scale.config.scatter_ln is not None and request.sky.sz_scatter is None:
        request = replace(request, sky=replace(request.sky, sz_scatter=scale.config.scatter_ln))
    bundle = read_bundle(request.model)
    if request.posteriors is not None and isinstance(bundle, PaperBundle):
        raise UsageError(
            f"--posteriors: the model {bundle.metadata.name} gives percentiles, and no likelihood.",
            "Leave it out, or use a model for any instrument, such as survey.",
        )
    method = method_of(bundle, request.sky)
    change = method.prior_change(prior, scale)
    catalog = _catalog_of(request)
    check_output_columns(catalog, _new_columns(request, levels, change))
    maps = method.open_maps(request.maps)
    rows, notes = catalog_rows(catalog, method.redshifts, request.sky.position_error_arcmin)
    rows = replace(rows, flags=rows.flags | method.flags(maps))
    settled, found = method.settled(maps, rows, known, progress)
    rows = replace(rows, flags=rows.flags | settled.flags)
    batch_size = request.batch_size or fitting_batch_size(bundle.recipe.network)
    block_rows = min(request.block_rows, -(-len(catalog) // shares))
    request = replace(request, batch_size=batch_size, block_rows=block_rows)
    # in steps, so that few rows change the lattice that positions are looked for on
    largest_error = 0.25 * float(np.ceil(np.max(rows.position_err_arcmin, initial=0.0) / 0.25))
    curves = request.posteriors is not None or request.check.recalibrate
    n_sources = 0 if request.sky.find_sources is None else MOST_FOUND
    wanted = Wanted(levels, change.wanted, batch_size, largest_error, curves, scale, n_sources)
    job = Job(
        tuple(one.request.resolved() for one in maps),
        bundle.path.resolve(),
        request.sky,
        settled,
        wanted,
        inputs_identity(maps, bundle.sha256),
    )
    bench = Bench(job, method, maps)
    identity = _identity(request, bundle, catalog, bench)
    plan = make_plan(catalog.dec_deg, identity, batch_size, block_rows, depth_numbers(maps, rows))
    check, of_check = planned_check(request.check, bench, rows, plan, catalog.sha256(), batch_size)
    notes = (
        *(note for band_map in maps for note in band_map.notes),
        *found,
        *notes,
        *_scale_notes(scale, rows),
        *of_check,
    )
    return Run(request, bundle, catalog, bench, rows, change, plan, notes, check)


def _scale_notes(scale: MassScale | None, rows: Rows) -> list[str]:
    """Return notes on rows to which the mass scale applies only roughly."""
    if scale is None:
        return []
    notes, beyond = [], int(np.sum(scale.is_extrapolated(rows.redshift)))
    if beyond:
        notes.append(
            f"{beyond} rows are beyond the redshifts of the mass scale {scale.name}: its last value is used."
        )
    uncertain = int(np.sum(rows.redshift_err > 0.0))
    if uncertain and scale.depends_on_redshift:
        notes.append(
            f"The mass scale {scale.name} changes with redshift; of {uncertain} rows whose redshift is "
            "uncertain or unknown, it is that of the redshift given or assumed."
        )
    return notes


def _catalog_of(request: Request) -> Catalog:
    """Return the catalogue; raise a specific error where map and catalogue have been swapped."""
    try:
        return read_catalog(request.catalog, request.columns)
    except InputError as error:
        given, maps = request.catalog, request.maps
        in_a_file = isinstance(given, Path) and given.is_file()
        if in_a_file and len(maps) == 1 and _is_a_table_and_no_map(maps[0].path):
            raise UsageError(
                f"Map and catalogue look swapped: {maps[0].path} is a table, and {given} is not a catalogue.",
                "The map comes first: szmass estimate MAP CATALOG -o OUTPUT.",
            ) from error
        raise


def _is_a_table_and_no_map(path: Path) -> bool:
    try:
        open_map(path)
    except InputError:
        pass
    else:
        return False
    try:
        read_table(path)
    except InputError:
        return False
    return True


def _identity(request: Request, bundle: AnyBundle, catalog: Catalog, bench: Bench) -> dict[str, Any]:
    """Return all that the measured numbers depend on."""
    job = bench.job
    return {
        "szmass": __version__,
        "maps": [band_map.identity for band_map in bench.maps],
        "instrument": job.settled.stated(),
        "sky": asdict(job.sky),
        "sources": job.sky.sources and sha256_of(file_of(Path(job.sky.sources))),
        "catalogue": catalog.sha256(),
        "columns of the catalogue": dict(sorted(catalog.roles.items())),
        "model": bundle.sha256,
        "percentiles": list(job.wanted.percentiles),
        "prior": str(job.wanted.prior),
        "posteriors": job.wanted.curves,
        "mass scale": job.wanted.scale and job.wanted.scale.config.model_dump(mode="json"),
        "batch size": job.wanted.batch_size,
        "mass definitions": list(request.mass_definitions),
    }
