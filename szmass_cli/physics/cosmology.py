"""Cosmology, mass definitions and the angular size of a cluster."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from scipy.interpolate import CubicSpline, RectBivariateSpline

from szmass_cli.errors import InputError

MASS_RANGE_MSUN = (1e13, 1e16)
REDSHIFT_RANGE = (0.01, 3.0)
T_CMB_K = 2.7255


@dataclass(frozen=True)
class Cosmology:
    """A flat universe with a cosmological constant.

    Parameters
    ----------
    h0_km_s_mpc, omega_m, omega_b : float
        Hubble constant [km/s/Mpc], density of matter and of baryons today over the critical one.
    sigma8, n_s, tau : float
        Amplitude of fluctuations, their spectral index, and the optical depth to reionisation.
    """

    h0_km_s_mpc: float = 67.66
    omega_m: float = 0.3111
    omega_b: float = 0.0490
    sigma8: float = 0.8102
    n_s: float = 0.9665
    tau: float = 0.0561

    @property
    def h70(self) -> float:
        return self.h0_km_s_mpc / 70.0

    @property
    def name(self) -> str:
        """Return ``planck18``, or the parameters."""
        if self == PLANCK18:
            return "planck18"
        return (
            f"H0={self.h0_km_s_mpc:g} Om={self.omega_m:g} Ob={self.omega_b:g} s8={self.sigma8:g} "
            f"ns={self.n_s:g} tau={self.tau:g}"
        )

    @cached_property
    def astropy(self) -> FlatLambdaCDM:
        """Return the same universe for astropy."""
        return FlatLambdaCDM(H0=self.h0_km_s_mpc, Om0=self.omega_m, Tcmb0=T_CMB_K, Ob0=self.omega_b)

    def use_in_colossus(self) -> float:
        """Make this the current cosmology of colossus, which has only one at a time, and return h."""
        from colossus.cosmology import cosmology as colossus_cosmology

        if self == PLANCK18:
            return colossus_cosmology.setCosmology("planck18", persistence="").h
        parameters = {
            "flat": True,
            "H0": self.h0_km_s_mpc,
            "Om0": self.omega_m,
            "Ob0": self.omega_b,
            "sigma8": self.sigma8,
            "ns": self.n_s,
            "Tcmb0": T_CMB_K,
        }
        return colossus_cosmology.setCosmology("szmass", persistence="", **parameters).h


PLANCK18 = Cosmology()
"""Planck 2018 VI, Table 2, last column (TT,TE,EE+lowE+lensing+BAO): colossus' ``planck18``."""


@lru_cache(maxsize=8)
def _conversion_table(mass_definition: str, cosmology: Cosmology) -> RectBivariateSpline:
    """Return ln(M_definition / M200c) on a grid of (ln M200c, ln(1+z)).

    Concentrations are those of Diemer & Kravtsov (2015).
    """
    from colossus.halo import mass_adv

    h = cosmology.use_in_colossus()
    ln_mass = np.log(np.geomspace(*MASS_RANGE_MSUN, 56))
    ln_1z = np.log1p(np.asarray(REDSHIFT_RANGE))
    ln_1z = np.linspace(ln_1z[0], ln_1z[1], 48)
    table = np.empty((ln_mass.size, ln_1z.size))
    for column, z in enumerate(np.expm1(ln_1z)):
        converted, _, _ = mass_adv.changeMassDefinitionCModel(
            np.exp(ln_mass) * h, z, "200c", mass_definition, c_model="diemer15"
        )
        table[:, column] = np.log(converted / h) - ln_mass
    return RectBivariateSpline(ln_mass, ln_1z, table)


def _check(m200c_msun, redshift) -> tuple[np.ndarray, np.ndarray]:
    mass, z = np.broadcast_arrays(np.asarray(m200c_msun, float), np.asarray(redshift, float))
    return _within(mass, MASS_RANGE_MSUN, "M200c"), _within(z, REDSHIFT_RANGE, "redshift")


def _within(values: np.ndarray, known: tuple[float, float], name: str) -> np.ndarray:
    low, high = known
    bad = (values < low) | (values > high)
    if np.any(bad):
        raise InputError(
            f"{name} = {values[bad].flat[0]:g} is outside {low:g} to {high:g}.",
            "The concentration-mass relation is not known there.",
        )
    return values


