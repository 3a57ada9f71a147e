"""Catalogue rows as prepared for the measurement, before any map is read."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from szmass_cli.catalog import Catalog, Flag
from szmass_cli.likelihood.positions import MAX_ERROR_ARCMIN
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
        ICRS positions [deg]; NaN where missing.
    redshift : numpy.ndarray, shape (n,)
        Redshifts to use; NaN where no mass can be estimated.
    redshift_err : numpy.ndarray, shape (n,)
        Standard deviations to marginalise over: 0 for exact redshifts, infinite for missing ones.
    position_err_arcmin : numpy.ndarray, shape (n,)
        Position errors along each axis (standard deviation) [arcmin]; 0 for exact positions.
    flags : numpy.ndarray of int, shape (n,)
        `Flag` bits raised so far.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    redshift_err: np.ndarray
    position_err_arcmin: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.ra_deg)

    def __getitem__(self, rows: slice | np.ndarray) -> Self:
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


def rows_at(ra_deg: np.ndarray, dec_deg: np.ndarray) -> Rows:
    """Return rows of positions (n,) [deg] alone, with redshifts of 0."""
    zero = np.zeros(len(ra_deg))
    return Rows(np.asarray(ra_deg), np.asarray(dec_deg), zero, zero, zero, zero.astype(np.int32))


@dataclass(frozen=True)
class RedshiftLimits:
    """The redshift ranges of a model.

    Parameters
    ----------
    trained, calibrated : (float, float)
        Redshift range of the training, and range in which the model gives masses.
    marginalises : bool
        Whether the model can marginalise over an unknown redshift.
    """

    trained: tuple[float, float]
    calibrated: tuple[float, float]
    marginalises: bool


def catalog_rows(
    catalog: Catalog, limits: RedshiftLimits, position_error_arcmin: float | None = None
) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows of a catalogue for a model, with notes on the assumptions made.

    Parameters
    ----------
    catalog : Catalog
        The input, with n rows; redshifts and errors may be missing.
    limits : RedshiftLimits
        Redshift ranges of the model; rows outside are flagged, or get no redshift.
    position_error_arcmin : float, optional
        Position error per axis [arcmin] of rows for which the catalogue has none.
    """
    redshift, flags, notes = redshifts_to_use(catalog.redshift, limits)
    redshift_err, of_errors = redshift_errors_to_use(catalog, redshift, limits)
    position_err, of_positions = position_errors_to_use(catalog, position_error_arcmin)
    rows = Rows(catalog.ra_deg, catalog.dec_deg, redshift, redshift_err, position_err, flags)
    return rows, (*catalog.notes, *notes, *of_errors, *of_positions)


def redshifts_to_use(
    given: np.ndarray, limits: RedshiftLimits
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return redshifts to use (NaN where no mass can be estimated), their flags and notes on assumptions."""
    flags = np.zeros(len(given), np.int32)
    low, high = limits.trained
    assumed = float(np.sqrt(low * high))
    missing = np.isnan(given)
    redshift = np.where(missing, assumed, given)
    first, last = limits.calibrated
    slack = REDSHIFT_TOLERANCE
    outside = (redshift < first * (1.0 - slack)) | (redshift > last * (1.0 + slack))
    flags[missing] |= Flag.NO_REDSHIFT
    flags[(redshift < low - slack) | (redshift > high + slack)] |= Flag.REDSHIFT_OUTSIDE_TRAINING
    flags[outside] |= Flag.REDSHIFT_OUTSIDE_CALIBRATION
    notes: tuple[str, ...] = ()
    if missing.any():
        what = f"z = {assumed:g} was assumed"
        if limits.marginalises:
            what = f"marginalised over the redshifts of clusters above {FOUND_ABOVE_MSUN:g} Msun"
        notes = (f"{missing.sum()} of {len(given)} rows have no redshift: {what}.",)
    return np.where(outside, np.nan, np.clip(redshift, first, last)), flags, notes


def redshift_errors_to_use(
    catalog: Catalog, redshift: np.ndarray, limits: RedshiftLimits
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return errors of the redshifts to use, 0 where there is none, with a note on how many there are.

    Errors without a redshift are ignored, as are all errors for a model of a single redshift. For a model
    that marginalises over redshift, a missing redshift has an infinite error.
    """
    known = np.isfinite(catalog.redshift_err) & np.isfinite(catalog.redshift) & np.isfinite(redshift)
    errors = np.zeros(len(known))
    if limits.marginalises:
        errors[np.isnan(catalog.redshift)] = np.inf
    if not known.any():
        return errors, ()
    first, last = limits.calibrated
    rows = f"{known.sum()} of {len(known)} rows have a redshift error"
    if first == last:
        return errors, (f"{rows}, which a model of one redshift cannot use.",)
    column = catalog.roles["redshift_err"]
    note = f"{rows} ({column}): their masses are marginalised over it."
    return np.where(known, catalog.redshift_err, errors), (note,)


def position_errors_to_use(
    catalog: Catalog, position_error_arcmin: float | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the position errors (n,) [arcmin], 0 for exact positions, with a note about them."""
    errors = np.full(len(catalog), position_error_arcmin or 0.0)
    known = np.isfinite(catalog.position_err_arcmin)
    notes: tuple[str, ...] = ()
    if known.any():
        far = known & (catalog.position_err_arcmin > MAX_ERROR_ARCMIN)
        errors[known] = np.minimum(catalog.position_err_arcmin[known], MAX_ERROR_ARCMIN)
        column = catalog.roles["position_err"]
        notes = (
            f"{known.sum()} of {len(known)} rows have a position error ({column}): their masses are "
            "marginalised over it.",
        )
        if far.any():
            notes += (
                f"{far.sum()} of these errors are larger than {MAX_ERROR_ARCMIN:g}', which is what "
                "they are taken to be.",
            )
    elif position_error_arcmin:
        notes = (f"Positions are uncertain by {position_error_arcmin:g}' along each axis, as stated.",)
    return errors, notes
