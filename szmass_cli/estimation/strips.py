"""Strips: the cutouts of some hundred rows in all bands, and the flags of their pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.catalog import Flag
from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.rows import Rows
from szmass_cli.geometry import pixel_radii_arcmin
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.maps.cutouts import Cutouts

MAX_BAD_FRACTION = 0.4
CORE_ARCMIN = 2.0
"""More bad pixels than this, or any within the core, and a band is of no use; other holes are inpainted."""

NO_MASS = (
    Flag.BAD_COORDINATES | Flag.OFF_MAP | Flag.MASKED | Flag.NONFINITE | Flag.REDSHIFT_OUTSIDE_CALIBRATION
)


@dataclass(frozen=True)
class Strip:
    """Cutouts of n rows in f bands.

    Parameters
    ----------
    rows : Rows
        The n rows of the catalogue.
    images_uk : numpy.ndarray, shape (n, 40, 40, f)
        Cutouts in all bands [µK_CMB]; the values of bad pixels are not used.
    bad : numpy.ndarray of bool, shape (n, 40, 40, f)
        Whether a pixel has no data.
    usable : numpy.ndarray of bool, shape (n, f)
        Whether a band has enough data around a row to measure its cluster.
    noise_uk_arcmin : numpy.ndarray, shape (n, f)
        White noise from the inverse variances; NaN where it is not known.
    flags : numpy.ndarray of int, shape (n,)
        Bits of `szmass_cli.catalog.flags.Flag` raised for rows and pixels.
    """

    rows: Rows
    images_uk: np.ndarray
    bad: np.ndarray
    usable: np.ndarray
    noise_uk_arcmin: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: np.ndarray) -> "Strip":
        return Strip(
            self.rows[rows],
            self.images_uk[rows],
            self.bad[rows],
            self.usable[rows],
            self.noise_uk_arcmin[rows],
            self.flags[rows],
        )

    @property
    def masked_fraction(self) -> np.ndarray:
        """Return the fraction (n,) of pixels without data, averaged over the bands."""
        return self.bad.mean(axis=(1, 2, 3))

    @property
    def measurable(self) -> np.ndarray:
        """Return the numbers of the rows for which a mass can be estimated."""
        return np.flatnonzero(((self.flags & NO_MASS) == 0) & np.isfinite(self.rows.redshift))


def cut_strip(
    maps: Sequence[BandMap], rows: Rows, exchanges: Sequence[BeamExchange | None] | None = None
) -> Strip:
    """Cut the maps of all bands around rows.

    Parameters
    ----------
    maps : sequence of BandMap, length f
        The opened maps, in the order of the bands.
    rows : Rows
        At most a few hundred rows, since all of their cutouts are held in memory.
    exchanges : sequence of BeamExchange or None, length f, optional
        Change from the beam of each map to that of the cutouts; None keeps the beam.
    """
    exchanges = exchanges or [None] * len(maps)
    cutouts = [one.cutouts(rows, exchange) for one, exchange in zip(maps, exchanges, strict=True)]
    lost = np.stack([flags_without_data(one) for one in cutouts], axis=-1)
    usable = lost == 0
    somewhere, everywhere = usable.any(axis=1), usable.all(axis=1)
    flags = rows.flags.copy()
    misplaced = ~np.isfinite(rows.ra_deg + rows.dec_deg)
    flags[misplaced] |= Flag.BAD_COORDINATES
    # what there is of other bands is used: only a row that none has is without a mass
    reasons = np.bitwise_or.reduce(lost, axis=1)
    off = np.all([one.off_map for one in cutouts], axis=0)
    reasons = np.where(off, int(Flag.OFF_MAP), reasons & ~int(Flag.OFF_MAP))
    none = ~somewhere & ~misplaced
    flags[none] |= reasons[none]
    flags[somewhere & ~everywhere & ~misplaced] |= Flag.BAND_MISSING
    cut = np.stack([one.cut_by_edge & ~one.off_map for one in cutouts], axis=-1)
    cut &= usable | ~somewhere[:, None]
    flags[cut.any(axis=1) & ~misplaced] |= Flag.CUT_BY_EDGE
    bad = np.stack([one.bad for one in cutouts], axis=-1)
    filled = bad.any(axis=(1, 2)) & usable
    flags[filled.any(axis=1)] |= Flag.INPAINTED
    noise = np.full((len(rows), len(maps)), np.nan)
    there = np.flatnonzero(somewhere & ~misplaced)
    for band, one in enumerate(maps):
        known = one.noise_uk_arcmin(rows[there])
        if known is not None:
            noise[there, band] = known
    images = np.stack([one.images for one in cutouts], axis=-1)
    return Strip(rows, images, bad, usable, noise, flags)


def flags_without_data(cutouts: Cutouts) -> np.ndarray:
    """Return the flags (n,) of cutouts of one band with too little data for a cluster; 0 otherwise."""
    flags = np.zeros(len(cutouts.off_map), np.int32)
    core = (cutouts.bad & (pixel_radii_arcmin() < CORE_ARCMIN)).any(axis=(1, 2))
    masked = ((cutouts.bad_fraction > MAX_BAD_FRACTION) | core) & ~cutouts.off_map
    flags[cutouts.off_map] |= Flag.OFF_MAP
    flags[masked] |= Flag.MASKED
    mostly_nan = cutouts.nonfinite_fraction > 0.5 * cutouts.bad_fraction
    flags[masked & mostly_nan] |= Flag.NONFINITE
    return flags
