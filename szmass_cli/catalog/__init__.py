"""The one column schema: which columns come in, under which names, and which columns go out."""

from szmass_cli.catalog.columns import (
    MASKED_COLUMN,
    MASS_UNIT,
    noise_columns,
    percentile_column,
    systematic_column,
    uncorrected_column,
)
from szmass_cli.catalog.flags import (
    FLAG_NAMES_COLUMN,
    FLAGS_COLUMN,
    Flag,
    flag_table,
    flag_words,
    flags_column,
)
from szmass_cli.catalog.reading import Catalog, read_catalog
from szmass_cli.catalog.roles import ALIASES, LENIENT_ROLES
from szmass_cli.catalog.writing import check_output, check_output_columns, check_output_holds, write_catalog

__all__ = [
    "ALIASES",
    "FLAGS_COLUMN",
    "FLAG_NAMES_COLUMN",
    "LENIENT_ROLES",
    "MASKED_COLUMN",
    "MASS_UNIT",
    "Catalog",
    "Flag",
    "check_output",
    "check_output_columns",
    "check_output_holds",
    "flag_table",
    "flag_words",
    "flags_column",
    "noise_columns",
    "percentile_column",
    "read_catalog",
    "systematic_column",
    "uncorrected_column",
    "write_catalog",
]
