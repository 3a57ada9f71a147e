"""Names and units of the columns that go out."""

from collections.abc import Sequence

import numpy as np
from astropy import units as u

#: Unit of every mass column.
MASS_UNIT = u.Unit("1e14 solMass")
MASKED_COLUMN = "sz_masked_fraction"


def percentile_column(base: str, percentile: float) -> str:
    """Return the name of the column of one percentile: ('M200c', 16) -> 'M200c_p16', 2.5 -> 'M200c_p2p5'."""
    text = np.format_float_positional(float(percentile), trim="-")
    return f"{base}_p{text.replace('.', 'p')}"


def noise_columns(frequencies_ghz: Sequence[float | None]) -> list[str]:
    """Return the names of the columns of the noise of each band.

    ``noise_uk_arcmin`` of a single band; of several ``noise_uk_arcmin_97p8`` and so on, or, where a frequency
    is not stated, ``noise_uk_arcmin_1`` by its number.
    """
    if len(frequencies_ghz) == 1:
        return ["noise_uk_arcmin"]
    labels = [str(n) if f is None else f"{f:g}" for n, f in enumerate(frequencies_ghz, 1)]
    return [f"noise_uk_arcmin_{label.replace('.', 'p')}" for label in labels]


def systematic_column(base: str) -> str:
    """Return the name of the column of the mass scale's error: 'M200c' -> 'M200c_err_sys'."""
    return f"{base}_err_sys"


def uncorrected_column(base: str) -> str:
    """Return the name of the column of the median under the model's own prior: 'M200c' -> 'M200c_uncorr'."""
    return f"{base}_uncorr"
