"""The interface for scripts: the commands as functions that take paths or tables and return tables."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Union

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.catalog.inmemory import table_from_frame, table_from_positions
from szmass_cli.catalog.tables.common import joined
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.errors import UsageError
from szmass_cli.estimation.checkrequest import CheckRequest
from szmass_cli.estimation.executors import Executor, in_threads, on_local_workers, on_scheduler
from szmass_cli.estimation.masstable import as_written
from szmass_cli.estimation.request import Request, SkyRequest, map_requests, wanted_scale
from szmass_cli.estimation.run import estimate_catalog
from szmass_cli.estimation.runplan import BLOCK_ROWS
from szmass_cli.estimation.settled import ALWAYS
from szmass_cli.exports.run import LEAST_SNR, Target
from szmass_cli.exports.run import Request as ExportRequest
from szmass_cli.exports.run import export as run_export
from szmass_cli.injection.study import StudyRequest, study_maps
from szmass_cli.injection.tables import study_tables
from szmass_cli.injection.writing import check_study_folder, write_study
from szmass_cli.maps.inmemory import on_disk
from szmass_cli.physics.bandnames import effective_frequency_ghz
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.pictures.report import check_report, write_report
from szmass_cli.posterior.posteriorfile import read_posteriors
from szmass_cli.samples.run import infer
from szmass_cli.samples.sample import Request as PopulationRequest
from szmass_cli.samples.tables import population_table
from szmass_cli.system.progress import Progress, listening, silent

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "chosen_executor",
    "estimate",
    "export",
    "inject",
    "mass_definitions",
    "population",
    "read_posteriors",
    "view",
]

T = TypeVar("T")
PerMap = Union[T, Mapping[float | str, T], None]  # noqa: UP007 - generic aliases need Union
"""A value for all maps, or one for each by its frequency [GHz] or the name of its band."""


def estimate(
    map: Any,
    catalog: Any,
    output: str | Path | None = None,
    *,
    model: str | Path = DEFAULT_MODEL,
    freq: float | str | None = None,
    passband: PerMap[str | Path] = None,
    units: PerMap[str] = None,
    beam: PerMap[float | str | Path] = None,
    pixel_window: bool | None = None,
    transfer: PerMap[str | Path] = None,
    noise: PerMap[float | str | Path] = None,
    noise_correlation: float | None = None,
    ivar: PerMap[str | Path] = None,
    mask: PerMap[str | Path] = None,
    survey: PerMap[str] = None,
    split: PerMap[tuple[str | Path, str | Path]] = None,
    position_error: float | None = None,
    relativistic: bool | None = None,
    sz_scatter: float | None = None,
    concentration_scatter: float | None = None,
    sources: str | Path | None = None,
    find_sources: float | None = None,
    percentiles: Sequence[float] = ALWAYS,
    mass_def: str | Sequence[str] = "200c",
    prior: str | None = None,
    mass_scale: str | Path | None = None,
    mass_bias: float | None = None,
    posteriors: str | Path | None = None,
    check: int | None = None,
    recalibrate: bool = False,
    seed: int = 1,
    report: str | Path | None = None,
    report_columns: Sequence[str] = (),
    suffix: str = "",
    flag_names: bool = False,
    column: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    block_rows: int = BLOCK_ROWS,
    workers: int | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    overwrite: bool = False,
    progress: Progress | bool = False,
) -> Table:
    """Return masses for every cluster of a catalogue, from maps, as `szmass estimate` does without shards.

    Parameters
    ----------
    map : path, map in memory, or mapping
        CAR, any other WCS image, or HEALPix. For several bands, one map each, keyed by frequency [GHz] or
        band name: ``{98: "a.fits", "f150": "b.fits"}``; frames, pixels, units and holes may differ. In
        memory: a pixell ``ndmap``, an astropy ``NDData`` with a WCS, ``(array, WCS)``, or ``(array, "G")``
        for HEALPix in RING order, with C, G or E for its frame. It is a temporary file while it is measured.
    catalog : path, astropy.table.Table, pandas.DataFrame, astropy.coordinates.SkyCoord, mapping or array
        A CSV, ECSV, FITS, VOTable, Parquet or other text file, or a table, which is not modified. A
        DataFrame's index becomes a column unless it merely counts the rows. A mapping is of names to
        arrays, quantities or positions: ``{"position": SkyCoord(...), "redshift": [0.7]}``; an array of
        shape (n, 2) or (n, 3) holds right ascension, declination [deg, ICRS] and redshift.
    output : path, optional
        Catalogue to write; the suffix determines the format. Without it nothing is written, and an
        interrupted run cannot be resumed.
    model : str or path
        Name of a shipped model, or folder of a model bundle.
    freq : float or str, optional
        Frequency [GHz] or band name, such as ``f150``, of a single map; by default from its header.
    passband, units, beam, pixel_window, transfer, noise, ivar, mask, survey, split
        Properties of the map, see `szmass_cli.estimation.request.MapRequest`; for several maps, one value
        for all or a mapping by frequency. Noise is in µK-arcmin, ``"w,l_knee,slope"`` or a file. Frequency,
        beam, noise and position error may be quantities; masks and inverse variances may be in memory.
    noise_correlation, position_error, relativistic, sz_scatter, concentration_scatter
        Properties of sky and clusters stated in place of the model's own, see
        `szmass_cli.estimation.request.SkyRequest`; the position error is in arcmin.
    sources : path, optional
        Catalogue of point sources, whose fluxes are marginalised over.
    find_sources : float, optional
        S/N above which sources and neighbouring clusters are looked for in the cutouts, and taken out.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_def : str or sequence of str
        Mass definitions to write: ``200c``, ``500c``, ``200m``, or several as in ``"200c,500c"``.
    prior : str, optional
        ``flat``, ``flat-log`` or ``mass-function``; the model's own otherwise. The median under the model's
        own is in the column ``M200c_uncorr`` where they differ.
    mass_scale : str or path, optional
        Relation of SZ signal and true mass: a shipped one or a YAML file; the model's own otherwise.
    mass_bias : float, optional
        b: masses are divided by 1 - b, all other things equal.
    posteriors : str or path, optional
        HDF5 file (``.hdf5``) to write the likelihood and posterior of each row to, see `read_posteriors`.
    check : int, optional
        Clusters injected at blank positions of the maps to check the error bars, 0 for none; by default 1000,
        or as many as there is room for. What they show is in the metadata.
    recalibrate : bool
        Whether posteriors are shifted and stretched as the check asks for.
    seed : int
        Seed of the injected clusters.
    report : str or path, optional
        Page of HTML (``.html``) to write, with summary, charts, pictures of clusters and every flagged row.
    report_columns : sequence of str
        Input columns that the report draws masses against; by default the first twelve of numbers.
    suffix : str
        Appended to the name of each added column.
    flag_names : bool
        Whether to add a column ``szmass_flag_names`` with the names of the flags.
    column : mapping, optional
        Role -> column name, where the catalogue's names are unknown or ambiguous: ``{"ra": "RADeg"}``.
    batch_size, block_rows : int, optional
        Cutouts per batch of the network, and rows per stored part, see
        `szmass_cli.estimation.request.Request`.
    workers : int, optional
        Number of single-threaded processes on this machine; by default threads of this process.
    scheduler : str, optional
        Address of a Dask cluster to run on.
    resume, overwrite, progress
        Whether to use parts of an interrupted run, to replace an existing output, and what to call with the
        progress, see `szmass_cli.estimation.run.estimate_catalog`; True prints it.

    Returns
    -------
    astropy.table.Table
        All input rows and columns, followed by masses [1e14 Msun], signal-to-noise and flags; provenance
        in its metadata.

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.

    Examples
    --------
    >>> masses = szmass_cli.estimate("map.fits", "clusters.csv", freq="f150", beam=1.4)  # doctest: +SKIP
    >>> masses["M200c"][masses["szmass_flags"] == 0]  # doctest: +SKIP

    >>> clusters = Table({"ra": [40.0], "dec": [-30.0], "redshift": [0.7]})
    >>> maps = {98: "f090.fits", 150: "f150.fits"}
    >>> noise = {98: "14,2000,-3.5", 150: "14,3000,-3.5"}
    >>> szmass_cli.estimate(maps, clusters, beam={98: 2.1, 150: 1.4}, noise=noise)  # doctest: +SKIP
    """
    with ExitStack() as stack:
        maps, ivars, masks = (stack.enter_context(on_disk(one)) for one in (map, ivar, mask))
        settings = {
            "frequency_ghz": None if freq is None else effective_frequency_ghz(plain(freq, "GHz")),
            "passband": _each(passband, Path),
            "units": _each(units, str),
            "beam": _each(beam, lambda value: _text_or_number(value, "arcmin")),
            "pixel_window": pixel_window,
            "transfer": _each(transfer, Path),
            "noise": _each(noise, lambda value: _text_or_number(value, "uK arcmin")),
            "ivar": _each(ivars, Path),
            "mask": _each(masks, Path),
            "survey": _each(survey, str),
            "split": _each(split, lambda pair: (Path(pair[0]), Path(pair[1]))),
        }
        error_arcmin = plain(position_error, "arcmin")
        request = Request(
            map_requests(_each(maps, Path), settings),
            _table_or_path(catalog),
            str(model),
            SkyRequest(
                noise_correlation,
                error_arcmin,
                relativistic,
                sz_scatter,
                concentration_scatter,
                None if sources is None else str(Path(sources).absolute()),
                find_sources,
            ),
            percentiles=percentiles,
            mass_definitions=mass_definitions(mass_def) if isinstance(mass_def, str) else mass_def,
            prior=prior,
            mass_scale=None if mass_scale is None else str(mass_scale),
            mass_bias=mass_bias,
            posteriors=None if posteriors is None else Path(posteriors),
            suffix=suffix,
            flag_names=flag_names,
            columns=column,
            batch_size=batch_size,
            block_rows=block_rows,
            check=CheckRequest.of_options(check, seed, recalibrate),
        )
        if report is not None:
            check_report(Path(report), overwrite, output, posteriors, *request.files)
        told = listening(progress)
        estimates = estimate_catalog(
            request,
            None if output is None else Path(output),
            executor=chosen_executor(workers, scheduler),
            resume=resume,
            overwrite=overwrite,
            progress=told,
        )
        if report is not None:
            write_report(Measurement.of(estimates), Path(report), report_columns, overwrite, told)
    table = estimates.catalog.table
    if estimates.catalog.source == TEXT:
        table = typed(table)
    return joined(table, as_written(estimates.columns, suffix, flag_names), estimates.meta)


def population(
    posteriors: str | Path,
    by: str,
    bins: int | Sequence[float] = 5,
    *,
    catalog: "str | Path | Table | DataFrame | None" = None,
    slope: bool = False,
    snr_above: float | None = None,
    suffix: str = "",
    model: str | Path | None = None,
    mass_scale: str | Path | None = None,
    mass_bias: float | None = None,
    progress: Progress = silent,
) -> Table:
    """Return mean masses and scatters of a sample in bins of a column, as `szmass population` does.

    Parameters
    ----------
    posteriors : path
        File of likelihoods that `estimate` wrote (``posteriors=``).
    by : str
        Column that the sample is sorted by: ``redshift``, or one of the catalogue.
    bins : int or sequence of float
        Number of bins of equally many rows, or ascending edges.
    catalog : path, astropy.table.Table or pandas.DataFrame, optional
        Catalogue of the same rows in the same order.
    slope : bool
        Whether to fit ln M200c = a + slope ln(column / pivot) to all rows within the edges, too.
    snr_above : float, optional
        The sample is what has ``sz_snr`` above this: only those rows are taken, and the selection is undone.
        Leave it out for samples that were selected without the SZ effect.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str or path, optional
        Model of the likelihoods, for `snr_above`; by default the one that their file names.
    mass_scale, mass_bias
        Scale of the masses, as of `estimate`; by default that of the model, whatever the catalogue's is.
    progress : Progress
        Called with rows read and bins done.

    Returns
    -------
    astropy.table.Table
        A row for each bin: edges, rows, mean of ln M200c and scatter with errors; NaN where there are too few
        rows. The metadata hold selection, priors, notes and the slope (``POP_SLOP`` and ``POP_ESLO``).

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.

    Examples
    --------
    >>> edges = [20, 30, 45, 60, 150]
    >>> szmass_cli.population("p.hdf5", "lambda", edges, catalog="masses.fits")  # doctest: +SKIP
    """
    rows = None if catalog is None else _table_or_path(catalog)
    request = PopulationRequest(
        Path(posteriors),
        by,
        rows,
        snr_above,
        suffix,
        None if model is None else str(model),
        wanted_scale(None if mass_scale is None else str(mass_scale), mass_bias),
    )
    wanted = bins if isinstance(bins, int) else [float(edge) for edge in bins]
    return population_table(infer(request, wanted, slope, progress))


def view(
    masses: str | Path | Table, map: str | Path | Mapping[float | str, str | Path] | None = None
) -> Measurement:
    """Return the clusters of a measured catalogue with images and posteriors, as `szmass show` draws them.

    Maps and model are opened again, as the catalogue's metadata name them.

    Parameters
    ----------
    masses : path or astropy.table.Table
        A catalogue that `szmass estimate` wrote, or what `estimate` returned.
    map : path or mapping, optional
        Where maps are now, for those that are not where they were: one for all, or keyed by frequency [GHz]
        or band name.

    Returns
    -------
    Measurement
        An item, by the number of the row or the name of the cluster, is a
        `szmass_cli.pictures.cluster.Cluster`, which has `plot()`.

    Raises
    ------
    SzmassError
        The catalogue does not say what made it, or a map is not what was measured.

    Examples
    --------
    >>> clusters = szmass_cli.view("masses.fits")  # doctest: +SKIP
    >>> clusters["SPT-CLJ2106-5844"].plot()  # doctest: +SKIP
    >>> clusters[0].residual_uk[..., 0].std()  # doctest: +SKIP
    """
    source = masses if isinstance(masses, Table) else Path(masses)
    moved = _each(map, Path) or {}
    return Measurement.open(source, moved if isinstance(moved, dict) else {0.0: moved})


def export(
    catalog: "str | Path | Table | DataFrame",
    output: str | Path,
    to: str,
    *,
    area: float | None = None,
    depths: str | Path | None = None,
    snr_above: float = LEAST_SNR,
    posteriors: str | Path | None = None,
    suffix: str = "",
    model: str | Path | None = None,
    overwrite: bool = False,
) -> None:
    """Write a catalogue in the form that another program reads, as `szmass export` does.

    Parameters
    ----------
    catalog : path, astropy.table.Table or pandas.DataFrame
        What `estimate` returned or wrote.
    output : path
        A ``.csv`` file for ``csv-wide``, a folder for the others.
    to : str
        ``cosmocnc``, ``nemo`` or ``csv-wide``.
    area : float, optional
        Area of the survey [deg^2], taken to be of one depth.
    depths : path, optional
        In place of the area: areas and noises of ỹ0, a table as nemo's ``RMSTab.fits``.
    snr_above : float
        Clusters above this S/N are counted.
    posteriors : path, optional
        For ``csv-wide``: file of likelihoods of the same rows.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str or path, optional
        Model of the catalogue; by default the one that it names.
    overwrite : bool
        Whether an existing output may be replaced.

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.

    Examples
    --------
    >>> szmass_cli.export("masses.fits", "counts", "cosmocnc", area=12_000)  # doctest: +SKIP
    """
    request = ExportRequest(
        _table_or_path(catalog),
        Target.parse(to),
        area,
        None if depths is None else Path(depths),
        snr_above,
        None if posteriors is None else Path(posteriors),
        suffix,
        None if model is None else str(model),
    )
    run_export(request, Path(output), overwrite)


def inject(
    map: str | Path | Mapping[float | str, str | Path],
    output: str | Path | None = None,
    *,
    catalog: "str | Path | Table | DataFrame | None" = None,
    model: str | Path = DEFAULT_MODEL,
    freq: float | str | None = None,
    noise_correlation: float | None = None,
    pixel_window: bool | None = None,
    n: int = 2000,
    tile: float = 10.0,
    seed: int = 1,
    workers: int | None = None,
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> dict[str, Table]:
    """Return tables of a study of maps by clusters injected all over them, as `szmass inject` makes it.

    Parameters
    ----------
    map : path or mapping
        One map, or several keyed by frequency [GHz] or band name, see `estimate`.
    output : path, optional
        Folder of the study to write; without it nothing is written.
    catalog : path, astropy.table.Table or pandas.DataFrame, optional
        Known clusters, which no injected one comes near.
    model : str or path
        Name of a shipped model, or folder of a model bundle.
    freq : float or str, optional
        Frequency [GHz] or band name of a single map; by default from its header.
    noise_correlation : float, optional
        Correlation of the 1/f noise between bands.
    pixel_window : bool, optional
        Whether pixels are averages over their area and the beam does not include this.
    n : int
        Number of clusters to inject.
    tile : float
        Largest side of a tile [deg].
    seed : int
        Seed of positions, masses, redshifts and scatter.
    workers, scheduler, overwrite, progress
        As for `estimate`.
    **settings
        Other properties of the maps: ``passband``, ``units``, ``beam``, ``transfer``, ``noise``, ``ivar``,
        ``mask``, ``survey`` and ``split``, see `estimate`.

    Returns
    -------
    dict of str to astropy.table.Table
        ``clusters``, ``coverage``, ``completeness``, ``tiles`` and ``selection``.

    Raises
    ------
    SzmassError
        One of its subclasses, with the message and hint that the command prints.
    """
    of_maps = _settings(freq, pixel_window, **settings)
    request = StudyRequest(
        map_requests(_each(map, Path), of_maps),
        None if catalog is None else _table_or_path(catalog),
        str(model),
        SkyRequest(noise_correlation=noise_correlation),
        n,
        seed,
        tile,
    )
    if output is not None:
        check_study_folder(Path(output), overwrite)
    study = study_maps(request, executor=chosen_executor(workers, scheduler), progress=progress)
    if output is not None:
        write_study(study, Path(output), overwrite)
    return study_tables(study)


def _settings(freq: float | str | None, pixel_window: bool | None, **given: Any) -> dict[str, Any]:
    """Return the settings of maps in the form that `map_requests` takes."""
    unknown = sorted(given.keys() - READERS.keys())
    if unknown:
        raise UsageError(f"{unknown[0]} is no property of maps.", f"Use {', '.join(READERS)}.")
    read = {name: _each(value, READERS[name]) for name, value in given.items()}
    frequency = None if freq is None else effective_frequency_ghz(freq)
    return {"frequency_ghz": frequency, "pixel_window": pixel_window, **read}


READERS: dict[str, Callable[[Any], Any]] = {
    "passband": Path,
    "units": str,
    "beam": lambda value: _text_or_number(value, "arcmin"),
    "transfer": Path,
    "noise": lambda value: _text_or_number(value, "uK arcmin"),
    "ivar": Path,
    "mask": Path,
    "survey": str,
    "split": lambda pair: (Path(pair[0]), Path(pair[1])),
}
"""What the values of properties of maps are turned into."""


def mass_definitions(text: str) -> list[str]:
    """Return the mass definitions listed in the text of ``--mass-def``."""
    return [part.strip() for part in text.split(",")]


def _table_or_path(catalog: Any) -> Path | Table:
    """Return a catalogue in the form that `Request` takes."""
    if isinstance(catalog, Table):
        return catalog
    if isinstance(catalog, str | os.PathLike):
        return Path(catalog)
    if hasattr(catalog, "iloc"):  # pandas is not imported for those who do not use it
        return table_from_frame(catalog)
    if isinstance(catalog, SkyCoord | Mapping | np.ndarray):
        return table_from_positions(catalog)
    raise UsageError(
        f"catalog: a {type(catalog).__name__} is no catalogue.",
        "Give a file, an astropy Table, a pandas DataFrame, a SkyCoord, or arrays.",
    )


def plain(value: Any, unit: str) -> Any:
    """Return a quantity as a number in a unit; anything else as it is.

    Raises
    ------
    UsageError
        It cannot be converted.
    """
    if not isinstance(value, u.Quantity):
        return value
    try:
        return float(value.to_value(u.Unit(unit)))
    except (u.UnitConversionError, TypeError) as error:
        raise UsageError(f"{value}: not in {unit}: {error}", f"Give it in {unit}.") from error


def _text_or_number(value: Any, unit: str) -> Any:
    """Return a path as text, a quantity as a number, and anything else as it is."""
    return str(value) if isinstance(value, Path) else plain(value, unit)


def _each(value, change: Callable[[Any], Any]):
    """Return a value, or each of a mapping's values, after a change; None stays None."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {effective_frequency_ghz(band): change(one) for band, one in value.items()}
    return change(value)


def chosen_executor(workers: int | None, scheduler: str | None) -> Executor:
    """Return the executor chosen by the options ``--workers`` and ``--scheduler``.

    Raises
    ------
    UsageError
        Both options are given.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: not 1 or more.", "Leave it out for threads of one process.")
    if workers is not None and scheduler is not None:
        raise UsageError("--workers and --scheduler exclude each other.", "Give one of them.")
    if scheduler is not None:
        return on_scheduler(scheduler)
    return in_threads if workers is None else on_local_workers(workers)
