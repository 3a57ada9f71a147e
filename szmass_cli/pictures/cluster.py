"""One cluster with all that is seen of it: cutouts, score images, model, residual and posterior."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Cluster:
    """A row of a measured catalogue, with its images and curves; NaN where there is none.

    Images have 40 x 40 pixels of 0.25', row 0 most southern and column 0 most eastern.

    Parameters
    ----------
    name : str
        Name in the catalogue, or ``row-1``, ``row-2``, ... where it has none.
    row : int
        Number of the row, from 0.
    ra_deg, dec_deg, redshift : float
        ICRS position [deg], and redshift that was used.
    flags : tuple of str
        Names of the flags of the row.
    values : dict of float
        The columns that were added to the row, by name without suffix.
    mass : str
        Column of the median mass, such as ``M200c``.
    frequencies_ghz : tuple of float, length f
        Effective frequencies of the bands.
    cutout_uk : numpy.ndarray, shape (40, 40, f)
        Cutouts [µK_CMB]; NaN in pixels without data.
    model_uk : numpy.ndarray, shape (40, 40, f)
        The cluster that fits best at the median mass [µK_CMB]; NaN in bands that were not used.
    score, score_left : numpy.ndarray, shape (40, 40)
        Score image of the thermal SZ effect, in standard deviations of bare sky; and without the model.
    m200c_msun : numpy.ndarray, shape (3,)
        16th, 50th and 84th percentile of M200c [Msun].
    ln_mass : numpy.ndarray, shape (m,)
        Grid of ln M200c [ln Msun]; on a mass scale that was asked for its steps are not equal.
    density : numpy.ndarray, shape (m,)
        Posterior probability of each cell of the grid.
    ln_likelihood : numpy.ndarray, shape (m,) or (0,)
        ln of the likelihood, its largest value 0; empty where the model gives none.
    input_m200c_msun : float
        M200c that the catalogue came with [Msun]; NaN where it has none.
    input_column : str
        The column that it is from.
    made_with : str
        Model, prior, maps and noise in words.
    """

    name: str
    row: int
    ra_deg: float
    dec_deg: float
    redshift: float
    flags: tuple[str, ...]
    values: dict[str, float]
    mass: str
    frequencies_ghz: tuple[float, ...]
    cutout_uk: np.ndarray
    model_uk: np.ndarray
    score: np.ndarray
    score_left: np.ndarray
    m200c_msun: np.ndarray
    ln_mass: np.ndarray
    density: np.ndarray
    ln_likelihood: np.ndarray
    input_m200c_msun: float
    input_column: str
    made_with: str

    @property
    def residual_uk(self) -> np.ndarray:
        """Return the cutouts without the model (40, 40, f) [µK_CMB]."""
        return self.cutout_uk - self.model_uk

    @property
    def has_mass(self) -> bool:
        """Return whether a mass was measured."""
        return bool(np.isfinite(self.m200c_msun[1]))

    def plot(self) -> "Figure":
        """Draw cutouts, model, residual, score images and posterior.

        Returns
        -------
        matplotlib.figure.Figure
            Not written anywhere; notebooks show it.
        """
        from szmass_cli.pictures.figures.clusterpage import draw_cluster

        return draw_cluster(self)
