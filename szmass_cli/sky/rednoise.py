"""Noise of maps above its white part: it is correlated between pixels, and between bands."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.sky.lags import red_noise_cl_uk2_sr
from szmass_cli.sky.power import SkyPower

NEGLIGIBLE = 3e-3
"""Power of red noise, over that of the white noise, from where on it is left out."""


@dataclass(frozen=True)
class Unblurred:
    """The optics of red noise: none, as it is added after the beam.

    Parameters
    ----------
    ell_max : float
        Multipole beyond which it is left out.
    """

    ell_max: float

    @property
    def fwhm_arcmin(self) -> float:
        """Return infinity: nothing on the sky is sharper than noise that is this smooth."""
        return np.inf

    def b_ell(self, ell):
        """Return 1 up to the last multipole, 0 beyond."""
        return np.where(np.asarray(ell, float) <= self.ell_max, 1.0, 0.0)


def red_noise_power(instrument: Instrument, ell: np.ndarray) -> SkyPower | None:
    """Return the power of red noise between bands; None where no band has any.

    Parameters
    ----------
    instrument : Instrument
        The correlated noise of its bands; white noise is left out.
    ell : numpy.ndarray, shape (n,)
        Ascending multipoles of the table.
    """
    if all(band.red_noise is None for band in instrument.bands):
        return None
    return SkyPower(ell, red_noise_cl_uk2_sr(instrument, ell))


def red_noise_beams(instrument: Instrument, power: SkyPower) -> list[Unblurred]:
    """Return how far in multipole the red noise of each band reaches above its white noise.

    Parameters
    ----------
    instrument : Instrument
        Its white noise is what the red noise is compared with.
    power : SkyPower
        Power of the red noise, as from `red_noise_power`.
    """
    beams = []
    for index, band in enumerate(instrument.bands):
        telling = power.cl_uk2_sr[index, index] > NEGLIGIBLE * (band.noise_uk_arcmin * ARCMIN) ** 2
        last = np.flatnonzero(telling)
        beams.append(Unblurred(float(power.ell[last[-1]]) if last.size else float(power.ell[0])))
    return beams
