"""The report of an evaluation: a folder with metrics.json, a summary to read, and figures."""

import tempfile
from pathlib import Path

from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.evaluation.run import Evaluation
from szmass_cli.system.files import check_writable, move_folder

METRICS, SUMMARY = "metrics.json", "summary.md"


def check_report_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that is taken by anything but a report to be replaced, or cannot be made.

    Raises
    ------
    OutputError
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; a report is a folder.", "Give a folder, such as report/.")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / METRICS).is_file() or not (folder / SUMMARY).is_file():
            raise OutputError(f"{folder} is not a report, so it is not replaced.", "Give another name.")
        if not overwrite:
            raise OutputError(f"{folder} is already there.", "--overwrite replaces it.")
    check_can_be_made(folder)


def check_can_be_made(folder: Path) -> None:
    """Refuse a new folder that cannot be written where it is to be; the folder above it is made.

    Raises
    ------
    OutputError
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: its folder cannot be made: {error.strerror or error}", "Give another name."
        ) from None
    check_writable(folder.parent / f".{folder.name}.check")


def write_report(
    evaluation: Evaluation, history: list[dict[str, float]], folder: Path, overwrite: bool = False
) -> None:
    """Write a report; the folder appears, or is replaced, when it is complete.

    Parameters
    ----------
    evaluation : Evaluation
        Numbers, and what draws their figures.
    history : list of dict
        The epochs of training, for the loss curve.
    folder : Path
        Of the report; folders above it are made.
    overwrite : bool
        Whether a report already there is replaced.

    Raises
    ------
    OutputError
        See `check_report_folder`.
    SzmassError
        If it cannot be written.
    """
    check_report_folder(folder, overwrite)
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            part = Path(temporary) / "report"
            part.mkdir()
            (part / METRICS).write_bytes(evaluation.metrics.to_json())
            (part / SUMMARY).write_text(evaluation.summary(), encoding="utf-8")
            evaluation.save_figures(history, part)
            move_folder(part, folder)
    except OSError as error:
        raise SzmassError(
            f"{folder} could not be written: {error.strerror or error}", "Free some space and evaluate again."
        ) from error
