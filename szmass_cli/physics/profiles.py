"""The universal pressure profile of Arnaud et al. (2010): Compton y, bare and behind a beam."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy import constants, units
from scipy.interpolate import CubicSpline, RectBivariateSpline
from scipy.special import j0

from szmass_cli.errors import InputError
from szmass_cli.physics.beams import ARCMIN, AnyBeam, harmonic_nodes
from szmass_cli.physics.cosmology import (
    PLANCK18,
    Cosmology,
    e_of_z,
    m500c_from_m200c,
    r500_mpc,
    theta500_arcmin,
)
from szmass_cli.physics.gnfw import A10
from szmass_cli.physics.quadrature import panel_nodes
from szmass_cli.physics.relativistic import temperature_kev

P0, C500, GAMMA, ALPHA, BETA = A10.p0, A10.c500, A10.gamma, A10.alpha, A10.beta
SZ_SLOPE = 5.0 / 3.0 + 0.12  # of Y500 with M500: eq. 13 with the mean departure from self-similarity
PIVOT_MSUN = 3e14  # over h70
CUT_R500 = A10.cut_r500  # the sphere's edge, in R500

FORM_FACTOR_K_MAX = 900.0  # ell * theta500 beyond which the form factor, falling as k^-2.7, is taken as 0

_SIGMA_T_OVER_MEC2_CM2_PER_KEV = (constants.sigma_T / (constants.m_e * constants.c**2)).to_value(
    units.cm**2 / units.keV
)
_CM_PER_MPC = units.Mpc.to(units.cm)


@dataclass(frozen=True)
class SzModel:
    """How the SZ signal follows from mass and redshift; the defaults are Arnaud et al. (2010).

    Parameters
    ----------
    mass_bias : float
        b: a cluster of true mass M500c looks like one of (1 - b) M500c in the relation, which was calibrated
        with hydrostatic X-ray masses. Both its pressure and its R500 follow.
    slope : float
        Exponent of Y500 with M500c.
    cosmology : Cosmology
        Turns M200c into M500c, and that into a pressure and an angle.
    relativistic : bool
        Whether the gas is as hot as its mass says, so that its spectrum has relativistic corrections.
    """

    mass_bias: float = 0.0
    slope: float = SZ_SLOPE
    cosmology: Cosmology = PLANCK18
    relativistic: bool = False


ARNAUD2010 = SzModel()


def pressure_shape(x):
    """Return the dimensionless pressure p(x) h70^3/2 at x = r / R500 (Arnaud et al. 2010, eq. 11)."""
    return A10.pressure(x)


def p500_kev_cm3(m500c_msun, redshift, model: SzModel = ARNAUD2010):
    """Return the characteristic pressure [keV/cm^3] (Arnaud et al. 2010, eqs. 5 and 13)."""
    h70 = model.cosmology.h70
    mass = np.asarray(m500c_msun) * h70 / PIVOT_MSUN
    expansion = e_of_z(redshift, model.cosmology)
    return 1.65e-3 * expansion ** (8.0 / 3.0) * mass ** (model.slope - 1.0) * h70**2


def projected_shape(b):
    """Return the line-of-sight integral of p(x) within the sphere of 5 R500, at radius b = R / R500."""
    b = np.asarray(b, float)
    # l = L s^4 packs nodes near the steep centre
    s, ds = panel_nodes(np.linspace(0.0, 1.0, 13))
    edge = np.sqrt(np.clip(CUT_R500**2 - b**2, 0.0, None))[..., None]
    los = edge * s**4
    x = np.sqrt(b[..., None] ** 2 + los**2)
    return 2.0 * np.sum(pressure_shape(np.maximum(x, 1e-12)) * edge * 4.0 * s**3 * ds, axis=-1)


@lru_cache(maxsize=1)
def _form_factor() -> CubicSpline:
    """Return the Fourier transform of the projected shape, as a spline in ln(1 + k) with k = ell * theta500.

    By the projection-slice theorem it is the 3-D transform of p(x): 4 pi int p(x) sinc(kx) x^2 dx.
    """
    # panels grow as s^2: narrow where p(x) is steep, and at k = 900 still one oscillation wide at the edge
    x, weights = panel_nodes(CUT_R500 * np.linspace(0.0, 1.0, 400) ** 1.5)
    measure = 4.0 * np.pi * pressure_shape(x) * x**2 * weights
    ln_1k = np.linspace(0.0, np.log1p(FORM_FACTOR_K_MAX), 1500)
    k = np.expm1(ln_1k)
    values = np.concatenate([np.sinc(np.outer(part, x) / np.pi) @ measure for part in np.array_split(k, 15)])
    return CubicSpline(ln_1k, values)


def form_factor(k):
    """Return the 3-D Fourier transform of p(x) at k = ell * theta500 (times theta500^2 that of the image)."""
    k = np.asarray(k, float)
    inside = np.minimum(k, FORM_FACTOR_K_MAX)
    return np.where(k < FORM_FACTOR_K_MAX, _form_factor()(np.log1p(inside)), 0.0)


@lru_cache(maxsize=1)
def _enclosed() -> CubicSpline:
    """Return ln of the integral of p(x) x^2 from 0 to X, as a spline in ln X."""
    ln_edge = np.log(np.geomspace(0.02, 50.0, 400))
    x, weights = panel_nodes(np.append(0.0, np.exp(ln_edge)))
    parts = (pressure_shape(x) * x**2 * weights).reshape(-1, 16).sum(axis=1)
    return CubicSpline(ln_edge, np.log(np.cumsum(parts)))


@dataclass(frozen=True)
class ClusterScales:
    """What fixes a cluster's mean SZ image, arrays of one shape.

    Parameters
    ----------
    theta500_arcmin : numpy.ndarray
        Angular size theta500 = R500c / D_A [arcmin].
    y_scale : numpy.ndarray
        Central scale: y(theta) = y_scale * projected_shape(theta / theta500).
    kt_kev : numpy.ndarray or float
        Temperature of the gas [keV], on which the spectrum depends; 0 without relativistic corrections.
    """

    theta500_arcmin: np.ndarray
    y_scale: np.ndarray
    kt_kev: np.ndarray | float = 0.0

    def __getitem__(self, rows: np.ndarray | list[int]) -> "ClusterScales":
        kt_kev = np.broadcast_to(self.kt_kev, self.y_scale.shape)[rows]
        return ClusterScales(self.theta500_arcmin[rows], self.y_scale[rows], kt_kev)

    @property
    def y0(self):
        """Return Compton y at the centre, before any beam."""
        return self.y_scale * projected_shape(0.0)

    @property
    def y500_arcmin2(self):
        """Return Compton y integrated over the sphere of R500 [arcmin^2].

        sigma_T / m_e c^2 int P dV / D_A^2, that is y_scale theta500^2 4 pi int_0^1 p(x) x^2 dx (Arnaud et al.
        2010, eq. 14).
        """
        return 4.0 * np.pi * np.exp(_enclosed()(0.0)) * self.y_scale * self.theta500_arcmin**2

    def stretched(self, ln_stretch) -> "ClusterScales":
        """Return clusters whose profiles are wider by exp(ln_stretch), with the same Y within R500.

        A concentration c500 exp(-ln_stretch) in place of c500: p(r / (q R500)) integrated over the sphere of
        R500 must stay what it is, so that the central scale changes by I(1) / (q^2 I(1/q)), with
        I(X) the integral of p(x) x^2 from 0 to X.
        """
        ln_stretch = np.asarray(ln_stretch, float)
        return ClusterScales(
            self.theta500_arcmin * np.exp(ln_stretch),
            self.y_scale * np.exp(ln_fixed_y500(ln_stretch)),
            self.kt_kev,
        )


def ln_fixed_y500(ln_stretch):
    """Return ln of the factor on the central scale that keeps Y500 when profiles are stretched."""
    enclosed = _enclosed()
    return enclosed(0.0) - 2.0 * np.asarray(ln_stretch) - enclosed(-np.asarray(ln_stretch))


def cluster_scales(m200c_msun, redshift, model: SzModel = ARNAUD2010) -> ClusterScales:
    """Return angular size and Compton scale of clusters of the given masses and redshifts.

    Parameters
    ----------
    m200c_msun, redshift : array_like
        [Msun]; broadcast against each other.
    model : SzModel
        Mass bias, slope and cosmology of the relation, and whether gas has a temperature.

    Returns
    -------
    ClusterScales
    """
    cosmology = model.cosmology
    apparent = (1.0 - model.mass_bias) * m500c_from_m200c(m200c_msun, redshift, cosmology)
    depth_cm = r500_mpc(apparent, redshift, cosmology) * _CM_PER_MPC
    pressure = p500_kev_cm3(apparent, redshift, model) * cosmology.h70**-1.5
    y_scale = _SIGMA_T_OVER_MEC2_CM2_PER_KEV * pressure * depth_cm
    kt_kev = temperature_kev(apparent, redshift, cosmology) if model.relativistic else 0.0
    return ClusterScales(theta500_arcmin(apparent, redshift, cosmology), y_scale, kt_kev)


def compton_y(m200c_msun, redshift, theta_arcmin, model: SzModel = ARNAUD2010):
    """Return the Compton y of a cluster at angles [arcmin] from its centre, before any beam."""
    scales = cluster_scales(m200c_msun, redshift, model)
    return scales.y_scale * projected_shape(np.asarray(theta_arcmin) / scales.theta500_arcmin)


class BeamedProfile:
    """The projected shape behind a beam, for any cluster size.

    Parameters
    ----------
    beam : Beam or TabulatedBeam
        Beam that the profile is convolved with.
    theta_max_arcmin : float
        Largest angle ever asked for; by default the edge of the largest cluster, and the beam's wing.

    Notes
    -----
    Built in harmonic space, where the steep centre needs no oversampling:
    S(theta) = int ell d(ell) / 2 pi  B_ell  theta500^2 F(ell theta500)  J0(ell theta).
    """

    THETA500_RANGE_ARCMIN = (0.2, 40.0)

    def __init__(self, beam: AnyBeam, theta_max_arcmin: float = 216.0):
        ln_size = np.log(np.geomspace(*self.THETA500_RANGE_ARCMIN, 80))
        # fine near the centre, coarse outside, where the profile is smooth on the scale of its radius
        stretch = np.linspace(0.0, np.arcsinh(theta_max_arcmin / 1.0), 320)
        theta = np.sinh(stretch)
        ell, weight = harmonic_nodes(beam, theta_max_arcmin)
        hankel = j0(np.outer(theta * ARCMIN, ell)) * (weight * ell * beam.b_ell(ell) / (2.0 * np.pi))
        size = np.exp(ln_size) * ARCMIN
        form = form_factor(np.outer(ell, size))
        self._theta_max = theta_max_arcmin
        self._spline = RectBivariateSpline(ln_size, stretch, ((hankel @ form) * size**2).T)

    def __call__(self, theta500_arcmin, theta_arcmin):
        """Return the beam-convolved shape at angles [arcmin], broadcast; zero beyond the table's last angle.

        Raises
        ------
        InputError
            If a cluster's theta500 lies outside `THETA500_RANGE_ARCMIN`.
        """
        self.check_size(theta500_arcmin)
        theta = np.asarray(theta_arcmin, float)
        values = self._spline(
            np.log(theta500_arcmin), np.arcsinh(np.minimum(theta, self._theta_max)), grid=False
        )
        return np.where(theta <= self._theta_max, values, 0.0)

    @classmethod
    def is_tabulated(cls, theta500_arcmin) -> np.ndarray:
        """Return whether clusters of this angular size are in the table; those just beyond it are not."""
        low, high = cls.THETA500_RANGE_ARCMIN
        size = np.asarray(theta500_arcmin, float)
        return (size >= low * (1.0 - 1e-9)) & (size <= high * (1.0 + 1e-9))

    @classmethod
    def check_size(cls, theta500_arcmin) -> None:
        """Refuse clusters whose angular size is not tabulated."""
        low, high = cls.THETA500_RANGE_ARCMIN
        size = np.asarray(theta500_arcmin, float)
        wrong = size[~cls.is_tabulated(size)]
        if wrong.size:
            raise InputError(
                f"A cluster with theta500 = {wrong.flat[0]:.3g}' is outside of the {low:g}' to {high:g}' "
                "that can be simulated.",
                "Take it out, or check its mass and redshift.",
            )


def projected_nfw(x):
    """Return the projected NFW density at x = R / r_s in units of 2 rho_s r_s.

    Equation 11 of Wright & Brainerd (2000).
    """
    x = np.maximum(np.asarray(x, float), 1e-6)
    off = np.abs(x**2 - 1.0)
    root = np.sqrt(np.maximum(off, 1e-12))
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = np.arctanh(np.sqrt(np.maximum((1.0 - x) / (1.0 + x), 0.0)))
        outside = np.arctan(np.sqrt(np.maximum((x - 1.0) / (1.0 + x), 0.0)))
        value = np.where(x < 1.0, 1.0 - 2.0 / root * inside, 1.0 - 2.0 / root * outside) / (x**2 - 1.0)
    return np.where(off < 1e-6, 1.0 / 3.0, value)
