"""What a map's header says of the instrument that made it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """Frequency and beam as stated, None where they are not.

    Parameters
    ----------
    frequency_ghz, beam_fwhm_arcmin : float or None
    """

    frequency_ghz: float | None = None
    beam_fwhm_arcmin: float | None = None


def stated_instrument(header) -> Instrument:
    """Read FREQ and BEAM of a map that szmass simulated.

    Other headers are not asked: no two surveys agree on what such keywords mean, or in which units.
    """
    if not str(header.get("ORIGIN", "")).startswith("szmass"):
        return Instrument()
    values = (header.get(key) for key in ("FREQ", "BEAM"))
    return Instrument(*(float(v) if isinstance(v, int | float) and v > 0 else None for v in values))
