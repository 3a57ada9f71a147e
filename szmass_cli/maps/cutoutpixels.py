"""Where the pixels of cutouts fall in a map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.tangent import chebyshev_nodes, lagrange_matrix, tangent_directions

_NODES = 6
_CHECKED = np.array([0, 13, 26, 39])
_TOLERANCE_PIXELS = 1e-3


@dataclass(frozen=True)
class CutoutPixels:
    """Cutouts laid on a map.

    Attributes
    ----------
    ra_deg, dec_deg : (n,) array
        Centres of the cutouts, ICRS [deg].
    charts : (n, 2) array
        The map's charts of the cutouts.
    pixels : (n, 40, 40, 2) array
        Map rows and columns in those charts; NaN where the projection does not reach.
    rough : (n,) bool array
        The map's projection is not smooth across the cutout: a pole, a cut or a kink.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    charts: np.ndarray
    pixels: np.ndarray
    rough: np.ndarray


def lay_cutouts(sky_map: SkyMap, ra_deg: np.ndarray, dec_deg: np.ndarray) -> CutoutPixels:
    """Find where the cutouts' pixels fall in the map.

    A projection is smooth over most cutouts, so it is computed at 6 x 6 Chebyshev nodes and expanded; where
    that fails at any of 4 x 4 test pixels, at all 1600 pixels.

    Parameters
    ----------
    sky_map : SkyMap
        The map, which defines projection and pixels.
    ra_deg, dec_deg : (n,) array
        Centres of the cutouts, ICRS [deg], finite.
    """
    offsets = pixel_offsets_arcmin()
    nodes = chebyshev_nodes(_NODES, half_width=offsets[-1])
    expand = lagrange_matrix(nodes, offsets)
    charts = sky_map.charts(tangent_directions(ra_deg, dec_deg, np.zeros(()), np.zeros(())))

    def evaluate(which: np.ndarray, points: np.ndarray) -> np.ndarray:
        directions = tangent_directions(ra_deg[which], dec_deg[which], points[:, None], points[None, :])
        flat = directions.reshape(len(directions), points.size**2, 3)
        return sky_map.to_pixels(flat, charts[which]).reshape(*directions.shape[:3], 2)

    everything = np.arange(len(ra_deg))
    expanded = np.einsum("ai,nijc,bj->ncab", expand, evaluate(everything, nodes), expand, optimize=True)
    # rows and columns apart in memory, where each cutout's are searched for their limits
    pixels = np.moveaxis(np.ascontiguousarray(expanded), 1, -1)
    misfit = np.abs(pixels[:, _CHECKED][:, :, _CHECKED] - evaluate(everything, offsets[_CHECKED]))
    rough = ~(misfit.max(axis=(1, 2, 3)) < _TOLERANCE_PIXELS)
    if rough.any():
        pixels[rough] = evaluate(np.flatnonzero(rough), offsets)
    return CutoutPixels(ra_deg, dec_deg, charts, pixels, rough)
