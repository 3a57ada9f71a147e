"""A sample: likelihoods of its rows, the column it is sorted by, and how it was selected."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.catalog.cells import numbers
from szmass_cli.catalog.tables.formats import read_table
from szmass_cli.errors import InputError, UsageError, did_you_mean
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.physics.sizenoise import SizeNoise
from szmass_cli.posterior.curves import Curves, relative_likelihood, thinning
from szmass_cli.posterior.massscale import MassScale, check_scale_of_model
from szmass_cli.posterior.posteriorfile import LikelihoodRows, opened_likelihoods
from szmass_cli.samples.scaled import ScaledMasses
from szmass_cli.samples.selected import SnrCut
from szmass_cli.system.progress import Progress, silent

REDSHIFT = "redshift"
"""The column that the file of posteriors has itself."""

SNR, Y0_ERR, THETA500 = "sz_snr", "y0_err", "theta500_arcmin"
BLOCK_ROWS = 20_000


@dataclass(frozen=True)
class Request:
    """What is asked of a sample.

    Parameters
    ----------
    posteriors : Path
        File of `szmass estimate --posteriors`.
    by : str
        Column that the sample is sorted by: ``redshift`` of that file, or one of the catalogue.
    catalog : Path or astropy.table.Table, optional
        Catalogue of the same rows in the same order.
    least_snr : float, optional
        The sample is those rows with ``sz_snr`` above this.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str, optional
        Model of the likelihoods, which a cut in S/N or another scale needs; by default the one that their
        file names.
    scale : MassScale, optional
        Scale of the masses; that of the model otherwise.
    """

    posteriors: Path
    by: str
    catalog: Path | Table | None = None
    least_snr: float | None = None
    suffix: str = ""
    model: str | None = None
    scale: MassScale | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """The rows of a sample that have a likelihood and a number in the column.

    Parameters
    ----------
    curves : Curves
        Their likelihoods, and the probability that masses are in the sample where it was cut in S/N.
    values : numpy.ndarray, shape (n,)
        The column it is sorted by.
    redshift : numpy.ndarray, shape (n,)
        Redshifts; NaN of rows that have none.
    n_rows, n_without : int
        Rows of the file, and those among them that have no likelihood or no number in the column.
    n_below : int
        Rows with a likelihood below the cut in S/N.
    meta : dict
        Provenance of the likelihoods.
    scaled : ScaledMasses, optional
        What the masses of the curves are on, where it is not the scale of the model.
    """

    curves: Curves
    values: np.ndarray
    redshift: np.ndarray
    n_rows: int
    n_without: int
    n_below: int
    meta: dict[str, str | float]
    scaled: ScaledMasses | None = None

    def __len__(self) -> int:
        return len(self.values)


def read_sample(request: Request, progress: Progress = silent) -> Sample:
    """Read a sample, block by block: 400 bytes of memory for each row, twice that with a cut in S/N.

    Parameters
    ----------
    request : Request
        Files, column and selection.
    progress : Progress
        Called with the number of rows read so far.

    Raises
    ------
    InputError
        A file cannot be read, lacks a column, or has rows that are not those of the other.
    UsageError
        A catalogue is necessary and not given.
    """
    columns = _Columns(request)
    with opened_likelihoods(request.posteriors) as rows:
        values = rows.redshift if columns.table is None and request.by == REDSHIFT else columns[request.by]
        columns.check_length(len(rows))
        wanted = np.isfinite(values)
        above = np.ones(len(rows), bool)
        if request.least_snr is not None:
            above = columns[SNR + request.suffix] > request.least_snr
            sizes = columns[Y0_ERR + request.suffix] * columns[THETA500 + request.suffix]
            wanted &= np.isfinite(rows.redshift) & np.isfinite(sizes)
        scaled = None
        if request.scale is not None:
            wanted &= np.isfinite(rows.redshift)
            scaled = _scaled(request, request.scale, rows, wanted & above)
        likelihood, known = _read_likelihoods(rows, wanted & above, scaled, progress)
        kept = np.flatnonzero(wanted & above)[known]
        below = int((wanted & ~above).sum())
        ln_mass = rows.ln_mass if scaled is None else scaled.ln_mass
        curves = Curves(ln_mass[thinning(rows.ln_mass)], likelihood)
        if request.least_snr is not None:
            curves = _with_cut(curves, request, columns, rows, kept, scaled)
        without = len(rows) - len(kept) - below
        return Sample(curves, values[kept], rows.redshift[kept], len(rows), without, below, rows.meta, scaled)


def _scaled(
    request: Request, scale: MassScale, rows: LikelihoodRows, wanted: np.ndarray
) -> ScaledMasses | None:
    """Return masses on the scale that is asked for; None where no row is left."""
    bundle = _bundle(request, rows)
    check_scale_of_model(bundle.sz_model)
    if not wanted.any():
        return None
    return ScaledMasses(scale, bundle.cosmology, rows.ln_mass, rows.redshift[wanted])


def _bundle(request: Request, rows: LikelihoodRows) -> Bundle:
    """Return the model of the likelihoods."""
    bundle = read_bundle(request.model or str(rows.meta.get("SZM_MODL")))
    if not isinstance(bundle, Bundle):
        raise InputError(f"{request.posteriors}: its model has no likelihood.", "Use the default model.")
    return bundle


def _read_likelihoods(
    rows: LikelihoodRows, wanted: np.ndarray, scaled: ScaledMasses | None, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return the thinned likelihoods of wanted rows that have one, and which of the wanted rows these are."""
    kept = thinning(rows.ln_mass)
    likelihood = np.empty((int(wanted.sum()), rows.ln_mass[kept].size), np.float32)
    known, n_read, n_known, n_wanted = np.zeros(len(likelihood), bool), 0, 0, 0
    for block in rows.blocks(BLOCK_ROWS):
        chosen = np.flatnonzero(wanted[n_read : n_read + len(block)])
        curves = block[chosen]
        if scaled is not None:
            curves = scaled(curves, rows.redshift[n_read + chosen])
        curves = curves[:, kept]
        there = np.isfinite(curves).all(axis=1)
        known[n_wanted : n_wanted + len(curves)] = there
        likelihood[n_known : n_known + int(there.sum())] = relative_likelihood(curves[there])
        n_read, n_wanted, n_known = n_read + len(block), n_wanted + len(curves), n_known + int(there.sum())
        progress("rows read", n_read, len(rows))
    return likelihood[:n_known], known


