"""Maps that go with a map: masks, and inverse variances. They are looked up, not interpolated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass_cli.geometry import N_PIXELS, pixel_radii_arcmin
from szmass_cli.maps.cutoutpixels import lay_cutouts
from szmass_cli.maps.reader import open_ivar, open_mask
from szmass_cli.maps.sampling import pixels_per_arcmin, sample_around
from szmass_cli.maps.skymap import ABSURD, SkyMap
from szmass_cli.maps.units import MapUnits

LEAST_MASK = 0.99
"""Maps are multiplied by their masks: in a taper clusters are damped."""

_NOISE_WITHIN_ARCMIN = 4.0


@dataclass(frozen=True)
class Weights:
    """A mask, an inverse-variance map, or both.

    Parameters
    ----------
    mask : SkyMap, optional
        1 where the map is good, 0 where not; a taper between them damps the clusters, and is not good either.
    ivar : SkyMap, optional
        Inverse variance of a pixel, in its `units` to the power -2; where it is 0 there are no data.
    of_map : MapUnits, optional
        Unit of the map.
    """

    mask: SkyMap | None = None
    ivar: SkyMap | None = None
    of_map: MapUnits | None = None

    @classmethod
    def open(cls, mask: Path | None, ivar: Path | None, of_map: MapUnits | None = None) -> Weights:
        """Open the files, on any pixels that maps may have.

        Parameters
        ----------
        mask, ivar : Path, optional
            Files of the mask and of the inverse variances, each of which may choose an HDU or column.
        of_map : MapUnits, optional
            Unit of the map that they go with.

        Raises
        ------
        InputError
            One cannot be read.
        """
        return cls(
            None if mask is None else open_mask(mask),
            None if ivar is None else open_ivar(ivar, of_map),
            of_map,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """Return the assumptions made where the files say nothing."""
        return tuple(note for one in (self.mask, self.ivar) if one is not None for note in one.assumptions)

    def bad(self, ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
        """Return which pixels (n, 40, 40) of the cutouts at these positions are masked or without weight.

        A cutout's pixel is bad if any of the four map pixels around it is.
        """
        bad = np.zeros((len(ra_deg), N_PIXELS, N_PIXELS), bool)
        real = np.flatnonzero(np.isfinite(ra_deg + dec_deg))
        for sky_map, lowest in ((self.mask, LEAST_MASK), (self.ivar, np.finfo(float).tiny)):
            if sky_map is not None:
                laid = lay_cutouts(sky_map, ra_deg[real], dec_deg[real])
                for number, i in enumerate(real):
                    bad[i] |= ~(sample_around(sky_map, laid, number) >= lowest)
        return bad

    def noise_per_arcmin(self, ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray | None:
        """Return the white noise (n,) within 4' of positions; None without weights.

        It is in the map's unit times arcmin.
        """
        if self.ivar is None:
            return None
        near = pixel_radii_arcmin() < _NOISE_WITHIN_ARCMIN
        laid = lay_cutouts(self.ivar, ra_deg, dec_deg)
        noise = np.full(len(ra_deg), np.nan)
        for i in range(len(ra_deg)):
            values = sample_around(self.ivar, laid, i)[near]
            if np.any(values > 0):
                area = 1.0 / np.abs(np.linalg.det(pixels_per_arcmin(laid.pixels[i])))
                noise[i] = np.sqrt(area / np.median(values[values > 0]))
        if self.of_map is not None:
            noise *= abs(self.ivar.units.to_uk / self.of_map.to_uk)
        return noise


def nearest_with_data(sky_map: SkyMap, weights: Weights, directions: np.ndarray) -> np.ndarray:
    """Return the nearest pixels (...) to unit vectors (..., 3); NaN without data, masked or no weight."""
    values = np.asarray(sky_map.nearest(directions), float)
    good = (np.abs(values) < ABSURD) & (values != 0.0)
    if weights.mask is not None:
        good &= weights.mask.nearest(directions) >= LEAST_MASK
    if weights.ivar is not None:
        good &= weights.ivar.nearest(directions) > 0.0
    return np.where(good, values, np.nan)
