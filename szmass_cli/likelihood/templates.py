"""Clusters of all sizes in the symmetric part of cutouts, as the likelihood multiplies them."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.evengrid import place
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, SzModel
from szmass_cli.sky.clusters import ClusterStamps
from szmass_cli.sky.symmetry import Symmetry

N_SIZES = 96
"""Sizes at which products with templates are taken; cubic splines in ln theta500 hold to 1e-4."""

N_FINE = 1024
"""Sizes between which they are interpolated linearly afterwards."""


class Templates:
    """Unit clusters (y_scale = 1, cold gas) of tabulated sizes, a band at a time.

    Parameters
    ----------
    instrument : Instrument
        Beams, filters and noise of the f bands.
    model : SzModel
        How the signal follows from mass and redshift.
    symmetry : Symmetry
        Symmetry of the instrument's covariance.
    """

    def __init__(self, instrument: Instrument, model: SzModel, symmetry: Symmetry):
        self.instrument, self.model = instrument, model
        self.images = ClusterStamps(instrument.bands, model)
        low, high = (float(np.log(size)) for size in BeamedProfile.THETA500_RANGE_ARCMIN)
        self.ln_size = np.linspace(low, high, N_SIZES)
        units = ClusterScales(np.exp(self.ln_size), np.ones(N_SIZES))
        images = self.images.images(units).astype(float)
        # the signal of one band alone is a template of its own: spectra multiply it later
        self.even = symmetry.fold(images)[0].reshape(N_SIZES, symmetry.n_pixels, len(instrument))
        self._responses = [band.response for band in instrument.bands]
        self._cold = np.array([response.tsz_uk_per_y() for response in self._responses])
        self.ln_fine_size = np.linspace(low, high, N_FINE)
        self._to_fine = CubicSpline(self.ln_size, np.eye(N_SIZES))(self.ln_fine_size)

    @property
    def n_fine(self) -> int:
        """Return the number of sizes between which products are interpolated."""
        return self.ln_fine_size.size

    def spectrum(self, kt_kev: np.ndarray | float) -> np.ndarray:
        """Return the signal of gas of temperature kT [keV] over that of cold gas, (..., f)."""
        kt = np.asarray(kt_kev, float)
        if not np.any(kt):
            return np.ones((*kt.shape, len(self._responses)))
        return np.stack([response.tsz_uk_per_y(kt) for response in self._responses], axis=-1) / self._cold

    def fine(self, at_sizes: np.ndarray) -> np.ndarray:
        """Return values (..., N_FINE) on a fine even grid of ln theta500, from values (..., N_SIZES)."""
        return at_sizes @ self._to_fine.T

    def place(self, theta500_arcmin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where sizes fall on the fine grid: the lower neighbour, and the way to the next, 0 to 1.

        Sizes beyond the table are put on its ends.
        """
        return place(self.ln_fine_size, np.log(theta500_arcmin))


def spectra_pairs(n_bands: int) -> list[tuple[int, int]]:
    """Return the pairs (i, j), i <= j, of bands."""
    return [(i, j) for i in range(n_bands) for j in range(i, n_bands)]


def read_tables(
    tables: Sequence[np.ndarray], rows: np.ndarray, low: np.ndarray, upper: np.ndarray
) -> list[np.ndarray]:
    """Return tables of values at sizes of clusters, interpolated between their entries.

    Parameters
    ----------
    tables : sequence of numpy.ndarray, shape (k, N_FINE)
        Rows of values on the fine grid of sizes.
    rows : numpy.ndarray of int, shape (n,)
        Which row of the tables each cutout has.
    low, upper : numpy.ndarray, shape (n, ...)
        Where its clusters' sizes fall on the grid, as `Templates.place` gives it.

    Returns
    -------
    list of numpy.ndarray, shape (n, ...)
    """
    rows = rows.reshape(-1, *[1] * (low.ndim - 1))
    return [table[rows, low] * (1.0 - upper) + table[rows, low + 1] * upper for table in tables]
