"""The command that says what a model or a map is."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli import DEFAULT_MODEL
from szmass_cli.cli.options import AsJson, Verbose, beginning_with, surveys_beginning_with
from szmass_cli.system.presets import model_names


def info(
    things: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL|OUTPUT|MAP...",
            help="A shipped model, a bundle's folder, an output of estimate; or maps. [default: survey]",
            autocompletion=beginning_with(model_names),
        ),
    ] = None,
    survey: Annotated[
        str | None,
        typer.Option(
            "--survey",
            metavar="NAME",
            help="Whose maps they are. [default: by header and name]",
            autocompletion=surveys_beginning_with,
        ),
    ] = None,
    command: Annotated[
        bool, typer.Option("--command", help="Print the command line that makes an output again.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """What a model is, and how good it is; how an output was made; or what is understood of maps.

    Of an output, all that its header says of the run: command, date, versions, hashes of all inputs, beams,
    noise, cosmology, prior. With --command a line for the shell that makes it again, beside it.

    Of maps, before any work and with where each is from: survey, band, unit, beam, pixel window, inverse
    variances, noise, filter, projection, frame. What is missing is said at once.
    """
    from szmass_cli.cli.reports import print_bundle
    from szmass_cli.errors import UsageError
    from szmass_cli.network.bundle.bundle import read_bundle, shipped_models
    from szmass_cli.system.fileparts import file_of

    named = things or [DEFAULT_MODEL]
    first = Path(named[0])
    if len(named) == 1 and survey is None and named[0] not in shipped_models() and first.is_file():
        if _print_output(first, command, as_json):
            return
    elif command:
        raise UsageError(
            f"--command: {named[0]} is no output of szmass estimate.", "Give a catalogue's file."
        )
    if len(named) > 1 or survey is not None or file_of(first).is_file():
        _print_maps([Path(name) for name in named], survey, as_json)
        return
    if first.name.endswith(_MAP_SUFFIXES):
        raise UsageError(f"Map file not found: {first}", "Check the path.")
    print_bundle(read_bundle(named[0]), as_json=as_json, quiet=False)


_MAP_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz")


def _print_output(path: Path, command: bool, as_json: bool) -> bool:
    """Print how an output was made; return False for a FITS file without provenance, which may be a map."""
    from szmass_cli.cli.reports import print_provenance
    from szmass_cli.errors import InputError
    from szmass_cli.estimation.recorded import command_again, read_provenance

    try:
        meta = read_provenance(path)
    except InputError:
        if command or not path.name.endswith(_MAP_SUFFIXES):
            raise
        return False
    if command:
        print(command_again(path, meta))
    else:
        print_provenance(meta, as_json=as_json)
    return True


def _print_maps(paths: list[Path], survey: str | None, as_json: bool) -> None:
    from szmass_cli.cli.mapreports import print_understood
    from szmass_cli.estimation.request import MapRequest
    from szmass_cli.estimation.understood import understand

    print_understood([understand(MapRequest(path, survey=survey)) for path in paths], as_json=as_json)
