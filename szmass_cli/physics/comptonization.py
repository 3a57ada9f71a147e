"""The thermal SZ effect of hot gas, integrated exactly; it makes the table that `relativistic` reads.

Run ``python -m szmass_cli.physics.comptonization`` in a checkout to write the table again.
"""

from pathlib import Path

import numpy as np
from scipy import constants
from scipy.special import kve

from szmass_cli.physics.cosmology import T_CMB_K
from szmass_cli.physics.quadrature import panel_nodes

ELECTRON_KEV = constants.physical_constants["electron mass energy equivalent in MeV"][0] * 1e3

TABLE = Path(__file__).with_name("relativistic_tsz.csv")
TABLE_GHZ = np.round(np.geomspace(10.0, 1000.0, 81), 3)
TABLE_KEV = np.array([0.0, 1, 2, 3, 4, 6, 8, 10, 12.5, 15, 17.5, 20, 25, 30, 35, 40, 50, 60, 70, 80])

_DIRECTIONS = 24
"""Gauss-Legendre nodes of each of the two angles: 40 change the result by less than 1e-8."""

_LN_UNDERFLOW = 40.0
"""Electrons rarer than exp(-40) of the commonest ones are left out."""


def integrate_tsz_f(frequency_ghz, kt_kev: float) -> np.ndarray:
    """Return f(nu, kT) of single scattering off electrons of temperature kT.

    Parameters
    ----------
    frequency_ghz : array_like, shape (n,)
        Observed frequencies [GHz].
    kt_kev : float
        Temperature of the electrons [keV], above 0.

    Returns
    -------
    numpy.ndarray, shape (n,)
        dT/T_CMB for one unit of Compton y, in thermodynamic temperature.

    Notes
    -----
    In the rest frame of an electron of velocity beta, photons of an isotropic sky come at cosine mu with
    probability 1 / (2 gamma^4 (1 - beta mu)^3) and leave at mu' with 3/8 [1 + mu^2 mu'^2
    + (1 - mu^2) (1 - mu'^2) / 2] (Thomson scattering; Wright 1979, ApJ 232, 348; Rephaeli 1995, ApJ 445,
    33, eqs. 7 to 11). Their frequency changes by exp(s) = (1 + beta mu') / (1 - beta mu). With momenta p of
    the Maxwell-Juettner distribution, dI(x) = y / theta < I(x exp(-s)) - I(x) > for theta = kT / m_e c^2.
    Recoil, of the order of h nu / m_e c^2 = 1e-9, and second scatterings are left out.
    """
    x = np.atleast_1d(constants.h * 1e9 * np.asarray(frequency_ghz, float) / (constants.k * T_CMB_K))
    theta = kt_kev / ELECTRON_KEV
    momentum, electrons = _juettner(theta)
    gamma = np.sqrt(1.0 + momentum**2)
    beta = momentum / gamma
    mu, weight = np.polynomial.legendre.leggauss(_DIRECTIONS)
    coming = weight / (2.0 * gamma[:, None] ** 4 * (1.0 - beta[:, None] * mu) ** 3)
    square = mu**2
    leaving = 0.375 * (1.0 + np.outer(square, square) + 0.5 * np.outer(1.0 - square, 1.0 - square)) * weight
    # (electrons, coming, leaving)
    probability = electrons[:, None, None] * coming[:, :, None] * leaving
    stretch = (1.0 - beta[:, None, None] * mu[:, None]) / (1.0 + beta[:, None, None] * mu)
    change = np.array([np.sum(probability * (_planck(xi * stretch) - _planck(xi))) for xi in x])
    per_temperature = x**4 * np.exp(x) / np.expm1(x) ** 2
    return change / (theta * per_temperature)


def _juettner(theta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes in momentum p / m_e c, and the weight of the Maxwell-Juettner distribution at each."""
    highest = 1.0 + _LN_UNDERFLOW * theta
    p, dp = panel_nodes(np.linspace(0.0, np.sqrt(highest**2 - 1.0), 5))
    kinetic = p**2 / (1.0 + np.sqrt(1.0 + p**2))  # gamma - 1 without loss of digits
    # kve is scaled by exp(1 / theta), as the exponential is
    return p, dp * p**2 * np.exp(-kinetic / theta) / (theta * kve(2, 1.0 / theta))


def _planck(x):
    return x**3 * np.exp(-x) / -np.expm1(-x)  # no overflow at large x


def make_table() -> np.ndarray:
    """Return the relativistic change of f, f(nu, kT) - f(nu, 0), for each frequency and temperature.

    Returns
    -------
    numpy.ndarray, shape (frequencies of `TABLE_GHZ`, temperatures of `TABLE_KEV`)
    """
    x = constants.h * 1e9 * TABLE_GHZ / (constants.k * T_CMB_K)
    cold = x / np.tanh(x / 2.0) - 4.0
    hot = [integrate_tsz_f(TABLE_GHZ, kt_kev) - cold for kt_kev in TABLE_KEV[1:]]
    return np.column_stack([np.zeros_like(cold), *hot])


def write_table(path: Path = TABLE) -> None:
    """Write the table that `relativistic` reads, as text."""
    header = (
        "f(nu, kT) - f(nu, 0) of the thermal SZ effect with relativistic electrons, T_CMB = 2.7255 K;\n"
        "written by python -m szmass_cli.physics.comptonization, which says how it is integrated.\n"
        "first row: kT [keV] after a 0; first column: frequency [GHz]"
    )
    rows = np.column_stack([TABLE_GHZ, make_table()])
    rows = np.vstack([np.append(0.0, TABLE_KEV), rows])
    np.savetxt(path, rows, fmt="%.7g", delimiter=",", header=header)


if __name__ == "__main__":
    write_table()
