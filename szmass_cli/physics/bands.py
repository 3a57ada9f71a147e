"""What an instrument is at one frequency."""

from dataclasses import dataclass

from szmass_cli.physics.beams import AnyBeam


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
