"""What is known of catalogue rows before the map is looked at."""

from dataclasses import dataclass

import numpy as np

from szmass_cli.catalog import Catalog, Flag
from szmass_cli.network.bundle import Bundle

REDSHIFT_TOLERANCE = 0.02
"""A catalogue's z = 0.7 is often 0.698: so little takes no cluster out of training, nor, as a fraction of
the redshift, out of calibration: it changes the angular size by less than 2 per cent."""


@dataclass(frozen=True)
class Rows:
    """Rows of a catalogue, ready to be measured.

    Parameters
    ----------
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        ICRS positions [deg], NaN where there is none.
    redshift : numpy.ndarray, shape (n,)
        Redshifts to use, NaN where there can be no mass.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits raised so far.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.ra_deg)

    def __getitem__(self, rows: slice | np.ndarray) -> "Rows":
        return Rows(self.ra_deg[rows], self.dec_deg[rows], self.redshift[rows], self.flags[rows])


def catalog_rows(catalog: Catalog, bundle: Bundle) -> tuple[Rows, tuple[str, ...]]:
    """The rows of a catalogue for a model, with a note of what was assumed."""
    redshift, flags, notes = redshifts_to_use(catalog.redshift, bundle)
    return Rows(catalog.ra_deg, catalog.dec_deg, redshift, flags), notes


def redshifts_to_use(given: np.ndarray, bundle: Bundle) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Redshifts to use, NaN where there can be no mass, with their flags and a note of what was assumed."""
    flags = np.zeros(len(given), np.int32)
    low, high = bundle.metadata.trained_redshift
    assumed = 0.5 * (low + high)
    missing = np.isnan(given)
    redshift = np.where(missing, assumed, given)
    first, last = bundle.metadata.calibrated_redshift
    slack = REDSHIFT_TOLERANCE
    outside = (redshift < first * (1.0 - slack)) | (redshift > last * (1.0 + slack))
    flags[missing] |= Flag.NO_REDSHIFT
    flags[(redshift < low - slack) | (redshift > high + slack)] |= Flag.REDSHIFT_OUTSIDE_TRAINING
    flags[outside] |= Flag.REDSHIFT_OUTSIDE_CALIBRATION
    notes: tuple[str, ...] = ()
    if missing.any():
        notes = (f"{missing.sum()} of {len(given)} rows have no redshift: z = {assumed:g} was assumed.",)
    return np.where(outside, np.nan, np.clip(redshift, first, last)), flags, notes
