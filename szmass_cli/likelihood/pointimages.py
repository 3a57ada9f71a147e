"""Images of point sources behind the beams, pixels and filters of bands."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from szmass_cli.geometry import pixel_offsets_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN, beam_profile
from szmass_cli.physics.spectra import uk_per_mjy
from szmass_cli.sky.planeimages import PlaneImages

REACH_ARCMIN = 8.0
"""Sources further from a cutout's centre along either axis leave nothing in it."""


def point_images_uk(bands: Sequence[Band], uk_arcmin2: np.ndarray, places_arcmin: np.ndarray) -> np.ndarray:
    """Return point sources behind the beams of bands, each alone in a cutout, (n, 40, 40, f) [µK].

    Parameters
    ----------
    bands : sequence of Band, length f
        Beams, pixels and filters.
    uk_arcmin2 : numpy.ndarray, shape (f,)
        Their temperature times solid angle in each band [µK arcmin^2].
    places_arcmin : numpy.ndarray, shape (n, 2)
        Where they are, north and west of the centre [arcmin].
    """
    of_band = [(PointImage(band), uk_per_mjy(band.frequency_ghz)) for band in bands]
    images = [[image(*place) / scale for image, scale in of_band] for place in places_arcmin]
    return np.moveaxis(np.array(images), 1, -1) * uk_arcmin2


class PointImage:
    """Images of a point source of 1 mJy in one band [µK].

    Parameters
    ----------
    band : Band
        Beam, pixels and filter of the band.
    """

    def __init__(self, band: Band):
        self._uk_arcmin2 = uk_per_mjy(band.frequency_ghz)
        self._plane = None if band.plane_transfer is None else PlaneImages(band)
        radii = np.linspace(0.0, np.sqrt(2.0) * (REACH_ARCMIN + 5.0), 800)
        self._profile = CubicSpline(radii, beam_profile(band.optics, radii))

    def __call__(self, north_arcmin: float, west_arcmin: float) -> np.ndarray:
        """Return the image (40, 40) of a source at a place."""
        if self._plane is not None:
            per_sr = self._plane.of_point(north_arcmin, west_arcmin)
        else:
            axis = pixel_offsets_arcmin()
            per_sr = self._profile(np.hypot(axis[:, None] - north_arcmin, axis[None, :] - west_arcmin))
        return self._uk_arcmin2 * ARCMIN**2 * per_sr
