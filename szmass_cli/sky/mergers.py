"""Clusters with a second peak: another cluster that falls in, before the two are one."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from szmass_cli.config import SecondPeak

# Fakhouri, Ma & Boylan-Kolchin 2010, MNRAS 406, 2267, eq. 1 and Table 1: mergers per halo, mass ratio and
# redshift go as xi^-1.995 exp[(xi / 9.72e-3)^0.263], at all masses and redshifts
_STEEPNESS, _TURN, _BEND = -1.995, 9.72e-3, 0.263


@dataclass(frozen=True)
class SecondPeaks:
    """Second peaks of n clusters.

    Attributes
    ----------
    mass_ratio : numpy.ndarray, shape (n,)
        Mass over that of the main peak; 0 where there is none.
    offset_r500 : numpy.ndarray, shape (n, 2)
        Projected distance from the main peak, north and west, in R500 of both together.
    """

    mass_ratio: np.ndarray
    offset_r500: np.ndarray


@lru_cache(maxsize=8)
def _ratios(lowest: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mass ratios and the fraction of mergers below each."""
    ratio = np.geomspace(lowest, 1.0, 2000)
    rate = ratio**_STEEPNESS * np.exp((ratio / _TURN) ** _BEND)
    below = np.concatenate([[0.0], np.cumsum(0.5 * (rate[1:] + rate[:-1]) * np.diff(ratio))])
    return ratio, below / below[-1]


def draw_second_peaks(config: SecondPeak, rng: np.random.Generator, n: int) -> SecondPeaks:
    """Draw second peaks of n clusters.

    Parameters
    ----------
    config : SecondPeak
        How many have one, from which mass ratio on, and how far off.
    rng : numpy.random.Generator
        Advanced alike whatever the configuration.
    n : int
        How many clusters.

    Notes
    -----
    Of 149 clusters that were bright enough in Einstein's images 30 per cent had more than one peak, two
    thirds of them two (Jones & Forman 1989, as in the review of Forman & Jones): a fraction of 0.2. Mass
    ratios are those of mergers in the Millennium simulations (Fakhouri et al. 2010). All distances up to the
    largest come equally often, as for something that falls in at a constant speed, from any direction.
    """
    has_one, rank, distance, cosine, turn = rng.random((5, n))
    ratio, below = _ratios(config.min_mass_ratio)
    mass_ratio = np.where(has_one < config.fraction, np.interp(rank, below, ratio), 0.0)
    projected = config.max_distance_r500 * distance * np.sqrt(1.0 - (2.0 * cosine - 1.0) ** 2)
    angle = 2.0 * np.pi * turn
    offset = np.stack([projected * np.cos(angle), projected * np.sin(angle)], axis=-1)
    return SecondPeaks(mass_ratio, np.where(mass_ratio[:, None] > 0.0, offset, 0.0))
