"""The pages of `szmass show`: one for each cluster."""

from collections.abc import Sequence
from pathlib import Path

from szmass_cli.errors import UsageError
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.system.files import atomic_path, check_not_an_input, check_writable
from szmass_cli.system.pictures import DPI, SUFFIXES
from szmass_cli.system.progress import Progress, silent


def check_pages(output: Path, source: Path, overwrite: bool) -> None:
    """Make sure that pages can be written, before the work.

    Parameters
    ----------
    output : Path
        File of the pages.
    source : Path
        The catalogue, which must not be replaced.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    UsageError
        The suffix is not that of a picture, or the file is the catalogue.
    OutputError
        The file is already there or cannot be written.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{output}: is no {', '.join(SUFFIXES)} file.", "For example clusters.pdf.")
    check_not_an_input(output, source)
    check_writable(output, overwrite)


def wanted_rows(measurement: Measurement, names: Sequence[str], flagged: bool) -> list[int]:
    """Return the numbers of the rows to show, each once, those given by name first.

    Parameters
    ----------
    measurement : Measurement
        The catalogue.
    names : sequence of str
        Names of clusters, or ``row-1``, ``row-2``, ...
    flagged : bool
        Whether all rows with a flag are wanted, too.

    Raises
    ------
    UsageError
        A name is not known, or no row is wanted.
    """
    rows = [measurement.row_of(name) for name in names]
    if flagged:
        rows += measurement.flagged.tolist()
    if not rows:
        if flagged:
            raise UsageError("No row has a flag.", "Give --row NAME.")
        raise UsageError("No row is asked for.", "Give --row NAME, as often as needed, or --flagged.")
    return list(dict.fromkeys(rows))


def write_pages(
    measurement: Measurement,
    rows: Sequence[int],
    output: Path,
    overwrite: bool = False,
    progress: Progress = silent,
) -> None:
    """Write one page for each of some rows; the file appears when it is complete.

    Parameters
    ----------
    measurement : Measurement
        The catalogue with its maps and model.
    rows : sequence of int
        Numbers of the rows, in the order of the pages.
    output : Path
        PDF for any number of rows; PNG or SVG for a single one.
    overwrite : bool
        Whether an existing file may be replaced.
    progress : Progress
        Called with the number of pages so far.

    Raises
    ------
    UsageError
        Several rows are to go into a file that holds one page.
    """
    if output.suffix.lower() != ".pdf" and len(rows) > 1:
        raise UsageError(
            f"{output}: holds one page, and {len(rows)} rows are to be shown.",
            f"Name it {output.with_suffix('.pdf')}.",
        )
    with atomic_path(output, overwrite=overwrite) as part:
        if output.suffix.lower() != ".pdf":
            measurement[rows[0]].plot().savefig(part, dpi=DPI, format=output.suffix.lower()[1:])
            progress("pages", 1, 1)
            return
        from matplotlib.backends.backend_pdf import PdfPages

        with PdfPages(part) as pages:
            for number, row in enumerate(rows):
                pages.savefig(measurement[row].plot())
                progress("pages", number + 1, len(rows))
