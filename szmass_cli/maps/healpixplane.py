"""HEALPix laid flat: around any place its pixels are a square lattice.

On the plane of the HEALPix projection (Calabretta & Roukema 2007) pixel centres form a square lattice
turned by 45 degrees. Near the poles the plane is cut into four triangles; turning a neighbour's triangle by a
right angle about the pole closes the cut, and lattice falls on lattice. So HEALPix can be interpolated as
well as any image; ring by ring would be too coarse, as pixels along a ring are 1.5 mean pixel sides apart.
Where triangles meet, and at their base |z| = 2/3, the lattice bends (0.5 per cent of all cutouts).

Plane coordinates are in quarter turns: x = longitude / 90 deg, y from -1 (south pole) to 1 (north pole), with
the polar triangles beyond |y| = 1/2. A chart is (quadrant 0-3, hemisphere +1 or -1) of the cutout's centre;
in a southern chart y is mirrored, so that every cap is a northern one.
"""

from __future__ import annotations

import healpy
import numpy as np

# Base pixels around that of a cap (in the middle, for quadrant 0), south-west to north-east.
_FACES = np.array([[8, 5, 1], [4, 0, 1], [3, 3, 2]])


def charts_of(vectors: np.ndarray) -> np.ndarray:
    """Return the charts (n, 2) of unit vectors (n, 3) in the map's frame."""
    quadrant = np.floor(_quarter_turns(vectors))
    return np.stack([quadrant, np.where(vectors[..., 2] < 0, -1.0, 1.0)], axis=-1)


def lattice_of(vectors: np.ndarray, charts: np.ndarray, nside: int) -> np.ndarray:
    """Return the rows and columns (n, m, 2) of unit vectors (n, m, 3) in charts (n, 2).

    They are integers at pixel centres.
    """
    quadrant, hemisphere = charts[:, None, 0], charts[:, None, 1]
    z = vectors[..., 2] * hemisphere
    x = _quarter_turns(vectors)
    polar = z > 2 / 3
    # 3 (1 - z), without the cancellation near the pole.
    sigma = np.sqrt(3 * (vectors[..., 0] ** 2 + vectors[..., 1] ** 2) / (1 + np.abs(z)))
    own_quadrant = np.floor(x)
    steps = np.mod(own_quadrant - quadrant + 2, 4) - 2
    from_pole = (x - own_quadrant - 0.5) * sigma - 0.5j * sigma
    turned = from_pole * _right_angles(steps)
    x = np.where(polar, quadrant + 0.5 + turned.real, x - 4 * np.round((x - quadrant - 0.5) / 4))
    y = np.where(polar, 1 + turned.imag, 0.75 * z)
    return np.stack([nside * (y - x), nside * (y + x)], axis=-1) - (nside + 1) / 2


def angles_of(
    rows: np.ndarray, columns: np.ndarray, chart: np.ndarray, nside: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the colatitude and longitude of the pixel centres of a chart's lattice.

    Both are in radians, in the map's frame.
    """
    quadrant, hemisphere = chart
    x = (columns - rows) / (2 * nside)
    y = (columns + rows + nside + 1) / (2 * nside)
    in_cut = (y > 0.5) & (np.abs(x - np.floor(x) - 0.5) + y > 1)
    from_pole = (x - quadrant - 0.5) + 1j * (y - 1)
    steps = np.where(in_cut, np.round(np.angle(from_pole) / (np.pi / 2) + 1), 0)
    turned = from_pole * _right_angles(-steps)
    x = np.where(in_cut, quadrant + steps + 0.5 + turned.real, x)
    y = np.where(in_cut, 1 + turned.imag, y)
    sigma = np.clip(2 * (1 - np.abs(y)), 1e-12, 1)
    middle = np.floor(x) + 0.5
    z = np.where(np.abs(y) > 0.5, np.sign(y) * (1 - sigma**2 / 3), y / 0.75)
    phi = np.where(np.abs(y) > 0.5, middle + (x - middle) / sigma, x) * (np.pi / 2)
    return np.arccos(np.clip(z * hemisphere, -1, 1)), np.mod(phi, 2 * np.pi)


def _quarter_turns(vectors: np.ndarray) -> np.ndarray:
    return np.mod(np.arctan2(vectors[..., 1], vectors[..., 0]) / (np.pi / 2), 4)


def _right_angles(steps: np.ndarray) -> np.ndarray:
    return np.array([1, 1j, -1, -1j])[np.mod(steps, 4).astype(int)]


def pixels_of(rows: tuple[int, int], columns: tuple[int, int], chart: np.ndarray, nside: int, nested: bool):
    """Return the pixel numbers (ny, nx) of a window of a chart's lattice, or None for a window too wide.

    The lattice consists of the twelve base pixels, each nside x nside. The base pixel of the chart's own cap
    is at (0, 0); beyond its two edges at the pole follow its neighbours, turned by right angles. A window is
    too wide if it reaches beyond the base pixels next to that of the chart.
    """
    quadrant, hemisphere = int(chart[0]), chart[1]
    # base pixel and place in it, along each axis; `east` counts from the western corner to the north-east
    across, east = np.divmod(np.arange(*columns) - nside * quadrant, nside)
    along, west = np.divmod(np.arange(*rows) + nside * (quadrant + 1), nside)
    if min(across[0], along[0]) < -1 or max(across[-1], along[-1]) > 1:
        return None
    across, along = _shortened(across), _shortened(along)
    face = _FACES[along[:, None] + 1, across[None, :] + 1]
    face = face // 4 * 4 + (face + quadrant) % 4
    x, y = np.broadcast_arrays(east[None, :], west[:, None])
    if max(across[-1], along[-1]) == 1:
        x, y = _turned(x, y, across[None, :], along[:, None], nside - 1)
    if hemisphere < 0:  # the chart is a mirror image
        face = np.where(face < 4, face + 8, np.where(face >= 8, face - 8, face))
        x, y = nside - 1 - y, nside - 1 - x
    return healpy.xyf2pix(nside, x, y, face, nest=nested)


def _shortened(ascending: np.ndarray) -> np.ndarray:
    """Return a single value where all are the same, as most windows lie in one base pixel."""
    return ascending[:1] if ascending[0] == ascending[-1] else ascending


def _turned(x: np.ndarray, y: np.ndarray, across: np.ndarray, along: np.ndarray, last: int):
    """Return places within base pixels, with the axes turned for those beyond the pole."""
    beyond_east, beyond_west = (across == 1) & (along >= 0), (along == 1) & (across >= 0)
    turned = beyond_east | beyond_west
    turned_x = np.where(beyond_east & beyond_west, last - x, np.where(beyond_east, y, last - y))
    turned_y = np.where(beyond_east & beyond_west, last - y, np.where(beyond_east, last - x, x))
    return np.where(turned, turned_x, x), np.where(turned, turned_y, y)