def _with_cut(
    curves: Curves,
    request: Request,
    columns: "_Columns",
    rows: LikelihoodRows,
    kept: np.ndarray,
    scaled: ScaledMasses | None,
) -> Curves:
    """Return the curves with the probability that each mass is above the cut in S/N."""
    assert request.least_snr is not None
    error, size = columns[Y0_ERR + request.suffix], columns[THETA500 + request.suffix]
    try:
        noise = SizeNoise.fitted(size, error)
    except ValueError as problem:
        raise InputError(f"{columns.name}: {problem}.", "A cut in S/N needs both, and ten rows.") from None
    bundle = _bundle(request, rows)
    stated = rows.meta.get("SZM_SCAT")
    scatter_ln = bundle.sky_model.scatter.amplitude_ln if stated is None else float(stated)
    cut = SnrCut(request.least_snr, bundle.sz_model, scatter_ln)
    chosen, redshift = np.empty(curves.likelihood.shape, np.float32), rows.redshift[kept]
    depth, thin = noise.depth(size[kept], error[kept]), thinning(rows.ln_mass)
    for start in range(0, len(kept), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        chances = cut.probability(rows.ln_mass[thin], redshift[part], noise, depth[part])
        chosen[part] = chances if scaled is None else scaled(chances, redshift[part], thin)
    return Curves(curves.ln_mass, curves.likelihood, chosen)


class _Columns:
    """Columns of the catalogue beside the likelihoods."""

    def __init__(self, request: Request):
        catalog = request.catalog
        self.table = read_table(catalog)[0] if isinstance(catalog, Path) else catalog
        self.name = catalog if isinstance(catalog, Path) else Path("the table")
        self._posteriors = request.posteriors

    def __getitem__(self, name: str) -> np.ndarray:
        """Return a column as numbers."""
        if self.table is None:
            raise UsageError(
                f"{name} is not in {self._posteriors}.", "Give the catalogue it is a column of: --catalog."
            )
        if name not in self.table.colnames:
            known = self.table.colnames
            raise InputError(
                f"{self.name}: there is no column {name!r}.{did_you_mean(name, known)}",
                f"It has {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}.",
            )
        return numbers(self.name, self.table[name])

    def check_length(self, n_rows: int) -> None:
        """Refuse a catalogue of other rows than the likelihoods'."""
        if self.table is not None and len(self.table) != n_rows:
            raise InputError(
                f"{self.name} has {len(self.table):,} rows, {self._posteriors} has {n_rows:,}.",
                "Give the catalogue that the likelihoods were written with.",
            )
