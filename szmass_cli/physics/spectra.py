"""Power spectra of the microwave sky and the spectral function of the SZ effect."""

from functools import lru_cache

import numpy as np
from scipy import constants

from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.cosmology import PLANCK18, T_CMB_K, Cosmology

ELL_CAMB = 10_000
PIVOT_GHZ = 150.0
"""Frequency that foreground amplitudes are stated at."""

_PLANCK18_AS = 2.105e-9


def _planck_x(frequency_ghz):
    """Return x = h nu / k T_CMB."""
    return constants.h * frequency_ghz * 1e9 / (constants.k * T_CMB_K)


def cmb_slope(frequency_ghz):
    """Return dB_nu/dT of the Planck function at T_CMB [W / m^2 Hz sr K], at frequencies [GHz].

    2 k nu^2 / c^2 x^2 e^x / (e^x - 1)^2 with x = h nu / k T_CMB: intensity to thermodynamic temperature.
    """
    x = _planck_x(frequency_ghz)
    rayleigh_jeans = 2.0 * constants.k * (np.asarray(frequency_ghz) * 1e9) ** 2 / constants.c**2
    return rayleigh_jeans * x**2 * np.exp(x) / np.expm1(x) ** 2


def tsz_f(frequency_ghz):
    """Return the non-relativistic spectral function f(nu) = x coth(x/2) - 4 of the thermal SZ effect.

    Sunyaev & Zel'dovich (1972), in thermodynamic temperature: dT/T_CMB = y f(nu), x = h nu / k T_CMB.
    Frequencies [GHz] may be an array.
    """
    x = _planck_x(frequency_ghz)
    return x / np.tanh(x / 2.0) - 4.0


def tsz_uk_per_y(frequency_ghz):
    """Return the temperature change [µK_CMB] of one unit of Compton y, at frequencies [GHz]."""
    return tsz_f(frequency_ghz) * T_CMB_K * 1e6


def uk_per_mjy(frequency_ghz):
    """Return the CMB temperature times solid angle [µK arcmin^2] of a source of 1 mJy, at frequencies."""
    return 1e-29 / cmb_slope(frequency_ghz) * 1e6 / ARCMIN**2


def _camb_parameters(cosmology: Cosmology, a_s: float):
    import camb

    h2 = (cosmology.h0_km_s_mpc / 100.0) ** 2
    return camb.set_params(
        H0=cosmology.h0_km_s_mpc,
        ombh2=cosmology.omega_b * h2,
        omch2=(cosmology.omega_m - cosmology.omega_b) * h2 - _NEUTRINOS,
        mnu=0.06,
        omk=0,
        tau=cosmology.tau,
        As=a_s,
        ns=cosmology.n_s,
        TCMB=T_CMB_K,
        WantTensors=False,
        halofit_version="mead2020",
    )


_NEUTRINOS = 0.06 / 94.07 * (3.046 / 3.0) ** 0.75  # Omega_nu h^2 of one massive species, as CAMB counts it


def _scalar_amplitude(cosmology: Cosmology) -> float:
    """Return the A_s that gives the cosmology's sigma8."""
    if cosmology == PLANCK18:
        return _PLANCK18_AS
    import camb

    parameters = _camb_parameters(cosmology, _PLANCK18_AS)
    parameters.set_matter_power(redshifts=[0.0], kmax=2.0)
    return _PLANCK18_AS * (cosmology.sigma8 / camb.get_results(parameters).get_sigma8_0()) ** 2


@lru_cache(maxsize=4)
def _camb_lensed_dl(cosmology: Cosmology) -> np.ndarray:
    """Return lensed TT D_ell [µK^2] for ell = 0 .. ELL_CAMB, one massive neutrino of 0.06 eV."""
    import camb

    parameters = _camb_parameters(cosmology, _scalar_amplitude(cosmology))
    # less than this and the damping tail lacks power: 4 per cent at ell = 5000 with an accuracy of 2
    parameters.set_for_lmax(ELL_CAMB + 2000, lens_potential_accuracy=4)
    results = camb.get_results(parameters)
    return results.get_lensed_scalar_cls(lmax=ELL_CAMB, CMB_unit="muK")[:, 0]


def cmb_dl_uk2(ell, cosmology: Cosmology = PLANCK18):
    """Return the lensed CMB temperature power D_ell [µK^2] at multipoles ell >= 2.

    Beyond CAMB's last multipole the tail is continued as a power law; the foregrounds are 100 times
    stronger there.
    """
    ell = np.asarray(ell, float)
    table = _camb_lensed_dl(cosmology)
    last = float(ELL_CAMB)
    slope = np.log(table[ELL_CAMB] / table[ELL_CAMB - 1000]) / np.log(last / (last - 1000.0))
    inside = np.interp(np.clip(ell, 2.0, last), np.arange(table.size), table)
    return np.where(ell > last, table[ELL_CAMB] * (np.maximum(ell, last) / last) ** slope, inside)


def cl_from_dl(ell, dl_uk2):
    """Return the C_ell [µK^2 sr] of D_ell = ell (ell + 1) C_ell / 2 pi."""
    ell = np.asarray(ell, float)
    return np.asarray(dl_uk2) * 2.0 * np.pi / (ell * (ell + 1.0))
