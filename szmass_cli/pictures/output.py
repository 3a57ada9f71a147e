"""A catalogue that szmass wrote, taken apart again: input columns, added columns and metadata."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from szmass_cli.catalog import Catalog, read_catalog
from szmass_cli.catalog.tables.csvtable import TEXT, typed
from szmass_cli.catalog.tables.fitstable import header_text
from szmass_cli.catalog.tables.formats import output_files, read_table
from szmass_cli.errors import InputError
from szmass_cli.estimation.recipe import RECIPE_KEY, Recipe

_NO_RECIPE = "Measure the catalogue with this version of szmass; a CSV needs its .meta.json beside it."


@dataclass(frozen=True)
class Output:
    """A measured catalogue of n rows.

    Parameters
    ----------
    catalog : Catalog
        The input columns, and the roles that they had in the measurement.
    columns : astropy.table.Table
        The added columns, under their names without suffix.
    meta : dict
        Provenance.
    recipe : Recipe
        What made it.
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, Any]
    recipe: Recipe


def read_output(source: Path | Table) -> Output:
    """Read a catalogue that `szmass estimate` wrote, or the table that `szmass_cli.estimate` returned.

    Parameters
    ----------
    source : Path or astropy.table.Table
        In any format; a CSV with its ``.meta.json`` beside it.

    Raises
    ------
    InputError
        It cannot be read, or does not say what made it.
    """
    table, meta = (source, source.meta) if isinstance(source, Table) else _read(source)
    where = "the table" if isinstance(source, Table) else str(source)
    text = next((value for key, value in meta.items() if key.upper() == RECIPE_KEY), None)
    if text is None:
        raise InputError(f"{where}: does not say what made it: no {RECIPE_KEY} in its metadata.", _NO_RECIPE)
    recipe = Recipe.from_json(str(text))
    written = {name: name + recipe.suffix for name in recipe.added}
    missing = [name for name in written.values() if name not in table.colnames]
    if missing:
        raise InputError(
            f"{where}: the column {missing[0]} is gone.", "Give the catalogue as it was written."
        )
    picked = {role: name for role, name in recipe.roles.items() if name in table.colnames}
    catalog = read_catalog(source, picked)
    own = [name for name in catalog.table.colnames if name not in written.values()]
    roles = {role: name for role, name in catalog.roles.items() if role in recipe.roles}
    catalog = replace(catalog, table=catalog.table[own], roles=roles)
    columns = Table({name: table[there] for name, there in written.items()}, copy=False)
    return Output(catalog, columns, dict(meta), recipe)


def _read(path: Path) -> tuple[Table, dict[str, Any]]:
    """Return the table of a file with numbers as numbers, and its metadata."""
    table, source = read_table(path)
    if source != TEXT:
        return table, {key: header_text(value) for key, value in table.meta.items()}
    sidecar = output_files(path)[-1] if path.suffix.lower() == ".csv" else path
    try:
        meta = json.loads(sidecar.read_text(encoding="utf-8"))["meta"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: nothing says what made it.", _NO_RECIPE) from None
    return typed(table), meta


def numbers(columns: Table, name: str) -> np.ndarray:
    """Return a column (n,) as floats, NaN where it is masked."""
    return np.ma.filled(np.ma.asarray(columns[name]).astype(float), np.nan)
