"""What is read off stamps: masses, S/N and flags, whichever head a network has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.bandmaps import NOISE_RATIO_RANGE

ALWAYS = (16.0, 50.0, 84.0)
"""Percentiles that are always written: the error bars and the median."""

EXTREME_SIGMA = 5.5
"""A filtered residual beyond this, anywhere in a stamp, is of something that training skies do not have.

None of 3000 training stamps went beyond 5.3; a point source of 100 µK away from the cluster always does.
"""


@dataclass(frozen=True)
class Stamps:
    """Stamps without holes, and what is known of their clusters.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        [µK_CMB].
    redshift, redshift_err : numpy.ndarray, shape (n,)
        Errors are 0 where the redshift is exact, and infinite where it is not known at all.
    noise_uk_arcmin : numpy.ndarray, shape (n,)
        White noise of the map there, in the first band.
    """

    images_uk: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    noise_uk_arcmin: np.ndarray

    def __len__(self) -> int:
        return len(self.redshift)


@dataclass(frozen=True)
class Reading:
    """What came of n stamps.

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
    """

    m200c_msun: np.ndarray
    own_prior_median_msun: np.ndarray
    sz_snr: np.ndarray
    flags: np.ndarray


class Meter(Protocol):
    """Everything that turns stamps into numbers; the same stamps give the same bytes."""

    @property
    def percentiles(self) -> Sequence[float]:
        """Percentiles of the posterior that are given, the median among them."""
        ...

    def filled(self, images_uk: np.ndarray, bad: np.ndarray, noise_uk_arcmin: np.ndarray) -> np.ndarray:
        """Stamps (n, 40, 40, f) [µK] with their bad pixels (the same shape) filled from the sky around them.

        The white noise (n,) [µK-arcmin] is that of the first band.
        """
        ...

    def __call__(self, stamps: Stamps) -> Reading: ...


def residual_flags(rms_ratio: np.ndarray, extreme_sigma: np.ndarray) -> np.ndarray:
    """Flags (n,) of what is left in stamps without their clusters.

    Parameters
    ----------
    rms_ratio : numpy.ndarray, shape (n,)
        Filtered rms over the one expected of sky and noise.
    extreme_sigma : numpy.ndarray, shape (n,)
        Largest deviation anywhere [sigma].
    """
    low, high = NOISE_RATIO_RANGE
    flags = np.zeros(len(rms_ratio), np.int32)
    flags[extreme_sigma > EXTREME_SIGMA] |= Flag.UNLIKE_TRAINING
    flags[(rms_ratio < low) | (rms_ratio > high)] |= Flag.NOISE_MISMATCH
    return flags
