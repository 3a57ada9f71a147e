"""What is asked for, and everything that is opened and checked before the long work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from szmass_cli import DEFAULT_MODEL, __version__
from szmass_cli.catalog import Catalog, Flag, check_output_columns, read_catalog
from szmass_cli.files import check_not_an_input, sha256_of
from szmass_cli.mapbeam import MapBeam, beam_notes, check_frequency, map_beam
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.maps.truncation import survive_truncation
from szmass_cli.maps.weights import Weights
from szmass_cli.masstable import check_mass_definitions, check_percentiles, column_names
from szmass_cli.measure import ALWAYS, Job, check_plausible, noise_flags
from szmass_cli.network.backend import fitting_batch_size
from szmass_cli.network.bundle import Bundle, read_bundle
from szmass_cli.rows import Rows, catalog_rows
from szmass_cli.runplan import BLOCK_ROWS, RunPlan, make_plan, quick_identity
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
    beam : float or str, optional
        The map's beam: FWHM [arcmin], or the file of a profile or B_ell; otherwise what its header says, or
        the model's. A map that is sharper than the model's beam is smoothed to it.
    pixel_window : bool
        Whether the map's pixels are means over their area, and the beam does not say so.
    noise_uk_arcmin : float, optional
        White noise of the map [µK-arcmin], compared with the model's.
    ivar : path, optional
        Map of inverse variances, in the map's own unit to the power -2: it gives the noise of each row, and
        is a mask where it is 0.
    mask : path, optional
        Map that is 1 where the map is to be used and 0 where not.
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
    beam: float | str | None = None
    pixel_window: bool = False
    noise_uk_arcmin: float | None = None
    ivar: Path | None = None
    mask: Path | None = None
    percentiles: Sequence[float] = ALWAYS
    mass_definitions: Sequence[str] = ("200c",)
    columns: Mapping[str, str] | None = None
    batch_size: int | None = None
    block_rows: int = BLOCK_ROWS


@dataclass(frozen=True)
class Run:
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
            "mask": self.job.mask,
            "ivar": self.job.ivar,
        }
        absolute = {name: path and str(path.resolve()) for name, path in paths.items()}
        return {**asdict(self.request), **absolute, "beam": self.job.beam}


def check_paths(request: Request, output: Path) -> None:
    inputs = (request.map_path, request.catalog_path, request.mask, request.ivar, request.beam)
    for file in output_files(output):
        check_not_an_input(file, *(path for path in inputs if isinstance(path, str | Path)))


def request_from(stated: dict[str, Any]) -> Request:
    names = ("map_path", "catalog_path", "mask", "ivar")
    paths = {name: stated[name] and Path(stated[name]) for name in names}
    return Request(**{**stated, **paths})


def prepared(request: Request) -> Run:
    """Open and check all inputs, before the long work."""
    levels = check_percentiles(request.percentiles)
    check_mass_definitions(request.mass_definitions)
    bundle = read_bundle(request.model)
    catalog = read_catalog(request.catalog_path, request.columns)
    check_output_columns(catalog, column_names(levels, request.mass_definitions))
    sky_map = open_map(request.map_path, units=request.units, frequency_ghz=bundle.metadata.frequency_ghz)
    survive_truncation(sky_map.path, sky_map.raw)
    check_frequency(bundle, sky_map)
    beam = map_beam(bundle, sky_map, request.beam, request.pixel_window)
    Weights.open(request.mask, request.ivar)
    check_resolution(sky_map, beam.fwhm_arcmin)
    rows, notes = catalog_rows(catalog, bundle)
    flags = int(Flag.BEAM_MISMATCH) if beam.is_wider else 0
    if request.noise_uk_arcmin is not None:
        flags |= int(noise_flags(request.noise_uk_arcmin, bundle.bands[0].noise_uk_arcmin))
    rows = replace(rows, flags=rows.flags | flags)
    check_plausible(sky_map, rows, bundle.training_sky())
    batch_size = request.batch_size or fitting_batch_size(bundle.recipe.network)
    request = replace(request, batch_size=batch_size)
    job = Job(
        sky_map.path.resolve(),
        bundle.path.resolve(),
        request.units,
        levels,
        batch_size,
        beam=str(Path(request.beam).resolve()) if isinstance(request.beam, str) else request.beam,
        pixel_window=request.pixel_window,
        mask=request.mask and request.mask.resolve(),
        ivar=request.ivar and request.ivar.resolve(),
    )
    identity = _identity(request, bundle, catalog, sky_map, job, beam)
    plan = make_plan(catalog.dec_deg, identity, batch_size, request.block_rows)
    notes = (*sky_map.assumptions, *notes, *beam_notes(beam, sky_map))
    return Run(request, bundle, catalog, sky_map, beam, rows, job, plan, notes)


def _identity(
    request: Request, bundle: Bundle, catalog: Catalog, sky_map: SkyMap, job: Job, beam: MapBeam
) -> dict[str, Any]:
    """All that the measured numbers depend on."""
    return {
        "szmass": __version__,
        "map": quick_identity(sky_map.path),
        "catalogue": sha256_of(catalog.path),
        "columns of the catalogue": dict(sorted(catalog.roles.items())),
        "model": bundle.sha256,
        "beam": beam.numbers(),
        "noise": request.noise_uk_arcmin,
        "units": [sky_map.units.label, sky_map.units.to_uk],
        "percentiles": list(job.percentiles),
        "batch size": job.batch_size,
        "pixel window": job.pixel_window,
        "mask": job.mask and quick_identity(job.mask),
        "ivar": job.ivar and quick_identity(job.ivar),
    }
