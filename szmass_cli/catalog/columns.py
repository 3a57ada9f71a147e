"""Names and units of the columns that go out."""

import numpy as np
from astropy import units as u

#: Unit of every mass column.
MASS_UNIT = u.Unit("1e14 solMass")
MASKED_COLUMN = "sz_masked_fraction"


def percentile_column(base: str, percentile: float) -> str:
    """Return the name of the column of one percentile: ('M200c', 16) -> 'M200c_p16', 2.5 -> 'M200c_p2p5'."""
    text = np.format_float_positional(float(percentile), trim="-")
    return f"{base}_p{text.replace('.', 'p')}"


def systematic_column(base: str) -> str:
    """Return the name of the column of the mass scale's error: 'M200c' -> 'M200c_err_sys'."""
    return f"{base}_err_sys"


def uncorrected_column(base: str) -> str:
    """Return the name of the column of the median under the model's own prior: 'M200c' -> 'M200c_uncorr'."""
    return f"{base}_uncorr"
