"""Stripes: 1/f noise of scans, which is stronger across their direction than along it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import i0e

MIRROR_TOLERANCE = 1e-6
"""East-west differences below this fraction of the mean power count as none."""

DEFAULT_WIDTH_DEG = 15.0


@dataclass(frozen=True)
class Stripes:
    """How the power of 1/f noise is shared out over directions.

    Noise that a detector gathers while it scans is common to what it saw just before: it stays nearly the
    same along the scan and differs from one scan to the next, so that its wave vectors lie across.

    Parameters
    ----------
    fraction : float
        Of the 1/f power that is in stripes, 0 to 1; the rest is the same in all directions.
    angles_deg : tuple of float
        Directions of the scans, from right ascension (east) towards declination (north); several that cross
        share the stripes evenly.
    width_deg : float
        Standard deviation of the directions of stripes' wave vectors about the perpendicular to the scans.

    Notes
    -----
    The density of directions is von Mises' on the doubled angle, exp(k cos 2d) / I0(k) with k = 1 / (4
    width^2): it is smooth, the same for opposite wave vectors, and its mean over directions is 1, so that
    spectra in rings of ell are those of noise without stripes.
    """

    fraction: float
    angles_deg: tuple[float, ...] = (0.0,)
    width_deg: float = DEFAULT_WIDTH_DEG

    def across(self, direction_rad: np.ndarray) -> np.ndarray:
        """Return the power of the stripes alone, over its mean, by direction of the wave vector [rad]."""
        sharpness = 0.25 / np.radians(self.width_deg) ** 2
        scans = np.radians(self.angles_deg)
        doubled = 2.0 * (np.asarray(direction_rad, float)[..., None] - scans)
        return np.mean(np.exp(-sharpness * (np.cos(doubled) + 1.0)), axis=-1) / i0e(sharpness)

    def power(self, ell_x, ell_y) -> np.ndarray:
        """Return the power of 1/f noise over its mean in a ring, at multipoles that are broadcast."""
        direction = np.arctan2(ell_y, ell_x)
        return 1.0 - self.fraction + self.fraction * self.across(direction)

    def amplitude(self, ell_x, ell_y) -> np.ndarray:
        """Return what makes noise without stripes into noise with them: the root of `power`."""
        return np.sqrt(self.power(ell_x, ell_y))

    @property
    def mirror_symmetric(self) -> bool:
        """Return whether the power is the same when east and west change places."""
        direction = np.linspace(0.0, np.pi, 361)
        here, mirrored = self.across(direction), self.across(np.pi - direction)
        return bool(np.abs(here - mirrored).max() <= MIRROR_TOLERANCE)
