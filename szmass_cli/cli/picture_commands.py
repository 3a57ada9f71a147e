"""The command that draws clusters of a measured catalogue: `show`."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import Overwrite, Quiet, Verbose


def show(
    catalog: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Catalogue that `szmass estimate` wrote.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="PDF, one page a cluster; or PNG or SVG of a single one.")
    ],
    row: Annotated[
        list[str] | None,
        typer.Option("--row", metavar="NAME", help="A cluster by name, or as row-1, row-2, ... Repeatable."),
    ] = None,
    flagged: Annotated[bool, typer.Option("--flagged", help="All rows that have a flag.")] = False,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="GHZ=MAP",
            help="Where a map is now: 98=FILE, or FILE of a single one. [default: where it was]",
        ),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show single clusters: cutouts, model, residual, score images and posterior, a page each.

    Maps, beams, noise and model are those that the catalogue's metadata name. A map that is not what was
    measured is an error, unless --map says to use it.
    """
    from szmass_cli.cli.mapoptions import moved_maps
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.pictures.measurement import Measurement
    from szmass_cli.pictures.show import check_pages, wanted_rows, write_pages

    check_pages(output, catalog, overwrite)
    with progress_display(quiet) as progress:
        measurement = Measurement.open(catalog, moved_maps(maps), progress)
        rows = wanted_rows(measurement, row or [], flagged)
        write_pages(measurement, rows, output, overwrite, progress)
    if not quiet:
        for text in measurement.notes:
            note(f"note: {text}")
        note(f"{len(rows)} {'cluster is' if len(rows) == 1 else 'clusters are'} in {output}.")
