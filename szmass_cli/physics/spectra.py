"""Power spectra of the microwave sky and the spectral function of the SZ effect."""

from functools import lru_cache
from importlib.resources import files

import numpy as np
from scipy import constants

from szmass_cli.physics.cosmology import PLANCK18

T_CMB_K = PLANCK18.Tcmb0.value
ELL_CAMB = 10_000
ELL_PIVOT = 3000.0


def tsz_f(frequency_ghz: float) -> float:
    """Non-relativistic spectral function f(nu) = x coth(x/2) - 4 of the thermal SZ effect.

    Sunyaev & Zel'dovich (1972), in thermodynamic temperature: dT/T_CMB = y f(nu), x = h nu / k T_CMB.
    """
    x = constants.h * frequency_ghz * 1e9 / (constants.k * T_CMB_K)
    return x / np.tanh(x / 2.0) - 4.0


def tsz_uk_per_y(frequency_ghz: float) -> float:
    """Temperature change [µK_CMB] for one unit of Compton y."""
    return tsz_f(frequency_ghz) * T_CMB_K * 1e6


@lru_cache(maxsize=1)
def _camb_lensed_dl() -> np.ndarray:
    """Lensed TT D_ell [µK^2] for ell = 0 .. ELL_CAMB, Planck 2018 best fit (TT,TE,EE+lowE+lensing+BAO)."""
    import camb

    parameters = camb.set_params(
        H0=67.66,
        ombh2=0.02242,
        omch2=0.11933,
        mnu=0.06,
        omk=0,
        tau=0.0561,
        As=2.105e-9,
        ns=0.9665,
        TCMB=T_CMB_K,
        WantTensors=False,
        halofit_version="mead2020",
    )
    parameters.set_for_lmax(ELL_CAMB + 2000, lens_potential_accuracy=4)
    results = camb.get_results(parameters)
    return results.get_lensed_scalar_cls(lmax=ELL_CAMB, CMB_unit="muK")[:, 0]


def cmb_dl_uk2(ell):
    """Lensed CMB temperature power D_ell [µK^2] at multipoles ell >= 2.

    Beyond CAMB's last multipole the tail is continued as a power law; the foregrounds are 100 times
    stronger there.
    """
    ell = np.asarray(ell, float)
    table = _camb_lensed_dl()
    last = float(ELL_CAMB)
    slope = np.log(table[ELL_CAMB] / table[ELL_CAMB - 1000]) / np.log(last / (last - 1000.0))
    inside = np.interp(np.clip(ell, 2.0, last), np.arange(table.size), table)
    return np.where(ell > last, table[ELL_CAMB] * (np.maximum(ell, last) / last) ** slope, inside)


@lru_cache(maxsize=1)
def _george2015_templates() -> np.ndarray:
    source = files("szmass_cli.physics") / "george2015_templates.csv"
    with source.open() as lines:
        return np.loadtxt(lines, delimiter=",", comments="#")


def _template_shape(column: int, ell):
    """A tabulated D_ell shape, 1 at the pivot, continued beyond the table with its last slope."""
    table = _george2015_templates()
    ln_ell, ln_dl = np.log(table[:, 0]), np.log(table[:, column])
    x = np.log(np.maximum(ell, 1.0))
    slope = (ln_dl[-1] - ln_dl[-4]) / (ln_ell[-1] - ln_ell[-4])
    inside = np.interp(x, ln_ell, ln_dl)
    shape = np.where(x > ln_ell[-1], ln_dl[-1] + slope * (x - ln_ell[-1]), inside)
    return np.exp(shape - np.interp(np.log(ELL_PIVOT), ln_ell, ln_dl))


FOREGROUND_SHAPES = {
    "tsz": lambda ell: _template_shape(1, ell),
    "ksz": lambda ell: _template_shape(2, ell),
    "dusty_poisson": lambda ell: (ell / ELL_PIVOT) ** 2,
    "dusty_clustered": lambda ell: (ell / ELL_PIVOT) ** 0.8,
    "radio": lambda ell: (ell / ELL_PIVOT) ** 2,
}
"""D_ell of each foreground over its value at ell = 3000 (George et al. 2015, section 5)."""


def foreground_dl_uk2(name: str, ell, dl3000_uk2: float):
    """Power D_ell [µK^2] of one foreground, scaled to its amplitude at ell = 3000."""
    return dl3000_uk2 * FOREGROUND_SHAPES[name](np.asarray(ell, float))


def cl_from_dl(ell, dl_uk2):
    """C_ell [µK^2 sr] of D_ell = ell (ell + 1) C_ell / 2 pi."""
    ell = np.asarray(ell, float)
    return np.asarray(dl_uk2) * 2.0 * np.pi / (ell * (ell + 1.0))
