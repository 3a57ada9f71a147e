"""Power spectra of the microwave sky and the spectral function of the SZ effect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Protocol

import numpy as np
from scipy import constants

from szmass_cli.physics.cosmology import PLANCK18, T_CMB_K, Cosmology

ELL_CAMB = 10_000
ELL_PIVOT = 3000.0
PIVOT_GHZ = 150.0
"""Frequency that foreground amplitudes are stated at."""

_PLANCK18_AS = 2.105e-9

ARCMIN = np.pi / 10_800.0


def tsz_f(frequency_ghz):
    """Return the non-relativistic spectral function f(nu) = x coth(x/2) - 4 of the thermal SZ effect.

    Sunyaev & Zel'dovich (1972), in thermodynamic temperature: dT/T_CMB = y f(nu), x = h nu / k T_CMB.
    Frequencies [GHz] may be an array.
    """
    x = constants.h * frequency_ghz * 1e9 / (constants.k * T_CMB_K)
    return x / np.tanh(x / 2.0) - 4.0


def tsz_uk_per_y(frequency_ghz):
    """Return the temperature change [µK_CMB] of one unit of Compton y, at frequencies [GHz]."""
    return tsz_f(frequency_ghz) * T_CMB_K * 1e6


def uk_per_mjy(frequency_ghz: float) -> float:
    """CMB temperature times solid angle [µK arcmin²] of a point source of 1 mJy.

    Its flux over dB_nu/dT = 2 k nu² / c² x² e^x / (e^x - 1)² at T_CMB, x = h nu / k T_CMB.
    """
    frequency_hz = frequency_ghz * 1e9
    x = constants.h * frequency_hz / (constants.k * T_CMB_K)
    rayleigh_jeans = 2.0 * constants.k * frequency_hz**2 / constants.c**2
    slope = rayleigh_jeans * x**2 * np.exp(x) / np.expm1(x) ** 2
    return float(1e-29 / slope * 1e6 / ARCMIN**2)


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
    """A_s that gives the cosmology's sigma8."""
    if cosmology == PLANCK18:
        return _PLANCK18_AS
    import camb

    parameters = _camb_parameters(cosmology, _PLANCK18_AS)
    parameters.set_matter_power(redshifts=[0.0], kmax=2.0)
    return _PLANCK18_AS * (cosmology.sigma8 / camb.get_results(parameters).get_sigma8_0()) ** 2


@lru_cache(maxsize=4)
def _camb_lensed_dl(cosmology: Cosmology) -> np.ndarray:
    """Lensed TT D_ell [µK^2] for ell = 0 .. ELL_CAMB, one massive neutrino of 0.06 eV."""
    import camb

    parameters = _camb_parameters(cosmology, _scalar_amplitude(cosmology))
    # less than this and the damping tail lacks power: 4 per cent at ell = 5000 with an accuracy of 2
    parameters.set_for_lmax(ELL_CAMB + 2000, lens_potential_accuracy=4)
    results = camb.get_results(parameters)
    return results.get_lensed_scalar_cls(lmax=ELL_CAMB, CMB_unit="muK")[:, 0]


def cmb_dl_uk2(ell, cosmology: Cosmology = PLANCK18):
    """Lensed CMB temperature power D_ell [µK^2] at multipoles ell >= 2.

    Beyond CAMB's last multipole the tail is continued as a power law; the foregrounds are 100 times
    stronger there.
    """
    ell = np.asarray(ell, float)
    table = _camb_lensed_dl(cosmology)
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


