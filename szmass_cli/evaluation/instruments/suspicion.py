"""Which cutouts `szmass estimate` would flag as of a map that is not as stated."""

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.oddities import Oddities
from szmass_cli.estimation.rows import Rows
from szmass_cli.evaluation.instruments.cases import Assumed
from szmass_cli.likelihood.gaussian import GaussianLikelihood, Weighed
from szmass_cli.likelihood.oddness import OddnessLevels, OddnessTest
from szmass_cli.likelihood.scores import ScoreImages

SUSPECT = Flag.UNLIKE_TRAINING | Flag.NOISE_MISMATCH | Flag.CENTRAL_SOURCE | Flag.OFF_CENTRE
"""Flags that say of a map that it may not be what was stated."""


class Suspicion:
    """Tells which cutouts get a flag of `SUSPECT`.

    Parameters
    ----------
    told : Assumed
        What is stated of the maps.
    likelihood : GaussianLikelihood
        Likelihood under that statement.
    ln_mass : numpy.ndarray, shape (m,)
        Grid of masses that posteriors are tabulated on [ln Msun].
    levels : OddnessLevels
        Levels of the model's sky from which on cutouts are unusual.
    """

    def __init__(
        self, told: Assumed, likelihood: GaussianLikelihood, ln_mass: np.ndarray, levels: OddnessLevels
    ):
        low, high = np.exp(ln_mass[[0, -1]])
        test = OddnessTest(likelihood, ScoreImages(likelihood), (float(low), float(high)))
        self._oddities = Oddities(test, levels)
        self._error = told.position_error_arcmin

    def __call__(self, weighed: Weighed, median_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Return whether cutouts of clusters of masses (n,) [Msun] at redshifts (n,) are suspect, (n,)."""
        n = len(redshift)
        rows = Rows(
            ra_deg=np.full(n, np.nan),
            dec_deg=np.full(n, np.nan),
            redshift=redshift,
            redshift_err=np.zeros(n),
            position_err_arcmin=np.full(n, self._error),
            flags=np.zeros(n, np.int32),
        )
        return (self._oddities(weighed, median_msun, rows) & int(SUSPECT)) != 0
