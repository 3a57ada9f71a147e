"""`szmass population`: what a sample says of the masses of its members."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import SCALES, AsJson, Overwrite, Quiet, Verbose, numbers


def population(
    posteriors: Annotated[
        Path, typer.Argument(help="What `szmass estimate --posteriors` wrote.", metavar="POSTERIORS.hdf5")
    ],
    by: Annotated[
        str,
        typer.Option("--by", help="Column that the sample is sorted by: `redshift`, or one of --catalog."),
    ],
    bins: Annotated[
        str,
        typer.Option("--bins", help="Edges, as 20,30,45,60, or a number of bins of equally many rows."),
    ] = "5",
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="Catalogue of the same rows in the same order, as written beside."),
    ] = None,
    slope: Annotated[
        bool, typer.Option("--slope", help="Also fit ln mass = a + slope x ln(column / pivot).")
    ] = False,
    snr_above: Annotated[
        float | None,
        typer.Option(
            "--snr-above",
            help="The sample is what has sz_snr above this: take only those rows, and undo the selection. "
            "Leave it out for samples selected without the SZ effect, as optical ones.",
        ),
    ] = None,
    suffix: Annotated[
        str, typer.Option("--suffix", help="That of the catalogue's columns that szmass added.")
    ] = "",
    model: Annotated[
        str | None,
        typer.Option("--model", help="Model of the likelihoods, for --snr-above. [default: the file's]"),
    ] = None,
    mass_scale: Annotated[
        str | None,
        typer.Option(
            "--mass-scale",
            metavar="NAME|FILE",
            help="Relation of SZ signal and true mass, as of `szmass estimate`. [default: the model's own]",
            autocompletion=SCALES,
        ),
    ] = None,
    mass_bias: Annotated[
        float | None,
        typer.Option("--mass-bias", metavar="B", help="Masses over 1 - B, all other things equal."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Table to write: CSV, ECSV, FITS, VOTable or Parquet."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw masses and scatters: PNG, PDF or SVG.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Mean mass, scatter and slope of a sample, from the likelihoods of its rows.

    Rows far below any detection count in full: each contributes the probability of its data if masses were
    distributed about the mean, and no prior of single masses enters. Errors of redshifts and positions are in
    the likelihoods where the catalogue stated them.
    """
    from szmass_cli.catalog import check_output
    from szmass_cli.cli.sampletables import print_population
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.estimation.request import wanted_scale
    from szmass_cli.samples.figures.bins import population_figure
    from szmass_cli.samples.run import check_edges, infer
    from szmass_cli.samples.sample import Request
    from szmass_cli.samples.tables import write_population
    from szmass_cli.system.files import check_not_an_input
    from szmass_cli.system.pictures import check_picture_path, save_picture

    edges = numbers(bins, "--bins")
    wanted = int(edges[0]) if len(edges) == 1 and edges[0].is_integer() else edges
    check_edges(wanted)
    if output is not None:
        check_not_an_input(output, posteriors, *([] if catalog is None else [catalog]))
        check_output(output, overwrite)
    if plot is not None:
        check_picture_path(plot, overwrite, posteriors, catalog, output)
    request = Request(posteriors, by, catalog, snr_above, suffix, model, wanted_scale(mass_scale, mass_bias))
    with progress_display(quiet) as progress:
        found = infer(request, wanted, slope, progress)
    if output is not None:
        write_population(found, output, overwrite)
    if plot is not None:
        save_picture(population_figure(found), plot, overwrite)
    print_population(found, as_json=as_json)
    if not quiet:
        for text in found.notes:
            note(f"note: {text}")
        for name, path in (("Table", output), ("Picture", plot)):
            if path is not None:
                note(f"{name} written to {path}")
