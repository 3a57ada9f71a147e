"""The command `inject`: the study of maps by injected clusters."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from szmass_cli import DEFAULT_MODEL
from szmass_cli.cli.estimate_commands import MAPS, estimate
from szmass_cli.cli.options import AsJson, Model, Overwrite, Quiet, Seed, Verbose

RUNS = "Long runs"


def with_map_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the options of maps that `estimate` has, in place of its ``**options``."""
    of_maps = {
        name: parameter
        for name, parameter in inspect.signature(estimate).parameters.items()
        if any(getattr(one, "rich_help_panel", None) == MAPS for one in parameter.annotation.__metadata__)
    }
    signature = inspect.signature(command)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    last = next(index for index, one in enumerate(own) if one.name == "n")
    together = [*own[:last], *of_maps.values(), *own[last:]]
    # inspect reads the attribute, which the type of functions does not have
    command.__signature__ = signature.replace(parameters=together)  # type: ignore[attr-defined]
    hints = get_type_hints(estimate, include_extras=True)
    command.__annotations__ = {
        **{name: hint for name, hint in command.__annotations__.items() if name != "options"},
        **{name: hints[name] for name in of_maps},
    }
    return command


@with_map_options
def inject(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the study.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="MAP", help="FITS map: CAR, any WCS image, or HEALPix; or --map of several."),
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", help="Known clusters, which no injected one comes near."),
    ] = None,
    sources: Annotated[
        Path | None,
        typer.Option(
            "--sources",
            metavar="CATALOG",
            help="Point sources, by position: marginalised over, nothing is cut out.",
        ),
    ] = None,
    model: Model = DEFAULT_MODEL,
    n: Annotated[int, typer.Option("--n", help="Clusters to inject.")] = 2000,
    tile: Annotated[float, typer.Option("--tile", metavar="DEG", help="Largest side of a tile.")] = 10.0,
    seed: Seed = 1,
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
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Study maps by clusters that are injected all over them.

    For each tile of the sky: bias and coverage of masses, completeness in mass and redshift above cuts
    in S/N, area, and the noise of the central Compton y with cluster size, from which a selection
    function follows. OUTPUT is a folder of tables (ECSV and FITS), figures and `study.json`.
    """
    from szmass_cli.api.arguments import chosen_executor
    from szmass_cli.cli.mapoptions import map_settings, only_maps
    from szmass_cli.cli.reports import print_study
    from szmass_cli.cli.terminal import progress_display
    from szmass_cli.estimation.request import SkyRequest, map_requests
    from szmass_cli.injection.study import StudyRequest, study_maps
    from szmass_cli.injection.writing import check_study_folder, write_study

    maps = only_maps(files or [], options.pop("maps"))
    sky = SkyRequest(
        noise_correlation=options.pop("noise_correlation"),
        sources=None if sources is None else str(sources.absolute()),
    )
    requests = map_requests(maps, map_settings(options.pop("freq"), options.pop("pixel_window"), **options))
    request = StudyRequest(requests, catalog, model, sky, n, seed, tile)
    check_study_folder(output, overwrite)
    with progress_display(quiet) as progress:
        study = study_maps(request, executor=chosen_executor(workers, scheduler), progress=progress)
        summary = write_study(study, output, overwrite)
    print_study(summary, output, as_json=as_json, quiet=quiet)
