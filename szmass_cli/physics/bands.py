"""What an instrument is: its bands, each with response, optics and noise."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from szmass_cli.physics.beams import ARCMIN, AnyBeam
from szmass_cli.physics.noise import RedNoise
from szmass_cli.physics.passbands import Passband
from szmass_cli.physics.planenoise import PlaneNoise
from szmass_cli.physics.stripes import Stripes
from szmass_cli.physics.transfers import IsotropicTransfer, PlaneTransfer

FREQUENCY_TOLERANCE = 0.05
"""Frequencies that differ by no more than this fraction mean the same band.

Bands are meant by their names: for the SZ effect SPT's 150 GHz band is centred on 152.9 GHz, that of SPT-3G
on 148.9.
"""


@dataclass(frozen=True)
class Band:
    """One frequency of a survey.

    Parameters
    ----------
    frequency_ghz : float
        Effective frequency [GHz], which names the band.
    beam : Beam or TabulatedBeam
        Of the telescope, with the window of the map's pixels where both were measured together.
    noise_uk_arcmin : float
        White noise, added after the beam [µK_CMB arcmin].
    red_noise : RedNoise, optional
        Noise above the white part.
    passband : Passband, optional
        Response with frequency; otherwise that of the one frequency.
    pixel_arcmin : float
        Side of the map's pixels where they are means over their area and the beam does not say so; else 0.
    transfer : IsotropicTransfer or PlaneTransfer, optional
        Of the filter that the map went through.
    sky_free : bool
        Whether CMB and foregrounds were taken out of the map, as from maps of Compton y; what is left of them
        counts as noise.
    """

    frequency_ghz: float
    beam: AnyBeam
    noise_uk_arcmin: float
    red_noise: RedNoise | None = None
    passband: Passband | None = None
    pixel_arcmin: float = 0.0
    transfer: IsotropicTransfer | PlaneTransfer | None = None
    sky_free: bool = False

    @property
    def response(self) -> Passband:
        """Return the passband, of one frequency where none is given."""
        return self.passband or Passband.monochromatic(self.frequency_ghz)

    @cached_property
    def optics(self) -> AnyBeam:
        """Return beam, pixels and a transfer function that is the same in all directions, as one beam."""
        isotropic = self.transfer if isinstance(self.transfer, IsotropicTransfer) else None
        if isotropic is None and self.pixel_arcmin == 0.0:
            return self.beam
        return Optics(self.beam, self.pixel_arcmin, isotropic)

    @property
    def plane_transfer(self) -> PlaneTransfer | None:
        """Return the transfer function if it depends on direction."""
        return self.transfer if isinstance(self.transfer, PlaneTransfer) else None


@dataclass(frozen=True)
class Optics:
    """A beam with what else blurs or filters a map alike in all directions.

    Parameters
    ----------
    beam : Beam or TabulatedBeam
        Its B_ell is multiplied by pixel window and transfer function.
    pixel_arcmin : float
        Side of pixels that are means over their area; 0 for samples.
    transfer : IsotropicTransfer, optional
        Of the filter that the map went through; None where it was not filtered.
    """

    beam: AnyBeam
    pixel_arcmin: float
    transfer: IsotropicTransfer | None

    @property
    def fwhm_arcmin(self) -> float:
        """Return the full width at half maximum of the beam alone [arcmin]."""
        return self.beam.fwhm_arcmin

    @property
    def ell_max(self) -> float:
        """Return the multipole beyond which the beam passes nothing."""
        return self.beam.ell_max

    def b_ell(self, ell):
        """Return the amplitude that is passed at multipoles ell."""
        ell = np.asarray(ell, float)
        passed = self.beam.b_ell(ell)
        if self.pixel_arcmin > 0.0:
            passed = passed * pixel_window(ell, self.pixel_arcmin)
        return passed if self.transfer is None else passed * self.transfer(ell, 0.0)


def pixel_window(ell, pixel_arcmin: float):
    """Return the amplitude that averaging over square pixels leaves at multipoles ell, mean of directions.

    Mean over the angle phi of sinc(ell p cos(phi) / 2) sinc(ell p sin(phi) / 2), p the pixel's side.
    """
    half = 0.5 * np.asarray(ell, float)[..., None] * pixel_arcmin * ARCMIN / np.pi
    # the mean over an octant by the midpoint rule, which converges fast for a periodic function
    angle = (np.arange(8) + 0.5) * np.pi / 32.0
    return np.mean(np.sinc(half * np.cos(angle)) * np.sinc(half * np.sin(angle)), axis=-1)


@dataclass(frozen=True)
class Instrument:
    """All bands that see the same sky, and what their noises have in common.

    Parameters
    ----------
    bands : tuple of Band
        1 to 8 of them.
    noise_correlation : float
        Correlation of the red noise between any two bands, 0 to 1.
    stripes : Stripes, optional
        How directions share the red noise; otherwise all alike.
    plane_noise : PlaneNoise, optional
        Noise as it was measured, in place of the bands' red noise.
    """

    bands: tuple[Band, ...]
    noise_correlation: float = 0.0
    stripes: Stripes | None = None
    plane_noise: PlaneNoise | None = None

    def __len__(self) -> int:
        return len(self.bands)

    @property
    def noise_uk_arcmin(self) -> np.ndarray:
        """Return the white noise of each band, (f,) [µK_CMB arcmin]."""
        return np.array([band.noise_uk_arcmin for band in self.bands])

    @property
    def is_isotropic(self) -> bool:
        """Return whether no filter depends on direction."""
        return all(band.plane_transfer is None for band in self.bands)

    @property
    def is_mirror_symmetric(self) -> bool:
        """Return whether all is the same when east and west, or north and south, change places."""
        noise = self.plane_noise is None or self.plane_noise.mirror_symmetric
        stripes = self.stripes is None or self.stripes.mirror_symmetric
        filters = [band.plane_transfer for band in self.bands if band.plane_transfer is not None]
        return noise and stripes and all(one.mirror_symmetric for one in filters)

    def only(self, chosen: tuple[int, ...]) -> "Instrument":
        """Return the instrument with some of its bands."""
        noise = None if self.plane_noise is None else self.plane_noise.only(chosen)
        return replace(self, bands=tuple(self.bands[index] for index in chosen), plane_noise=noise)
