"""`szmass estimate` for scripts."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.table import Table

from szmass_cli import DEFAULT_MODEL
from szmass_cli.api.arguments import (
    PerMap,
    chosen_executor,
    mass_definitions,
    of_each_band,
    plain,
    settings_of_maps,
    table_or_path,
)
from szmass_cli.catalog.tables.common import joined
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.estimation.checkrequest import CheckRequest
from szmass_cli.estimation.masstable import as_written
from szmass_cli.estimation.request import Request, SkyRequest, map_requests
from szmass_cli.estimation.run import estimate_catalog
from szmass_cli.estimation.runplan import BLOCK_ROWS
from szmass_cli.estimation.settled import ALWAYS
from szmass_cli.maps.inmemory import on_disk
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.pictures.report import check_report, write_report
from szmass_cli.system.progress import Progress, listening

if TYPE_CHECKING:
    pass


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
        settings = settings_of_maps(
            freq,
            pixel_window,
            passband=passband,
            units=units,
            beam=beam,
            transfer=transfer,
            noise=noise,
            ivar=ivars,
            mask=masks,
            survey=survey,
            split=split,
        )
        error_arcmin = plain(position_error, "arcmin")
        request = Request(
            map_requests(of_each_band(maps, Path), settings),
            table_or_path(catalog),
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
