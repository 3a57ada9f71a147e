"""`szmass train`: from a configuration to a model."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import (
    CONFIG_HELP,
    PRESETS,
    AsJson,
    DryRun,
    Frequencies,
    Overwrite,
    Quiet,
    Verbose,
    frequencies,
)


def train(
    config: Annotated[str, typer.Option("--config", "-c", help=CONFIG_HELP, autocompletion=PRESETS)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the model bundle.")],
    freq: Frequencies = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A toy of about two minutes: few cutouts, instruments and epochs."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from a checkpoint, if there is one.")
    ] = True,
    finish: Annotated[
        bool, typer.Option("--finish", help="Make the bundle of the best epoch so far; train no further.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=0, help="Processes that simulate. On a GPU all cores but one, on a CPU none."
        ),
    ] = None,
    simulations: Annotated[
        Path | None,
        typer.Option(
            "--simulations",
            help="Folder that keeps stored cutouts (`training.cutouts: stored`) for other runs of the same.",
        ),
    ] = None,
    dry_run: DryRun = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train a network for a survey: simulate, fit, calibrate, evaluate.

    Runs on all GPUs that TensorFlow finds, on the CPU otherwise; with `KERAS_BACKEND=jax` set, on JAX and
    one GPU. An interrupted run goes on from its last whole epoch, or from where its calibration was, when the
    same command is given again. Ctrl-C ends the epoch under way and saves it; a second Ctrl-C stops at once.
    `OUTPUT.training/` holds the loss of each epoch as `log.csv` and for TensorBoard.
    """
    from szmass_cli.cli.rehearsals import print_training_rehearsal
    from szmass_cli.cli.reports import print_bundle
    from szmass_cli.cli.terminal import note, progress_display
    from szmass_cli.config import load_config
    from szmass_cli.network.fit.device import training_device
    from szmass_cli.training.quick import QUICK_NOTE, quick_config, quick_report
    from szmass_cli.training.rehearsal import rehearse
    from szmass_cli.training.run import check
    from szmass_cli.training.run import finish as run_finish
    from szmass_cli.training.run import train as run_train

    settings, report = load_config(config).with_frequencies(frequencies(freq)), None
    if quick:
        settings, report = quick_config(settings), quick_report
    check(settings, output, overwrite)
    if quick and not quiet:
        note(QUICK_NOTE)
    if dry_run:
        with progress_display(quiet) as progress:
            found = rehearse(settings, output, resume, overwrite, progress, workers)
        print_training_rehearsal(found, output, as_json=as_json)
        return
    if not (quiet or finish):
        note(f"on {training_device(settings.training).description}")
    with progress_display(quiet) as progress:
        if finish:
            bundle = run_finish(settings, output, overwrite, progress, report)
        else:
            bundle = run_train(settings, output, resume, overwrite, progress, workers, simulations, report)
    print_bundle(bundle, as_json=as_json, quiet=quiet)
