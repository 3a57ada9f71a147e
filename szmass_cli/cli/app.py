"""The commands: each parses its options, calls one stage, and prints what came of it."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli import DEFAULT_MODEL, N_EVALUATED
from szmass_cli.cli.estimate_commands import estimate, merge
from szmass_cli.cli.export import export
from szmass_cli.cli.info_command import info
from szmass_cli.cli.inject import inject
from szmass_cli.cli.options import CONFIG_HELP, PRESETS, AsJson, Model, Overwrite, Quiet, Seed, Verbose
from szmass_cli.cli.picture_commands import show
from szmass_cli.cli.population import population
from szmass_cli.cli.simulate import simulate_app
from szmass_cli.cli.train import train

app = typer.Typer(
    name="szmass",
    help="Calibrated galaxy-cluster masses from microwave-sky maps.",
    no_args_is_help=True,
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
app.command()(population)
app.command()(export)
app.command()(show)
app.command()(inject)


app.command()(train)


@app.command()
def evaluate(
    model: Model = DEFAULT_MODEL,
    n: Annotated[
        int,
        typer.Option(
            "--n", min=100, max=10_000_000, help="Number of fresh cutouts; half of them for each survey."
        ),
    ] = N_EVALUATED,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the whole report: metrics, summary, figures."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", "-c", help="A report of one survey alone. " + CONFIG_HELP, autocompletion=PRESETS
        ),
    ] = None,
    seed: Seed = 1,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Compare a model with the exact posterior of the same fresh cutouts.

    Models of any map on three bands of four surveys, or on those of `--config`; with `-o` also on single
    bands, filters, varying depths, wrong positions, and maps that are not as stated. The default model, and
    others that were trained on the realistic sky, on that, too, beside a recalibrated matched filter and
    cutouts without contamination. The paper's network beside a matched filter and the best possible on
    clusters of 2-7e14 Msun; with `-o` also each mass of the paper's Figure 4, mean SZ maps, and irregular
    clusters. A model that is better than the best possible has seen the answers: that is exit code 1.
    """
    from szmass_cli.cli.metricreports import print_metrics
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.evaluation.paper.metrics import PaperMetrics
    from szmass_cli.evaluation.report import check_report_folder, write_report
    from szmass_cli.evaluation.run import evaluate as run_evaluate
    from szmass_cli.evaluation.run import evaluate_fully
    from szmass_cli.network.bundle.bundle import read_bundle, read_history

    if output is None:
        with progress_display(quiet) as progress:
            evaluation = run_evaluate(model, n, seed, progress, config)
    else:
        check_report_folder(output, overwrite)
        history = read_history(read_bundle(model))
        with progress_display(quiet) as progress:
            evaluation = evaluate_fully(model, n, seed, progress, config)
        write_report(evaluation, history, output, overwrite)
        if isinstance(evaluation.metrics, PaperMetrics) and not evaluation.metrics.irregular and not quiet:
            note("note: no irregular clusters: `pip install 'szmass[irregular]'` for them.")
    print_metrics(evaluation.metrics, as_json=as_json)


app.command()(info)


@app.command("config")
def show_config(
    config: Annotated[str, typer.Argument(help=CONFIG_HELP, autocompletion=PRESETS)] = "survey",
    verbose: Verbose = False,
) -> None:
    """Check a configuration and print all of it, defaults included."""
    from szmass_cli.config import load_config

    print(load_config(config).to_yaml(), end="")
