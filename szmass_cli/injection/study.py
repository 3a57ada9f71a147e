"""The study of maps by injected clusters: drawn over all of their area, measured as rows are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.blanks import Blanks
from szmass_cli.estimation.checkrequest import LEAST_CHECKED, MOST_CHECKED
from szmass_cli.estimation.executors import Executor, in_threads
from szmass_cli.estimation.filehashes import sha256_of_maps
from szmass_cli.estimation.injected import Injected, draw_injected
from szmass_cli.estimation.measured import Measured, join
from szmass_cli.estimation.method import Method, method_of
from szmass_cli.estimation.preparation import Run, prepared
from szmass_cli.estimation.provenance import Meta, provenance
from szmass_cli.estimation.request import MapRequest, Request, SkyRequest
from szmass_cli.estimation.rows import Rows, rows_at
from szmass_cli.injection.footprint import Footprint, blanks_of, footprint_of
from szmass_cli.network.bundle.bundle import read_bundle
from szmass_cli.system.progress import Progress, silent
from szmass_cli.system.versions import today

N_STUDIED = 2000

SIZES_ARCMIN = np.geomspace(0.2, 40.0, 60)
"""theta500 at which the noise of y0 is tabulated: of all clusters that programs for counts ask for."""

LOOKED_AT = 40
"""Positions of a tile from which its depth is taken."""


@dataclass(frozen=True)
class StudyRequest:
    """What is asked of a study.

    Parameters
    ----------
    maps : tuple of MapRequest
        One map for each band.
    catalog : Path or astropy.table.Table, optional
        Known clusters, which no injected one comes near; none where there are none.
    model : str
        Name of a shipped model, or folder of a model bundle.
    sky : SkyRequest
        Properties of sky and clusters stated in place of the model's own.
    n : int
        Number of clusters.
    seed : int
        Of positions, masses, redshifts and scatter.
    tile_deg : float
        Largest side of a tile [deg].

    Raises
    ------
    UsageError
        A number is out of range.
    """

    maps: tuple[MapRequest, ...]
    catalog: Path | Table | None = None
    model: str = DEFAULT_MODEL
    sky: SkyRequest = SkyRequest()  # noqa: RUF009 - frozen, so that one default serves all
    n: int = N_STUDIED
    seed: int = 1
    tile_deg: float = 10.0

    def __post_init__(self) -> None:
        if not LEAST_CHECKED <= self.n <= MOST_CHECKED:
            raise UsageError(
                f"--n {self.n}: not {LEAST_CHECKED} to {MOST_CHECKED:,}.", f"{N_STUDIED} take minutes."
            )
        if not 0.5 <= self.tile_deg <= 180.0:
            raise UsageError(f"--tile {self.tile_deg:g}: not 0.5 to 180 degrees.", "For example --tile 10.")


@dataclass(frozen=True)
class Study:
    """Injected clusters as they were measured, and the noise of the maps they were injected into.

    Parameters
    ----------
    injected : Injected
        The n clusters, with what is true of them.
    tile_of : numpy.ndarray of int, shape (n,)
        Number of the tile of each.
    measured : Measured
        What was measured of them, with likelihoods.
    footprint : Footprint
        Area and names of the tiles.
    noise_uk_arcmin : numpy.ndarray, shape (t, f)
        White noise of each tile and band, the median over the tile.
    y0_noise : numpy.ndarray, shape (t, m)
        sigma of the central Compton y for clusters of `SIZES_ARCMIN` in each tile.
    mass_range_msun : (float, float)
        Range of M200c that masses were drawn from [Msun].
    frequency_ghz : tuple of float, length f
        Of the bands.
    meta : dict
        Provenance.
    notes : tuple of str
        Notes for the user.
    """

    injected: Injected
    tile_of: np.ndarray
    measured: Measured
    footprint: Footprint
    noise_uk_arcmin: np.ndarray
    y0_noise: np.ndarray
    mass_range_msun: tuple[float, float]
    frequency_ghz: tuple[float, ...]
    meta: Meta
    notes: tuple[str, ...]


def study_maps(
    request: StudyRequest, *, executor: Executor = in_threads, progress: Progress = silent
) -> Study:
    """Measure clusters that are injected into maps, at blank positions of all of their area.

    Parameters
    ----------
    request : StudyRequest
        Maps, model, and how many clusters.
    executor : Executor
        Measures the clusters: in threads, local processes or on a Dask cluster.
    progress : Progress
        Called with the number of clusters measured so far, and the total.

    Raises
    ------
    InputError, UsageError
        The maps, catalogue, model or options cannot be used, or there is too little blank sky.
    """
    method = method_of(read_bundle(request.model), request.sky)
    if method.population is None:
        raise UsageError(
            f"--model {request.model}: it gives percentiles, and no likelihood to be studied.",
            "Leave --model out.",
        )
    maps = method.open_maps(request.maps)
    rng = np.random.default_rng(request.seed)
    progress("footprint", 0, 1)
    footprint = footprint_of(maps, request.tile_deg)
    progress("footprint", 1, 1)
    known = _known(request)
    blanks = blanks_of(footprint, maps, known, request.n, rng)
    if len(blanks) < LEAST_CHECKED:
        raise InputError(
            f"{request.maps[0].path}: {len(blanks)} blank positions in {footprint.area_deg2.sum():.3g} "
            f"square degrees with data; a study takes {LEAST_CHECKED}.",
            "Give a larger part of the map.",
        )
    run, injected = _drawn(request, method, blanks, known, rng, progress)
    measured = _measured(run, injected, executor, progress)
    noise, y0_noise = _depths(run, footprint)
    notes = run.notes
    if len(blanks) < request.n:
        notes = (*notes, f"{len(blanks)} clusters were injected: so many blank positions have the maps.")
    digests = sha256_of_maps(run, {})
    return Study(
        injected,
        blanks.near,
        measured,
        footprint,
        noise,
        y0_noise,
        run.bench.mass_range_msun,
        tuple(one.frequency_ghz for one in run.bench.maps),
        _provenance(replace(run, notes=notes), digests, request),
        notes,
    )


def _provenance(run: Run, digests: Sequence[Mapping[str, str]], request: StudyRequest) -> Meta:
    """Return what is recorded with a study: as with masses, but for the catalogue and the command."""
    meta = provenance(run, digests, today())
    catalog = request.catalog
    name = catalog.name if isinstance(catalog, Path) else "" if catalog is None else "the table"
    changed: Meta = {"SZM_CAT": name, "SZM_CATH": "", "SZM_COLS": "", "SZM_CMD": "", "SZM_CSED": request.seed}
    return meta | changed


def _known(request: StudyRequest) -> Rows:
    """Return positions of the known clusters, as rows of which nothing else is used."""
    if request.catalog is None:
        return rows_at(np.zeros(0), np.zeros(0))
    catalog = read_catalog(request.catalog, None)
    return rows_at(catalog.ra_deg, catalog.dec_deg)


def _drawn(
    request: StudyRequest,
    method: Method,
    blanks: Blanks,
    known: Rows,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[Run, Injected]:
    """Return the prepared run of the positions, and the clusters that are injected there."""
    population = method.population
    assert population is not None
    low, high = np.log(population.redshifts)
    redshift = np.exp(rng.uniform(low, high, len(blanks)))
    names = [f"INJ-{number:06d}" for number in range(len(blanks))]
    table = Table({"name": names, "ra": blanks.ra_deg, "dec": blanks.dec_deg, "redshift": redshift})
    # noise is measured around the blank positions, with nothing to be masked there but known clusters
    run = prepared(Request(request.maps, table, request.model, request.sky), known=known, progress=progress)
    in_order = Blanks(np.arange(len(blanks)), blanks.ra_deg, blanks.dec_deg)
    return run, draw_injected(run.rows, in_order, population, rng)


def _measured(run: Run, injected: Injected, executor: Executor, progress: Progress) -> Measured:
    """Return what is measured of the injected clusters, in their order."""
    parts, numbers, done = [], [], 0
    for block, measured in executor(run.bench, injected, run.plan.blocks):
        parts.append(measured)
        numbers.append(block.rows)
        done += len(block.rows)
        progress("clusters", done, len(injected))
    return join(parts)[np.argsort(np.concatenate(numbers), kind="stable")]


def _depths(run: Run, footprint: Footprint) -> tuple[np.ndarray, np.ndarray]:
    """Return the white noise (t, f) of tiles, and the noise of y0 (t, m) there."""
    places = [footprint.spread(tile, LOOKED_AT) for tile in range(len(footprint.tile_names))]
    levels = np.array([_noise_around(run, rows_at(ra, dec)) for ra, dec in places])
    return levels, run.bench.y0_noise(SIZES_ARCMIN, levels)


def _noise_around(run: Run, rows: Rows) -> np.ndarray:
    """Return the white noise (f,) around rows: by weights or as measured there, or that of the whole map."""
    of_bands = [one.noise_uk_arcmin(rows) for one in run.bench.maps]
    nothing = np.full(len(rows), np.nan)
    noise = np.stack([nothing if one is None else one for one in of_bands], axis=-1)
    measured = run.bench.job.settled.measured
    if measured is not None:
        noise = measured.noise_uk_arcmin(noise, rows.ra_deg, rows.dec_deg)
    noise = np.where(np.isfinite(noise), noise, run.bench.white_uk_arcmin)
    return np.median(noise, axis=0)
