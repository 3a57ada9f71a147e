"""Cutouts: images of the sky around clusters, 40 x 40 pixels on the tangent plane."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.geometry import N_PIXELS
from szmass_cli.maps.beamexchange import BeamExchange
from szmass_cli.maps.cutoutpixels import lay_cutouts
from szmass_cli.maps.sampling import sample
from szmass_cli.maps.skymap import PixelStatus, SkyMap

_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Cutouts:
    """Cutouts of one map.

    Attributes
    ----------
    images : (n, 40, 40) float32 array
        µK_CMB, tangent plane, 0.25' pixels; row 0 is the most southern, column 0 the most eastern, the
        position lies between pixels 19 and 20 on both axes. Pixels without data hold the mean of those with
        data, or 0.
    bad : (n, 40, 40) bool array
        Pixels without data, for whatever reason.
    off_map : (n,) bool array
        There is no data anywhere in the cutout, or it is not a position at all.
    cut_by_edge : (n,) bool array
        Part of the cutout lies beyond the map's boundary.
    nonfinite_fraction : (n,) float array
        Fraction of the cutout next to NaN, infinite or UNSEEN map pixels.
    """

    images: np.ndarray
    bad: np.ndarray
    off_map: np.ndarray
    cut_by_edge: np.ndarray
    nonfinite_fraction: np.ndarray

    def masked(self, bad: np.ndarray) -> Cutouts:
        """Return the cutouts with more bad pixels (n, 40, 40), which then hold the mean of the good ones."""
        if not bad.any():
            return self
        images, worse = self.images.copy(), self.bad | bad
        for i in np.flatnonzero(bad.any(axis=(1, 2))):
            images[i] = _filled(images[i], worse[i])
        return replace(self, images=images, bad=worse)

    @property
    def bad_fraction(self) -> np.ndarray:
        """Return the fraction (n,) of each cutout's pixels without data."""
        return self.bad.mean(axis=(1, 2))


def robust_rms(values: np.ndarray) -> float:
    """Return the scatter of values, from their median absolute deviation.

    A CMB map has tens to hundreds of µK: far less or more means that the unit is wrong.
    """
    return float(_MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def extract_cutouts(
    sky_map: SkyMap, ra_deg: np.ndarray, dec_deg: np.ndarray, exchange: BeamExchange | None = None
) -> Cutouts:
    """Cut the surroundings of positions out of a map.

    Parameters
    ----------
    sky_map : SkyMap
        The opened map to cut from.
    ra_deg, dec_deg : (n,) array
        ICRS positions [deg]; any RA turn will do. Memory grows with n, so give blocks of a thousand or so.
    exchange : BeamExchange, optional
        From the map's beam to the one that the cutouts are to have.

    Returns
    -------
    Cutouts
        One cutout per position, in order.
    """
    ra_deg, dec_deg = np.atleast_1d(np.asarray(ra_deg, float)), np.atleast_1d(np.asarray(dec_deg, float))
    count = len(ra_deg)
    images = np.zeros((count, N_PIXELS, N_PIXELS), dtype=np.float32)
    status = np.full(images.shape, PixelStatus.OUTSIDE, dtype=np.uint8)
    real = np.flatnonzero(np.isfinite(ra_deg) & (np.abs(dec_deg) <= 90.0))
    laid = lay_cutouts(sky_map, ra_deg[real], dec_deg[real])
    for number, i in enumerate(real):
        values, status[i] = sample(sky_map, laid, number, exchange)
        images[i] = values * sky_map.units.to_uk
        if status[i].any():
            images[i] = _filled(images[i], status[i] != 0)
    bad = status != 0
    outside = (status & PixelStatus.OUTSIDE) != 0
    return Cutouts(
        images=images,
        bad=bad,
        off_map=bad.all(axis=(1, 2)),
        cut_by_edge=outside.any(axis=(1, 2)),
        nonfinite_fraction=((status & PixelStatus.NONFINITE) != 0).mean(axis=(1, 2)),
    )


def _filled(values_uk: np.ndarray, bad: np.ndarray) -> np.ndarray:
    mean_uk = 0.0 if bad.all() else values_uk[~bad].mean()
    return np.where(bad, mean_uk, values_uk)
