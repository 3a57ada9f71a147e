"""Flags for unusual residuals of cutouts without their clusters, and for sources on the clusters."""

from dataclasses import replace

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.gaussian import Weighed
from szmass_cli.likelihood.oddness import OddnessLevels, OddnessTest

EDGE_LN_MASS = 0.1
"""A median so near to an end of the model's masses may be of a cluster beyond it."""


class Oddities:
    """Finds what is unusual about cutouts of one instrument.

    Parameters
    ----------
    test : OddnessTest
        Tells how odd cutouts of the instrument are.
    levels : OddnessLevels
        Levels of the model's sky from which on cutouts are unusual.
    """

    def __init__(self, test: OddnessTest, levels: OddnessLevels):
        self._test, self._levels = test, levels

    def __call__(self, weighed: Weighed, m200c_msun: np.ndarray, rows: Rows) -> np.ndarray:
        """Return the flags (n,) of cutouts with clusters of given M200c (n,) [Msun]."""
        odd, levels = self._test(weighed, np.log(m200c_msun), rows.redshift), self._levels
        # where positions are said to be uncertain, offsets are in the likelihood
        odd = replace(odd, offset=np.where(rows.position_err_arcmin == 0.0, odd.offset, 0.0))
        flags = np.zeros(len(weighed), np.int32)
        flags[levels.exceeded("noise", odd) | odd.quiet] |= Flag.NOISE_MISMATCH
        flags[levels.unlike(odd)] |= Flag.UNLIKE_TRAINING
        flags[levels.exceeded("source", odd)] |= Flag.CENTRAL_SOURCE
        flags[levels.exceeded("offset", odd)] |= Flag.OFF_CENTRE
        flags[self._at_an_edge(m200c_msun)] |= Flag.MASS_OUTSIDE_TRAINING
        return flags

    def _at_an_edge(self, median_msun: np.ndarray) -> np.ndarray:
        """Return whether posteriors pile up at the highest or lowest masses of the model."""
        low, high = np.log(self._test.mass_range_msun)
        ln_median = np.log(median_msun)
        return (ln_median < low + EDGE_LN_MASS) | (ln_median > high - EDGE_LN_MASS)
