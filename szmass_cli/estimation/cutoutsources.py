"""Sources in the cutouts of rows, known ones and those that were found, and the table of the latter."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from szmass_cli.catalog import Flag, noise_columns
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.sources import Kind, PlacedSources
from szmass_cli.likelihood.sourcesearch import FoundSources
from szmass_cli.maps.tangent import tangent_directions
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.system.files import atomic_path

SAME_ARCMIN = 1.0
"""Sources of one kind that are nearer to one another, in the cutouts of two rows, are one."""


@dataclass(frozen=True)
class CutoutSources:
    """Sources in some cutouts.

    Parameters
    ----------
    known : PlacedSources
        Those of a catalogue.
    found : FoundSources
        Those that stand out of the cutouts.
    """

    known: PlacedSources
    found: FoundSources

    @property
    def placed(self) -> PlacedSources:
        """Return all of them."""
        return self.known.and_more(self.found.placed)

    def flags(self, n: int, marginalised: PlacedSources) -> np.ndarray:
        """Return the flags of n rows: which have sources, and which have some on the cluster.

        Parameters
        ----------
        n : int
            Number of rows.
        marginalised : PlacedSources
            Those that are marginalised over.
        """
        flags, placed = np.zeros(n, np.int32), self.placed
        flags[placed.row[placed.is_on_cluster & (placed.kinds != Kind.CLUSTER)]] |= int(Flag.CENTRAL_SOURCE)
        flags[marginalised.row] |= int(Flag.SOURCES)
        return flags

    def put(self, table: np.ndarray, bands: Sequence[int]) -> None:
        """Put the sources that were found into the table (n, s, 4 + f) of `Measured`.

        Parameters
        ----------
        table : numpy.ndarray, shape (n, s, 4 + f)
            Of all f bands of a run; sources that find no room in it are left out.
        bands : sequence of int
            The bands that they were found in.
        """
        placed, place = self.found.placed, np.zeros(len(table), int)
        for number, row in enumerate(placed.row):
            if place[row] == table.shape[1]:
                continue
            entry = table[row, place[row]]
            entry[:4] = (
                placed.north_arcmin[number],
                placed.west_arcmin[number],
                placed.kinds[number],
                self.found.sigma[number],
            )
            entry[4 + np.asarray(bands)] = self.found.flux_mjy[number]
            place[row] += 1


def sources_path(output: Path) -> Path:
    """Return the table of the sources that were found: ``masses_sources.csv`` beside ``masses.fits``."""
    return output.with_name(f"{output.name.split('.')[0]}_sources.csv")


def found_sources(measured: Measured, rows: Rows, frequencies_ghz: Sequence[float | None]) -> Table:
    """Return the sources that were found, each once, the most significant first.

    Parameters
    ----------
    measured : Measured
        Results for all n rows.
    rows : Rows
        The rows, in the same order.
    frequencies_ghz : sequence of float, length f
        As stated of each band, for the names of the columns of fluxes.
    """
    row, place = np.nonzero(np.isfinite(measured.sources[..., 3]))
    entries = measured.sources[row, place]
    directions = np.array(
        [
            tangent_directions(rows.ra_deg[[one]], rows.dec_deg[[one]], entry[:1], entry[1:2])[0, 0]
            for one, entry in zip(row, entries, strict=True)
        ]
    ).reshape(-1, 3)
    order = np.argsort(-entries[:, 3], kind="stable")
    kept = order[_first_of_each(directions[order], entries[order, 2])]
    ra = np.degrees(np.arctan2(directions[kept, 1], directions[kept, 0])) % 360.0
    table = Table(
        {
            "ra": np.round(ra, 5),
            "dec": np.round(np.degrees(np.arcsin(directions[kept, 2])), 5),
            "kind": [Kind(int(kind)).name.lower() for kind in entries[kept, 2]],
            "snr": np.round(entries[kept, 3], 2),
            "row": row[kept],
        }
    )
    names = [f"flux_mjy{name.removeprefix('noise_uk_arcmin')}" for name in noise_columns(frequencies_ghz)]
    for name, values in zip(names, entries[kept, 4:].T, strict=True):
        table[name] = np.round(np.where(entries[kept, 2] == Kind.CLUSTER, np.nan, values), 3)
    return table


def write_found_sources(table: Table, path: Path) -> None:
    """Write the table of found sources, which appears whole."""
    with atomic_path(path, overwrite=True) as part:
        table.write(part, format="ascii.csv", overwrite=True)


def _first_of_each(directions: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Return the numbers of sources that no source of their kind before them is the same as."""
    kept = np.ones(len(directions), bool)
    if len(directions):
        chord = 2.0 * np.sin(0.5 * SAME_ARCMIN * ARCMIN)
        pairs = cKDTree(directions).query_pairs(chord, output_type="ndarray")
        for first, second in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
            kept[second] &= not (kept[first] and kind[first] == kind[second])
    return np.flatnonzero(kept)