@dataclass(frozen=True)
class ForegroundSpectra:
    """How foregrounds change with frequency, and how they go together; defaults of George et al. (2015).

    Parameters
    ----------
    dust_temperature_k, dusty_poisson_beta, dusty_clustered_beta : float
        Modified blackbody nu^beta B_nu(T) of dusty galaxies.
    radio_index : float
        Exponent of the flux density of radio galaxies with frequency.
    dusty_correlation, radio_correlation : float
        Correlation between the maps of any two frequencies, 1 in the paper.
    tsz_dust_correlation : float
        xi, of thermal SZ effect and dusty galaxies: where one is strong the other is. Below 217 GHz the SZ
        effect is a decrement, so that the power of their sum is less than the sum of their powers.
    """

    dust_temperature_k: float = 20.0
    dusty_poisson_beta: float = 1.505
    dusty_clustered_beta: float = 2.51
    radio_index: float = -0.9
    dusty_correlation: float = 1.0
    radio_correlation: float = 1.0
    tsz_dust_correlation: float = 0.0

    def scaling(self, name: str, frequency_ghz):
        """Return the temperature of a foreground over that at 150 GHz, negative where it changes sign.

        Parameters
        ----------
        name : str
            A foreground: a key of `FOREGROUND_SHAPES`.
        frequency_ghz : float or array_like
            Frequencies [GHz].

        Returns
        -------
        float or numpy.ndarray
            Of the shape of the frequencies.
        """
        factors: dict[str, Callable[[np.ndarray], np.ndarray]] = {
            "tsz": lambda nu: tsz_f(nu) / tsz_f(PIVOT_GHZ),
            "ksz": np.ones_like,
            "dusty_poisson": lambda nu: self._dust(self.dusty_poisson_beta, nu),
            "dusty_clustered": lambda nu: self._dust(self.dusty_clustered_beta, nu),
            "radio": lambda nu: (nu / PIVOT_GHZ) ** self.radio_index * _cmb_brightness_ratio(nu),
        }
        value = factors[name](np.asarray(frequency_ghz, float))
        return float(value) if np.ndim(value) == 0 else value

    def _dust(self, beta: float, frequency_ghz):
        per_ghz = constants.h * 1e9 / (constants.k * self.dust_temperature_k)
        blackbody = np.expm1(per_ghz * PIVOT_GHZ) / np.expm1(per_ghz * frequency_ghz)
        ratio = frequency_ghz / PIVOT_GHZ
        return ratio ** (3.0 + beta) * blackbody * _cmb_brightness_ratio(frequency_ghz)

    def correlation(self, name: str) -> float:
        """Correlation of a foreground between two different frequencies."""
        if name.startswith("dusty"):
            return self.dusty_correlation
        return self.radio_correlation if name == "radio" else 1.0


def _cmb_brightness_ratio(frequency_ghz):
    """dB/dT of the CMB at 150 GHz over that at a frequency: flux density to thermodynamic temperature."""

    def slope(x):
        return x**4 * np.exp(x) / np.expm1(x) ** 2

    per_ghz = constants.h * 1e9 / (constants.k * T_CMB_K)
    return slope(per_ghz * PIVOT_GHZ) / slope(per_ghz * frequency_ghz)


class Response(Protocol):
    """How a band weighs frequencies; see `szmass_cli.physics.passbands.Passband`."""

    def mean(self, function_of_frequency_ghz: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return what a map of the band shows of a temperature that is known at frequencies [GHz]."""
        ...


def _band_scaling(spectra: ForegroundSpectra, name: str, response: Response) -> float:
    return response.mean(np.vectorize(lambda frequency_ghz: spectra.scaling(name, frequency_ghz)))


def foreground_covariance_dl_uk2(
    ell, dl3000_uk2: Mapping[str, float], responses: Sequence[Response], spectra: ForegroundSpectra
) -> dict[str, np.ndarray]:
    """Power D_ell [µK^2] of foregrounds between frequencies.

    Parameters
    ----------
    ell : array_like, shape (n,)
    dl3000_uk2 : mapping
        Amplitude at ell = 3000 and 150 GHz of each foreground by name [µK^2]; 0 leaves it out.
    responses : sequence of Response, length f
        Of each band.
    spectra : ForegroundSpectra

    Returns
    -------
    dict of numpy.ndarray, shape (f, f, n)
        By name, and ``tsz_dust`` for the cross-power of thermal SZ effect and dusty galaxies,
        xi (D_ij + D_ji), D_ij = s_i g_j (D_tSZ D_dust)^1/2 (George et al. 2015, section 5: the dust is the
        sum of its Poisson and clustered parts; s and g scale temperatures from 150 GHz).
    """
    ell = np.asarray(ell, float)
    between = np.eye(len(responses))
    powers = {}
    for name in (name for name, amplitude in dl3000_uk2.items() if amplitude > 0):
        scale = np.array([_band_scaling(spectra, name, response) for response in responses])
        rho = spectra.correlation(name)
        mixing = np.outer(scale, scale) * (rho + (1.0 - rho) * between)
        powers[name] = mixing[:, :, None] * foreground_dl_uk2(name, ell, dl3000_uk2[name])
    xi = spectra.tsz_dust_correlation
    dust = [powers[name] for name in ("dusty_poisson", "dusty_clustered") if name in powers]
    if xi > 0 and "tsz" in powers and dust:
        diagonal = np.arange(len(responses))
        sign = np.sign([_band_scaling(spectra, "tsz", response) for response in responses])
        # the decrement is negative where dust is bright, at 150 GHz too
        signed_tsz = -sign[:, None] * np.sqrt(powers["tsz"][diagonal, diagonal])
        bright_dust = np.sqrt(sum(dust)[diagonal, diagonal])
        cross = xi * signed_tsz[:, None, :] * bright_dust[None, :, :]
        powers["tsz_dust"] = cross + cross.transpose(1, 0, 2)
    return powers
