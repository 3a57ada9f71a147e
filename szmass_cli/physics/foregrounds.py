"""Foregrounds of the microwave sky: one row of `FOREGROUNDS` for each, which is all that names it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Protocol

import numpy as np
from scipy import constants

from szmass_cli.physics.spectra import PIVOT_GHZ, cmb_slope, tsz_f

CIRRUS_KELVIN, CIRRUS_BETA = 19.6, 1.53
"""Modified blackbody of Galactic dust at high latitudes (Planck 2018 XI, abstract)."""

ELL_PIVOT = 3000.0
"""Multipole that amplitudes are stated at."""


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
            A foreground of `FOREGROUNDS`.
        frequency_ghz : float or array_like
            Observed frequencies [GHz].

        Returns
        -------
        float or numpy.ndarray
            Of the shape of the frequencies.
        """
        value = _ROWS[name].scaling(self, np.asarray(frequency_ghz, float))
        return float(value) if np.ndim(value) == 0 else value

    def correlation(self, name: str) -> float:
        """Return the correlation of a foreground between two different frequencies."""
        return _ROWS[name].correlation(self)


def _dust(temperature_k: float, beta: float, frequency_ghz):
    """Return the temperature of a modified blackbody over that at 150 GHz."""
    per_ghz = constants.h * 1e9 / (constants.k * temperature_k)
    blackbody = np.expm1(per_ghz * PIVOT_GHZ) / np.expm1(per_ghz * frequency_ghz)
    ratio = frequency_ghz / PIVOT_GHZ
    return ratio ** (3.0 + beta) * blackbody * _cmb_brightness_ratio(frequency_ghz)


def _cmb_brightness_ratio(frequency_ghz):
    """Return dB/dT of the CMB at 150 GHz over that at a frequency: flux to thermodynamic temperature."""
    return cmb_slope(PIVOT_GHZ) / cmb_slope(frequency_ghz)


@lru_cache(maxsize=1)
def _george2015_templates() -> np.ndarray:
    source = files("szmass_cli.physics") / "george2015_templates.csv"
    with source.open() as lines:
        return np.loadtxt(lines, delimiter=",", comments="#")


def _template_shape(column: int, ell):
    """Return a tabulated D_ell shape, 1 at the pivot, continued beyond the table with its last slope."""
    table = _george2015_templates()
    ln_ell, ln_dl = np.log(table[:, 0]), np.log(table[:, column])
    x = np.log(np.maximum(ell, 1.0))
    slope = (ln_dl[-1] - ln_dl[-4]) / (ln_ell[-1] - ln_ell[-4])
    inside = np.interp(x, ln_ell, ln_dl)
    shape = np.where(x > ln_ell[-1], ln_dl[-1] + slope * (x - ln_ell[-1]), inside)
    return np.exp(shape - np.interp(np.log(ELL_PIVOT), ln_ell, ln_dl))


@dataclass(frozen=True)
class Foreground:
    """A foreground: what it is called, how strong it is, and how it changes with scale and frequency.

    Parameters
    ----------
    name, label : str
        Names used in configurations, and in figures.
    dl3000_uk2 : float
        Power D_ell [µK^2] at ell = 3000 and 150 GHz where nothing else is said.
    shape : callable
        D_ell over its value at ell = 3000, of multipoles.
    scaling : callable
        Temperature over that at 150 GHz, of `ForegroundSpectra` and frequencies [GHz].
    correlation : callable
        Between two different frequencies, of `ForegroundSpectra`.
    is_dust : bool
        Whether it is part of the dusty galaxies that go together with the thermal SZ effect.
    """

    name: str
    label: str
    dl3000_uk2: float
    shape: Callable[[np.ndarray], np.ndarray]
    scaling: Callable[[ForegroundSpectra, np.ndarray], np.ndarray]
    correlation: Callable[[ForegroundSpectra], float] = lambda spectra: 1.0
    is_dust: bool = False


