"""Rows and effective tiles of a survey, from a catalogue with masses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.catalog import Catalog, read_catalog
from szmass_cli.catalog.cells import numbers
from szmass_cli.catalog.selectiontables import SurveyTiles, read_depths
from szmass_cli.errors import InputError, UsageError
from szmass_cli.network.bundle.bundle import Bundle, read_bundle
from szmass_cli.physics.cosmology import e_of_z, m200c_from_m500c
from szmass_cli.physics.profiles import PIVOT_MSUN, SzModel, cluster_scales
from szmass_cli.physics.sizenoise import SizeNoise

REFERENCE_ARCMIN = 2.4
"""theta500 for which Q is 1: that of a cluster of 2e14 Msun at z = 0.4, nemo's reference."""

SIZES_ARCMIN = np.geomspace(0.2, 40.0, 120)
SNR, Y0, Y0_ERR, SIZE, MASS = "sz_snr", "y0", "y0_err", "theta500_arcmin", "M500c"
MOST_TILES = 16


@dataclass(frozen=True, eq=False)
class SurveyRows:
    """Measured rows of a survey, arrays of shape (n,); NaN where a row has no measurement.

    Parameters
    ----------
    catalog : Catalog
        As it was read.
    snr, y0, y0_err, theta500_arcmin : numpy.ndarray
        Columns of `szmass estimate`.
    noise : SizeNoise
        sigma(y0) by size.
    tiles : SurveyTiles
        Effective tiles of the survey.
    tile_of : numpy.ndarray of int
        Tile of each row; 0 without a measurement.
    """

    catalog: Catalog
    snr: np.ndarray
    y0: np.ndarray
    y0_err: np.ndarray
    theta500_arcmin: np.ndarray
    noise: SizeNoise
    tiles: SurveyTiles
    tile_of: np.ndarray

    @property
    def q(self) -> np.ndarray:
        """Return Q at the sizes of the rows."""
        return mismatch(self.noise, self.theta500_arcmin)

    def numbers(self, name: str) -> np.ndarray | None:
        """Return a column of the catalogue, None if it has none of that name."""
        table = self.catalog.table
        return numbers(self.catalog.path, table[name]) if name in table.colnames else None


def mismatch(noise: SizeNoise, theta500_arcmin: np.ndarray) -> np.ndarray:
    """Return Q: sigma(y0) at the reference size over that at other sizes [arcmin].

    With it the S/N of a filter that is matched to each size, y0 / sigma(y0; theta500), is that of one filter
    of fixed size as nemo has it: ỹ0 / y0RMS with ỹ0 = Q y0.
    """
    return noise(np.array([REFERENCE_ARCMIN]))[0] / noise(theta500_arcmin)


def read_survey(
    source: Path | Table, area_deg2: float | None, depths: Path | None, suffix: str = ""
) -> SurveyRows:
    """Read a catalogue with masses, and find the effective tiles of its survey.

    Parameters
    ----------
    source : Path or astropy.table.Table
        What `szmass estimate` wrote.
    area_deg2 : float, optional
        Area of the survey, taken to be of one depth: the median of the rows.
    depths : Path, optional
        Table of areas and noises of ỹ0, as nemo's ``RMSTab.fits``, in place of an area.
    suffix : str
        Suffix of the catalogue's columns that szmass added.

    Raises
    ------
    UsageError
        Neither or both of area and depths are given.
    InputError
        A file cannot be read, or the catalogue lacks columns or rows.
    """
    if (area_deg2 is None) == (depths is None):
        raise UsageError(
            "Counts need the area of the survey: --area or --depths.",
            "--area 12000 [deg^2] for one depth, or --depths RMSTab.fits for several; not both.",
        )
    if area_deg2 is not None and not 0.0 < area_deg2 <= 41253.0:
        raise UsageError(f"--area {area_deg2:g}: not within the sphere's 41,253 deg^2.")
    catalog = read_catalog(source)
    columns = [_column(catalog, name + suffix) for name in (SNR, Y0, Y0_ERR, SIZE)]
    snr, y0, y0_err, size = columns
    try:
        noise = SizeNoise.fitted(size, y0_err)
    except ValueError as error:
        raise InputError(
            f"{catalog.path}: {error}.", "Give a catalogue that szmass estimate wrote."
        ) from None
    reference = float(noise(np.array([REFERENCE_ARCMIN]))[0])
    row_rms = reference * noise.depth(size, y0_err)
    good = np.isfinite(row_rms)
    if depths is None:
        area, rms = np.array([area_deg2]), np.array([np.median(row_rms[good])])
    else:
        area, rms = _classes(*read_depths(depths))
    names = tuple(f"DEPTH_{number}" for number in range(1, len(area) + 1))
    tiles = SurveyTiles(names, area, rms, SIZES_ARCMIN, mismatch(noise, SIZES_ARCMIN))
    tile_of = np.zeros(len(catalog), int)
    tile_of[good] = np.abs(np.log(row_rms[good, None] / rms)).argmin(axis=1)
    return SurveyRows(catalog, snr, y0, y0_err, size, noise, tiles, tile_of)


def _column(catalog: Catalog, name: str) -> np.ndarray:
    if name not in catalog.table.colnames:
        raise InputError(
            f"{catalog.path}: there is no column {name!r}.",
            "Give a catalogue that szmass estimate wrote, with --suffix where its columns have one.",
        )
    return numbers(catalog.path, catalog.table[name])


def _classes(area_deg2: np.ndarray, y0_rms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return areas and mean noises of at most `MOST_TILES` classes of equal area."""
    order = np.argsort(y0_rms)
    area, rms = area_deg2[order], y0_rms[order]
    within = (np.cumsum(area) - 0.5 * area) / area.sum()
    number = np.minimum((within * MOST_TILES).astype(int), MOST_TILES - 1)
    areas = np.bincount(number, area, MOST_TILES)
    means = np.bincount(number, area * rms, MOST_TILES)
    there = areas > 0.0
    return areas[there], means[there] / areas[there]


def read_sz_model(catalog: Catalog, model: str | None) -> Bundle:
    """Read the model that a catalogue was measured with, which says how y0 follows from mass.

    Raises
    ------
    InputError
        There is no such model, or it has no likelihood.
    """
    named = model or catalog.table.meta.get("SZM_MODL")
    if named is None:
        raise InputError(f"{catalog.path} does not say its model.", "Name it with --model.")
    bundle = read_bundle(str(named))
    if not isinstance(bundle, Bundle):
        raise InputError(f"{named}: this model knows no y0 of a mass.", "Use the default model.")
    return bundle


def y0_relation(model: SzModel) -> tuple[float, float]:
    """Return A and alpha of y0 = 10^A E(z)^2 (M500c h70 / 3e14 Msun)^alpha / h70^1/2, before any bias.

    This is Arnaud et al. (2010) at the centre of the projected profile.
    """
    h70, z = model.cosmology.h70, 0.5
    masses = PIVOT_MSUN / h70 * np.array([0.99, 1.0, 1.01])
    unbiased = SzModel(0.0, model.slope, model.cosmology, model.relativistic)
    y0 = cluster_scales(m200c_from_m500c(masses, z, model.cosmology), z, unbiased).y0
    expansion = float(e_of_z(z, model.cosmology))
    alpha = np.log(y0[2] / y0[0]) / np.log(masses[2] / masses[0])
    return float(np.log10(y0[1] / expansion**2 * np.sqrt(h70))), float(alpha)
