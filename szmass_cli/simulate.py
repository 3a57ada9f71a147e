"""Simulation of a survey field as a stage: FITS with its truth catalogue."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import fits

from szmass_cli import __version__
from szmass_cli.catalog import read_catalog
from szmass_cli.config import SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.files import atomic_path, check_not_an_input, check_writable
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.sky.survey import FieldClusters, SurveyField, random_clusters, simulate_field


def truth_path(output: Path) -> Path:
    """Where the truth catalogue of a field goes: ``field.fits`` has ``field_truth.csv`` beside it."""
    stem = output.name.removesuffix(".gz").removesuffix(".fits").removesuffix(".fit")
    return output.with_name(f"{stem}_truth.csv")


def clusters_from_catalog(path: str | Path, columns: Mapping[str, str] | None = None) -> FieldClusters:
    """Clusters to paint, from a catalogue with positions, redshifts and masses.

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
    n_clusters: int = 100,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SurveyField:
    """Simulate a field and write its map [µK_CMB] and truth catalogue.

    Parameters
    ----------
    config : SurveyConfig
    output : Path
        FITS file of the map; see `truth_path` for the other.
    seed : int
    catalog : Path, optional
        Clusters to paint; otherwise `n_clusters` are drawn from the configuration.
    columns : mapping, optional
        Role -> column name for the catalogue.
    n_clusters : int
    overwrite : bool
    progress : Progress

    Returns
    -------
    SurveyField

    Raises
    ------
    InputError, OutputError
    """
    truth = truth_path(output)
    for path in (output, truth):
        check_not_an_input(path, *([catalog] if catalog is not None else []))
        check_writable(path, overwrite)
    if catalog is not None:
        clusters = clusters_from_catalog(catalog, columns)
    else:
        clusters = random_clusters(config, block_generator(seed, Stream.USER, 0), n_clusters)
    field = simulate_field(config, clusters, seed, progress)
    (band,) = config.sky.build_bands()
    header = field.map_uk.wcs.to_header()
    header["BUNIT"] = ("uK", "thermodynamic (CMB) temperature")
    header["FREQ"] = (band.frequency_ghz, "[GHz]")
    header["BEAM"] = (band.beam.fwhm_arcmin, "[arcmin] FWHM of the beam")
    header["NOISE"] = (band.noise_uk_arcmin, "[uK arcmin] white noise")
    header["SEED"] = seed
    header["ORIGIN"] = f"szmass {__version__} simulate field"
    with (
        atomic_path(output, overwrite=overwrite) as map_part,
        atomic_path(truth, overwrite=overwrite) as part,
    ):
        fits.PrimaryHDU(np.asarray(field.map_uk), header).writeto(map_part)
        field.truth.write(part, format="ascii.csv")
    return field
