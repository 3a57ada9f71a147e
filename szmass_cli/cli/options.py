"""Options that mean the same in every command, and how their text is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.system.presets import SkyKind, mass_scale_names, model_names, preset_names


def beginning_with(names: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    """Return what the shell completes a word to, of some names; it completes to files by itself."""
    return lambda incomplete: [name for name in names() if name.startswith(incomplete)]


def surveys_beginning_with(incomplete: str) -> list[str]:
    """Return what the shell completes a word of ``--survey`` to, behind GHZ= where there is one."""
    from szmass_cli.maps.surveys import SURVEY_NAMES

    before, equals, word = incomplete.rpartition("=")
    return [before + equals + name for name in SURVEY_NAMES if name.startswith(word)]


PRESETS, SCALES = beginning_with(preset_names), beginning_with(mass_scale_names)
CONFIG_HELP = f"YAML file, or a preset: {', '.join(preset_names())}."

Config = Annotated[str, typer.Option("--config", "-c", help=CONFIG_HELP, autocompletion=PRESETS)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is already there.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no messages.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tracebacks with errors.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of all random numbers.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON to stdout.")]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what is understood and how long it will take; write nothing."),
]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="ROLE=NAME", help="Which column is what, as ra=RADeg. Repeatable."),
]
Sky = Annotated[
    SkyKind | None,
    typer.Option(
        "--sky",
        help="Gaussian, or with sources, halos and dust as published. [default: the configuration's]",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="A shipped model, or a bundle's folder.",
        autocompletion=beginning_with(model_names),
    ),
]
Frequencies = Annotated[
    str | None,
    typer.Option("--freq", help="Only these of the configuration's bands, as 95,150 or f090,f150."),
]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", help="Draw what was simulated, and its power spectra: PNG, PDF or SVG."),
]


def pairs(columns: list[str] | None) -> dict[str, str]:
    """Return the roles and column names of ``--column``."""
    from szmass_cli.errors import UsageError

    found = {}
    for text in columns or []:
        role, separator, name = text.partition("=")
        if not (separator and role and name):
            raise UsageError(f"--column {text}: not ROLE=NAME.", "For example --column ra=RADeg.")
        found[role] = name
    return found


def numbers(text: str | None, option: str) -> list[float]:
    """Return numbers separated by commas; an empty list if no text is given."""
    from szmass_cli.errors import UsageError

    try:
        return [float(part) for part in text.split(",")] if text else []
    except ValueError:
        raise UsageError(
            f"{option} {text}: not numbers separated by commas.", "For example 2.5,16,50."
        ) from None


def frequencies(text: str | None) -> list[float]:
    """Return the frequencies [GHz] of ``--freq``, which may be called as surveys call their bands."""
    from szmass_cli.errors import UsageError
    from szmass_cli.physics.bandnames import effective_frequency_ghz

    try:
        return [effective_frequency_ghz(part) for part in text.split(",")] if text else []
    except UsageError as error:
        raise UsageError(
            f"--freq {text}: not frequencies. {error.message}", "For example 95,150 [GHz] or f090,f150."
        ) from None
