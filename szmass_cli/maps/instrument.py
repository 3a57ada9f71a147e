"""What a map's header says of the instrument that made it."""

from dataclasses import dataclass

from szmass_cli.maps.mapfrequency import StatedBand, stated_band


@dataclass(frozen=True)
class StatedInstrument:
    """Frequency and beam as stated, None where they are not.

    Parameters
    ----------
    frequency_ghz, beam_fwhm_arcmin : float or None
        Of a map that szmass simulated.
    band : StatedBand or None
        What any header says of its band, in its own words.
    """

    frequency_ghz: float | None = None
    beam_fwhm_arcmin: float | None = None
    band: StatedBand | None = None


def stated_instrument(header, primary=None) -> StatedInstrument:
    """Read FREQ and BEAM of a map that szmass simulated, and the words of any map for its band.

    Other headers are not asked for numbers: no two surveys agree on what such keywords mean, or in which
    units.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the map's HDU.
    primary : astropy.io.fits.Header, optional
        Of the file's primary HDU.
    """
    band = stated_band(header) if primary is None else stated_band(header, primary)
    if not str(header.get("ORIGIN", "")).startswith("szmass"):
        return StatedInstrument(band=band)
    frequency, beam = (header.get(key) for key in ("FREQ", "BEAM"))
    return StatedInstrument(_positive(frequency), _positive(beam), band)


def _positive(value) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
