"""Clusters of the whole family of profiles behind beams, round and elliptical, from radial tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.interpolate import CubicSpline
from scipy.special import j0, j1, jv

from szmass_cli.errors import InputError
from szmass_cli.physics.beams import ARCMIN, AnyBeam, harmonic_nodes
from szmass_cli.physics.evengrid import place_cubic
from szmass_cli.physics.gnfw import PROFILES, Gnfw, tabulated_slopes
from szmass_cli.physics.profiles import FORM_FACTOR_K_MAX
from szmass_cli.physics.quadrature import panel_nodes

SIZE_RANGE_ARCMIN = (0.05, 100.0)
"""Of theta500 times the stretch of the profile: that of clusters, and as far again for the scatter."""

N_SIZES = 66
RADIAL_STEP = 0.025
"""Of ln(1 + (r / FWHM)^2): linear interpolation holds to 6e-4 of the peak of the narrowest beam."""

N_WAVES, N_HARMONICS = 1500, 4
UPWARD_FROM = 8.0


@dataclass(frozen=True)
class Ellipses:
    """Projected shapes of n clusters, arrays of shape (n,).

    Parameters
    ----------
    profile : numpy.ndarray of int
        Which of the tabulated profiles.
    size_arcmin : numpy.ndarray
        theta500 times the stretch of the profile, of a circle of the same area [arcmin].
    outer_slope : numpy.ndarray
        beta of the profile.
    axis_ratio : numpy.ndarray
        Minor over major axis, 1 for circles.
    """

    profile: np.ndarray
    size_arcmin: np.ndarray
    outer_slope: np.ndarray
    axis_ratio: np.ndarray

    def __len__(self) -> int:
        return len(self.size_arcmin)

    def __getitem__(self, rows) -> "Ellipses":
        return Ellipses(
            self.profile[rows], self.size_arcmin[rows], self.outer_slope[rows], self.axis_ratio[rows]
        )


class BeamedShapes:
    """Radial tables of projected profiles behind beams.

    Parameters
    ----------
    names : sequence of str
        Profiles of `PROFILES` that are tabulated.
    beams : sequence of AnyBeam, length f
        What they are convolved with.
    theta_max_arcmin : float
        Largest radius of the tables; there is nothing beyond.

    Notes
    -----
    An ellipse of axis ratio q = exp(-e) and the area of a circle has F(k_e) for its transform, F that of the
    circle and ln k_e = ln k + ln(cosh e + sinh e cos 2 phi) / 2. To second order in e, with F' and F'' the
    derivatives in ln k,

        F(k_e) = F + e^2 (F' / 8 + F'' / 16) + e F' / 2 cos 2 phi + e^2 (F'' / 16 - F' / 8) cos 4 phi,

    of which each term goes through the beam and back by its own Hankel transform (J0, J0, -J2, J4). What is
    left out is of the order of e^3: 0.03 per cent of the peak at q = 0.8, 0.4 at 0.6 and 1 at 0.5.
    """

    def __init__(self, names: Sequence[str], beams: Sequence[AnyBeam], theta_max_arcmin: float):
        self.names, self.n_bands = tuple(names), len(beams)
        self.theta_max_arcmin = theta_max_arcmin
        self.scale_arcmin = min(beam.fwhm_arcmin for beam in beams)
        n_radii = 2 + int(np.log1p((theta_max_arcmin / self.scale_arcmin) ** 2) / RADIAL_STEP)
        self.radii_arcmin = self.scale_arcmin * np.sqrt(np.expm1(RADIAL_STEP * np.arange(n_radii)))
        self._ln_size = np.log(np.geomspace(*SIZE_RANGE_ARCMIN, N_SIZES))
        self._slopes = [tabulated_slopes(PROFILES[name]) for name in names]
        sizes = [N_SIZES * len(slopes) for slopes in self._slopes]
        self._first_row = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        transforms = _Transforms(self.radii_arcmin, beams)
        self._table = np.concatenate(
            [
                transforms.table(PROFILES[name].gnfw, slopes, self._ln_size)
                for name, slopes in zip(names, self._slopes, strict=True)
            ]
        )

    @property
    def memory_bytes(self) -> int:
        """Return the size of the tables."""
        return self._table.nbytes

    def radial(self, ellipses: Ellipses) -> np.ndarray:
        """Return the radial parts of images, of cos(0), cos(2 phi) and cos(4 phi).

        phi is the angle from the major axis. Times the central scale they are Compton y.

        Returns
        -------
        numpy.ndarray, shape (n, 3, f, radii), float32
            At `radii_arcmin`; zero at the last.

        Raises
        ------
        InputError
            If a size is out of the tables.
        """
        n, n_radii = len(ellipses), len(self.radii_arcmin)
        parts = (self._weights(ellipses) @ self._table).reshape(n, N_HARMONICS, self.n_bands, n_radii)
        e = -np.log(ellipses.axis_ratio).astype(np.float32)[:, None, None]
        out = np.empty((n, 3, self.n_bands, n_radii), np.float32)
        out[:, 0] = parts[:, 0] + e**2 * parts[:, 1]
        out[:, 1] = e * parts[:, 2]
        out[:, 2] = e**2 * parts[:, 3]
        out[..., -1] = 0.0
        return out

    def _weights(self, ellipses: Ellipses) -> sparse.csr_matrix:
        """Return the weights (n, rows) of the rows of the table: 4 sizes times 4 slopes for each cluster."""
        low, high = SIZE_RANGE_ARCMIN
        wrong = (ellipses.size_arcmin < low) | (ellipses.size_arcmin > high)
        if wrong.any():
            raise InputError(
                f"A cluster's profile is {ellipses.size_arcmin[wrong][0]:.3g}' wide, outside of the {low:g}' "
                f"to {high:g}' that can be simulated.",
                "Check its mass and redshift, or take it out.",
            )
        n = len(ellipses)
        size, of_size = place_cubic(self._ln_size, np.log(ellipses.size_arcmin))
        rows, weights = np.empty((n, 4, 4), np.int32), np.empty((n, 4, 4), np.float32)
        for index, slopes in enumerate(self._slopes):
            own = np.flatnonzero(ellipses.profile == index)
            slope, of_slope = place_cubic(slopes, ellipses.outer_slope[own])
            first = self._first_row[index] + size[own] * len(slopes) + slope
            rows[own] = (
                first[:, None, None] + (np.arange(4) * len(slopes))[None, :, None] + np.arange(4)[None, None]
            )
            weights[own] = of_size[own][:, :, None] * of_slope[:, None, :]
        starts = np.arange(0, 16 * n + 1, 16)
        shape = (n, len(self._table))
        return sparse.csr_matrix((weights.ravel(), rows.ravel(), starts), shape=shape)

    def place(self, squared_arcmin2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where squared radii fall among the tabulated ones: the lower one, and the way to the next.

        Parameters
        ----------
        squared_arcmin2 : numpy.ndarray
            Of any shape; those beyond the last radius are put on it, where there is nothing.
        """
        position = np.log1p(squared_arcmin2 * (1.0 / self.scale_arcmin**2))
        position *= 1.0 / RADIAL_STEP
        np.minimum(position, len(self.radii_arcmin) - 1.0, out=position)
        low = position.astype(np.int32)
        np.minimum(low, len(self.radii_arcmin) - 2, out=low)
        position -= low
        return low, position


class _Transforms:
    """Hankel transforms of orders 0, 2 and 4 to given radii, through beams."""

    def __init__(self, radii_arcmin: np.ndarray, beams: Sequence[AnyBeam]):
        narrowest = max(beams, key=lambda beam: beam.ell_max)
        self._ell, weight = harmonic_nodes(narrowest, float(radii_arcmin[-1]))
        measure = weight * self._ell / (2.0 * np.pi)
        waves = np.outer(radii_arcmin * ARCMIN, self._ell)
        self._measures = [measure * beam.b_ell(self._ell) * (self._ell <= beam.ell_max) for beam in beams]
        of_none, of_two, of_four = _even_bessel(waves)
        self._bessel = (of_none, -of_two, of_four)

    def table(self, gnfw: Gnfw, slopes: np.ndarray, ln_size: np.ndarray) -> np.ndarray:
        """Return the table of a profile, float32 (sizes x slopes, harmonics x bands x radii)."""
        size = np.exp(ln_size) * ARCMIN
        k = np.outer(self._ell, size)
        ln_1k = np.log1p(np.minimum(k, FORM_FACTOR_K_MAX))
        spline = _form_factors(gnfw, tuple(slopes))
        # derivatives in ln k, from those in ln(1 + k)
        step = (-np.expm1(-ln_1k))[..., None]
        first = spline(ln_1k, 1)
        inside = (k < FORM_FACTOR_K_MAX)[..., None] * size[:, None] ** 2
        f0, f1 = spline(ln_1k) * inside, first * step * inside
        f2 = (spline(ln_1k, 2) * step**2 + first * step * (1.0 - step)) * inside
        terms = ((0, f0), (0, f1 / 8.0 + f2 / 16.0), (1, f1 / 2.0), (2, f2 / 16.0 - f1 / 8.0))
        n_radii, rows = len(self._bessel[0]), size.size * slopes.size
        out = np.empty((rows, N_HARMONICS, len(self._measures), n_radii), np.float32)
        for harmonic, (order, term) in enumerate(terms):
            flat = term.reshape(len(self._ell), rows)
            for band, measure in enumerate(self._measures):
                out[:, harmonic, band] = ((self._bessel[order] * measure) @ flat).T
        return out.reshape(rows, -1)


def _even_bessel(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return J0, J2 and J4, by recurrence from J0 and J1 where that is stable, which is much faster."""
    near = x < UPWARD_FROM
    large = np.maximum(x, UPWARD_FROM)
    of_none, of_one = j0(x), j1(large)
    of_two = 2.0 * of_one / large - j0(large)
    of_three = 4.0 * of_two / large - of_one
    of_four = 6.0 * of_three / large - of_two
    of_two[near], of_four[near] = jv(2, x[near]), jv(4, x[near])
    return of_none, of_two, of_four


@lru_cache(maxsize=8)
def _form_factors(gnfw: Gnfw, slopes: tuple[float, ...]) -> CubicSpline:
    """Return 3-D transforms of p(x) for all outer slopes, as splines in ln(1 + k); see `form_factor`."""
    x, weights = panel_nodes(gnfw.cut_r500 * np.linspace(0.0, 1.0, 400) ** 1.5)
    pressure = np.stack([replace(gnfw, beta=slope).pressure(x) for slope in slopes], axis=-1)
    measure = 4.0 * np.pi * pressure * (x**2 * weights)[:, None]
    ln_1k = np.linspace(0.0, np.log1p(FORM_FACTOR_K_MAX), N_WAVES)
    k = np.expm1(ln_1k)
    values = [np.sinc(np.outer(part, x) / np.pi) @ measure for part in np.array_split(k, 15)]
    return CubicSpline(ln_1k, np.concatenate(values))
