"""Names that surveys give to their bands, and the frequencies they stand for."""

import re

from szmass_cli.errors import UsageError

FREQUENCY_RANGE_GHZ = (10.0, 1000.0)
"""Bands of microwave surveys lie in between."""

ACT_TSZ_GHZ = {90: 97.8, 150: 149.6, 220: 216.5}
"""Effective frequencies [GHz] of ACT's f090, f150 and f220 maps for the thermal SZ effect, as the search for
DR6 clusters has them (Hilton et al. 2025, arXiv 2507.21459; first two: Hilton et al. 2021, ApJS 253, 3).

They are those of maps that combine all arrays, and Planck. The passbands of single arrays differ: 96.8 (pa5),
149.2 (pa5) and 220.9 GHz (pa4) in DR6."""

SPT3G_TSZ_GHZ = {90: 95.7, 95: 95.7, 150: 148.8, 220: 220.2}
"""Effective frequencies [GHz] of SPT-3G's bands for the thermal SZ effect, as released with the likelihood
of the D1 power spectra (Camphuis et al. 2025, spt_candl_data)."""

_IN_GHZ = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)\s*ghz(?![a-z])")
_F_NAME = re.compile(r"(?<![a-z0-9])f(\d{2,3})(?![0-9])")
_NUMBER = re.compile(r"(?<![a-z0-9.])(\d{2,3}(?:\.\d+)?)(?![a-z0-9.])")


def parse_band(text: str | float) -> float:
    """Return the frequency [GHz] that a band is called by.

    Parameters
    ----------
    text : str or float
        A number, or a name as surveys and headers have them: ``f090``, ``pa5_f150``, ``150GHz``, ``95 GHz``,
        ``LF_027``, ``SPT-3G 95``.

    Returns
    -------
    float
        The nominal frequency: 90 for ``f090``. See `effective_frequency_ghz` for what the SZ effect sees.

    Raises
    ------
    UsageError
        If there is no frequency in the name, or more than one, or none of a microwave band.
    """
    name = str(text).strip().lower()
    try:
        frequencies = {float(name)}
    except ValueError:
        frequencies = _frequencies_in(name)
    if len(frequencies) > 1:
        listed = " or ".join(f"{frequency:g}" for frequency in sorted(frequencies))
        raise UsageError(f"The band '{text}' may be {listed} GHz.", _FORMAT)
    if not frequencies:
        raise UsageError(f"'{text}' does not name a band.", _FORMAT)
    (frequency,) = frequencies
    low, high = FREQUENCY_RANGE_GHZ
    if not low <= frequency <= high:
        raise UsageError(f"The band '{text}' is not between {low:g} and {high:g} GHz.", _FORMAT)
    return frequency


_FORMAT = "Name a band by its frequency in GHz, as 150, 150GHz or f150."


def _frequencies_in(name: str) -> set[float]:
    """Return the frequencies that the first fitting way of naming finds in a name."""
    for pattern in (_IN_GHZ, _F_NAME, _NUMBER):
        found = pattern.findall(name.replace("_", " "))
        if found:
            return {float(number) for number in found}
    return set()


def effective_frequency_ghz(label: str | float) -> float:
    """Return the frequency [GHz] at which a band named so sees the thermal SZ effect.

    Parameters
    ----------
    label : str or float
        As for `parse_band`. ACT's names, f090, f150 and f220, stand for 97.8, 149.6 and 216.5 GHz, those
        with ``SPT-3G`` for 95.7, 148.8 and 220.2; any other name, and a bare number, for the frequency in it.

    Returns
    -------
    float

    Raises
    ------
    UsageError
        As `parse_band`.
    """
    nominal = parse_band(label)
    name = str(label).strip().lower().replace("_", " ")
    if re.search(r"spt[\s-]?3g", name):
        return SPT3G_TSZ_GHZ.get(round(nominal), nominal)
    if _F_NAME.search(name):
        return ACT_TSZ_GHZ.get(round(nominal), nominal)
    return nominal
