"""Masses for a catalogue: cut the map at each row, ask the network, calibrate, write the columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from astropy.table import Column, Table

from szmass_cli import BATCH_SIZE, DEFAULT_MODEL, __version__
from szmass_cli.catalog import (
    FLAGS_COLUMN,
    MASS_UNIT,
    Catalog,
    Flag,
    check_output,
    check_output_columns,
    flags_column,
    percentile_column,
    read_catalog,
    write_catalog,
)
from szmass_cli.errors import InputError, UsageError
from szmass_cli.files import check_not_an_input, sha256_of
from szmass_cli.maps.reader import open_map
from szmass_cli.maps.skymap import SkyMap, check_resolution
from szmass_cli.measure import ALWAYS, Measured, Meter, Rows, check_plausible, measure
from szmass_cli.network.bundle import Bundle, read_bundle
from szmass_cli.physics.cosmology import Cosmology, convert_m200c
from szmass_cli.progress import Progress, silent
from szmass_cli.tables.formats import output_files

MASS_DEFINITIONS = ("200c", "500c", "200m")

BEAM_TOLERANCE = 0.1
"""A map's beam may differ from the model's by this fraction before the map is refused."""

FREQUENCY_TOLERANCE = 0.05
"""So may its frequency: SPT's 150 GHz band is centred on 152.9 GHz for the SZ effect."""

REDSHIFT_TOLERANCE = 0.02
"""A catalogue's z = 0.7 is often 0.698: so little takes no cluster out of training, nor, as a fraction of
the redshift, out of calibration: it changes the angular size by less than 2 per cent."""

COARSE_PIXELS = 0.6
"""Pixels wider than this fraction of the beam cannot hold all that it lets through."""


@dataclass(frozen=True)
class Estimates:
    """Masses of a whole catalogue.

    Parameters
    ----------
    catalog : Catalog
        The input.
    columns : astropy.table.Table
        The added columns, a row for each input row.
    meta : dict
        Provenance, as it is written to the output's header.
    notes : tuple of str
        What was assumed, and what the user should know.
    """

    catalog: Catalog
    columns: Table
    meta: dict[str, str | float]
    notes: tuple[str, ...]

    def flag_counts(self) -> dict[str, int]:
        """Number of rows that carry each flag, those that occur only."""
        flags = np.asarray(self.columns[FLAGS_COLUMN])
        counts = {str(flag.name): int(np.sum((flags & flag.value) != 0)) for flag in Flag}
        return {name: count for name, count in counts.items() if count}


