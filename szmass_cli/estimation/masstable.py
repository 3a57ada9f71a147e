"""The columns that estimates add to a catalogue."""

from collections.abc import Sequence

import numpy as np
from astropy.table import Column, Table

from szmass_cli.catalog import (
    FLAG_NAMES_COLUMN,
    FLAGS_COLUMN,
    MASKED_COLUMN,
    MASS_UNIT,
    flag_words,
    flags_column,
    noise_columns,
    percentile_column,
    systematic_column,
    uncorrected_column,
)
from szmass_cli.errors import UsageError
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.settled import ALWAYS
from szmass_cli.physics.cosmology import Cosmology, convert_m200c, theta500_arcmin
from szmass_cli.posterior.priors import PriorChange

OBSERVABLES = ("y0", "y0_err", "theta500_arcmin", "Y500_arcmin2")
"""Columns of what was observed of the cluster, whatever the mass definition."""

MASS_DEFINITIONS = ("200c", "500c", "200m")


def check_percentiles(percentiles: Sequence[float]) -> tuple[float, ...]:
    """Return the percentiles to write, ascending: those requested and the three that are always written.

    Raises
    ------
    UsageError
        A percentile lies beyond three sigma.
    """
    for percent in percentiles:
        if not 0.15 <= percent <= 99.85:
            raise UsageError(
                f"--percentiles: {percent:g} is not between 0.15 and 99.85.", "Try 2.5,16,50,84,97.5."
            )
    return tuple(sorted({*map(float, percentiles), *ALWAYS}))


def check_mass_definitions(mass_definitions: Sequence[str]) -> None:
    """Refuse unknown mass definitions."""
    for definition in mass_definitions:
        if definition not in MASS_DEFINITIONS:
            raise UsageError(
                f"--mass-def: {definition!r} is not a known mass definition.",
                f"Use {', '.join(MASS_DEFINITIONS)}.",
            )


def column_names(
    levels: Sequence[float],
    mass_definitions: Sequence[str],
    change: PriorChange,
    frequencies_ghz: Sequence[float | None],
) -> list[str]:
    """Return the names of all columns that `mass_table` makes."""
    names = ["sz_snr", *OBSERVABLES, *noise_columns(frequencies_ghz), MASKED_COLUMN, FLAGS_COLUMN]
    for definition in mass_definitions:
        base = f"M{definition}"
        names += [base, f"{base}_err_plus", f"{base}_err_minus"]
        names += [percentile_column(base, level) for level in levels if level != 50.0]
        if not change.is_same_prior:
            names.append(uncorrected_column(base))
        if change.scale is not None and change.scale.has_errors:
            names.append(systematic_column(base))
    return names


def mass_table(
    measured: Measured,
    redshift: np.ndarray,
    levels: Sequence[float],
    mass_definitions: Sequence[str],
    change: PriorChange,
    frequencies_ghz: Sequence[float | None],
) -> Table:
    """Return the added columns, with one row for each measured row.

    Parameters
    ----------
    measured : Measured
        Results for all n rows, in the order of the catalogue.
    redshift : numpy.ndarray, shape (n,)
        Redshifts used in the measurement; NaN where there is none.
    levels : sequence of float
        Percentiles in `measured`, ascending.
    mass_definitions : sequence of str
        Any of ``200c``, ``500c`` and ``200m``; each has its own columns.
    change : PriorChange
        Change from the model's own prior to that of the percentiles; holds the model's cosmology.
    frequencies_ghz : sequence of float, length f
        As stated of each band, for the names of the columns of its noise.
    """
    has_answer = np.isfinite(measured.m200c_msun[:, 0])
    z = np.where(has_answer, redshift, np.nan)[:, None]
    percentiles = change.on_scale(measured.m200c_msun, z)
    own_median = change.on_scale(measured.own_prior_median_msun, z[:, 0])
    table = Table()
    for definition in mass_definitions:
        base = f"M{definition}"
        masses = convert_m200c(percentiles, z, definition, change.cosmology) / 1e14
        p16, median, p84 = (masses[:, levels.index(level)] for level in ALWAYS)
        values = {base: (median, f"{base}: median of the posterior")}
        for index, level in enumerate(levels):
            if level != 50.0:
                values[percentile_column(base, level)] = (masses[:, index], f"{base}: {level:g}th percentile")
        values[f"{base}_err_plus"] = (p84 - median, f"{base}: 84th percentile less median")
        values[f"{base}_err_minus"] = (median - p16, f"{base}: median less 16th percentile")
        if change.scale is not None and change.scale.has_errors:
            sigma = change.scale.sigma_ln_mass(percentiles[:, levels.index(50.0)], z[:, 0], change.cosmology)
            words = f"{base}: error of the mass scale, common to all clusters"
            values[systematic_column(base)] = (median * sigma, words)
        if not change.is_same_prior:
            own = convert_m200c(own_median, z[:, 0], definition, change.cosmology) / 1e14
            words = f"{base}: median under the model's own prior, {change.own.in_words(change.cosmology)}"
            values[uncorrected_column(base)] = (own, words)
        for name, (data, description) in values.items():
            table[name] = Column(data, unit=MASS_UNIT, description=description)
    for column in _observed(measured, redshift, change.cosmology):
        table[column.name] = column
    for name, noise in zip(noise_columns(frequencies_ghz), measured.noise_uk_arcmin.T, strict=True):
        table[name] = Column(noise, description="white noise of the map around the row, uK-arcmin")
    table[MASKED_COLUMN] = Column(
        measured.masked_fraction, description="fraction of the cutout without data, or masked"
    )
    table[FLAGS_COLUMN] = flags_column(measured.flags)
    return table


def as_written(columns: Table, suffix: str, flag_names: bool) -> Table:
    """Return the added columns under the names used in the output.

    Parameters
    ----------
    columns : astropy.table.Table
        The columns made by `mass_table`.
    suffix : str
        Appended to each name.
    flag_names : bool
        Whether to add a column with the names of the flags.
    """
    columns = columns.copy(copy_data=False)
    if flag_names:
        columns[FLAG_NAMES_COLUMN] = Column(
            flag_words(columns[FLAGS_COLUMN]), description="names of the flags that are set"
        )
    # not renamed one by one: y0 with the suffix _err would meet y0_err
    return Table({name + suffix: columns[name] for name in columns.colnames}, copy=False)


def _observed(measured: Measured, redshift: np.ndarray, cosmology: Cosmology) -> list[Column]:
    """Return the matched-filter columns, for a cluster of the median mass under the model's own prior."""
    z = np.where(np.isfinite(measured.own_prior_median_msun), redshift, np.nan)
    size = theta500_arcmin(convert_m200c(measured.own_prior_median_msun, z, "500c", cosmology), z, cosmology)
    return [
        Column(measured.snr, "sz_snr", description="matched-filter signal-to-noise at the median mass"),
        Column(measured.y0, "y0", description="Compton y at the centre, beam deconvolved"),
        Column(measured.y0_err, "y0_err", description="standard deviation of y0 by noise and foregrounds"),
        Column(size, "theta500_arcmin", unit="arcmin", description="angular R500c of the median mass"),
        Column(
            measured.y500_arcmin2,
            "Y500_arcmin2",
            unit="arcmin2",
            description="Compton y within a sphere of R500c",
        ),
    ]
