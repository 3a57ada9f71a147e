"""What an instrument is at one frequency."""

from dataclasses import dataclass, replace
from typing import ClassVar

from szmass_cli.physics.beams import AnyBeam, Beam

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
        Effective frequency [GHz].
    beam : Beam or TabulatedBeam
    noise_uk_arcmin : float
        White noise, added after the beam [µK_CMB arcmin].
    """

    frequency_ghz: float
    beam: AnyBeam
    noise_uk_arcmin: float


@dataclass(frozen=True)
class TrainedBand:
    """What a model was trained for at one frequency.

    Parameters
    ----------
    band : Band
        The one instrument it knows, or the one that it takes a map to be of where nothing is said.
    beam_range_arcmin : (float, float), optional
        FWHM of the Gaussian beams that it takes as an input.
    noise_range_uk_arcmin : (float, float), optional
        White noise that it takes as an input, or else what it bears.
    """

    NOISE_RATIO_RANGE: ClassVar[tuple[float, float]] = (0.78, 1.3)

    band: Band
    beam_range_arcmin: tuple[float, float] | None
    noise_range_uk_arcmin: tuple[float, float]

    @classmethod
    def of_one_instrument(cls, band: Band) -> "TrainedBand":
        """Of a model that takes neither as an input."""
        low, high = cls.NOISE_RATIO_RANGE
        return cls(band, None, (low * band.noise_uk_arcmin, high * band.noise_uk_arcmin))

    def nearest_to(self, fwhm_arcmin: float | None, noise_uk_arcmin: float | None) -> Band:
        """The band that the model can be told of which is nearest to a map's; None is not known."""
        if self.beam_range_arcmin is None:
            return self.band
        band = self.band
        if fwhm_arcmin is not None:
            low, high = self.beam_range_arcmin
            band = replace(band, beam=Beam(min(max(fwhm_arcmin, low), high)))
        if noise_uk_arcmin is not None:
            low, high = self.noise_range_uk_arcmin
            band = replace(band, noise_uk_arcmin=min(max(noise_uk_arcmin, low), high))
        return band
