"""Catalogue and likelihood curves in one flat table."""

from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.catalog.reading import IN_MEMORY
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.catalog.tables.formats import read_source
from szmass_cli.errors import InputError
from szmass_cli.posterior.masses import MassPosterior
from szmass_cli.posterior.posteriorfile import PosteriorTable, read_posteriors

N_MASSES = 50
"""Masses that curves are given at."""

PERCENTS = (2.5, 16.0, 50.0, 84.0, 97.5)


def wide_table(source: Path | Table, posteriors: Path | None) -> Table:
    """Return the catalogue with quantiles and curves of each row in columns of their own.

    Parameters
    ----------
    source : Path or astropy.table.Table
        What `szmass estimate` wrote.
    posteriors : Path, optional
        What it wrote with ``--posteriors``; without it there are no curves.

    Returns
    -------
    astropy.table.Table
        All columns of the catalogue, then ``ln_M200c_q02p5`` to ``ln_M200c_q97p5`` (quantiles of the
        posterior of ln(M200c / Msun)), and ``lnL_13p48`` ... : ln likelihood at log10(M200c / Msun) of 13.48
        ..., over that of the best mass; NaN without a result.

    Raises
    ------
    InputError
        A file cannot be read, or they have different numbers of rows.
    """
    if isinstance(source, Path):
        read = read_source(source)
        table = typed(read.table) if read.source == TEXT else read.table.copy()
    else:
        table = source.copy()
    if posteriors is None:
        return table
    curves = read_posteriors(posteriors)
    if len(curves) != len(table):
        path = source if isinstance(source, Path) else IN_MEMORY
        raise InputError(
            f"{path} has {len(table):,} rows, {posteriors} has {len(curves):,}.",
            "Give the catalogue that the likelihoods were written with.",
        )
    for name, values in (_quantiles(curves.posterior) | _curves(curves)).items():
        table[name] = values
    return table


def _quantiles(posterior: MassPosterior) -> dict[str, np.ndarray]:
    values = np.log(posterior.percentiles(PERCENTS))
    names = [f"ln_M200c_q{percent:04.1f}".replace(".", "p") for percent in PERCENTS]
    return dict(zip(names, values.T, strict=True))


def _curves(table: PosteriorTable) -> dict[str, np.ndarray]:
    """Return ln likelihoods at evenly spaced masses of the grid."""
    places = np.unique(np.linspace(0, table.ln_mass.size - 1, N_MASSES).round().astype(int))
    values = table.ln_likelihood[:, places].astype(float)
    with np.errstate(invalid="ignore"):
        values = values - values.max(axis=1, keepdims=True)
    names = [f"lnL_{mass / np.log(10.0):.3f}".replace(".", "p") for mass in table.ln_mass[places]]
    return dict(zip(names, values.T, strict=True))
