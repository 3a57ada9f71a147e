"""What is asked for, and everything that is opened and checked before the long work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from szmass_cli import DEFAULT_MODEL, __version__
from szmass_cli.catalog import Catalog, catalog_file, check_output_columns, read_catalog
from szmass_cli.catalog.tables.formats import output_files, read_table
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.bandmaps import BandMap, MapRequest, by_band, open_band_maps
from szmass_cli.estimation.depth import measured_noise_uk_arcmin, with_noise
from szmass_cli.estimation.masstable import check_mass_definitions, check_percentiles, column_names
from szmass_cli.estimation.measure import Job, check_plausible, inputs_identity
from szmass_cli.estimation.reading import ALWAYS
from szmass_cli.estimation.rows import Rows, catalog_rows
from szmass_cli.estimation.runplan import BLOCK_ROWS, RunPlan, make_plan
from szmass_cli.maps.reader import open_map
from szmass_cli.network.backend import fitting_batch_size
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.posterior.priors import Prior, PriorChange
from szmass_cli.system.files import check_not_an_input


@dataclass(frozen=True)
class Request:
    """What is asked for: everything that masses depend on.

    Parameters
    ----------
    maps : MapRequest or mapping
        The map; for a model of several bands one for each by its frequency [GHz].
    catalog : Path or astropy.table.Table
        CSV, ECSV, FITS, VOTable or Parquet; or a table in memory.
    model : str
        A shipped model or a bundle's folder.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_definitions : sequence of str
        Of ``200c``, ``500c``, ``200m``.
    prior : str, optional
        Prior of the masses: ``flat``, ``flat-log`` or ``mass-function``; the model's own otherwise.
    columns : mapping, optional
        Role -> column name where the catalogue's names are not known or ambiguous.
    batch_size : int, optional
        Cutouts that go through the network at once; as many as suit the device otherwise. Masses depend on
        it by rounding only.
    block_rows : int
        Rows that are kept together in one part; masses do not depend on it.
    """

    maps: MapRequest | Mapping[float, MapRequest]
    catalog: Path | Table
    model: str = DEFAULT_MODEL
    percentiles: Sequence[float] = ALWAYS
    mass_definitions: Sequence[str] = ("200c",)
    prior: str | None = None
    columns: Mapping[str, str] | None = None
    batch_size: int | None = None
    block_rows: int = BLOCK_ROWS

    @property
    def all_maps(self) -> list[MapRequest]:
        """The maps, in the order in which they were given."""
        return [self.maps] if isinstance(self.maps, MapRequest) else list(self.maps.values())

    def stated(self, model: Path) -> dict[str, Any]:
        """As JSON holds it, with absolute paths."""
        if isinstance(self.maps, MapRequest):
            maps: Any = self.maps.stated()
        else:
            maps = {str(frequency): request.stated() for frequency, request in self.maps.items()}
        others = {field.name: getattr(self, field.name) for field in fields(self)}
        # shards, the only ones whose request is read again, have their catalogue in a file
        catalog = str(self.catalog.resolve()) if isinstance(self.catalog, Path) else None
        return {**others, "maps": maps, "catalog": catalog, "model": str(model)}


@dataclass(frozen=True)
class Run:
    """A request whose inputs were opened and found fit for each other."""

    request: Request
    bundle: Bundle
    catalog: Catalog
    maps: tuple[BandMap, ...]
    rows: Rows
    change: PriorChange
    job: Job
    plan: RunPlan
    notes: tuple[str, ...]

    @property
    def new_columns(self) -> list[str]:
        """Names of the columns that will be added."""
        return column_names(self.job.percentiles, self.request.mass_definitions, self.change)

    def stated(self) -> dict[str, Any]:
        """The request as JSON holds it, for `merge_shards`."""
        return self.request.stated(self.bundle.path.resolve())


def check_paths(request: Request, output: Path) -> None:
    """Refuse an output that is one of the inputs."""
    inputs = [file for one in request.all_maps for file in one.files]
    if isinstance(request.catalog, Path):
        inputs.append(catalog_file(request.catalog))
    for file in output_files(output):
        check_not_an_input(file, *inputs)


def request_from(stated: dict[str, Any]) -> Request:
    """What `Request.stated` gave.

    Raises
    ------
    UsageError
        The catalogue was a table in memory.
    """
    if stated["catalog"] is None:
        raise UsageError("This run had no file for its catalogue.", "Call szmass_cli.estimate once more.")
    maps = stated["maps"]
    if "path" in maps:
        read: MapRequest | dict[float, MapRequest] = MapRequest.from_stated(maps)
    else:
        read = {float(frequency): MapRequest.from_stated(one) for frequency, one in maps.items()}
    return Request(**{**stated, "maps": read, "catalog": Path(stated["catalog"])})


def prepared(request: Request, shares: int = 1) -> Run:
    """Open and check all inputs, before the long work, of which there shall be something for each share."""
    levels = check_percentiles(request.percentiles)
    check_mass_definitions(request.mass_definitions)
    wanted = None if request.prior is None else Prior.parse(request.prior)
    bundle = read_bundle(request.model)
    own = bundle.calibration.prior
    change = PriorChange(own, wanted or own, bundle.cosmology)
    catalog = _catalog_of(request)
    check_output_columns(catalog, column_names(levels, request.mass_definitions, change))
    requests = by_band(request.maps, bundle) if isinstance(request.maps, Mapping) else (request.maps,)
    maps = open_band_maps(requests, bundle)
    rows, notes = catalog_rows(catalog, bundle)
    if bundle.is_conditioned:
        maps, noise_notes = _with_known_noise(maps, rows, bundle)
        requests, notes = tuple(one.request for one in maps), (*notes, *noise_notes)
    for band_map in maps:
        rows = replace(rows, flags=rows.flags | band_map.flags)
    rms_uk = np.sqrt(np.diag(bundle.training_sky().covariance_uk2))
    for index, band_map in enumerate(maps):
        check_plausible(band_map.sky_map, rows, float(rms_uk[index]))
    batch_size = request.batch_size or fitting_batch_size(bundle.recipe.network)
    block_rows = min(request.block_rows, -(-len(catalog) // shares))
    request = replace(request, batch_size=batch_size, block_rows=block_rows)
    job = Job(
        tuple(one.resolved() for one in requests),
        bundle.path.resolve(),
        levels,
        change.wanted,
        batch_size,
        inputs_identity(maps, bundle),
    )
    identity = _identity(request, bundle, catalog, maps, job)
    plan = make_plan(catalog.dec_deg, identity, batch_size, request.block_rows)
    notes = (*(note for band_map in maps for note in band_map.notes), *notes)
    return Run(request, bundle, catalog, maps, rows, change, job, plan, notes)


def _with_known_noise(
    maps: tuple[BandMap, ...], rows: Rows, bundle: Bundle
) -> tuple[tuple[BandMap, ...], tuple[str, ...]]:
    """The maps for a model that takes their noise as an input, measured where nobody states it."""
    known, notes = [], []
    for band_map in maps:
        if band_map.request.noise_uk_arcmin is None and band_map.request.ivar is None:
            noise = measured_noise_uk_arcmin(band_map, rows, bundle)
            if noise is None:
                notes.append(
                    "The map's noise was not given, and no whole cutout was found to measure it in: "
                    f"{band_map.band.noise_uk_arcmin:g} µK-arcmin was assumed. --noise or --ivar states it."
                )
            else:
                band_map = with_noise(band_map, noise)
                notes.append(
                    f"The map's noise was not given: {noise:g} µK-arcmin, as measured in its cutouts. "
                    "--noise or --ivar states it."
                )
        known.append(band_map)
    return tuple(known), tuple(notes)


def _catalog_of(request: Request) -> Catalog:
    """The catalogue; an error of its own where it and the map have changed places."""
    try:
        return read_catalog(request.catalog, request.columns)
    except InputError as error:
        given, maps = request.catalog, request.all_maps
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


def _identity(
    request: Request, bundle: Bundle, catalog: Catalog, maps: Sequence[BandMap], job: Job
) -> dict[str, Any]:
    """All that the measured numbers depend on."""
    return {
        "szmass": __version__,
        "maps": [band_map.identity() for band_map in maps],
        "catalogue": catalog.sha256(),
        "columns of the catalogue": dict(sorted(catalog.roles.items())),
        "model": bundle.sha256,
        "percentiles": list(job.percentiles),
        "prior": str(job.prior),
        "batch size": job.batch_size,
        "mass definitions": list(request.mass_definitions),
    }
