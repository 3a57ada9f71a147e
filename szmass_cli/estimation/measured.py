"""Results for rows, as they are stored in the parts of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from szmass_cli.estimation.settled import Wanted
from szmass_cli.estimation.strips import Strip

OF_THE_STRIP = ("flags", "masked_fraction", "noise_uk_arcmin")
"""Fields that are known before anything is measured."""


@dataclass(frozen=True)
class Measured:
    """Results for n rows; NaN where there is no usable result, with a flag that gives the reason.

    Parameters
    ----------
    m200c_msun : numpy.ndarray, shape (n, p)
        Percentiles of M200c [Msun].
    own_prior_median_msun : numpy.ndarray, shape (n,)
        Median of M200c [Msun] under the model's own prior, whatever the prior of the percentiles.
    snr, y0, y0_err, y500_arcmin2 : numpy.ndarray, shape (n,)
        `szmass_cli.likelihood.observables.Observables`, for a cluster of the median mass under the model's
        own prior.
    flags : numpy.ndarray of int, shape (n,)
        Bits of `szmass_cli.catalog.flags.Flag` raised for each row.
    masked_fraction : numpy.ndarray, shape (n,)
        Fraction of the cutouts without data.
    noise_uk_arcmin : numpy.ndarray, shape (n, f)
        White noise of each band that was used for a row; NaN where the band was not.
    ln_likelihood, density : numpy.ndarray of float32, shape (n, m)
        ln of the likelihood at each mass of the grid, up to a constant in each row, and the posterior under
        the requested prior, with its floor, as the probability of each cell; (n, 0) where curves are not
        requested.
    sources : numpy.ndarray, shape (n, s, 4 + f)
        Sources that were found in the cutout: offsets north and west [arcmin], kind, S/N and flux in each
        band [mJy]; NaN for those that there are not. (n, 0, 4 + f) where none were looked for.
    by_band : numpy.ndarray, shape (n, f, 1 + f)
        Matched filters of the single bands, see `szmass_cli.likelihood.observables.products_by_band`; 0 where
        there are none.
    """

    m200c_msun: np.ndarray
    own_prior_median_msun: np.ndarray
    snr: np.ndarray
    y0: np.ndarray
    y0_err: np.ndarray
    y500_arcmin2: np.ndarray
    flags: np.ndarray
    masked_fraction: np.ndarray
    noise_uk_arcmin: np.ndarray
    ln_likelihood: np.ndarray
    density: np.ndarray
    sources: np.ndarray
    by_band: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Measured":
        return Measured(*(getattr(self, one.name)[rows] for one in fields(self)))

    def without_curves(self) -> "Measured":
        """Return the results without the curves, which take a hundred times the memory of the rest."""
        n = len(self.flags)
        return replace(self, ln_likelihood=np.empty((n, 0), np.float32), density=np.empty((n, 0), np.float32))

    def put(self, rows: np.ndarray, found: "Measured") -> None:
        """Put the results of some rows in their places by row number; flags are added to existing ones."""
        for name in (one.name for one in fields(self) if one.name not in OF_THE_STRIP):
            getattr(self, name)[rows] = getattr(found, name)
        self.flags[rows] |= found.flags


def nothing_measured(strip: Strip, wanted: Wanted, white_uk_arcmin: np.ndarray | float = np.nan) -> Measured:
    """Return empty results for the rows of a strip, with the flags of the strip.

    Parameters
    ----------
    strip : Strip
        The n rows.
    wanted : Wanted
        Percentiles and curves to compute.
    white_uk_arcmin : float or numpy.ndarray, shape (f,)
        White noise of the bands where no inverse variances tell it.
    """
    n = len(strip.flags)
    known = np.where(np.isfinite(strip.noise_uk_arcmin), strip.noise_uk_arcmin, white_uk_arcmin)
    own_median, snr, y0, y0_err, y500 = np.full((5, n), np.nan)
    ln_likelihood, density = np.full((2, n, wanted.n_masses), np.nan, np.float32)
    masses = np.full((n, len(wanted.percentiles)), np.nan)
    f = strip.usable.shape[1]
    sources = np.full((n, wanted.n_sources, 4 + f), np.nan)
    return Measured(
        masses,
        own_median,
        snr,
        y0,
        y0_err,
        y500,
        strip.flags.copy(),
        strip.masked_fraction,
        np.where(strip.usable, known, np.nan),
        ln_likelihood,
        density,
        sources,
        np.zeros((n, f, 1 + f)),
    )


def join(parts: Sequence[Measured]) -> Measured:
    """Return the concatenated rows of all parts."""
    names = [field.name for field in fields(Measured)]
    return Measured(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
