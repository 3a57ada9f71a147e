"""The option ``--report`` of `estimate` and `merge`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from szmass_cli.estimation.run import Estimates
    from szmass_cli.system.progress import Progress

PANEL = "More output"

Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        rich_help_panel=PANEL,
        metavar="FILE.html",
        help="A page of HTML with summary, charts, pictures of clusters and every flagged row.",
    ),
]
ReportColumns = Annotated[
    str | None,
    typer.Option(
        "--report-columns",
        rich_help_panel=PANEL,
        metavar="NAMES",
        help="Input columns that the report draws masses against, as a,b. [default: the first 12]",
    ),
]


def reported(
    report: Path | None,
    columns: str | None,
    estimates: "Estimates",
    overwrite: bool,
    progress: "Progress",
) -> tuple[str, ...]:
    """Write the report of a run where one is asked for, and return what is to be said of it."""
    if report is None:
        return ()
    from szmass_cli.pictures.measurement import Measurement
    from szmass_cli.pictures.report import write_report

    names = [name.strip() for name in columns.split(",")] if columns else []
    return write_report(Measurement.of(estimates), report, names, overwrite, progress)


def tell(report: Path | None, told: tuple[str, ...], quiet: bool) -> None:
    """Print where the report is, and what is to be said of it."""
    from szmass_cli.cli.terminal import note

    if report is not None and not quiet:
        for text in (*told, f"The report is {report}."):
            note(text)
