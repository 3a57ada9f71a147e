"""The course of a training run, for people and programs: a CSV file, and TensorBoard."""

import csv
from pathlib import Path

from szmass_cli.system.files import atomic_path

COLUMNS = ("epoch", "loss", "validation_loss", "learning_rate", "cutouts_per_second")


def write_csv(history: list[dict[str, float]], path: Path) -> None:
    """Write the history of all epochs; the file is whole at any moment.

    Raises
    ------
    SzmassError
        If it cannot be written.
    """
    with atomic_path(path, overwrite=True) as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(history)


def write_tensorboard(row: dict[str, float], folder: Path) -> None:
    """Add an epoch to the event files that ``tensorboard --logdir`` shows."""
    from tensorboard.summary import Writer

    writer = Writer(str(folder))
    for name in COLUMNS[1:]:
        if name in row:
            writer.add_scalar(name, row[name], int(row["epoch"]))
    writer.close()
