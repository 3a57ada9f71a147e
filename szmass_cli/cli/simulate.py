"""`szmass simulate`: labelled cutouts and mock survey maps."""

import json
from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import (
    AsJson,
    Columns,
    Config,
    DryRun,
    Frequencies,
    Overwrite,
    Plot,
    Quiet,
    Seed,
    Sky,
    Verbose,
    frequencies,
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
    config: Config = "survey",
    freq: Frequencies = None,
    sky: Sky = None,
    seed: Seed = 1,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Threads. [default: one per core]")
    ] = None,
    from_y_map: Annotated[
        Path | None,
        typer.Option("--from-y-map", help="Cut halos out of this Compton-y map of a simulation instead."),
    ] = None,
    halos: Annotated[
        Path | None,
        typer.Option("--halos", help="Its halos: positions, redshifts, M200c or M500c [1e14 Msun]."),
    ] = None,
    column: Columns = None,
    plot: Plot = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Labelled training cutouts: sky with noise, SZ signal, mass.

    With --from-y-map and --halos the clusters are those of your own hydrodynamical simulation: its map,
    without a beam, is put behind the survey's, and sky and noise are added.
    """
    from szmass_cli.cli.rehearsals import print_simulation_rehearsal
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.simulation.cutouts import write_cutouts, write_halo_cutouts
    from szmass_cli.simulation.figures.cutouts import plot_cutouts
    from szmass_cli.simulation.rehearsal import rehearse_cutouts
    from szmass_cli.system.files import check_not_an_input
    from szmass_cli.system.pictures import check_picture_path

    check_not_an_input(output, config)
    settings = load_config(config).with_frequencies(frequencies(freq))
    settings = settings if sky is None else settings.with_sky(sky)
    source = _halo_source(from_y_map, halos, n)
    if plot is not None:
        check_picture_path(plot, overwrite, output, config, from_y_map, halos)
    if dry_run:
        _check_can_be_tried(source)
        with progress_display(quiet) as progress:
            found = rehearse_cutouts(
                settings, output, n=n, workers=workers, overwrite=overwrite, progress=progress
            )
        print_simulation_rehearsal(found, as_json=as_json)
        return
    with progress_display(quiet) as progress:
        if source is None:
            written = write_cutouts(
                settings, output, seed=seed, n=n, workers=workers, overwrite=overwrite, progress=progress
            )
            result = {"cutouts": written}
            messages = [f"{written:,} cutouts written to {output}"]
        else:
            counts = write_halo_cutouts(
                settings,
                *source,
                output,
                seed=seed,
                columns=pairs(column),
                overwrite=overwrite,
                progress=progress,
            )
            result = {"cutouts": counts.written, "off_map": counts.off_map, "incomplete": counts.incomplete}
            messages = [
                f"{counts.written:,} cutouts written to {output}",
                f"{counts.off_map:,} halos left out: not all of their surroundings are on the map",
                f"{counts.incomplete:,} rows left out: no position, redshift or mass",
            ]
        if plot is not None:
            plot_cutouts(settings, output, plot, seed=seed, overwrite=overwrite, progress=progress)
            messages.append(f"Picture written to {plot}")
    if as_json:
        print(json.dumps({"output": str(output), **result}))
    for message in [] if quiet else messages:
        note(message)


def _check_can_be_tried(source: tuple[Path, Path] | None) -> None:
    """Refuse a dry run of what is cut out of a user's map, which is read whole before the first cutout."""
    from szmass_cli.errors import UsageError

    if source is not None:
        raise UsageError("--dry-run: halos of --from-y-map are not tried.", "Leave --dry-run out.")


def _halo_source(y_map: Path | None, halos: Path | None, n: int | None) -> tuple[Path, Path] | None:
    """Return the map and halos to cut, or None if no such cutouts are asked for."""
    from szmass_cli.errors import UsageError

    if y_map is None and halos is None:
        return None
    if y_map is None or halos is None:
        raise UsageError("--from-y-map and --halos go together.", "Give the map and its halo catalogue.")
    if n is not None:
        raise UsageError("--n: there are as many cutouts as halos.", "Leave it out.")
    return y_map, halos


@simulate_app.command("field")
def simulate_field(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="FITS file of the map, in uK. Of several bands each has its own, as field_95p7.fits.",
        ),
    ],
    config: Config = "survey",
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
    sky: Sky = None,
    seed: Seed = 1,
    plot: Plot = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """A mock survey: maps (CAR or HEALPix), inverse variances, mask and the true catalogue.

    Beside field.fits come field_ivar.fits, field_mask.fits and field_truth.csv.
    """
    from szmass_cli.cli.rehearsals import print_simulation_rehearsal
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.simulation.field import simulate_survey_field
    from szmass_cli.simulation.fieldfiles import field_paths
    from szmass_cli.simulation.figures.field import plot_field
    from szmass_cli.simulation.rehearsal import rehearse_field
    from szmass_cli.system.files import check_not_an_input
    from szmass_cli.system.pictures import check_picture_path

    settings = load_config(config).with_frequencies(frequencies(freq))
    settings = settings if sky is None else settings.with_sky(sky)
    files = field_paths(output, [band.frequency_ghz for band in settings.sky.bands]).all
    for file in files:
        check_not_an_input(file, config)
    if plot is not None:
        check_picture_path(plot, overwrite, config, catalog, *files)
    if dry_run:
        with progress_display(quiet) as progress:
            found = rehearse_field(
                settings,
                output,
                seed=seed,
                catalog=catalog,
                columns=pairs(column),
                n_clusters=n_clusters,
                overwrite=overwrite,
                progress=progress,
            )
        print_simulation_rehearsal(found, as_json=as_json)
        return
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
        if plot is not None:
            paths = field.paths
            plot_field(
                settings,
                paths.maps,
                paths.mask,
                field.truth,
                plot,
                overwrite=overwrite,
                progress=progress,
            )
    if as_json:
        written = {name: [str(one) for one in getattr(field.paths, name)] for name in ("maps", "ivars")}
        others = {"mask": str(field.paths.mask), "truth": str(field.paths.truth)}
        print(json.dumps({**written, **others, "clusters": len(field.truth)}))
    if not quiet:
        *maps, truth = field.paths.all
        note(f"{field.description} written to {', '.join(path.name for path in maps)}")
        note(f"{len(field.truth)} clusters written to {truth}")
        if plot is not None:
            note(f"Picture written to {plot}")