def convert_m200c(m200c_msun, redshift, mass_definition: str, cosmology: Cosmology = PLANCK18):
    """Return the mass in another definition, for an NFW halo of mean concentration.

    Parameters
    ----------
    m200c_msun : array_like
        Mass within the sphere of 200 times the critical density [Msun]. NaN stays NaN.
    redshift : array_like
        Redshift, broadcast against the mass.
    mass_definition : str
        A colossus mass definition: ``200c``, ``500c``, ``200m`` ...
    cosmology : Cosmology
        Sets the densities that masses are defined by, and the mean concentrations.

    Returns
    -------
    numpy.ndarray
        Mass [Msun], the shape of the broadcast inputs.

    Raises
    ------
    InputError
        If a mass or redshift is beyond the tabulated range.

    Notes
    -----
    Concentrations of Diemer & Kravtsov (2015, ApJ 799, 108) as colossus has them.
    """
    mass, z = _check(m200c_msun, redshift)
    if mass_definition == "200c":
        return mass.copy()
    ratio = _conversion_table(mass_definition, cosmology)(
        np.log(np.nan_to_num(mass, nan=1e14)), np.log1p(np.nan_to_num(z, nan=0.5)), grid=False
    )
    return np.where(np.isnan(z), np.nan, mass * np.exp(ratio))


def m500c_from_m200c(m200c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the M500c [Msun] of a halo of the given M200c [Msun]; see `convert_m200c`."""
    return convert_m200c(m200c_msun, redshift, "500c", cosmology)


def m200c_from_m500c(m500c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the M200c [Msun] of a halo of the given M500c [Msun], the inverse of `m500c_from_m200c`."""
    m500c = np.asarray(m500c_msun, float)
    m200c = 1.47 * m500c
    for _ in range(20):  # the ratio hardly depends on mass, so this settles in a few steps
        m200c = m200c * m500c / m500c_from_m200c(m200c, redshift, cosmology)
    return m200c


def e_of_z(redshift, cosmology: Cosmology = PLANCK18):
    """Return the expansion rate H(z)/H0."""
    return cosmology.astropy.efunc(redshift)


def r500_mpc(m500c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the physical radius [Mpc] of the sphere of 500 times the critical density."""
    return _radius_mpc(m500c_msun, redshift, 500.0, cosmology)


def r200_mpc(m200c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the physical radius [Mpc] of the sphere of 200 times the critical density."""
    return _radius_mpc(m200c_msun, redshift, 200.0, cosmology)


def _radius_mpc(mass_msun, redshift, overdensity: float, cosmology: Cosmology):
    density = cosmology.astropy.critical_density(redshift).to_value(u.Msun / u.Mpc**3)
    return np.cbrt(3.0 * np.asarray(mass_msun) / (4.0 * np.pi * overdensity * density))


def theta500_arcmin(m500c_msun, redshift, cosmology: Cosmology = PLANCK18):
    """Return the angle [arcmin] that R500c subtends."""
    distance_mpc = angular_diameter_distance_mpc(redshift, cosmology)
    return np.degrees(r500_mpc(m500c_msun, redshift, cosmology) / distance_mpc) * 60.0


def angular_diameter_distance_mpc(redshift, cosmology: Cosmology = PLANCK18):
    """Return the angular diameter distance [Mpc], equal to astropy's to a part in 10^9; NaN stays NaN.

    Raises
    ------
    InputError
        If a redshift is beyond the tabulated range.
    """
    z = _within(np.asarray(redshift, float), REDSHIFT_RANGE, "redshift")
    return _comoving_distance_mpc(cosmology)(z) / (1.0 + z)


@lru_cache(maxsize=8)
def _comoving_distance_mpc(cosmology: Cosmology) -> CubicSpline:
    """Return the comoving distance [Mpc] as a spline in redshift: astropy integrates for each one anew."""
    z = np.linspace(0.0, REDSHIFT_RANGE[1], 1001)
    return CubicSpline(z, cosmology.astropy.comoving_distance(z).to_value(u.Mpc))