FOREGROUNDS = (
    Foreground(
        "tsz",
        "thermal SZ",
        3.68,
        lambda ell: _template_shape(1, ell),
        lambda spectra, nu: tsz_f(nu) / tsz_f(PIVOT_GHZ),
    ),
    Foreground(
        "ksz",
        "kinematic SZ",
        2.9,
        lambda ell: _template_shape(2, ell),
        lambda spectra, nu: np.ones_like(nu),
    ),
    Foreground(
        "dusty_poisson",
        "dusty galaxies",
        9.16,
        lambda ell: (ell / ELL_PIVOT) ** 2,
        lambda spectra, nu: _dust(spectra.dust_temperature_k, spectra.dusty_poisson_beta, nu),
        lambda spectra: spectra.dusty_correlation,
        is_dust=True,
    ),
    Foreground(
        "dusty_clustered",
        "clustered dust",
        3.46,
        lambda ell: (ell / ELL_PIVOT) ** 0.8,
        lambda spectra, nu: _dust(spectra.dust_temperature_k, spectra.dusty_clustered_beta, nu),
        lambda spectra: spectra.dusty_correlation,
        is_dust=True,
    ),
    Foreground(
        "radio",
        "radio galaxies",
        1.06,
        lambda ell: (ell / ELL_PIVOT) ** 2,
        lambda spectra, nu: (nu / PIVOT_GHZ) ** spectra.radio_index * _cmb_brightness_ratio(nu),
        lambda spectra: spectra.radio_correlation,
    ),
    Foreground(
        "cirrus",
        "Galactic dust",
        0.0,
        lambda ell: (ell / ELL_PIVOT) ** -0.7,
        lambda spectra, nu: _dust(CIRRUS_KELVIN, CIRRUS_BETA, nu),
    ),
)
"""All foregrounds: amplitudes and shapes of George et al. (2015), section 5.

Galactic cirrus, off unless one asks, falls as C_ell ~ ell^-2.7 (an ESTIMATE: -2.6 to -3 are found), with the
spectrum of Planck 2018 XI.
"""

_ROWS = {row.name: row for row in FOREGROUNDS}

TSZ_DUST = "tsz_dust"
"""Name of the cross-power of thermal SZ effect and dusty galaxies."""


def foreground_dl_uk2(name: str, ell, dl3000_uk2: float):
    """Return the power D_ell [µK^2] of one foreground, scaled to its amplitude at ell = 3000."""
    return dl3000_uk2 * _ROWS[name].shape(np.asarray(ell, float))


class Response(Protocol):
    """How a band weighs frequencies; see `szmass_cli.physics.passbands.Passband`."""

    def mean(self, function_of_frequency_ghz: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return what a map of the band shows of a temperature that is known at frequencies [GHz]."""
        ...


def band_scaling(spectra: ForegroundSpectra, name: str, responses: Sequence[Response]) -> np.ndarray:
    """Return the temperature of a foreground in each band over that at 150 GHz, (f,).

    Parameters
    ----------
    spectra : ForegroundSpectra
        How it changes with frequency.
    name : str
        A foreground of `FOREGROUNDS`.
    responses : sequence of Response, length f
        Frequency response of each band.
    """
    return np.array(
        [response.mean(lambda frequency_ghz: spectra.scaling(name, frequency_ghz)) for response in responses]
    )


def foreground_covariance_dl_uk2(
    ell, dl3000_uk2: Mapping[str, float], responses: Sequence[Response], spectra: ForegroundSpectra
) -> dict[str, np.ndarray]:
    """Return the power D_ell [µK^2] of foregrounds between frequencies.

    Parameters
    ----------
    ell : array_like, shape (n,)
        Multipoles, along the last axis of what is returned.
    dl3000_uk2 : mapping
        Amplitude at ell = 3000 and 150 GHz of each foreground by name [µK^2]; 0 leaves it out.
    responses : sequence of Response, length f
        Frequency response of each band.
    spectra : ForegroundSpectra
        How each foreground changes with frequency, and what is correlated with what.

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
        scale = band_scaling(spectra, name, responses)
        rho = spectra.correlation(name)
        mixing = np.outer(scale, scale) * (rho + (1.0 - rho) * between)
        powers[name] = mixing[:, :, None] * foreground_dl_uk2(name, ell, dl3000_uk2[name])
    xi = spectra.tsz_dust_correlation
    dust = [powers[row.name] for row in FOREGROUNDS if row.is_dust and row.name in powers]
    if xi > 0 and "tsz" in powers and dust:
        diagonal = np.arange(len(responses))
        sign = np.sign(band_scaling(spectra, "tsz", responses))
        # the decrement is negative where dust is bright, at 150 GHz too
        signed_tsz = -sign[:, None] * np.sqrt(powers["tsz"][diagonal, diagonal])
        bright_dust = np.sqrt(sum(dust)[diagonal, diagonal])
        cross = xi * signed_tsz[:, None, :] * bright_dust[None, :, :]
        powers[TSZ_DUST] = cross + cross.transpose(1, 0, 2)
    return powers
