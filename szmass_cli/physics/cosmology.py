"""Planck 2018 cosmology, mass definitions and the angular size of a cluster."""

from functools import lru_cache

import numpy as np
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM
from scipy.interpolate import RectBivariateSpline

from szmass_cli.errors import InputError

NAME = "planck18"
"""Name of the one cosmology in use: colossus' ``planck18`` (Planck 2018, Table 2, last column)."""

PLANCK18 = FlatLambdaCDM(H0=67.66, Om0=0.3111, Tcmb0=2.7255, Ob0=0.0490)
H70 = PLANCK18.H0.value / 70.0

MASS_RANGE_MSUN = (1e13, 1e16)
REDSHIFT_RANGE = (0.01, 3.0)


@lru_cache(maxsize=4)
def _conversion_table(mass_definition: str) -> RectBivariateSpline:
    """ln(M_definition / M200c) on a grid of (ln M200c, ln(1+z)), Diemer & Kravtsov (2015) concentrations."""
    from colossus.cosmology import cosmology as colossus_cosmology
    from colossus.halo import mass_adv

    h = colossus_cosmology.setCosmology(NAME, persistence="").h
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
    for values, (low, high), name in ((mass, MASS_RANGE_MSUN, "M200c"), (z, REDSHIFT_RANGE, "redshift")):
        bad = (values < low) | (values > high)
        if np.any(bad):
            raise InputError(
                f"{name} = {values[bad].flat[0]:g} is outside {low:g} to {high:g}.",
                "The concentration-mass relation is not known there.",
            )
    return mass, z


def convert_m200c(m200c_msun, redshift, mass_definition: str):
    """Mass in another definition, for an NFW halo of mean concentration.

    Parameters
    ----------
    m200c_msun : array_like
        Mass within the sphere of 200 times the critical density [Msun]. NaN stays NaN.
    redshift : array_like
        Redshift, broadcast against the mass.
    mass_definition : str
        A colossus mass definition: ``200c``, ``500c``, ``200m`` ...

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
    ratio = _conversion_table(mass_definition)(
        np.log(np.nan_to_num(mass, nan=1e14)), np.log1p(np.nan_to_num(z, nan=0.5)), grid=False
    )
    return np.where(np.isnan(z), np.nan, mass * np.exp(ratio))


def m500c_from_m200c(m200c_msun, redshift):
    """M500c [Msun] of a halo of the given M200c [Msun]; see `convert_m200c`."""
    return convert_m200c(m200c_msun, redshift, "500c")


def m200c_from_m500c(m500c_msun, redshift):
    """M200c [Msun] of a halo of the given M500c [Msun], the inverse of `m500c_from_m200c`."""
    m500c = np.asarray(m500c_msun, float)
    m200c = 1.47 * m500c
    for _ in range(20):  # the ratio hardly depends on mass, so this settles in a few steps
        m200c = m200c * m500c / m500c_from_m200c(m200c, redshift)
    return m200c


def e_of_z(redshift):
    """Expansion rate H(z)/H0."""
    return PLANCK18.efunc(redshift)


def r500_mpc(m500c_msun, redshift):
    """Physical radius [Mpc] of the sphere of 500 times the critical density."""
    density = PLANCK18.critical_density(redshift).to_value(u.Msun / u.Mpc**3)
    return np.cbrt(3.0 * np.asarray(m500c_msun) / (4.0 * np.pi * 500.0 * density))


def theta500_arcmin(m500c_msun, redshift):
    """Angle [arcmin] that R500c subtends."""
    distance_mpc = PLANCK18.angular_diameter_distance(redshift).to_value(u.Mpc)
    return np.degrees(r500_mpc(m500c_msun, redshift) / distance_mpc) * 60.0
