"""What is known of catalogue rows before the map is looked at."""

from dataclasses import dataclass, fields

import numpy as np

from szmass_cli.catalog import Catalog, Flag
from szmass_cli.network.bundle.bundle import Bundle
from szmass_cli.posterior.redshift import FOUND_ABOVE_MSUN

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
    redshift_err : numpy.ndarray, shape (n,)
        Their standard deviations to marginalise over: 0 where there is none, infinite without a redshift.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits raised so far.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.ra_deg)

    def __getitem__(self, rows: slice | np.ndarray) -> "Rows":
        return Rows(*(getattr(self, field.name)[rows] for field in fields(self)))


def catalog_rows(catalog: Catalog, bundle: Bundle) -> tuple[Rows, tuple[str, ...]]:
    """The rows of a catalogue for a model, with a note of what was assumed."""
    redshift, flags, notes = redshifts_to_use(catalog.redshift, bundle)
    redshift_err, more_notes = redshift_errors_to_use(catalog, redshift, bundle)
    rows = Rows(catalog.ra_deg, catalog.dec_deg, redshift, redshift_err, flags)
    return rows, (*catalog.notes, *notes, *more_notes)


def redshifts_to_use(given: np.ndarray, bundle: Bundle) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Redshifts to use, NaN where there can be no mass, with their flags and a note of what was assumed."""
    flags = np.zeros(len(given), np.int32)
    low, high = bundle.metadata.trained_redshift
    assumed = float(np.sqrt(low * high))
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
        what = f"z = {assumed:g} was assumed"
        if bundle.is_conditioned:
            what = f"marginalised over the redshifts of clusters above {FOUND_ABOVE_MSUN:g} Msun"
        notes = (f"{missing.sum()} of {len(given)} rows have no redshift: {what}.",)
    return np.where(outside, np.nan, np.clip(redshift, first, last)), flags, notes


def redshift_errors_to_use(
    catalog: Catalog, redshift: np.ndarray, bundle: Bundle
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Errors of the redshifts to use, 0 where there is none, with a note of how many there are.

    An error without a redshift of its own says nothing, and a model that knows one redshift only cannot
    use any. To a conditioned model a missing redshift is one of infinite error.
    """
    known = np.isfinite(catalog.redshift_err) & np.isfinite(catalog.redshift) & np.isfinite(redshift)
    errors = np.zeros(len(known))
    if bundle.is_conditioned:
        errors[np.isnan(catalog.redshift)] = np.inf
    if not known.any():
        return errors, ()
    first, last = bundle.metadata.calibrated_redshift
    rows = f"{known.sum()} of {len(known)} rows have a redshift error"
    if first == last:
        return errors, (f"{rows}, which a model of one redshift cannot use.",)
    column = catalog.roles["redshift_err"]
    note = f"{rows} ({column}): their masses are marginalised over it."
    return np.where(known, catalog.redshift_err, errors), (note,)
