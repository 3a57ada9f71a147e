"""`szmass simulate`: labelled cutouts and mock survey maps."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import (
    Columns,
    Config,
    Frequencies,
    Overwrite,
    Quiet,
    Seed,
    Verbose,
    numbers,
    pairs,
)

simulate_app = typer.Typer(help="Simulate training cutouts or a mock survey map.", no_args_is_help=True)


@simulate_app.command("cutouts")
def simulate_cutouts(
    output: Annotated[Path, typer.Option("--output", "-o", help="HDF5 file.")],
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, max=100_000_000, help="Number of cutouts. [default: the configuration's]"),
    ] = None,
    config: Config = "default",
    freq: Frequencies = None,
    seed: Seed = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Threads. [default: one per core]")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Labelled training cutouts: sky with noise, SZ signal, mass."""
    from szmass_cli.cli.console import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.files import check_not_an_input
    from szmass_cli.simulate import write_cutouts

    check_not_an_input(output, config)
    settings = load_config(config).with_frequencies(numbers(freq, "--freq"))
    with progress_display(quiet) as progress:
        written = write_cutouts(
            settings, output, seed=seed, n=n, workers=workers, overwrite=overwrite, progress=progress
        )
    if not quiet:
        note(f"{written:,} cutouts written to {output}")


@simulate_app.command("field")
def simulate_field(
    output: Annotated[Path, typer.Option("--output", "-o", help="FITS file of the map, in uK.")],
    config: Config = "default",
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="Clusters to paint: positions, redshifts, M200 [1e14 Msun]."),
    ] = None,
    n_clusters: Annotated[
        int, typer.Option("--n-clusters", min=1, max=100_000, help="Clusters to draw without --catalog.")
    ] = 100,
    column: Columns = None,
    freq: Frequencies = None,
    seed: Seed = 1,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """A mock survey map (CAR) and, beside it, its truth catalogue."""
    from szmass_cli.cli.console import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.files import check_not_an_input
    from szmass_cli.simulate import simulate_survey_field, truth_path

    for file in (output, truth_path(output)):
        check_not_an_input(file, config)
    settings = load_config(config).with_frequencies(numbers(freq, "--freq"))
    with progress_display(quiet) as progress:
        field = simulate_survey_field(
            settings,
            output,
            seed=seed,
            catalog=catalog,
            columns=pairs(column),
            n_clusters=n_clusters,
            overwrite=overwrite,
            progress=progress,
        )
    if not quiet:
        height, width = field.map_uk.shape
        note(f"{width} x {height} pixels written to {output}")
        note(f"{len(field.truth)} clusters written to {truth_path(output)}")
