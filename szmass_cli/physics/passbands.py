"""Passbands: what a detector sees of a spectrum, in the units of a map."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq

from szmass_cli.errors import InputError
from szmass_cli.physics.cosmology import T_CMB_K
from szmass_cli.physics.relativistic import tabulated_temperatures_kev, tsz_f_relativistic
from szmass_cli.physics.spectra import cmb_slope, tsz_f
from szmass_cli.system.inputs import read_table


@dataclass(frozen=True, eq=False)
class Passband:
    """The response of a band to a source that fills the beam, at each frequency.

    Parameters
    ----------
    frequency_ghz : numpy.ndarray, shape (k,)
        Ascending frequencies [GHz]; one of them is a monochromatic band.
    weight : numpy.ndarray, shape (k,)
        Non-negative response tau to the intensity I_nu of a source that fills the beam, in any unit; linear
        between the frequencies.

    Notes
    -----
    A map in µK_CMB shows a component of intensity I_nu as int tau I_nu dnu / int tau dB/dT dnu, with B the
    Planck function at T_CMB; for one of thermodynamic temperature T(nu) that is the mean of T with weights
    tau dB/dT.
    """

    frequency_ghz: np.ndarray
    weight: np.ndarray

    def __post_init__(self):
        frequency = np.atleast_1d(np.asarray(self.frequency_ghz, float))
        weight = np.atleast_1d(np.asarray(self.weight, float))
        object.__setattr__(self, "frequency_ghz", frequency)
        object.__setattr__(self, "weight", weight)
        problem = _problem(frequency, weight)
        if problem:
            raise InputError(f"A passband cannot be used: {problem}.", _FORMAT)

    @classmethod
    def monochromatic(cls, frequency_ghz: float) -> "Passband":
        """Return the band of a single frequency [GHz]."""
        return cls(np.array([frequency_ghz], float), np.ones(1))

    @classmethod
    def read(cls, path: str | Path) -> "Passband":
        """Read a passband: text of frequency [GHz] and response, further columns are ignored.

        Parameters
        ----------
        path : path
            The response is that to a Rayleigh-Jeans source, of equal temperature at all frequencies, as a
            Fourier-transform spectrometer measures it with a thermal source that fills the beam. ACT's files
            have it so ("the FTS measurement has not been divided by nu^2", LAMBDA on the DR6.02 passbands;
            simonsobs/pspipe_utils divides before it uses them).

        Returns
        -------
        Passband
            Its weight is the response over nu^2, as a Rayleigh-Jeans source has an intensity of nu^2.

        Raises
        ------
        InputError
            If the file cannot be read, or is not a passband.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below
                columns = read_table(path, (0, 1))
        except (OSError, ValueError, IndexError) as error:
            raise InputError(f"The passband {path} cannot be read: {error}.", _FORMAT) from None
        frequency, response = columns.T
        problem = _problem(frequency, response)
        if problem:
            raise InputError(f"The passband {path} cannot be used: {problem}.", _FORMAT)
        return cls(frequency, response / frequency**2)

    @cached_property
    def _measure(self) -> np.ndarray:
        """Return weights of sum 1 that take thermodynamic temperatures at each frequency to the map's."""
        # the trapezoidal rule, which gives each node half of the two intervals that meet in it
        step = np.diff(self.frequency_ghz)
        width = np.append(step, 0.0) + np.append(0.0, step) if step.size else np.ones(1)
        measure = self.weight * cmb_slope(self.frequency_ghz) * width
        return measure / measure.sum()

    def mean(self, function_of_frequency_ghz: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return what a map of this band shows of a spectrum.

        Parameters
        ----------
        function_of_frequency_ghz : callable
            Thermodynamic temperature [µK_CMB] at an array of frequencies [GHz].

        Returns
        -------
        float
            Mean over the band, in the unit of the spectrum.
        """
        return float(
            self._measure
            @ np.broadcast_to(function_of_frequency_ghz(self.frequency_ghz), self.frequency_ghz.shape)
        )

    @cached_property
    def _f_of_kt(self) -> CubicSpline:
        """Return f(kT), averaged over the band; the table's temperatures are its knots."""
        kt = tabulated_temperatures_kev()
        return CubicSpline(kt, self._measure @ tsz_f_relativistic(self.frequency_ghz[:, None], kt))

    def tsz_f(self, kt_kev=0.0) -> np.ndarray:
        """Return the band's spectral function f of the thermal SZ effect.

        Parameters
        ----------
        kt_kev : array_like
            Temperature of the electrons [keV], 0 to 80; 0 is the non-relativistic effect.

        Returns
        -------
        numpy.ndarray
            dT/T_CMB for one unit of Compton y, of the shape of ``kt_kev``.

        Raises
        ------
        InputError
            If a temperature or a frequency of the band lies outside the table of `relativistic`.
        """
        kt = np.asarray(kt_kev, float)
        if not np.any(kt):
            return np.full(kt.shape, self.mean(tsz_f))[()]
        knots = self._f_of_kt.x
        wrong = kt[(kt < knots[0]) | (kt > knots[-1])]
        if wrong.size:
            raise InputError(
                f"A temperature of the gas of {wrong.flat[0]:g} keV is outside 0 to {knots[-1]:g} keV.",
                "The relativistic SZ effect is not tabulated there.",
            )
        return self._f_of_kt(kt)[()]

    def tsz_uk_per_y(self, kt_kev=0.0) -> np.ndarray:
        """Return the temperature change [µK_CMB] of one unit of Compton y; parameters as of `tsz_f`."""
        return self.tsz_f(kt_kev) * T_CMB_K * 1e6

    @cached_property
    def effective_tsz_ghz(self) -> float:
        """Return the frequency [GHz] whose non-relativistic f is the band's."""
        f = self.mean(tsz_f)
        return float(
            brentq(lambda nu: tsz_f(nu) - f, self.frequency_ghz[0] * 0.5, self.frequency_ghz[-1] * 2.0)
        )


_FORMAT = (
    "Give two columns: ascending frequencies in GHz and the response to a Rayleigh-Jeans source, as the "
    "passband files of ACT have them."
)


def _problem(frequency_ghz: np.ndarray, response: np.ndarray) -> str:
    """Return what keeps two columns from being a passband; nothing if they are one."""
    if frequency_ghz.ndim != 1 or frequency_ghz.shape != response.shape or frequency_ghz.size == 0:
        return f"it has {frequency_ghz.size} frequencies and {response.size} responses"
    if not (np.isfinite(frequency_ghz).all() and np.isfinite(response).all()):
        return "some of its values are not finite"
    if frequency_ghz[0] < 1.0 or frequency_ghz[-1] > 3000.0:
        return f"its frequencies run from {frequency_ghz[0]:g} to {frequency_ghz[-1]:g} GHz"
    if np.any(np.diff(frequency_ghz) <= 0):
        return "its frequencies do not ascend"
    if np.any(response < 0):
        return f"its response is negative at {frequency_ghz[np.argmin(response)]:g} GHz"
    if not np.any(response > 0):
        return "its response is 0 everywhere"
    return ""
