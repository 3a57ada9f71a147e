"""Noise of maps on top of white noise: a rise towards large scales, or a table of its power."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from szmass_cli.errors import InputError, UsageError
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.system.inputs import read_table

ELL_LEVEL = 100.0
"""Multipole below which the rise stays level: longer waves are offsets and gradients in a cutout of 10'."""

DEFAULT_SLOPE = -3.5
"""Exponent of the atmosphere's noise in temperature (Simons Observatory 2019, JCAP 02, 056, section 2.2)."""


class RedNoise(Protocol):
    """The power of a map's noise above its white part, as it is in the map: no beam applies to it."""

    def cl_uk2_sr(self, ell) -> np.ndarray:
        """Return the power [µK^2 sr] at multipoles ell."""
        ...


@dataclass(frozen=True)
class KneeNoise:
    """A power law that rises above white noise below a knee, N(ell) = w^2 (ell / ell_knee)^slope.

    The form of the Simons Observatory (2019, JCAP 02, 056, eq. 1); level below `ELL_LEVEL`.

    Parameters
    ----------
    white_uk_arcmin : float
        w, the white noise [µK_CMB arcmin].
    ell_knee : float
        Multipole at which both parts are equal.
    slope : float
        Exponent of the power law, negative.
    """

    white_uk_arcmin: float
    ell_knee: float
    slope: float = DEFAULT_SLOPE

    def cl_uk2_sr(self, ell) -> np.ndarray:
        """Return the power above the white noise [µK^2 sr] at multipoles ell."""
        rise = (np.maximum(np.asarray(ell, float), ELL_LEVEL) / self.ell_knee) ** self.slope
        return (self.white_uk_arcmin * ARCMIN) ** 2 * rise


@dataclass(frozen=True, eq=False)
class TabulatedNoise:
    """Noise known by a table of its power, of which the least value is the white part.

    Parameters
    ----------
    ell : numpy.ndarray, shape (n,)
        Multipoles of the table, ascending.
    total_uk2_sr : numpy.ndarray, shape (n,)
        N_ell of all noise [µK^2 sr]; the first and last values hold beyond the table.
    """

    ell: np.ndarray
    total_uk2_sr: np.ndarray

    @property
    def white_uk_arcmin(self) -> float:
        """Return the white part [µK_CMB arcmin]."""
        return float(np.sqrt(self.total_uk2_sr.min()) / ARCMIN)

    def cl_uk2_sr(self, ell) -> np.ndarray:
        """Return the power above the white noise [µK^2 sr] at multipoles ell."""
        above = self.total_uk2_sr - self.total_uk2_sr.min()
        return np.interp(np.maximum(np.asarray(ell, float), ELL_LEVEL), self.ell, above)


@dataclass(frozen=True)
class NoiseLevel:
    """The noise of a map as a user states it.

    Parameters
    ----------
    white_uk_arcmin : float
        White part [µK_CMB arcmin].
    red : RedNoise, optional
        What is above it.
    """

    white_uk_arcmin: float
    red: RedNoise | None = None

    @classmethod
    def parse(cls, text: str) -> "NoiseLevel":
        """Return the noise of the option ``--noise``: a number, ``w,l_knee,slope``, or a file of ell, N_ell.

        Raises
        ------
        UsageError
            If the text is none of them.
        InputError
            If the file cannot be used, see `read_noise`.
        """
        parts = text.split(",")
        try:
            numbers = [float(part) for part in parts]
        except ValueError:
            if len(parts) == 1 and Path(text).exists():
                table = read_noise(text)
                return cls(table.white_uk_arcmin, table)
            raise UsageError(f"--noise {text}: neither numbers nor a file.", _FORMS) from None
        if not 1 <= len(numbers) <= 3 or not 0.0 < numbers[0] < 1e6:
            raise UsageError(f"--noise {text}: is no noise.", _FORMS)
        if len(numbers) == 1:
            return cls(numbers[0])
        white, ell_knee, slope = (*numbers, DEFAULT_SLOPE)[:3]
        if not 1.0 <= ell_knee <= 1e5 or not -8.0 <= slope < 0.0:
            raise UsageError(
                f"--noise {text}: ell_knee must be 1 to 100000 and the slope -8 to 0, below 0.", _FORMS
            )
        return cls(white, KneeNoise(white, ell_knee, slope))


_FORMS = "Give a number (white, µK-arcmin), w,l_knee,slope (14,2000,-3.5), or a file of ell and N_ell [µK²]."


def read_noise(path: str | Path) -> TabulatedNoise:
    """Read a table of noise power: two columns of text, ell and N_ell [µK^2 sr].

    Raises
    ------
    InputError
        If the file cannot be read, or is not such a table.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an empty file is refused below
            columns = read_table(path, (0, 1))
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"The noise {path} cannot be read: {error}.", _FORMS) from None
    ell, power = columns.T if columns.size else (np.zeros(0), np.zeros(0))
    if len(ell) < 2 or not np.isfinite(columns).all() or np.any(np.diff(ell) <= 0) or ell[0] < 0:
        raise InputError(f"{path}: its first column must be ascending multipoles.", _FORMS)
    if np.any(power <= 0):
        row = int(np.argmax(power <= 0)) + 1
        raise InputError(f"{path}: N_ell must be positive, and is not in row {row}.", _FORMS)
    if not 0.01 < np.sqrt(power.min()) / ARCMIN < 1e5:
        raise InputError(
            f"{path}: its least power is {np.sqrt(power.min()) / ARCMIN:.3g} µK-arcmin, which is no noise.",
            "Give N_ell in µK² (times steradian), not D_ell and not K².",
        )
    return TabulatedNoise(ell, power)
