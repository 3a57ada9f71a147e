"""A survey as nemo writes it, and SOLikeT and other programs read it."""

from dataclasses import replace

import numpy as np
from astropy.table import Table

from szmass_cli.exports.selection import at_least_two
from szmass_cli.exports.survey import MASS, SurveyRows

PER_Y0 = 1e4
"""nemo's unit of y0 is 1e-4."""

OTHER_NAMES = {
    "err_fixed_y_c": "fixed_err_y_c",
    "SNR2p4": "fixed_SNR",
    "y0tilde": "fixed_y_c",
    "y0tilde_err": "fixed_err_y_c",
    "z": "redshift",
    "zErr": "redshiftErr",
}
"""Names of columns in earlier catalogues of nemo, which SOLikeT reads, and today's for the same."""


def in_two_tiles(rows: SurveyRows) -> SurveyRows:
    """Return a survey of one depth as one of two halves, see `at_least_two`; any other as it is."""
    if len(rows.tiles) > 1:
        return rows
    # each half has clusters in proportion to its area, whatever its order in the catalogue
    return replace(rows, tiles=at_least_two(rows.tiles), tile_of=np.arange(rows.tile_of.size) % 2)


def nemo_table(rows: SurveyRows, suffix: str = "") -> Table:
    """Return the catalogue with nemo's columns, those rows that have a measurement and a redshift.

    Parameters
    ----------
    rows : SurveyRows
        The measured rows.
    suffix : str
        Suffix of the catalogue's columns that szmass added.

    Returns
    -------
    astropy.table.Table
        ``name``, ``RADeg``, ``decDeg``, ``SNR``, ``fixed_SNR``, ``fixed_y_c`` and ``fixed_err_y_c`` [1e-4],
        ``Q``, ``tileName``, ``redshift``, ``redshiftErr`` and, where the catalogue has them, ``M500c`` with
        ``M500c_errPlus`` and ``M500c_errMinus`` [1e14 Msun]; the names of `OTHER_NAMES` repeat the same.
    """
    catalog, q = rows.catalog, rows.q
    good = np.isfinite(rows.snr + rows.y0 + rows.y0_err + q + catalog.redshift)
    columns = {
        "name": catalog.names,
        "RADeg": catalog.ra_deg,
        "decDeg": catalog.dec_deg,
        "SNR": rows.snr,
        "fixed_SNR": rows.snr,
        "fixed_y_c": PER_Y0 * rows.y0 * q,
        "fixed_err_y_c": PER_Y0 * rows.y0_err * q,
        "Q": q,
        "tileName": np.array(rows.tiles.names)[rows.tile_of],
        "redshift": catalog.redshift,
        "redshiftErr": np.nan_to_num(catalog.redshift_err),
    }
    of_mass = {"": "", "_err_plus": "_errPlus", "_err_minus": "_errMinus"}
    for ours, theirs in of_mass.items():
        values = rows.numbers(f"{MASS}{ours}{suffix}")
        if values is not None:
            columns[f"{MASS}{theirs}"] = values
    columns |= {other: columns[name] for other, name in OTHER_NAMES.items()}
    return Table(columns)[good]