def estimate(
    map_path: str | Path,
    catalog_path: str | Path,
    output: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    units: str | None = None,
    beam_fwhm_arcmin: float | None = None,
    percentiles: Sequence[float] = ALWAYS,
    mass_definitions: Sequence[str] = ("200c",),
    columns: Mapping[str, str] | None = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Estimates:
    """Estimate the mass of every cluster of a catalogue from a map, and write the catalogue with its masses.

    Parameters
    ----------
    map_path : path
        CAR, any other WCS image, or HEALPix.
    catalog_path : path
        CSV, ECSV, FITS, VOTable or Parquet.
    output : path
        The input's rows and columns, with those of the masses added; format by suffix.
    model : str or path
        A shipped model or a bundle's folder.
    units : str, optional
        ``K``, ``mK``, ``uK`` or ``y``; the map's header otherwise.
    beam_fwhm_arcmin : float, optional
        The map's beam; otherwise what its header says, or the model's.
    percentiles : sequence of float
        Percentiles of the posterior to write besides 16, 50 and 84.
    mass_definitions : sequence of str
        Of ``200c``, ``500c``, ``200m``.
    columns : mapping, optional
        Role -> column name where the catalogue's names are not known or ambiguous.
    batch_size : int
        Cutouts that go through the network at once, at most 1024; masses depend on it by rounding only.
    overwrite : bool
    progress : Progress

    Returns
    -------
    Estimates

    Raises
    ------
    InputError, UsageError, OutputError
        If the map, catalogue, model, options or output cannot be used; nothing is written then.
    """
    levels = check_percentiles(percentiles)
    check_mass_definitions(mass_definitions)
    for file in output_files(Path(output)):
        check_not_an_input(file, map_path, catalog_path)
    check_output(output, overwrite)
    bundle = read_bundle(model)
    catalog = read_catalog(catalog_path, columns)
    check_output_columns(catalog, _column_names(levels, mass_definitions))
    sky_map = open_map(map_path, units=units, frequency_ghz=bundle.metadata.frequency_ghz)
    _check_frequency(bundle, sky_map)
    beam = _beam(bundle, sky_map, beam_fwhm_arcmin)
    check_resolution(sky_map, beam.fwhm_arcmin)

    redshift, flags, notes = _redshifts(catalog, bundle)
    rows = Rows(catalog.ra_deg, catalog.dec_deg, redshift, flags)
    check_plausible(sky_map, rows, bundle.training_sky())
    measured = measure(sky_map, rows, Meter(bundle, levels, batch_size), progress)
    table = _mass_table(measured, redshift, levels, mass_definitions, bundle.cosmology)
    table[FLAGS_COLUMN] = flags_column(measured.flags)
    notes = (*sky_map.assumptions, *notes, *_beam_notes(beam, sky_map))
    estimates = Estimates(catalog, table, _meta(sky_map, catalog, bundle, beam, notes), notes)
    write_catalog(catalog, table, output, estimates.meta, overwrite=overwrite)
    return estimates


def check_percentiles(percentiles: Sequence[float]) -> list[float]:
    """The percentiles to write, ascending: those asked for and the three that are always there."""
    for percent in percentiles:
        if not 0.15 <= percent <= 99.85:
            raise UsageError(
                f"--percentiles: {percent:g} is not between 0.15 and 99.85.", "Try 2.5,16,50,84,97.5."
            )
    return sorted({*map(float, percentiles), *ALWAYS})


def check_mass_definitions(mass_definitions: Sequence[str]) -> None:
    """Refuse mass definitions that are not known."""
    for definition in mass_definitions:
        if definition not in MASS_DEFINITIONS:
            raise UsageError(
                f"--mass-def: {definition!r} is not a known mass definition.",
                f"Use {', '.join(MASS_DEFINITIONS)}.",
            )


def _column_names(levels: Sequence[float], mass_definitions: Sequence[str]) -> list[str]:
    names = ["sz_snr", FLAGS_COLUMN]
    for definition in mass_definitions:
        base = f"M{definition}"
        names += [base, f"{base}_err_plus", f"{base}_err_minus"]
        names += [percentile_column(base, level) for level in levels if level != 50.0]
    return names


@dataclass(frozen=True)
class _Beam:
    """The map's beam and how it is known."""

    fwhm_arcmin: float
    source: Literal["option", "header", "assumed"]


def _beam(bundle: Bundle, sky_map: SkyMap, option_arcmin: float | None) -> _Beam:
    """The map's beam: the user's word, else the header's, else the model's; refused if it is another."""
    trained = bundle.metadata.beam_fwhm_arcmin
    if option_arcmin is not None:
        beam = _Beam(option_arcmin, "option")
    elif sky_map.instrument.beam_fwhm_arcmin is not None:
        beam = _Beam(sky_map.instrument.beam_fwhm_arcmin, "header")
    else:
        beam = _Beam(trained, "assumed")
    if abs(beam.fwhm_arcmin / trained - 1.0) > BEAM_TOLERANCE:
        where = "--beam" if beam.source == "option" else f"{sky_map.path}, BEAM in its header"
        raise InputError(
            f"{where}: the map's beam of {beam.fwhm_arcmin:g}' is not the {trained:g}' that the model "
            f"{bundle.metadata.name} was trained for.",
            "Train a model for this beam: set sky.beam_fwhm_arcmin and run szmass train.",
        )
    return beam


def _beam_notes(beam: _Beam, sky_map: SkyMap) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    if beam.source == "assumed":
        notes = (f"The map's beam was not given: assumed to be the model's, {beam.fwhm_arcmin:g}'.",)
    if sky_map.pixel_arcmin > COARSE_PIXELS * beam.fwhm_arcmin:
        coarse = f"Pixels of {sky_map.pixel_arcmin:.2g}' are coarse for a beam of {beam.fwhm_arcmin:g}'"
        notes = (*notes, f"{coarse}: expect errors of a few per cent in mass from them.")
    return notes


def _check_frequency(bundle: Bundle, sky_map: SkyMap) -> None:
    trained, stated = bundle.metadata.frequency_ghz, sky_map.instrument.frequency_ghz
    if stated is not None and abs(stated / trained - 1.0) > FREQUENCY_TOLERANCE:
        raise InputError(
            f"{sky_map.path}, FREQ in its header: a map at {stated:g} GHz is not for the model "
            f"{bundle.metadata.name}, trained at {trained:g} GHz.",
            "Train a model for this frequency: set sky.frequency_ghz and run szmass train.",
        )


def _redshifts(catalog: Catalog, bundle: Bundle) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Redshifts to use, NaN where there can be no mass, with their flags and a note of what was assumed."""
    flags = np.zeros(len(catalog), np.int32)
    low, high = bundle.metadata.trained_redshift
    assumed = 0.5 * (low + high)
    missing = ~np.isfinite(catalog.redshift)
    redshift = np.where(missing, assumed, catalog.redshift)
    first, last = bundle.metadata.calibrated_redshift
    slack = REDSHIFT_TOLERANCE
    outside = (redshift < first * (1.0 - slack)) | (redshift > last * (1.0 + slack))
    flags[missing] |= Flag.NO_REDSHIFT
    flags[(redshift < low - slack) | (redshift > high + slack)] |= Flag.REDSHIFT_OUTSIDE_TRAINING
    flags[outside] |= Flag.REDSHIFT_OUTSIDE_CALIBRATION
    notes: tuple[str, ...] = ()
    if missing.any():
        notes = (f"{missing.sum()} of {len(catalog)} rows have no redshift: z = {assumed:g} was assumed.",)
    return np.where(outside, np.nan, np.clip(redshift, first, last)), flags, notes


def _mass_table(
    measured: Measured,
    redshift: np.ndarray,
    levels: list[float],
    mass_definitions: Sequence[str],
    cosmology: Cosmology,
) -> Table:
    table, percentiles = Table(), measured.m200c_msun
    for definition in mass_definitions:
        base = f"M{definition}"
        z = np.where(np.isfinite(percentiles[:, 0]), redshift, np.nan)[:, None]
        masses = convert_m200c(percentiles, z, definition, cosmology) / 1e14
        p16, median, p84 = (masses[:, levels.index(level)] for level in ALWAYS)
        values = {base: (median, f"{base}: median of the posterior")}
        for index, level in enumerate(levels):
            if level != 50.0:
                values[percentile_column(base, level)] = (masses[:, index], f"{base}: {level:g}th percentile")
        values[f"{base}_err_plus"] = (p84 - median, f"{base}: 84th percentile less median")
        values[f"{base}_err_minus"] = (median - p16, f"{base}: median less 16th percentile")
        for name, (data, description) in values.items():
            table[name] = Column(data, unit=MASS_UNIT, description=description)
    table["sz_snr"] = Column(
        measured.sz_snr, description="matched-filter signal-to-noise of a cluster of the median mass"
    )
    return table


def _meta(
    sky_map: SkyMap, catalog: Catalog, bundle: Bundle, beam: _Beam, notes: tuple[str, ...]
) -> dict[str, str | float]:
    metadata, units = bundle.metadata, sky_map.units
    return {
        "SZM_VER": __version__,
        "SZM_MODL": metadata.name,
        "SZM_MSHA": bundle.sha256,
        "SZM_MAP": sky_map.path.name,
        "SZM_MAPH": sha256_of(sky_map.path),
        "SZM_CAT": catalog.path.name,
        "SZM_UNIT": units.label,
        "SZM_UNSR": units.source,
        "SZM_BEAM": beam.fwhm_arcmin,
        "SZM_BMSR": beam.source,
        "SZM_NOIS": metadata.noise_uk_arcmin,
        "SZM_PRI": metadata.prior,
        "SZM_NOTE": " ".join(notes),
    }
