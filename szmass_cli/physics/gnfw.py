"""Pressure profiles of the generalised NFW form, and the family of them that clusters are drawn from."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.interpolate import RectBivariateSpline

from szmass_cli.physics.cosmology import Cosmology, m500c_from_m200c
from szmass_cli.physics.quadrature import panel_nodes


@dataclass(frozen=True)
class Gnfw:
    """A generalised NFW profile (Nagai, Kravtsov & Vikhlinin 2007; Arnaud et al. 2010, eq. 11).

    Parameters
    ----------
    p0 : float
        Amplitude, in units of the characteristic pressure.
    c500 : float
        Concentration: R500 over the scale radius.
    gamma, alpha, beta : float
        Slopes of the centre, of the bend, and of the outskirts.
    cut_r500 : float
        Radius [R500] of the sphere beyond which there is nothing.
    """

    p0: float
    c500: float
    gamma: float
    alpha: float
    beta: float
    cut_r500: float = 5.0

    def pressure(self, x):
        """Return the dimensionless pressure at x = r / R500, without the cut."""
        scaled = self.c500 * np.asarray(x, float)
        bend = (1.0 + scaled**self.alpha) ** ((self.beta - self.gamma) / self.alpha)
        return self.p0 / (scaled**self.gamma * bend)


@dataclass(frozen=True)
class ClusterProfile:
    """A profile that clusters may have, at any mass and redshift.

    Parameters
    ----------
    gnfw : Gnfw
        Its shape; of the amplitude nothing is used, as clusters are given their Y500.
    outer_slopes : (float, float)
        Smallest and largest beta that are tabulated.
    """

    gnfw: Gnfw
    outer_slopes: tuple[float, float] = (3.3, 7.7)

    def shapes(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, mass_bias: float, cosmology: Cosmology
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean shape of clusters.

        Parameters
        ----------
        m200c_msun, redshift : numpy.ndarray, shape (n,)
            M200c [Msun] and redshift.
        mass_bias : float
            b, where R500 is that of (1 - b) M500c.
        cosmology : Cosmology
            For R500 over R200.

        Returns
        -------
        ln_stretch, outer_slope : numpy.ndarray, shape (n,)
            ln of the width of the profile over that of `gnfw`, in R500; and beta.
        """
        n = len(m200c_msun)
        return np.zeros(n), np.full(n, self.gnfw.beta)


class Battaglia2012(ClusterProfile):
    """The profile of simulated clusters with AGN feedback: Battaglia et al. (2012, ApJ 758, 75).

    Their eq. 10 and Table 1, for Delta = 200: P / P200 = P0 (x / xc)^-0.3 [1 + x / xc]^-beta, x = r / R200.
    """

    def shapes(
        self, m200c_msun: np.ndarray, redshift: np.ndarray, mass_bias: float, cosmology: Cosmology
    ) -> tuple[np.ndarray, np.ndarray]:
        mass, growth = np.asarray(m200c_msun) / 1e14, 1.0 + np.asarray(redshift)
        core = 0.497 * mass**-0.00865 * growth**0.731
        fall = 4.35 * mass**0.0393 * growth**0.415
        m500c = (1.0 - mass_bias) * m500c_from_m200c(m200c_msun, redshift, cosmology)
        c500 = np.cbrt(200.0 / 500.0 * m500c / m200c_msun) / core
        return np.log(self.gnfw.c500 / c500), fall + self.gnfw.gamma


A10 = Gnfw(8.403, 1.177, 0.3081, 1.0510, 5.4905)
"""The universal profile: Arnaud et al. (2010), eq. 12; P0 is times h70^-3/2."""

# the other two: their appendix C, fits to subsamples of REXCESS with the same beta
PROFILES: dict[str, ClusterProfile] = {
    "a10": ClusterProfile(A10),
    "cool_core": ClusterProfile(Gnfw(3.249, 1.128, 0.7736, 1.2223, 5.4905)),
    "disturbed": ClusterProfile(Gnfw(3.202, 1.083, 0.3798, 1.4063, 5.4905)),
    "battaglia2012": Battaglia2012(Gnfw(1.0, 1.0, 0.3, 1.0, 4.65, cut_r500=6.0), (2.2, 11.2)),
}
"""Profiles by the names they have in configurations; files of cutouts count them in this order, from 0."""

SLOPE_STEP = 0.55
"""Between tabulated outer slopes; cubic polynomials between them hold to 0.4 per cent at 2 R500."""


def tabulated_slopes(profile: ClusterProfile) -> np.ndarray:
    """Return the outer slopes at which a profile is tabulated, in even steps."""
    low, high = profile.outer_slopes
    return np.linspace(low, high, 1 + round((high - low) / SLOPE_STEP))


@lru_cache(maxsize=8)
def _ln_enclosed(name: str) -> RectBivariateSpline:
    """Return ln of the integral of p(x) x^2 from 0 to X, as a spline in ln X and the outer slope."""
    profile = PROFILES[name]
    slopes = tabulated_slopes(profile)
    ln_edge = np.log(np.geomspace(0.02, 50.0, 300))
    x, weights = panel_nodes(np.append(0.0, np.exp(ln_edge)))
    values = np.empty((len(ln_edge), len(slopes)))
    for column, slope in enumerate(slopes):
        pressure = replace(profile.gnfw, beta=slope).pressure(x)
        values[:, column] = np.log(np.cumsum((pressure * x**2 * weights).reshape(-1, 16).sum(axis=1)))
    return RectBivariateSpline(ln_edge, slopes, values)


def ln_enclosed(name: str, ln_x, outer_slope) -> np.ndarray:
    """Return ln of the integral of p(x) x^2 within X, for a profile of `PROFILES`.

    Parameters
    ----------
    name : str
        Of the profile.
    ln_x, outer_slope : array_like
        ln X, X in units of R500 (0.02 to 50) and beta, broadcast against each other.
    """
    return _ln_enclosed(name)(ln_x, outer_slope, grid=False)
