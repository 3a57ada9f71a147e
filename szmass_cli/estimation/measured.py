"""What came of rows: the last stage of their path, as it is kept in parts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""


@dataclass(frozen=True)
class Measured:
    """What came of n rows; NaN where there is no usable answer, with a flag that says why.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (n, p)
        Percentiles of M200c [Msun].
    own_prior_median_msun : numpy.ndarray, shape (n,)
        Median of M200c [Msun] under the model's own prior, whichever the percentiles are of.
    sz_snr : numpy.ndarray, shape (n,)
        Matched-filter signal-to-noise of a cluster of this median mass.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits.
    masked_fraction : numpy.ndarray, shape (n,)
        Fraction of the cutouts without data.
    """

    m200c_msun: np.ndarray
    own_prior_median_msun: np.ndarray
    sz_snr: np.ndarray
    flags: np.ndarray
    masked_fraction: np.ndarray

    @classmethod
    def nothing(cls, flags: np.ndarray, masked_fraction: np.ndarray, n_percentiles: int) -> "Measured":
        """Return rows without any answer, of flags (n,) and masked fractions (n,)."""
        nan = np.full(len(flags), np.nan)
        masses = np.full((len(flags), n_percentiles), np.nan)
        return cls(masses, nan, nan.copy(), flags.copy(), masked_fraction)

    def put(self, rows: np.ndarray, found: "Measured") -> None:
        """Fill in what came of some rows, by their numbers; flags are added to those that are there."""
        self.m200c_msun[rows] = found.m200c_msun
        self.own_prior_median_msun[rows] = found.own_prior_median_msun
        self.sz_snr[rows] = found.sz_snr
        self.flags[rows] |= found.flags


def join(parts: Sequence[Measured]) -> Measured:
    """Return rows of all parts, one after the other."""
    names = [field.name for field in fields(Measured)]
    return Measured(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
