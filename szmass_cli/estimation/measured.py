"""What came of rows: the last stage of their path, as it is kept in parts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from szmass_cli.estimation.settled import Wanted
from szmass_cli.estimation.strips import Strip


@dataclass(frozen=True)
class Measured:
    """What came of n rows; NaN where there is no usable answer, with a flag that says why.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (n, p)
        Percentiles of M200c [Msun].
    own_prior_median_msun : numpy.ndarray, shape (n,)
        Median of M200c [Msun] under the model's own prior, whichever the percentiles are of.
    snr, y0, y0_err, y500_arcmin2 : numpy.ndarray, shape (n,)
        `szmass_cli.likelihood.observables.Observables` of a cluster of the median mass under the model's own
        prior.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits.
    masked_fraction : numpy.ndarray, shape (n,)
        Fraction of the cutouts without data.
    ln_likelihood, density : numpy.ndarray of float32, shape (n, m)
        ln of the likelihood of each mass of the grid, but for a constant in each row, and the posterior under
        the prior that is wanted, the probability of each cell; (n, 0) where curves are not wanted.
    """

    m200c_msun: np.ndarray
    own_prior_median_msun: np.ndarray
    snr: np.ndarray
    y0: np.ndarray
    y0_err: np.ndarray
    y500_arcmin2: np.ndarray
    flags: np.ndarray
    masked_fraction: np.ndarray
    ln_likelihood: np.ndarray
    density: np.ndarray

    def without_curves(self) -> "Measured":
        """Return the same without the curves, which take a hundred times the memory of the rest."""
        n = len(self.flags)
        return replace(self, ln_likelihood=np.empty((n, 0), np.float32), density=np.empty((n, 0), np.float32))

    def put(self, rows: np.ndarray, found: "Measured") -> None:
        """Fill in what came of some rows, by their numbers; flags are added to those that are there."""
        for name in (one.name for one in fields(self) if one.name not in ("flags", "masked_fraction")):
            getattr(self, name)[rows] = getattr(found, name)
        self.flags[rows] |= found.flags


def nothing_measured(strip: Strip, wanted: Wanted) -> Measured:
    """Return the rows of a strip without any answer yet, with its flags."""
    n = len(strip.flags)
    own_median, snr, y0, y0_err, y500 = np.full((5, n), np.nan)
    ln_likelihood, density = np.full((2, n, wanted.n_masses), np.nan, np.float32)
    masses = np.full((n, len(wanted.percentiles)), np.nan)
    return Measured(
        masses,
        own_median,
        snr,
        y0,
        y0_err,
        y500,
        strip.flags.copy(),
        strip.masked_fraction,
        ln_likelihood,
        density,
    )


def join(parts: Sequence[Measured]) -> Measured:
    """Return rows of all parts, one after the other."""
    names = [field.name for field in fields(Measured)]
    return Measured(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
