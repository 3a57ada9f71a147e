"""From the beam that a map was made with to the one a model was trained for.

What a map's pixels hold is the sky behind the map's beam and, where its pixels are means over their area,
behind the pixel window. Both are exchanged for the training beam in a Fourier transform of the window of
pixels around a cluster, before it is interpolated: there pixels are a lattice and the pixel window is a
product of two sincs in any projection, and the window's margin keeps its edges away from the cutout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from szmass_cli.physics.beams import ARCMIN, AnyBeam

_FAINTEST = 0.02
"""Scales on which the map has less than this of an amplitude are let fade rather than amplified."""


@dataclass(frozen=True)
class BeamExchange:
    """Exchanges one beam for another.

    Parameters
    ----------
    map_beam, wanted_beam : AnyBeam
        The map's own beam, and the beam that it is to have.
    pixel_window : bool
        Whether the map's pixels are means over their area, and `map_beam` does not include it.
    """

    map_beam: AnyBeam
    wanted_beam: AnyBeam
    pixel_window: bool

    def at(self, ell: np.ndarray, window: np.ndarray) -> np.ndarray:
        """Return the factor of modes at multipoles ell whose amplitude the pixels reduce to `window`.

        It is the plain quotient, except for modes that the map hardly contains.
        """
        has = self.map_beam.b_ell(ell) * (window if self.pixel_window else 1.0)
        return self.wanted_beam.b_ell(ell) * has / (has**2 + _FAINTEST**2)

    def on_lattice(self, window: np.ndarray, pixels_per_arcmin: np.ndarray) -> np.ndarray:
        """Exchange the beams in a window of a map.

        Parameters
        ----------
        window : numpy.ndarray, shape (ny, nx)
            Pixels of the map in the window, without holes.
        pixels_per_arcmin : numpy.ndarray, shape (2, 2)
            Change of row and column with each of two perpendicular directions on the sky.

        Returns
        -------
        numpy.ndarray, shape (ny, nx)
            Correct except for a few pixels along the edges.
        """
        trend = _trend(window)
        rows, columns = fft.fftfreq(window.shape[0])[:, None], fft.rfftfreq(window.shape[1])[None, :]
        waves = [rows * along[0] + columns * along[1] for along in pixels_per_arcmin.T]
        ell = 2.0 * np.pi / ARCMIN * np.hypot(*waves)
        modes = fft.rfft2(window - trend)
        modes *= self.at(ell, np.sinc(rows) * np.sinc(columns))
        return fft.irfft2(modes, s=window.shape) + trend

    def on_cutout(self, image: np.ndarray, step_arcmin: float, pixel_arcmin: float) -> np.ndarray:
        """Exchange the beams in a cutout, interpolated from pixels of no particular orientation.

        Parameters
        ----------
        image : numpy.ndarray, shape (n, n)
            Pixels of the cutout, without holes.
        step_arcmin : float
            Side of its pixels [arcmin].
        pixel_arcmin : float
            Side of the map's own pixels [arcmin], whose window is taken for the same in all directions.

        Returns
        -------
        numpy.ndarray, shape (n, n)
        """
        margin = image.shape[0] // 2
        wide = np.pad(image, margin, mode="reflect")
        rows, columns = fft.fftfreq(wide.shape[0])[:, None], fft.rfftfreq(wide.shape[1])[None, :]
        per_arcmin = np.hypot(rows, columns) / step_arcmin
        window = np.sinc(np.minimum(per_arcmin * pixel_arcmin / np.sqrt(2.0), 0.5)) ** 2
        ell = 2.0 * np.pi / ARCMIN * per_arcmin
        filtered = fft.irfft2(fft.rfft2(wide) * self.at(ell, window), s=wide.shape)
        return filtered[margin:-margin, margin:-margin]


def _trend(window: np.ndarray) -> np.ndarray:
    """Return the plane through a window's four sides, whose steps from edge to edge would cause ringing."""
    ny, nx = window.shape
    y, x = np.linspace(-0.5, 0.5, ny)[:, None], np.linspace(-0.5, 0.5, nx)[None, :]
    # the edge rows and columns smoothed: noise in them is no trend
    side = max(2, min(ny, nx) // 10)
    up = window[-side:].mean() - window[:side].mean()
    right = window[:, -side:].mean() - window[:, :side].mean()
    return window.mean() + y * up * ny / (ny - side) + x * right * nx / (nx - side)
