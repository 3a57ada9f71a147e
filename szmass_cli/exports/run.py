"""Exports: one function for each program, and files that appear whole."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.table import Table

from szmass_cli import __version__
from szmass_cli.catalog.tables.formats import write_table
from szmass_cli.errors import OutputError, UsageError, did_you_mean
from szmass_cli.exports.cosmocnc import (
    catalogue_arrays,
    parameters,
    selection_arrays,
    survey_modules,
)
from szmass_cli.exports.nemo import PER_Y0, in_two_tiles, nemo_table
from szmass_cli.exports.nemorun import write_nemo_run
from szmass_cli.exports.selection import write_selection
from szmass_cli.exports.survey import REFERENCE_ARCMIN, SurveyRows, read_survey, read_sz_model, y0_relation
from szmass_cli.exports.wide import wide_table
from szmass_cli.system.files import check_writable, move_folder

LEAST_SNR = 5.0
PARAMETERS = "parameters.json"


class Target(StrEnum):
    """What a catalogue is exported to, named as in the option ``--to``."""

    COSMOCNC = "cosmocnc"
    NEMO = "nemo"
    CSV_WIDE = "csv-wide"

    @classmethod
    def parse(cls, name: str) -> "Target":
        """Return the target with a given name.

        Raises
        ------
        UsageError
            There is none.
        """
        try:
            return cls(name)
        except ValueError:
            raise UsageError(
                f"--to: {name!r} is not known.{did_you_mean(name, cls)}", f"Use {', '.join(cls)}."
            ) from None


@dataclass(frozen=True)
class Request:
    """What is to be exported.

    Parameters
    ----------
    catalog : Path or astropy.table.Table
        What `szmass estimate` wrote.
    target : Target
        The program or form it is for.
    area_deg2 : float, optional
        Area of the survey, of one depth.
    depths : Path, optional
        Table of areas and noises, as nemo's ``RMSTab.fits``, in place of an area.
    least_snr : float
        Clusters above this S/N are counted.
    posteriors : Path, optional
        Likelihoods, for ``csv-wide``.
    suffix : str
        Suffix of the catalogue's columns that szmass added.
    model : str, optional
        Model of the catalogue; by default the one that it names.
    """

    catalog: Path | Table
    target: Target
    area_deg2: float | None = None
    depths: Path | None = None
    least_snr: float = LEAST_SNR
    posteriors: Path | None = None
    suffix: str = ""
    model: str | None = None


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    rows : int
        Rows written.
    files : tuple of str
        Names of the files; one of its own for ``csv-wide``.
    """

    rows: int
    files: tuple[str, ...]


def export(request: Request, output: Path, overwrite: bool = False) -> Exported:
    """Write a catalogue in the form that another program reads.

    Parameters
    ----------
    request : Request
        Catalogue, target and survey.
    output : Path
        CSV file for ``csv-wide``, a folder for the others.
    overwrite : bool
        Whether an existing output may be replaced.

    Raises
    ------
    InputError, UsageError, OutputError
        The catalogue, options or output cannot be used.
    """
    check_export(request, output, overwrite)
    if request.target == Target.CSV_WIDE:
        table = wide_table(request.catalog, request.posteriors)
        write_table(output, table, None, Table(), {}, overwrite)
        return Exported(len(table), (output.name,))
    rows = read_survey(request.catalog, request.area_deg2, request.depths, request.suffix)
    with TemporaryDirectory(dir=output.resolve().parent, prefix=f".{output.name}-") as temporary:
        folder = Path(temporary) / output.name
        folder.mkdir()
        write = _write_nemo if request.target == Target.NEMO else _write_cosmocnc
        n_rows = write(request, rows, folder)
        names = tuple(sorted(path.name for path in folder.iterdir()))
        move_folder(folder, output)
    return Exported(n_rows, names)


def check_export(request: Request, output: Path, overwrite: bool) -> None:
    """Refuse options that do not fit the target, before any work."""
    if request.target == Target.CSV_WIDE:
        if output.suffix != ".csv":
            raise UsageError(f"--output {output}: csv-wide is a .csv file.", "For example wide.csv.")
        if request.area_deg2 is not None or request.depths is not None:
            raise UsageError("--area and --depths are for surveys.", "Leave them out with --to csv-wide.")
    elif request.posteriors is not None:
        raise UsageError(
            f"--posteriors: {request.target} takes no likelihoods.", "They go with --to csv-wide."
        )
    if not np.isfinite(request.least_snr) or request.least_snr <= 0.0:
        raise UsageError(f"--snr-above {request.least_snr:g}: not a positive number.")
    if request.target == Target.CSV_WIDE or not output.exists():
        check_writable(output, overwrite)
    elif not _is_own(output):
        raise OutputError(
            f"{output} is there and was not written by szmass export.", "Give the folder another name."
        )
    elif not overwrite:
        raise OutputError(f"{output} is already there.", "Give another name, or --overwrite.")


def _is_own(folder: Path) -> bool:
    return folder.is_dir() and ((folder / PARAMETERS).is_file() or not any(folder.iterdir()))


def _write_nemo(request: Request, rows: SurveyRows, folder: Path) -> int:
    rows = in_two_tiles(rows)
    table = nemo_table(rows, request.suffix)
    table.write(folder / "catalog.fits")
    write_selection(rows.tiles, folder)
    bundle = read_sz_model(rows.catalog, request.model)
    h70 = bundle.cosmology.h70
    a, alpha = y0_relation(bundle.sz_model)
    # nemo's relation has no h70: y0 = 10^A0 E^2 (M500c / Mpivot)^(1 + B0) Q
    facts = {
        "tenToA0": 10.0**a * h70 ** (alpha - 0.5),
        "B0": alpha - 1.0,
        "Mpivot_msun": 3e14,
        "scatter_sz": bundle.recipe.clusters.sz_scatter_ln,
        "bias_sz": 1.0 - bundle.recipe.clusters.sz_mass_bias,
        "SNRcut": request.least_snr,
        "y_c_unit": 1.0 / PER_Y0,
        "theta500_of_Q_1_arcmin": REFERENCE_ARCMIN,
        "area_deg2": float(rows.tiles.area_deg2.sum()),
    }
    _write_json(folder / PARAMETERS, {"szmass": __version__, **facts})
    write_nemo_run(rows.tiles, facts, bundle.cosmology, folder)
    return len(table)


def _write_cosmocnc(request: Request, rows: SurveyRows, folder: Path) -> int:
    clusters = catalogue_arrays(rows, request.least_snr)
    bundle = read_sz_model(rows.catalog, request.model)
    # numpy types its keywords as if they were all its own options
    np.savez(folder / "catalogue.npz", **clusters)  # type: ignore[arg-type]
    np.savez(folder / "selection.npz", **selection_arrays(rows))  # type: ignore[arg-type]
    _write_json(folder / PARAMETERS, parameters(bundle, request.least_snr, rows))
    for name, text in survey_modules().items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(clusters["z"])


def _write_json(path: Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
