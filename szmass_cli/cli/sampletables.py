"""What samples say, 80 columns wide or as JSON."""

import json

import numpy as np
from rich.console import Console
from rich.table import Table

from szmass_cli.samples.run import Populations
from szmass_cli.samples.tables import population_table

WIDTH = 80


def print_population(found: Populations, *, as_json: bool) -> None:
    """Print bins and slope to stdout."""
    if as_json:
        print(json.dumps(_as_data(found)))
        return
    table = Table(box=None, pad_edge=False)
    for heading in (found.request.by, "rows", "M200c [1e14 Msun]", "ln M200c", "scatter of ln M200c"):
        table.add_column(heading, justify="right")
    for one in found.bins:
        cells = ["-", "-", "-"]
        if one.population is not None:
            (mean,), (mean_err, scatter_err) = one.population.coefficients, one.population.errors
            mass = np.exp(mean) / 1e14
            cells = [
                f"{mass:.3f} ± {mass * mean_err:.3f}",
                f"{mean:.3f} ± {mean_err:.3f}",
                f"{one.population.scatter:.3f} ± {scatter_err:.3f}",
            ]
        table.add_row(f"{one.low:.4g} to {one.high:.4g}", f"{one.n_rows:,}", *cells)
    console = Console(width=WIDTH, highlight=False)
    console.print(table)
    if found.line is not None:
        (mean, slope), scatter = found.line.population.coefficients, found.line.population.scatter
        mean_err, slope_err, scatter_err = found.line.population.errors
        console.print(
            f"\nln M200c = {mean:.3f} ± {mean_err:.3f} + ({slope:.3f} ± {slope_err:.3f}) "
            f"ln({found.request.by} / {found.line.pivot:.4g})\nscatter {scatter:.3f} ± {scatter_err:.3f}",
            markup=False,
        )


def _as_data(found: Populations) -> dict[str, object]:
    table = population_table(found)
    rows = [
        {name: None if np.isnan(value := float(row[name])) else value for name in table.colnames}
        for row in table
    ]
    return {"bins": rows, **{str(key): value for key, value in table.meta.items()}}
