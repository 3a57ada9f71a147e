"""A catalogue of point sources, and which of them lie in the cutouts of rows."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError
from szmass_cli.likelihood.pointimages import REACH_ARCMIN
from szmass_cli.likelihood.sources import PlacedSources
from szmass_cli.maps.tangent import unit_vectors
from szmass_cli.physics.beams import ARCMIN


@dataclass(frozen=True, eq=False)
class SourceList:
    """Point sources on the sky.

    Parameters
    ----------
    directions : numpy.ndarray, shape (k, 3)
        Their ICRS unit vectors.
    """

    directions: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "SourceList":
        """Read the positions of a catalogue in any format that catalogues of clusters may have.

        Raises
        ------
        InputError
            It cannot be read, or has no position.
        """
        catalog = read_catalog(path)
        known = np.isfinite(catalog.ra_deg + catalog.dec_deg)
        if not known.any():
            raise InputError(f"{path}: none of its rows is a position.", "Give a catalogue of point sources.")
        return cls(unit_vectors(catalog.ra_deg[known], catalog.dec_deg[known]))

    def __len__(self) -> int:
        return len(self.directions)

    def near(self, ra_deg: np.ndarray, dec_deg: np.ndarray) -> PlacedSources:
        """Return the sources in the cutouts around ICRS positions (n,) [deg]."""
        real = np.flatnonzero(np.isfinite(ra_deg + dec_deg))
        centres = unit_vectors(ra_deg[real], dec_deg[real])
        chord = 2.0 * np.sin(0.5 * np.sqrt(2.0) * REACH_ARCMIN * ARCMIN)
        found = cKDTree(self.directions).query_ball_point(centres, chord, return_sorted=True)
        number = np.repeat(np.arange(len(real)), [len(one) for one in found])
        source = self.directions[np.concatenate([*map(np.asarray, found), np.zeros(0)]).astype(int)]
        lon, lat = np.radians(ra_deg[real][number]), np.radians(dec_deg[real][number])
        east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=-1)
        north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
        along = np.einsum("ki,ki->k", source, centres[number])
        y, x = (np.einsum("ki,ki->k", source, axis) / along / ARCMIN for axis in (north, east))
        within = (np.abs(x) < REACH_ARCMIN) & (np.abs(y) < REACH_ARCMIN)
        return PlacedSources(real[number[within]], y[within], -x[within])
