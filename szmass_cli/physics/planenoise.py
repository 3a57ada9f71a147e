"""Noise that was measured: its power between bands at multipoles along right ascension and declination."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer

LEAST_PASSED = 0.15
"""A filtered map keeps this fraction of its noise's amplitude where the filter leaves nothing: no covariance
may be singular, and clusters have nothing there."""

FINE_ELL = 5000.0
"""Beyond it filters are taken to leave noise as it is: where beam and filter leave no signal, quiet noise
would make much of nothing."""


@dataclass(frozen=True, eq=False)
class PlaneNoise:
    """The power of all noise of a map, white and red, on a grid of multipoles.

    Parameters
    ----------
    ell_x : numpy.ndarray, shape (nx,)
        Ascending multipoles along right ascension, of either sign.
    ell_y : numpy.ndarray, shape (ny,)
        Ascending multipoles along declination, from 0: the other half of the plane is this one turned.
    power_uk2_sr : numpy.ndarray, shape (f, f, ny, nx)
        Total power between bands [µK^2 sr], before `transfers`; bilinear between the nodes.
    white_uk2_sr : numpy.ndarray, shape (f,)
        Power [µK^2 sr] that the bands' white noise accounts for: the rest is correlated between pixels.
    transfers : tuple, length f
        Filter that the noise went through with the sky, or None, for each band.
    """

    ell_x: np.ndarray
    ell_y: np.ndarray
    power_uk2_sr: np.ndarray
    white_uk2_sr: np.ndarray
    transfers: tuple[IsotropicTransfer | PlaneTransfer | None, ...]

    @property
    def ell_max(self) -> float:
        """Return the multipole beyond which noise is white."""
        return float(self.ell_y[-1])

    @cached_property
    def mirror_symmetric(self) -> bool:
        """Return whether noise and filters are the same when east and west change places."""
        round_or_even = all(one is None or one.mirror_symmetric for one in self.transfers)
        return round_or_even and bool(np.array_equal(self.power_uk2_sr, self.power_uk2_sr[..., ::-1]))

    def only(self, chosen: tuple[int, ...]) -> "PlaneNoise":
        """Return the noise of some of the bands."""
        bands = list(chosen)
        return replace(
            self,
            power_uk2_sr=self.power_uk2_sr[np.ix_(bands, bands)],
            white_uk2_sr=self.white_uk2_sr[bands],
            transfers=tuple(self.transfers[band] for band in chosen),
        )

    @cached_property
    def _interpolator(self) -> RegularGridInterpolator:
        values = np.moveaxis(self.power_uk2_sr, (0, 1), (2, 3))
        return RegularGridInterpolator((self.ell_y, self.ell_x), values, method="linear")

    def total_uk2_sr(self, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
        """Return the power of all noise (f, f, ...) [µK^2 sr] at multipoles that broadcast to (...)."""
        ell_x, ell_y = np.broadcast_arrays(np.asarray(ell_x, float), np.asarray(ell_y, float))
        shape, ell_x, ell_y = ell_x.shape, ell_x.ravel(), ell_y.ravel()
        turned = np.where(ell_y < 0.0, -1.0, 1.0)
        x = np.clip(turned * ell_x, self.ell_x[0], self.ell_x[-1])
        y = np.clip(turned * ell_y, 0.0, self.ell_y[-1])
        power = np.moveaxis(self._interpolator(np.stack([y, x], axis=-1)), 0, -1)
        passed = np.stack([passed_noise(one, ell_x, ell_y) for one in self.transfers])
        return (power * passed[:, None] * passed[None, :]).reshape(*power.shape[:2], *shape)

    def correlated_uk2_sr(self, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
        """Return the power (f, f, ...) [µK^2 sr] besides the white part; negative where a filter took it."""
        power = self.total_uk2_sr(ell_x, ell_y)
        white = np.diag(self.white_uk2_sr)
        power = power - white.reshape(*white.shape, *[1] * (power.ndim - 2))
        # white noise goes on for ever, and only the table's part of the plane is anything else
        return np.where(np.hypot(ell_x, ell_y) <= self.ell_max, power, 0.0)


def passed_noise(transfer: IsotropicTransfer | PlaneTransfer | None, ell_x, ell_y) -> np.ndarray:
    """Return the amplitude of noise that a filter leaves at multipoles; 1 without a filter."""
    if transfer is None:
        return np.ones(np.broadcast_shapes(np.shape(ell_x), np.shape(ell_y)))
    passed = np.maximum(shape_of_filter(transfer, ell_x, ell_y), LEAST_PASSED)
    return np.where(np.hypot(ell_x, ell_y) < FINE_ELL, passed, 1.0)


def shape_of_filter(transfer: IsotropicTransfer | PlaneTransfer | None, ell_x, ell_y) -> np.ndarray:
    """Return the amplitude that a filter leaves over the most that it leaves anywhere; 1 without one."""
    if transfer is None:
        return np.ones(np.broadcast_shapes(np.shape(ell_x), np.shape(ell_y)))
    return transfer(ell_x, ell_y) / np.max(transfer.tf)
