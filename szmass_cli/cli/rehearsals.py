"""What `--dry-run` prints: to stdout, as a table or JSON."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from szmass_cli.cli.terminal import facts_table, note
from szmass_cli.estimation.rehearsal import Rehearsal
from szmass_cli.simulation.rehearsal import SimulationRehearsal
from szmass_cli.training.rehearsal import TrainingRehearsal


def print_rehearsal(rehearsal: Rehearsal, output: Path, *, as_json: bool) -> None:
    """Print what an estimate would do."""
    if as_json:
        print(json.dumps({"dry_run": True, "output": str(output), **asdict(rehearsal)}))
        return
    for text in rehearsal.notes:
        note(f"note: {text}")
    rows = [("map", line) for line in rehearsal.maps]
    rows += [
        ("columns", rehearsal.columns),
        ("rows", f"{rehearsal.n_rows:,}, {rehearsal.n_usable:,} with position and redshift"),
        ("trial", f"{rehearsal.n_measured} of {rehearsal.n_trial} rows have a mass"),
        ("measuring", f"about {rehearsal.seconds:,.0f} s on this machine, by the trial"),
        ("would add", ", ".join(rehearsal.new_columns)),
        ("would write", str(output)),
    ]
    _print(rows)


def print_simulation_rehearsal(rehearsal: SimulationRehearsal, *, as_json: bool) -> None:
    """Print what a simulation would do."""
    if as_json:
        print(json.dumps({"dry_run": True, **asdict(rehearsal)}))
        return
    rows = [("band", line) for line in rehearsal.bands]
    rows += [
        ("contents", rehearsal.contents),
        ("takes", f"{span(rehearsal.seconds)} on this machine, by a trial"),
    ]
    rows += [("disk", f"{rehearsal.gigabytes:,.3g} GB")]
    rows += [("would write", name) for name in rehearsal.outputs]
    _print(rows)


def print_training_rehearsal(rehearsal: TrainingRehearsal, output: Path, *, as_json: bool) -> None:
    """Print what a training would do."""
    if as_json:
        print(json.dumps({"dry_run": True, "output": str(output), **asdict(rehearsal)}))
        return
    epochs = f"{rehearsal.epochs} of {rehearsal.cutouts_per_epoch:,} cutouts"
    if rehearsal.epochs_done:
        epochs += f", {rehearsal.epochs_done} of them done"
    rows = [
        ("network", rehearsal.network),
        ("clusters", rehearsal.clusters),
        ("on", rehearsal.device),
        ("epochs", epochs),
        ("validation", f"{rehearsal.validation_cutouts:,} cutouts"),
        ("calibration", f"{rehearsal.calibration_cutouts:,} cutouts"),
        ("training", f"{span(rehearsal.training_seconds)} on this machine, by a trial"),
        ("calibrating", span(rehearsal.calibration_seconds)),
        ("", "and the evaluation for the report, which is not in these times"),
        ("would write", str(output)),
    ]
    _print(rows)


def span(seconds: float) -> str:
    """Return a time in the unit that fits."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2.0 * size:
            return f"about {seconds / size:,.3g} {unit}"
    return f"about {seconds:,.2g} s" if seconds < 10.0 else f"about {seconds:,.0f} s"


def _print(rows: list[tuple[str, str]]) -> None:
    table = facts_table()
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)
