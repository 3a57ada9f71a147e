"""The plane that touches the sky at a cluster, and polynomials on it."""

from __future__ import annotations

import numpy as np

from szmass_cli.physics.beams import ARCMIN


def tangent_directions(
    ra_deg: np.ndarray, dec_deg: np.ndarray, north_arcmin: np.ndarray, west_arcmin: np.ndarray
) -> np.ndarray:
    """Return the ICRS unit vectors of points on the tangent planes at the given positions.

    Parameters
    ----------
    ra_deg, dec_deg : (n,) array
        Tangent points, ICRS [deg].
    north_arcmin, west_arcmin : array
        Offsets on the plane that broadcast together to a shape (...).

    Returns
    -------
    (n, ..., 3) array
        Unit vectors; the gnomonic projection of Calabretta & Greisen (2002), section 5.1.3.
    """
    centre, north, west = _tangent_axes(np.radians(ra_deg), np.radians(dec_deg))
    up, right = np.broadcast_arrays(north_arcmin * ARCMIN, west_arcmin * ARCMIN)
    axes = (slice(None), *([None] * up.ndim), slice(None))
    points = centre[axes] + up[..., None] * north[axes] + right[..., None] * west[axes]
    return points / np.sqrt(1.0 + up**2 + right**2)[..., None]


def unit_vectors(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    """Return the ICRS unit vectors (..., 3) of positions (...) [deg]."""
    return _unit_vectors(np.radians(ra_deg), np.radians(dec_deg))


def tangent_offsets_arcmin(
    ra_deg: float, dec_deg: float, directions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the north and west offsets [arcmin] of ICRS unit vectors (..., 3) on a tangent plane.

    The plane touches the sky at the given position.
    """
    centre, north, west = _tangent_axes(np.radians(ra_deg), np.radians(dec_deg))
    depth = directions @ centre * ARCMIN
    return directions @ north / depth, directions @ west / depth


def lagrange_matrix(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the (points, nodes) matrix from values at nodes to their polynomial's values at the points."""
    matrix = np.ones((len(points), len(nodes)))
    for j, node in enumerate(nodes):
        for other in np.delete(nodes, j):
            matrix[:, j] *= (points - other) / (node - other)
    return matrix


def chebyshev_nodes(count: int, half_width: float) -> np.ndarray:
    """Return the `count` Chebyshev points of [-half_width, half_width], ascending."""
    return -half_width * np.cos((np.arange(count) + 0.5) * np.pi / count)


def _unit_vectors(ra, dec) -> np.ndarray:
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def _tangent_axes(ra, dec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the unit vectors (..., 3) to the centre, to its north and to its west; angles in radians."""
    centre = _unit_vectors(ra, dec)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    west = np.stack([np.sin(ra), -np.cos(ra), np.zeros_like(ra)], axis=-1)
    return centre, north, west
