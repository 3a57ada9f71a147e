"""The commands that measure masses: `estimate`, and `merge` for a run that was shared out."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli import DEFAULT_MODEL
from szmass_cli.cli.options import (
    SCALES,
    AsJson,
    Columns,
    Model,
    Overwrite,
    Quiet,
    Verbose,
    numbers,
    pairs,
    surveys_beginning_with,
)
from szmass_cli.cli.reporting import Report, ReportColumns, reported, tell

MAPS, CLUSTERS, GAS = "Maps", "Clusters", "Temperature of the gas"
CHECK, OUTPUT, RUNS = "Check of the error bars", "More output", "Long runs"


def estimate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="MAP CATALOG",
            help="FITS map: CAR, any WCS image, or HEALPix; and CSV, ECSV, FITS, VOTable, Parquet or text.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Catalogue with masses; format by suffix.")],
    model: Model = DEFAULT_MODEL,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            rich_help_panel=MAPS,
            metavar="GHZ=MAP",
            help="A map for each band, in place of MAP: 98=FILE or f090=FILE. Repeatable.",
        ),
    ] = None,
    freq: Annotated[
        str | None,
        typer.Option(
            "--freq",
            rich_help_panel=MAPS,
            metavar="GHZ|NAME",
            help="Band of MAP, such as 150 or f150. [default: its header's]",
        ),
    ] = None,
    passband: Annotated[
        list[str] | None,
        typer.Option(
            "--passband",
            rich_help_panel=MAPS,
            metavar="FILE",
            help="Table of frequency and response; or GHZ=FILE. [default: the frequency alone]",
        ),
    ] = None,
    units: Annotated[
        list[str] | None,
        typer.Option(
            "--units",
            rich_help_panel=MAPS,
            metavar="K|mK|uK|y",
            help="Unit of the map, or GHZ=UNIT. [default: its header's]",
        ),
    ] = None,
    beam: Annotated[
        list[str] | None,
        typer.Option(
            "--beam",
            rich_help_panel=MAPS,
            metavar="ARCMIN|FILE",
            help="Beam of the map: FWHM, or a table of B(theta) or B_ell; or GHZ=BEAM. "
            "[default: its header's]",
        ),
    ] = None,
    pixel_window: Annotated[
        bool | None,
        typer.Option(
            "--pixel-window/--no-pixel-window",
            rich_help_panel=MAPS,
            help="Pixels are means over their area, and the beam does not include that. [default: its "
            "survey's, or not]",
        ),
    ] = None,
    transfer: Annotated[
        list[str] | None,
        typer.Option(
            "--transfer",
            rich_help_panel=MAPS,
            metavar="FILE",
            help="Transfer function of the map's filter: a table of l and T(l), or an .npz of ell_x, ell_y "
            "and tf; or GHZ=FILE.",
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            "--noise",
            rich_help_panel=MAPS,
            metavar="NOISE",
            help="White noise, uK-arcmin; or w,l_knee,slope; or a file of l and N_l [uK^2]; or GHZ=NOISE. "
            "[default: measured in the map]",
        ),
    ] = None,
    noise_correlation: Annotated[
        float | None,
        typer.Option(
            "--noise-correlation",
            rich_help_panel=MAPS,
            metavar="RHO",
            help="Correlation of the 1/f noise between bands, 0 to 1. [default: 0.9]",
        ),
    ] = None,
    ivar: Annotated[
        list[str] | None,
        typer.Option(
            "--ivar",
            rich_help_panel=MAPS,
            metavar="MAP",
            help="Map of inverse variances, in the map's unit to the -2; or GHZ=MAP.",
        ),
    ] = None,
    mask: Annotated[
        list[str] | None,
        typer.Option(
            "--mask",
            rich_help_panel=MAPS,
            metavar="MAP",
            help="Map that is 1 where the map is good and 0 where not; or GHZ=MAP.",
        ),
    ] = None,
    survey: Annotated[
        list[str] | None,
        typer.Option(
            "--survey",
            rich_help_panel=MAPS,
            metavar="NAME",
            help="Whose map it is, for band, beam, pixels and unit: act, so, spt-3g, sptpol, spt-sz, szmass; "
            "or none; or GHZ=NAME. [default: by header and name]",
            autocompletion=surveys_beginning_with,
        ),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            "--split",
            rich_help_panel=MAPS,
            metavar="MAP,MAP",
            help="Two splits of the map, in whose difference its noise is measured; or GHZ=MAP,MAP.",
        ),
    ] = None,
    position_error: Annotated[
        float | None,
        typer.Option(
            "--position-error",
            rich_help_panel=CLUSTERS,
            metavar="ARCMIN",
            help="Error of the positions along each axis. [default: the catalogue's, or none]",
        ),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(
            "--sources",
            rich_help_panel=CLUSTERS,
            metavar="CATALOG",
            help="Point sources, by position: marginalised over, nothing is cut out.",
        ),
    ] = None,
    find_sources: Annotated[
        float | None,
        typer.Option(
            "--find-sources",
            rich_help_panel=CLUSTERS,
            metavar="SNR",
            help="Look for sources and neighbours of more S/N, as 5; marginalise over them.",
        ),
    ] = None,
    relativistic: Annotated[
        bool | None,
        typer.Option(
            "--relativistic/--no-relativistic",
            rich_help_panel=GAS,
            help="SZ signal of hot gas, by its temperature. [default: as the model]",
        ),
    ] = None,
    sz_scatter: Annotated[
        float | None,
        typer.Option(
            "--sz-scatter",
            rich_help_panel=CLUSTERS,
            metavar="S",
            help="Scatter of ln(SZ amplitude) at fixed mass. [default: as the model]",
        ),
    ] = None,
    concentration_scatter: Annotated[
        float | None,
        typer.Option(
            "--concentration-scatter",
            rich_help_panel=CLUSTERS,
            metavar="S",
            help="Scatter of ln(c500) at fixed Y500. [default: as the model]",
        ),
    ] = None,
    percentiles: Annotated[
        str, typer.Option("--percentiles", help="Percentiles to write, besides 16, 50 and 84.")
    ] = "16,50,84",
    mass_def: Annotated[str, typer.Option("--mass-def", help="Of 200c, 500c and 200m.")] = "200c",
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior",
            metavar="flat|flat-log|mass-function",
            help="Prior of the masses; the uncorrected median is in M200c_uncorr. [default: the model's own]",
        ),
    ] = None,
    mass_scale: Annotated[
        str | None,
        typer.Option(
            "--mass-scale",
            rich_help_panel=CLUSTERS,
            metavar="NAME|FILE",
            help="Relation of SZ signal and true mass, shipped or a YAML file. [default: the model's own]",
            autocompletion=SCALES,
        ),
    ] = None,
    mass_bias: Annotated[
        float | None,
        typer.Option(
            "--mass-bias",
            rich_help_panel=CLUSTERS,
            metavar="B",
            help="Masses over 1 - B, all other things equal.",
        ),
    ] = None,
    posteriors: Annotated[
        Path | None,
        typer.Option(
            "--posteriors",
            rich_help_panel=OUTPUT,
            metavar="FILE.hdf5",
            help="Likelihood and posterior of each row on a grid of ln M200c, as qp reads them.",
        ),
    ] = None,
    report: Report = None,
    report_columns: ReportColumns = None,
    check: Annotated[
        int | None,
        typer.Option(
            "--check",
            rich_help_panel=CHECK,
            metavar="N",
            help="Clusters injected at blank positions of these maps and measured as the rows are, or 0. "
            "[default: 1000, or what there is room for]",
        ),
    ] = None,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate",
            rich_help_panel=CHECK,
            help="Shift and stretch the error bars by S/N, as the check asks for.",
        ),
    ] = False,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", rich_help_panel=CHECK, min=0, max=2**32 - 1, help="Seed of the injected clusters."
        ),
    ] = 1,
    flag_names: Annotated[
        bool,
        typer.Option("--flag-names", rich_help_panel=OUTPUT, help="Write the flags in words, too."),
    ] = False,
    suffix: Annotated[
        str,
        typer.Option(
            "--suffix",
            rich_help_panel=OUTPUT,
            metavar="TEXT",
            help="Put behind the names of all added columns, such as _sz.",
        ),
    ] = "",
    column: Columns = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", "-b", min=1, max=1024, help="Cutouts in the network at once. [default: by device]"
        ),
    ] = None,
    block_rows: Annotated[
        int,
        typer.Option(
            "--block-rows", rich_help_panel=RUNS, min=1, help="Rows kept together in one part of the run."
        ),
    ] = 1024,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", rich_help_panel=RUNS, min=1, help="Processes on this machine (needs Dask)."
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            rich_help_panel=RUNS,
            metavar="ADDRESS",
            help="Dask cluster to run on (needs Dask).",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            rich_help_panel=RUNS,
            metavar="I/N",
            help="Measure one share of N; `szmass merge` joins them.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            rich_help_panel=RUNS,
            help="Say what is understood and how long it will take; write nothing.",
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume", rich_help_panel=RUNS, help="Go on from finished parts, if there are any."
        ),
    ] = True,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Masses for every cluster of a catalogue, from maps of any bands.

    Of several bands there is a map for each: --map 98=a.fits --map 150=b.fits CATALOG. Names such as
    f150 stand for the effective frequency of ACT's band.

    All rows and columns of the catalogue come out, with M200c [1e14 Msun], its percentiles,
    the signal-to-noise and flags added.

    Finished parts are kept in OUTPUT.parts until the output is written: the same command goes on
    where an interrupted run stopped.
    """
    from szmass_cli.api.arguments import chosen_executor, mass_definitions
    from szmass_cli.cli.mapoptions import input_files, map_settings
    from szmass_cli.cli.rehearsals import print_rehearsal
    from szmass_cli.cli.reports import print_estimates, print_shard
    from szmass_cli.cli.terminal import progress_display
    from szmass_cli.errors import UsageError
    from szmass_cli.estimation.checkrequest import CheckRequest
    from szmass_cli.estimation.rehearsal import rehearse
    from szmass_cli.estimation.request import Request, SkyRequest, map_requests
    from szmass_cli.estimation.run import estimate_catalog, estimate_shard
    from szmass_cli.estimation.runplan import Shard
    from szmass_cli.pictures.report import check_report

    settings = map_settings(
        freq,
        pixel_window,
        passband=passband,
        units=units,
        beam=beam,
        transfer=transfer,
        noise=noise,
        ivar=ivar,
        mask=mask,
        survey=survey,
        split=split,
    )
    map_files, catalog = input_files(files, maps)
    request = Request(
        map_requests(map_files, settings),
        catalog,
        model,
        SkyRequest(
            noise_correlation,
            position_error,
            relativistic,
            sz_scatter,
            concentration_scatter,
            None if sources is None else str(sources.absolute()),
            find_sources,
        ),
        percentiles=numbers(percentiles, "--percentiles"),
        mass_definitions=mass_definitions(mass_def),
        prior=prior,
        mass_scale=mass_scale,
        mass_bias=mass_bias,
        posteriors=posteriors,
        suffix=suffix,
        flag_names=flag_names,
        columns=pairs(column),
        batch_size=batch_size,
        block_rows=block_rows,
        check=CheckRequest.of_options(check, seed, recalibrate),
    )
    executor = chosen_executor(workers, scheduler)
    if report is not None:
        if shard is not None:
            raise UsageError("--report: a shard has no report.", "Give it to szmass merge.")
        check_report(report, overwrite, output, posteriors, *request.files)
    if dry_run:
        with progress_display(quiet) as progress:
            found = rehearse(request, output, overwrite, progress)
        print_rehearsal(found, output, as_json=as_json)
        return
    if shard is not None:
        share = Shard.parse(shard)
        with progress_display(quiet) as progress:
            rows = estimate_shard(
                request,
                output,
                share,
                executor=executor,
                resume=resume,
                overwrite=overwrite,
                progress=progress,
            )
        print_shard(share, output, rows, as_json=as_json, quiet=quiet, overwrite=overwrite)
        return
    with progress_display(quiet) as progress:
        estimates = estimate_catalog(
            request, output, executor=executor, resume=resume, overwrite=overwrite, progress=progress
        )
        told = reported(report, report_columns, estimates, overwrite, progress)
    print_estimates(estimates, output, as_json=as_json, quiet=quiet)
    tell(report, told, quiet)


def merge(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The output that the shards were given.")],
    report: Report = None,
    report_columns: ReportColumns = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the catalogue of a run whose shards have all finished.

    Rows that are missing are an error that names their shards. Map, catalogue and model are those
    that the shards were given, under the same paths.
    """
    from szmass_cli.cli.reports import print_estimates
    from szmass_cli.cli.terminal import progress_display
    from szmass_cli.estimation.run import merge_shards
    from szmass_cli.pictures.report import check_report

    if report is not None:
        check_report(report, overwrite, output)
    with progress_display(quiet) as progress:
        estimates = merge_shards(output, overwrite=overwrite, progress=progress)
        told = reported(report, report_columns, estimates, overwrite, progress)
    print_estimates(estimates, output, as_json=as_json, quiet=quiet)
    tell(report, told, quiet)
