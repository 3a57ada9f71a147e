"""The folder of a study: tables in ECSV and FITS, a summary, and figures."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog.tables.fitstable import header_value
from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.estimation.checkresult import BLIND
from szmass_cli.exports.selection import at_least_two, tiles_of_noise, write_selection
from szmass_cli.injection.figures.study import completeness_figure, coverage_figure, selection_figure
from szmass_cli.injection.study import SIZES_ARCMIN, Study
from szmass_cli.injection.tables import ALL, study_tables
from szmass_cli.system.files import check_writable, move_folder

SUMMARY, SELECTION = "study.json", "selection.npz"
NEMO_FILES = "selection"
"""The folder of the selection as nemo writes it, within that of the study."""


FULL_SKY_DEG2 = 4.0 * np.pi * np.degrees(1.0) ** 2


def check_study_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that is taken by anything but a study to be replaced, or cannot be made.

    Raises
    ------
    OutputError
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; a study is a folder.", "Give a folder, such as study/.")
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / SUMMARY).is_file():
            raise OutputError(f"{folder} is not a study, so it is not replaced.", "Give another name.")
        if not overwrite:
            raise OutputError(f"{folder} is already there.", "--overwrite replaces it.")
    if not folder.parent.is_dir():
        raise OutputError(f"{folder}: there is no folder {folder.parent}.", "Make it, or give another name.")
    check_writable(folder.parent / f".{folder.name}.check")


def study_summary(study: Study, coverage: Table) -> dict[str, Any]:
    """Return the numbers that summarise a study: those of all tiles and all S/N above 3."""
    numbers: dict[str, Any] = {"n": len(study.injected), "n_above_snr_3": 0}
    if len(coverage):
        whole = coverage[0]
        assert whole["tile"] == ALL
        numbers["n_above_snr_3"] = int(whole["n"])
        names = [name for name in coverage.colnames if name.startswith(("bias", "coverage"))]
        numbers |= {name: round(float(whole[name]), 4) for name in names}
    area = study.footprint.area_deg2
    return {
        **numbers,
        "area_deg2": round(float(area.sum()), 3),
        "tiles": len(area),
        "does_not_see": BLIND,
        "notes": list(study.notes),
        "provenance": study.meta,
    }


def write_study(study: Study, folder: Path, overwrite: bool = False) -> dict[str, Any]:
    """Write a study; the folder appears, or is replaced, when it is complete.

    Parameters
    ----------
    study : Study
        What was injected and measured.
    folder : Path
        Of the study; the folder above it must be there.
    overwrite : bool
        Whether a study already there is replaced.

    Returns
    -------
    dict
        See `study_summary`.

    Raises
    ------
    OutputError
        See `check_study_folder`.
    SzmassError
        If it cannot be written.
    """
    check_study_folder(folder, overwrite)
    tables = study_tables(study)
    summary = study_summary(study, tables["coverage"])
    figures = {
        "coverage": coverage_figure(tables["coverage"]),
        "completeness": completeness_figure(tables["completeness"]),
        "selection": selection_figure(study),
    }
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            part = Path(temporary) / "study"
            part.mkdir()
            (part / SUMMARY).write_text(json.dumps(summary, indent=2, default=str) + "\n", encoding="utf-8")
            _write_tables(tables, study.meta, part)
            skyfracs = study.footprint.area_deg2 / FULL_SKY_DEG2
            arrays = {"theta500_arcmin": SIZES_ARCMIN, "sigma_y0": study.y0_noise, "skyfracs": skyfracs}
            np.savez(part / SELECTION, allow_pickle=False, **arrays)
            _write_nemo_files(study, part / NEMO_FILES)
            for name, figure in figures.items():
                figure.savefig(part / f"{name}.png", dpi=150)
            move_folder(part, folder)
    except OSError as error:
        raise SzmassError(
            f"{folder} could not be written: {error.strerror or error}", "Free some space and try again."
        ) from error
    return summary


def _write_nemo_files(study: Study, folder: Path) -> None:
    """Write noise, area and Q of the tiles as nemo does; tiles without noise or area have no part in it."""
    footprint = study.footprint
    known = np.isfinite(study.y0_noise).all(axis=1) & (footprint.area_deg2 > 0.0)
    if not known.any():
        return
    # programs look for the names of tables in FITS, which are in capitals, by those of tiles
    names = [name.upper() for name in np.array(footprint.tile_names)[known].tolist()]
    tiles = tiles_of_noise(names, footprint.area_deg2[known], SIZES_ARCMIN, study.y0_noise[known])
    folder.mkdir()
    write_selection(at_least_two(tiles), folder)


def _write_tables(tables: Mapping[str, Table], meta: Mapping[str, Any], folder: Path) -> None:
    """Write every table to an ECSV file, and all of them to one FITS file, an extension each."""
    primary = fits.PrimaryHDU()
    hdus = [primary]
    for name, table in tables.items():
        table.meta.update(meta)
        table.write(folder / f"{name}.ecsv", format="ascii.ecsv")
        plain = table.copy()
        plain.meta.clear()
        hdu = fits.table_to_hdu(plain)
        hdu.name = name.upper()
        hdus.append(hdu)
    for key, value in meta.items():
        primary.header[key] = header_value(value)
    fits.HDUList(hdus).writeto(folder / "study.fits")
