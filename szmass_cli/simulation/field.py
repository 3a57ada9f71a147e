"""Simulation of a survey field as a stage: maps, inverse variances, mask and truth catalogue."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.catalog import read_catalog
from szmass_cli.config import SurveyConfig
from szmass_cli.errors import InputError, OutputError, UsageError
from szmass_cli.simulation.fieldfiles import (
    SUFFIXES,
    FieldPaths,
    field_paths,
    ivar_cards,
    map_cards,
    mask_cards,
)
from szmass_cli.simulation.fitsmap import write_map
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.sky.fieldclusters import FieldClusters, random_clusters
from szmass_cli.sky.footprint import footprint
from szmass_cli.sky.pixels import Part
from szmass_cli.sky.survey import FieldSimulation
from szmass_cli.system.files import atomic_paths, check_not_an_input, check_suffix, check_writable
from szmass_cli.system.progress import Progress, silent


@dataclass(frozen=True)
class WrittenField:
    """A field on disk.

    Parameters
    ----------
    paths : FieldPaths
        Where maps, inverse variances, mask and truth catalogue are.
    description : str
        Description of the map's pixels in words.
    truth : astropy.table.Table
        The clusters that were painted, one a row, with their true masses; see `truth_table`.
    """

    paths: FieldPaths
    description: str
    truth: Table


def clusters_from_catalog(path: str | Path, columns: Mapping[str, str] | None = None) -> FieldClusters:
    """Return clusters to paint, from a catalogue with positions, redshifts and masses.

    Rows without a position, redshift or mass are left out.

    Raises
    ------
    InputError
        If the catalogue has no usable row or no mass column.
    """
    catalog = read_catalog(path, columns)
    m200c_msun = catalog.m200c_msun
    known = np.isfinite(catalog.ra_deg + catalog.dec_deg + catalog.redshift + m200c_msun)
    if not known.any():
        raise InputError(
            f"{path}: no row has a position, a redshift and a mass.", "Each painted cluster needs all three."
        )
    clusters = FieldClusters(catalog.names, catalog.ra_deg, catalog.dec_deg, catalog.redshift, m200c_msun)
    return clusters[known]


def simulate_survey_field(
    config: SurveyConfig,
    output: Path,
    *,
    seed: int,
    catalog: Path | None = None,
    columns: Mapping[str, str] | None = None,
    n_clusters: int | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> WrittenField:
    """Simulate a field and write its maps [µK_CMB], inverse variances, mask and truth catalogue.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky``, ``clusters`` and ``field`` sections.
    output : Path
        FITS file of the map; see `field_paths` for the others. All of them appear together, or none.
    seed : int
        Of clusters, sky, noise and the mask's holes; headers state it.
    catalog : Path, optional
        Clusters to paint; otherwise they are drawn from the configuration.
    columns : mapping, optional
        Role -> column name for the catalogue.
    n_clusters : int, optional
        How many to draw; otherwise what `random_clusters` says.
    overwrite : bool
        Whether files already there are replaced, all of them together.
    progress : Progress
        Called with each stage, such as ``sky``, ``clusters`` and ``writing``, and how much of it is done.

    Returns
    -------
    WrittenField

    Raises
    ------
    InputError, UsageError, OutputError
    """
    paths = chosen_paths(config, output, catalog, n_clusters, overwrite)
    clusters = chosen_clusters(config, seed, catalog, columns, n_clusters)
    simulation = FieldSimulation(config, clusters, seed, progress)
    of_mask = mask_cards(config.field, seed)
    with atomic_paths(paths.all, overwrite) as parts:
        files = FieldPaths(*_grouped(parts, len(simulation.bands)))
        _write(config, simulation, files, of_mask, seed, progress)
    return WrittenField(paths, simulation.pixels.description, simulation.truth)


def chosen_paths(
    config: SurveyConfig, output: Path, catalog: Path | None, n_clusters: int | None, overwrite: bool
) -> FieldPaths:
    """Return the names of all files of a field, which can be written; see `simulate_survey_field`.

    Raises
    ------
    UsageError, OutputError, ConfigError
        What cannot be, told before any work.
    """
    if catalog is not None and n_clusters is not None:
        raise UsageError("--catalog and --n-clusters are two sets of clusters.", "Give one of them.")
    paths = field_paths(output, [band.frequency_ghz for band in config.sky.bands])
    inputs = [catalog, *config.data_files]
    for path in paths.all:
        check_not_an_input(path, *(source for source in inputs if source is not None))
    check_suffix(output, SUFFIXES)
    for path in paths.all:
        check_writable(path, overwrite)
    _check_disk(config, output)
    return paths


def chosen_clusters(
    config: SurveyConfig,
    seed: int,
    catalog: Path | None,
    columns: Mapping[str, str] | None,
    n_clusters: int | None,
) -> FieldClusters:
    """Return the clusters of a field: those of a catalogue, or drawn; see `simulate_survey_field`."""
    if catalog is not None:
        return clusters_from_catalog(catalog, columns)
    return random_clusters(config, block_generator(seed, Stream.USER, 0), n_clusters)


def _grouped(parts: list[Path], n_bands: int) -> tuple[tuple[Path, ...], tuple[Path, ...], Path, Path]:
    """Return paths in the order of `FieldPaths.all`, grouped into its fields."""
    return tuple(parts[:n_bands]), tuple(parts[n_bands : 2 * n_bands]), parts[-2], parts[-1]


def _write(
    config: SurveyConfig,
    simulation: FieldSimulation,
    paths: FieldPaths,
    of_mask: dict[str, tuple],
    seed: int,
    progress: Progress,
) -> None:
    pixels = simulation.pixels
    write_map(paths.mask, pixels, simulation.mask.__getitem__, of_mask, progress)
    simulation.truth.write(paths.truth, format="ascii.csv")
    for band, path in zip(simulation.bands, paths.ivars, strict=True):

        def ivar(part: Part, band=band) -> np.ndarray:
            return simulation.ivar(band, part)

        write_map(path, pixels, ivar, ivar_cards(band, seed), progress)
    rows = zip(simulation.bands, paths.maps, simulation.maps_uk(), strict=True)
    for index, (band, path, sky) in enumerate(rows):
        cards = map_cards(config, index, band, seed, simulation.errors)
        write_map(path, pixels, sky.__getitem__, cards, progress)


def _check_disk(config: SurveyConfig, output: Path) -> None:
    """Refuse a field that does not fit on the disk."""
    needed = footprint(config.field, config.sky.build_instrument()).disk_bytes
    there = shutil.disk_usage(output.resolve().parent).free
    if needed > there and output.suffix != ".gz":
        raise OutputError(
            f"{output}: the field's files take {needed / 1e9:.1f} GB, and {there / 1e9:.1f} GB are free.",
            "Choose another disk, or make the field smaller.",
        )
