"""The thermal SZ effect with relativistic electrons, and how hot the gas of a cluster is."""

from functools import lru_cache
from importlib.resources import files

import numpy as np
from scipy.interpolate import RectBivariateSpline

from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import PLANCK18, Cosmology, e_of_z
from szmass_cli.physics.spectra import tsz_f

# Arnaud, Pointecouteau & Pratt 2005 (A&A 441, 893), Table 2, M500 - T of the whole sample
AT_5_KEV_MSUN = 3.84e14  # over h70
SLOPE = 1.71


def tsz_f_relativistic(frequency_ghz, kt_kev) -> np.ndarray:
    """Return the spectral function f(nu, kT) of the thermal SZ effect with relativistic electrons.

    Parameters
    ----------
    frequency_ghz : array_like
        Frequencies [GHz], 10 to 1000, broadcast against the temperatures.
    kt_kev : array_like
        Temperatures of the electrons [keV], 0 to 80; NaN stays NaN.

    Returns
    -------
    numpy.ndarray
        dT/T_CMB for one unit of Compton y, in thermodynamic temperature; `spectra.tsz_f` at kT = 0.

    Raises
    ------
    InputError
        If a frequency or a temperature lies outside the table.

    Notes
    -----
    Interpolated in a table of exact integrals, which `comptonization` makes; the interpolation adds less
    than 2e-5 to f up to 30 keV.
    """
    table = _table()
    nu, kt = np.broadcast_arrays(np.asarray(frequency_ghz, float), np.asarray(kt_kev, float))
    _check(nu, table.frequency_ghz, "frequency", "GHz")
    _check(kt, table.kt_kev, "temperature of the gas", "keV")
    change = table.spline(np.log(np.nan_to_num(nu, nan=150.0)), np.nan_to_num(kt), grid=False)
    return tsz_f(nu) + np.where(np.isnan(kt), np.nan, change)


def temperature_kev(m500c_msun, redshift, cosmology: Cosmology = PLANCK18) -> np.ndarray:
    """Return the mean temperature kT [keV] of the gas of a cluster.

    Parameters
    ----------
    m500c_msun : array_like
        Mass M500c [Msun] as X-ray astronomers infer it from hydrostatic equilibrium: (1 - b) M500c, where a
        model has a mass bias.
    redshift : array_like
        Broadcast against the mass.
    cosmology : Cosmology
        Gives E(z), and h70 for the relation's masses.

    Returns
    -------
    numpy.ndarray

    Notes
    -----
    Arnaud, Pointecouteau & Pratt (2005, A&A 441, 893): E(z) M500 = 3.84e14 Msun / h70 (kT / 5 keV)^1.71,
    ten relaxed clusters of 2 to 9 keV at z < 0.15, hydrostatic masses from XMM-Newton, the same team's that
    the pressure profile of Arnaud et al. (2010) rests on; self-similar evolution. Theirs is a spectroscopic
    temperature outside of the core. The SZ effect weights by pressure: simulations have that temperature
    10 to 20 per cent higher at a given mass (Lee et al. 2022, MNRAS 517, 5303), which would lower the
    150 GHz signal of a 5 keV cluster by another 0.4 to 0.7 per cent; it is not applied, as it depends on the
    same simulations as the mass bias.
    """
    mass = np.asarray(m500c_msun, float) * cosmology.h70
    return 5.0 * (np.asarray(e_of_z(redshift, cosmology)) * mass / AT_5_KEV_MSUN) ** (1.0 / SLOPE)


def tabulated_temperatures_kev() -> np.ndarray:
    """Return the temperatures [keV] of the table, ascending from 0."""
    return _table().kt_kev.copy()


class _Table:
    """f(nu, kT) - f(nu, 0) on a grid, and a cubic spline through it."""

    def __init__(self):
        with (files("szmass_cli.physics") / "relativistic_tsz.csv").open() as lines:
            grid = np.loadtxt(lines, delimiter=",", comments="#")
        self.kt_kev = grid[0, 1:]
        self.frequency_ghz = grid[1:, 0]
        self.spline = RectBivariateSpline(np.log(self.frequency_ghz), self.kt_kev, grid[1:, 1:])


@lru_cache(maxsize=1)
def _table() -> _Table:
    return _Table()


def _check(values: np.ndarray, tabulated: np.ndarray, name: str, unit: str) -> None:
    low, high = tabulated[0], tabulated[-1]
    wrong = values[(values < low) | (values > high)]
    if wrong.size:
        raise InputError(
            f"A {name} of {wrong.flat[0]:g} {unit} is outside {low:g} to {high:g} {unit}.",
            "The relativistic SZ effect is not tabulated there.",
        )
