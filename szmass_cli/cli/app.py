"""The commands: each parses its options, calls one stage, and prints what came of it."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli import DEFAULT_MODEL
from szmass_cli.cli.estimate_commands import estimate, merge
from szmass_cli.cli.options import (
    CONFIG_HELP,
    AsJson,
    Frequencies,
    Model,
    Overwrite,
    Quiet,
    Seed,
    Verbose,
    frequencies,
)
from szmass_cli.cli.simulate import simulate_app

app = typer.Typer(
    name="szmass",
    help="Calibrated galaxy-cluster masses from microwave-sky maps.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(simulate_app, name="simulate")


def _version(wanted: bool) -> None:
    if wanted:
        from szmass_cli import __version__

        typer.echo(f"szmass {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command()(estimate)
app.command()(merge)


@app.command()
def train(
    config: Annotated[str, typer.Option("--config", "-c", help=CONFIG_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model bundle.")],
    freq: Frequencies = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from a checkpoint, if there is one.")
    ] = True,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a network for a survey: simulate, fit, calibrate, evaluate.

    Runs on the GPU where TensorFlow finds one, on the CPU otherwise. An interrupted run goes on
    from its last whole epoch when the same command is given again.
    """
    from szmass_cli.cli.console import progress_display
    from szmass_cli.cli.reports import print_bundle
    from szmass_cli.config import load_config
    from szmass_cli.train import train as run_train

    settings = load_config(config).with_frequencies(frequencies(freq))
    with progress_display(quiet) as progress:
        bundle = run_train(settings, output, resume, overwrite, progress)
    print_bundle(bundle, as_json=as_json, quiet=quiet)


@app.command()
def evaluate(
    model: Model = DEFAULT_MODEL,
    n: Annotated[int, typer.Option("--n", min=100, max=10_000_000, help="Number of fresh cutouts.")] = 5000,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the metrics there as JSON.")
    ] = None,
    seed: Seed = 1,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """How good a model is, beside the best possible estimator.

    Fresh clusters of 2-7e14 Msun, with the model's SZ scatter and without. A model that is better than
    the best possible has seen the answers: that is exit code 1.
    """
    from szmass_cli.cli.console import progress_display
    from szmass_cli.cli.reports import print_comparisons
    from szmass_cli.evaluate import evaluate as run_evaluate

    with progress_display(quiet) as progress:
        comparisons = run_evaluate(model, n, seed, output, overwrite, progress)
    print_comparisons(comparisons, as_json=as_json)


@app.command()
def info(
    model: Annotated[str, typer.Argument(help="A shipped model, or a bundle's folder.")] = DEFAULT_MODEL,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """What a model is: its survey, ranges, and how good it is."""
    from szmass_cli.cli.reports import print_bundle
    from szmass_cli.network.bundle import read_bundle

    print_bundle(read_bundle(model), as_json=as_json, quiet=False)


@app.command("config")
def show_config(
    config: Annotated[str, typer.Argument(help=CONFIG_HELP)] = "default",
    verbose: Verbose = False,
) -> None:
    """Check a configuration and print all of it, defaults included."""
    from szmass_cli.config import load_config

    print(load_config(config).to_yaml(), end="")
