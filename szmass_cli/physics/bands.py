"""What an instrument is at one frequency."""

from dataclasses import dataclass

from szmass_cli.physics.beams import AnyBeam

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
