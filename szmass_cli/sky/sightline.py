"""Other halos along the line of sight: how many there are, where they are, and what they add."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import CUT_R500, ClusterScales, projected_shape
from szmass_cli.sky.abundance import Abundance
from szmass_cli.sky.ygrid import YGrid

SEARCH_ARCMIN = 20.0
"""How far beyond the map's edge halos are drawn: all but the very nearest of them end before."""


@dataclass(frozen=True)
class Halos:
    """Halos on the sky around a cluster, arrays of shape (n,).

    Attributes
    ----------
    m200c_msun, redshift
        M200c [Msun] and redshift of each halo.
    west_arcmin, north_arcmin
        Offsets from the cluster.
    """

    m200c_msun: np.ndarray
    redshift: np.ndarray
    west_arcmin: np.ndarray
    north_arcmin: np.ndarray


def draw_halos(abundance: Abundance, half_width_arcmin: float, rng: np.random.Generator) -> Halos:
    """Draw halos in a square around a cluster, unrelated to it and to each other.

    Parameters
    ----------
    abundance : Abundance
        Mean number of halos by mass and redshift.
    half_width_arcmin : float
        Half the side of the square.
    rng : numpy.random.Generator
        Draws number, redshifts, masses and offsets, in this order.

    Returns
    -------
    Halos
        A Poisson number of halos, in no particular order.
    """
    n = rng.poisson(abundance.total_per_sr * (2.0 * half_width_arcmin * ARCMIN) ** 2)
    redshift = abundance.draw_redshifts(rng, n)
    mass = abundance.draw_masses(redshift, rng)
    west, north = rng.uniform(-half_width_arcmin, half_width_arcmin, (2, n))
    return Halos(mass, redshift, west, north)


class ShapeTable:
    """The projected pressure profile, tabulated finely enough to be interpolated to 1e-4."""

    def __init__(self) -> None:
        # in the root of the radius, in which the cusp at the centre is smooth
        self._root = np.linspace(0.0, np.sqrt(CUT_R500), 4001)
        self._values = projected_shape(self._root**2)

    def __call__(self, radius_r500_squared: np.ndarray) -> np.ndarray:
        """Return the projection at the given squares of the projected radius over R500."""
        return np.interp(np.sqrt(np.sqrt(radius_r500_squared)), self._root, self._values, right=0.0)


def add_halos(y: np.ndarray, grid: YGrid, halos: Halos, scales: ClusterScales, shape: ShapeTable) -> None:
    """Add spherical clusters to a map, in place.

    Parameters
    ----------
    y : (n, n) array
        Compton y, pixel means on `grid`.
    grid : YGrid
        Pixels of `y`, each the mean of 2 x 2 samples.
    halos : Halos
        Their offsets from the cluster; masses and redshifts are in `scales`.
    scales : ClusterScales
        Their sizes and central scales.
    shape : ShapeTable
        Projected pressure profile by radius over R500.
    """
    for i, (size, central) in enumerate(zip(scales.theta500_arcmin, scales.y_scale, strict=True)):
        rows = grid.pixels_within(halos.north_arcmin[i], CUT_R500 * size)
        columns = grid.pixels_within(halos.west_arcmin[i], CUT_R500 * size)
        if rows.start == rows.stop or columns.start == columns.stop:
            continue
        north = (grid.fine_offsets(rows) - halos.north_arcmin[i]) / size
        west = (grid.fine_offsets(columns) - halos.west_arcmin[i]) / size
        y[rows, columns] += central * grid.pixel_means(shape(north[:, None] ** 2 + west**2))
