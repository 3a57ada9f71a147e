"""The tables of a study: clusters, coverage, completeness and selection."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise, product

import numpy as np
from astropy.table import Column, Table

from szmass_cli.estimation.checkresult import Judged
from szmass_cli.injection.study import SIZES_ARCMIN, Study
from szmass_cli.posterior.coverage import LEAST_SNR, SNR_EDGES, Coverage, binomial_error
from szmass_cli.posterior.grid import mass_grid

SNR_CUTS = (3.0, 4.0, 5.0, 6.0)
MASS_EDGES_1E14 = (0.3, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0)
REDSHIFT_EDGES = (0.1, 0.3, 0.6, 1.0, 2.0)
ALL = "all"
"""The name of all tiles together."""

LEAST = 10
"""Clusters of a row of the table of coverages; with fewer it is left out."""


def study_tables(study: Study) -> dict[str, Table]:
    """Return all tables of a study by name."""
    return {
        "clusters": clusters_table(study),
        "coverage": coverage_table(study),
        "completeness": completeness_table(study),
        "tiles": tiles_table(study),
        "selection": selection_table(study),
    }


def clusters_table(study: Study) -> Table:
    """Return the injected clusters: what is true of them, and what was measured."""
    injected, measured = study.injected, study.measured
    names = np.array(study.footprint.tile_names)
    levels = ("M200c_p16", "M200c", "M200c_p84")
    table = Table()
    table["tile"] = names[study.tile_of]
    table["ra"] = Column(injected.ra_deg, unit="deg")
    table["dec"] = Column(injected.dec_deg, unit="deg")
    table["redshift"] = injected.redshift
    table["M200c_true"] = Column(injected.m200c_msun / 1e14, unit="1e14 solMass")
    table["amplitude_true"] = Column(np.exp(injected.ln_amplitude), description="of the SZ signal, scatter")
    table["stretch_true"] = Column(np.exp(injected.ln_stretch), description="of the profile at fixed Y500")
    for column, name in enumerate(levels):
        table[name] = Column(measured.m200c_msun[:, column] / 1e14, unit="1e14 solMass")
    table["sz_snr"] = measured.snr
    table["y0"], table["y0_err"] = measured.y0, measured.y0_err
    table["szmass_flags"] = measured.flags
    return table


def coverage_table(study: Study) -> Table:
    """Return bias and coverage: of all tiles together and of each, in ranges of S/N, mass and redshift."""
    judged, tile_of = _judged(study)
    rows = []
    for tile, inside in _tiles(study, tile_of):
        for label, low, high, chosen in _ranges(judged):
            numbers = np.flatnonzero(inside & chosen)
            if numbers.size >= LEAST:
                some = judged[numbers]
                found = Coverage.of(some.posterior, some.m200c_msun)
                rows.append({"tile": tile, "of": label, "low": low, "high": high} | asdict(found))
    return Table(rows=rows) if rows else Table(names=["tile"])


def completeness_table(study: Study, snr_cuts: Sequence[float] = SNR_CUTS) -> Table:
    """Return the fraction of injected clusters above cuts in S/N, in cells of mass and redshift.

    Parameters
    ----------
    study : Study
        The injected clusters as measured.
    snr_cuts : sequence of float
        Cuts in ``sz_snr``, at the position of the cluster.
    """
    masses, redshift = study.injected.m200c_msun / 1e14, study.injected.true_redshift
    measurable = np.isfinite(study.measured.snr)
    snr = np.where(measurable, study.measured.snr, -np.inf)
    rows = []
    for tile, inside in _tiles(study, study.tile_of):
        for (m_low, m_high), (z_low, z_high) in product(pairwise(MASS_EDGES_1E14), pairwise(REDSHIFT_EDGES)):
            cell = inside & measurable & (masses >= m_low) & (masses < m_high)
            cell &= (redshift >= z_low) & (redshift < z_high)
            n = int(cell.sum())
            if n:
                cells = {"tile": tile, "M200c_low": m_low, "M200c_high": m_high}
                cells |= {"redshift_low": z_low, "redshift_high": z_high}
                for cut in snr_cuts:
                    found = int((snr[cell] > cut).sum())
                    numbers = {"snr_cut": float(cut), "n": n, "n_above": found}
                    errors = {"completeness": found / n, "completeness_err": binomial_error(found / n, n)}
                    rows.append(cells | numbers | errors)
    table = Table(rows=rows)
    for name in ("M200c_low", "M200c_high"):
        table[name].unit = "1e14 solMass"
    return table


def tiles_table(study: Study) -> Table:
    """Return area, noise and number of injected clusters of each tile."""
    n_tiles = len(study.footprint.tile_names)
    table = Table({"tile": list(study.footprint.tile_names)})
    table["area_deg2"] = Column(study.footprint.area_deg2, unit="deg2")
    table["n"] = np.bincount(study.tile_of, minlength=n_tiles)
    for band, frequency in enumerate(study.frequency_ghz):
        name = f"noise_uk_arcmin_{frequency:g}"
        table[name] = Column(study.noise_uk_arcmin[:, band], description="white noise, median of the tile")
    return table


def selection_table(study: Study) -> Table:
    """Return sigma of y0 at sizes theta500: a column for each tile, a row for each size."""
    table = Table({"theta500_arcmin": Column(SIZES_ARCMIN, unit="arcmin")})
    for name, noise in zip(study.footprint.tile_names, study.y0_noise, strict=True):
        table[name] = Column(noise, description="sigma of the central Compton y, beam deconvolved")
    return table


def _judged(study: Study) -> tuple[Judged, np.ndarray]:
    """Return the clusters that have a mass, and the tile of each."""
    known = np.flatnonzero(np.isfinite(study.measured.m200c_msun[:, 0]) & np.isfinite(study.measured.snr))
    ln_mass = mass_grid(study.mass_range_msun)
    return Judged.of(study.measured, study.injected, ln_mass), study.tile_of[known]


def _tiles(study: Study, tile_of: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield names of tiles with which clusters are inside: all together first."""
    yield ALL, np.ones(len(tile_of), bool)
    names = study.footprint.tile_names
    if len(names) > 1:
        for number, name in enumerate(names):
            yield name, tile_of == number


def _ranges(judged: Judged) -> Iterator[tuple[str, float, float, np.ndarray]]:
    """Yield the ranges of coverage tables: what of, low, high, and which clusters, all above the S/N."""
    above = judged.snr > LEAST_SNR
    yield "snr", LEAST_SNR, np.inf, above
    # selected by the data alone, or the coverage of right posteriors would not be right
    for low, high in pairwise(SNR_EDGES):
        yield "snr", low, high, (judged.snr > low) & (judged.snr <= high)
    for low, high in pairwise(REDSHIFT_EDGES):
        yield "redshift", low, high, above & (judged.redshift >= low) & (judged.redshift < high)
