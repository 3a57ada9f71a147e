"""Triaxial clusters: axis ratios of the gas, orientations, and what an ellipsoid looks like on the sky."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

# Bonamigo et al. 2015, MNRAS 449, 3171: c/a nu^0.255 of dark halos is log-normal
_MEAN_LN, _SCATTER_LN, _NU_EXPONENT = -0.49, 0.20, 0.255
_ROUNDEST, _FLATTEST = 0.999, 0.15


@dataclass(frozen=True)
class Ellipsoid:
    """A cluster whose pressure is constant on similar ellipsoids around one centre.

    Attributes
    ----------
    axes : (3,) array
        Lengths of the minor, intermediate and major axis over the radius of the sphere of the same volume:
        their product is 1, so that stretching a spherical model into the ellipsoid leaves its integral alone.
    rotation : (3, 3) array
        Takes a direction on the sky (west, north, line of sight) to the axes.
    """

    axes: np.ndarray
    rotation: np.ndarray

    @property
    def metric(self) -> np.ndarray:
        """Return the matrix A (3, 3) of the radius zeta^2 = x A x in place of r^2.

        The vector is x = (west, north, line of sight).
        """
        return self.rotation.T @ np.diag(self.axes**-2.0) @ self.rotation

    def projection(self) -> tuple[np.ndarray, float]:
        """Return the metric and the depth of the ellipsoid's projection.

        Returns
        -------
        metric : (2, 2) array
            Matrix of the elliptical radius on the sky, at which the spherical model's projection is read.
        depth : float
            Factor on that projection: how much longer the ellipsoid is along the line of sight.

        Notes
        -----
        Completing the square in the line of sight l: zeta^2 = A_ll (l - l0)^2 + R (A - a a^T / A_ll) R, as in
        Stark (1977, ApJ 213, 368). Exact for any profile.
        """
        a = self.metric
        return a[:2, :2] - np.outer(a[:2, 2], a[:2, 2]) / a[2, 2], float(a[2, 2] ** -0.5)


def draw_halo_axis_ratios(rng: np.random.Generator, peak_height, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the axis ratios of n dark matter halos.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the minor axes, then the intermediate ones.
    peak_height : float or (n,) array
        nu of the halos.
    n : int
        How many halos: the length of `peak_height`, where that is an array.

    Returns
    -------
    minor, intermediate : (n,) arrays
        Over the major axis, ascending.

    Notes
    -----
    The minor axis after Bonamigo et al. (2015), who measured clusters: ln(c/a nu^0.255) = -0.49 +- 0.20. The
    intermediate one, given it, after Jing & Suto (2002, ApJ 574, 538, eq. 19): r = c/b has the density
    1 - ((2 r - 1 - m) / (1 - m))^2 between m = max(c/a, 0.5) and 1.
    """
    ln_minor = _MEAN_LN + _SCATTER_LN * rng.standard_normal(n) - _NU_EXPONENT * np.log(peak_height)
    minor = np.clip(np.exp(ln_minor), _FLATTEST, _ROUNDEST)
    lowest = np.maximum(minor, 0.5)
    # the density is that of the median of three uniform numbers: 6 t (1 - t)
    t = np.median(rng.random((3, n)), axis=0)
    return minor, minor / (lowest + (1.0 - lowest) * t)


def gas_axis_ratios(minor, intermediate, eccentricity_ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the axis ratios of the gas in halos of given axis ratios.

    The eccentricities of the gas are a constant fraction of those of the halo.

    Gas in equilibrium follows the potential, which is rounder than the mass (Lee & Suto 2003, ApJ 585, 151).
    """

    def rounder(ratio):
        return np.sqrt(1.0 - eccentricity_ratio**2 * (1.0 - np.asarray(ratio) ** 2))

    return rounder(minor), rounder(intermediate)


def draw_ellipsoid(rng: np.random.Generator, peak_height: float, eccentricity_ratio: float) -> Ellipsoid:
    """Draw the shape of the gas of one cluster, with random axis ratios and a random orientation.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the axis ratios, then the orientation.
    peak_height : float
        nu of its halo.
    eccentricity_ratio : float
        Eccentricity of the gas over that of the dark matter; 0 makes spheres.
    """
    minor, intermediate = gas_axis_ratios(*draw_halo_axis_ratios(rng, peak_height, 1), eccentricity_ratio)
    axes = np.array([minor[0], intermediate[0], 1.0])
    return Ellipsoid(axes / np.cbrt(axes.prod()), Rotation.random(rng=rng).as_matrix())


@dataclass(frozen=True)
class ProjectedEllipses:
    """What n ellipsoids of the volume of a sphere look like on the sky, arrays of shape (n,).

    Attributes
    ----------
    axis_ratio : numpy.ndarray
        Minor over major axis of the projection.
    position_angle_rad : numpy.ndarray
        Of the major axis, from north through east, 0 to pi.
    elongation : numpy.ndarray
        How much longer they are along the line of sight than the sphere; the projection's area is that of the
        circle over this, so that the integral stays.
    """

    axis_ratio: np.ndarray
    position_angle_rad: np.ndarray
    elongation: np.ndarray


def project(axes: np.ndarray, rotations: np.ndarray) -> ProjectedEllipses:
    """Return the projections of ellipsoids; see `Ellipsoid.projection`.

    Parameters
    ----------
    axes : numpy.ndarray, shape (n, 3)
        Axes of each, their product 1.
    rotations : numpy.ndarray, shape (n, 3, 3)
        Take directions on the sky (west, north, line of sight) to the axes.
    """
    a = np.einsum("nki,nk,nkj->nij", rotations, axes**-2.0, rotations)
    along = a[:, 2, 2]
    west2 = a[:, 0, 0] - a[:, 0, 2] ** 2 / along
    north2 = a[:, 1, 1] - a[:, 1, 2] ** 2 / along
    cross = a[:, 0, 1] - a[:, 0, 2] * a[:, 1, 2] / along
    mean, half = 0.5 * (west2 + north2), np.hypot(0.5 * (west2 - north2), cross)
    # the major axis is where the metric is least; its angle from west through north, a quarter turn on
    angle = 0.5 * np.arctan2(-cross, -0.5 * (west2 - north2)) + 0.5 * np.pi
    return ProjectedEllipses(np.sqrt((mean - half) / (mean + half)), angle % np.pi, along**-0.5)


def draw_projections(
    rng: np.random.Generator, peak_height: np.ndarray, eccentricity_ratio: float
) -> ProjectedEllipses:
    """Draw the projected shapes of the gas of clusters, with random axis ratios and orientations.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws axis ratios, then orientations.
    peak_height : numpy.ndarray, shape (n,)
        nu of their halos.
    eccentricity_ratio : float
        Eccentricity of the gas over that of the dark matter; 0 makes spheres.
    """
    n = len(peak_height)
    ratios = gas_axis_ratios(*draw_halo_axis_ratios(rng, peak_height, n), eccentricity_ratio)
    axes = np.stack([*ratios, np.ones(n)], axis=-1)
    axes /= np.cbrt(axes.prod(axis=1, keepdims=True))
    return project(axes, Rotation.random(n, rng=rng).as_matrix())
