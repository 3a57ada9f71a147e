"""Populations as a table."""

from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from szmass_cli import __version__
from szmass_cli.catalog import MASS_UNIT
from szmass_cli.catalog.tables.formats import write_table
from szmass_cli.posterior.population import SCATTER_RANGE
from szmass_cli.samples.run import Populations

_DESCRIPTIONS = {
    "low": "lower edge of the bin",
    "high": "upper edge of the bin",
    "n_rows": "rows with a likelihood",
    "centre": "mean of the column, of its logarithm with the slope",
    "ln_M200c": "mean of ln(M200c / Msun)",
    "ln_M200c_err": "standard deviation of ln_M200c",
    "M200c": "exp of ln_M200c",
    "scatter": "standard deviation of ln M200c",
    "scatter_err": "standard deviation of scatter",
    "correlation": "correlation of ln_M200c with scatter",
}


def population_table(found: Populations) -> Table:
    """Return one row for each bin, NaN where it has too few rows; the slope is in the metadata."""
    rows = []
    for one in found.bins:
        numbers = [np.nan] * 6
        if one.population is not None:
            (mean,), scatter = one.population.coefficients, one.population.scatter
            mean_err, scatter_err = one.population.errors
            correlation = one.population.covariance[0, 1] / (mean_err * scatter_err)
            numbers = [mean, mean_err, np.exp(mean) / 1e14, scatter, scatter_err, correlation]
        rows.append([one.low, one.high, one.n_rows, one.centre, *numbers])
    table = Table()
    for (name, text), values in zip(_DESCRIPTIONS.items(), zip(*rows, strict=True), strict=True):
        unit = MASS_UNIT if name == "M200c" else None
        table[name] = Column(np.array(values), unit=unit, description=text)
    errors = np.array([one.scale_error for one in found.bins])
    if np.any(errors > 0.0):
        words = "error of ln_M200c by the mass scale, common to all bins"
        empty = np.array([one.population is None for one in found.bins])
        table["ln_M200c_err_sys"] = Column(np.where(empty, np.nan, errors), description=words)
    table.meta.update(_meta(found))
    return table


def _meta(found: Populations) -> dict[str, str | float]:
    request, sample = found.request, found.sample
    meta: dict[str, str | float] = {
        "POP_VER": __version__,
        "POP_FILE": request.posteriors.name,
        "POP_BY": request.by,
        "POP_CUT": "none" if request.least_snr is None else f"sz_snr > {request.least_snr:g}",
        "POP_ROWS": sample.n_rows,
        "POP_USED": sum(one.n_rows for one in found.bins),
        "POP_PRI": "flat in ln M200c, in the slope, and in the scatter from {:g} to {:g}".format(
            *SCATTER_RANGE
        ),
        "POP_MSCL": "" if sample.scaled is None else sample.scaled.scale.in_words(),
        "POP_NOTE": " ".join(found.notes),
    }
    if found.line is not None:
        (mean, slope), scatter = found.line.population.coefficients, found.line.population.scatter
        names = ("LNM", "SLOP", "SCAT")
        meta["POP_PIV"] = found.line.pivot
        for name, value, error in zip(
            names, (mean, slope, scatter), found.line.population.errors, strict=True
        ):
            meta[f"POP_{name}"], meta[f"POP_E{name[:3]}"] = float(value), float(error)
    return meta


def write_population(found: Populations, output: Path, overwrite: bool = False) -> None:
    """Write the table; the suffix chooses the format, as of catalogues."""
    table = population_table(found)
    meta = dict(table.meta)
    table.meta.clear()
    write_table(output, table, None, Table(), meta, overwrite)
