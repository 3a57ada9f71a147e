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
    n: Annotated[int, typer.Option("--n", min=1, max=100_000_000, help="Number of cutouts.")] = 1000,
    config: Config = "default",
    freq: Frequencies = None,
    seed: Seed = 1,
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
        write_cutouts(settings, n, seed, output, overwrite, progress)
    if not quiet:
        note(f"{n:,} cutouts written to {output}")


@simulate_app.command("field")
def simulate_field(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="FITS file of the map, in uK. Of several bands each has its own, as field_95.fits.",
        ),
    ],
    config: Config = "default",
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="Clusters to paint: positions, redshifts, masses [1e14 Msun]."),
    ] = None,
    n_clusters: Annotated[
        int | None,
        typer.Option(
            "--n-clusters",
            min=1,
            max=5_000_000,
            help="Clusters to draw without --catalog. Otherwise what the mass function gives, or 100.",
        ),
    ] = None,
    column: Columns = None,
    freq: Frequencies = None,
    seed: Seed = 1,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """A mock survey: maps (CAR or HEALPix), inverse variances, mask and the true catalogue.

    Beside field.fits come field_ivar.fits, field_mask.fits and field_truth.csv.
    """
    from szmass_cli.cli.console import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.fieldfiles import field_paths
    from szmass_cli.files import check_not_an_input
    from szmass_cli.simulate_field import simulate_survey_field

    settings = load_config(config).with_frequencies(numbers(freq, "--freq"))
    for file in field_paths(output, [band.frequency_ghz for band in settings.sky.bands]).all:
        check_not_an_input(file, config)
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
        *maps, truth = field.paths.all
        note(f"{field.description} written to {', '.join(path.name for path in maps)}")
        note(f"{len(field.truth)} clusters written to {truth}")
