"""Noise of the central Compton y of a matched filter, by angular size and by place."""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

DEGREE = 3
LEAST_ROWS, CLIPPED_AT, N_CLIPS = 10, 3.0, 5


@dataclass(frozen=True)
class SizeNoise:
    """sigma(y0) of clusters of any size: one curve, times a factor for each place.

    Parameters
    ----------
    curve : numpy.polynomial.Polynomial
        ln sigma(y0) of ln theta500 [ln arcmin] at the typical depth.
    range_arcmin : (float, float)
        Sizes that the curve rests on; beyond them it goes on straight in ln and ln.
    """

    curve: Polynomial
    range_arcmin: tuple[float, float]

    @classmethod
    def fitted(cls, theta500_arcmin: np.ndarray, y0_err: np.ndarray) -> "SizeNoise":
        """Return the curve of rows (n,) with errors of y0 for clusters of given sizes [arcmin].

        Rows that lie off, as those of other depths do where most have one, do not pull at it.

        Raises
        ------
        ValueError
            Fewer than ten rows have both numbers.
        """
        good = (theta500_arcmin > 0.0) & (y0_err > 0.0) & np.isfinite(theta500_arcmin + y0_err)
        if good.sum() < LEAST_ROWS:
            raise ValueError(f"only {good.sum()} rows have y0_err and theta500_arcmin")
        x, y = np.log(theta500_arcmin[good]), np.log(y0_err[good])
        kept = np.ones(x.size, bool)
        for _ in range(N_CLIPS):
            degree = min(DEGREE, int(np.ptp(x[kept]) / 0.1))  # sizes that are all alike give no slope
            curve = Polynomial.fit(x[kept], y[kept], degree)
            apart = y - curve(x)
            scatter = 1.4826 * np.median(np.abs(apart[kept] - np.median(apart[kept]))) + 1e-4
            kept = np.abs(apart - np.median(apart)) < CLIPPED_AT * scatter
        return cls(curve, (float(np.exp(x[kept].min())), float(np.exp(x[kept].max()))))

    def __call__(self, theta500_arcmin: np.ndarray) -> np.ndarray:
        """Return sigma(y0) at the typical depth for clusters of given sizes [arcmin]."""
        x = np.log(theta500_arcmin)
        low, high = np.log(self.range_arcmin)
        nearest = np.clip(x, low, high)
        slopes = self.curve.deriv()(np.array([low, high]))
        beyond = np.where(x < low, slopes[0], slopes[1]) * (x - nearest)
        return np.exp(self.curve(nearest) + beyond)

    def depth(self, theta500_arcmin: np.ndarray, y0_err: np.ndarray) -> np.ndarray:
        """Return the noise of rows (n,) over that at the typical depth, from their own errors of y0."""
        return y0_err / self(theta500_arcmin)
