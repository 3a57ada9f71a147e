"""`szmass export`: catalogues for the programs that come next."""

from pathlib import Path
from typing import Annotated

import typer

from szmass_cli.cli.options import AsJson, Overwrite, Quiet, Verbose


def export(
    catalog: Annotated[Path, typer.Argument(help="What `szmass estimate` wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .csv file for csv-wide, a folder for the others.")
    ],
    to: Annotated[str, typer.Option("--to", help="cosmocnc, nemo or csv-wide.")],
    area: Annotated[
        float | None, typer.Option("--area", help="Area of the survey [deg^2], taken to be of one depth.")
    ] = None,
    depths: Annotated[
        Path | None,
        typer.Option("--depths", help="Instead: areas and noise of y0, a table as nemo's RMSTab.fits."),
    ] = None,
    snr_above: Annotated[
        float, typer.Option("--snr-above", help="Clusters above this S/N are counted.")
    ] = 5.0,
    posteriors: Annotated[
        Path | None,
        typer.Option("--posteriors", help="For csv-wide: likelihoods of the same rows, as curves."),
    ] = None,
    suffix: Annotated[
        str, typer.Option("--suffix", help="That of the catalogue's columns that szmass added.")
    ] = "",
    model: Annotated[
        str | None, typer.Option("--model", help="Model of the catalogue. [default: the one it names]")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """A catalogue with masses for cosmocnc, for nemo and SOLikeT, or as one flat table.

    For surveys: clusters with S/N, Compton y and redshift, and the selection they were found with, which is
    the noise of y0 by angular size and depth, and areas. How y0 follows from mass stands in
    `parameters.json`.
    """
    import json

    from szmass_cli.cli.terminal import note
    from szmass_cli.exports.run import Request, Target
    from szmass_cli.exports.run import export as run_export
    from szmass_cli.system.files import check_not_an_input

    inputs = [path for path in (catalog, depths, posteriors) if path is not None]
    check_not_an_input(output, *inputs)
    request = Request(catalog, Target.parse(to), area, depths, snr_above, posteriors, suffix, model)
    written = run_export(request, output, overwrite)
    if as_json:
        print(json.dumps({"rows": written.rows, "files": list(written.files), "output": str(output)}))
    if not quiet:
        note(f"{written.rows:,} rows written to {output}: {', '.join(written.files)}")
