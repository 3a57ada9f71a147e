"""Point sources painted on the pixels of a map."""

import numpy as np
from scipy.special import j0

from szmass_cli.physics.beams import ARCMIN, AnyBeam, harmonic_nodes
from szmass_cli.sky.pixels import Pixels
from szmass_cli.system.progress import Progress

FAINT = 1e-3
"""A faint source is painted as far out as its image is brighter than this fraction of its middle."""

FAINTEST_UK = 0.02
"""A bright one farther: until it is fainter than this."""

MAX_REACH_ARCMIN, N_RADII = 30.0, 1200


class PointPainter:
    """Adds point sources to maps of one band.

    Parameters
    ----------
    beam : AnyBeam
        Beam, pixel window and filter, the same in all directions.
    """

    def __init__(self, beam: AnyBeam):
        self._radii = np.linspace(0.0, MAX_REACH_ARCMIN, N_RADII)
        ell, weight = harmonic_nodes(beam, MAX_REACH_ARCMIN)
        measure = weight * ell * beam.b_ell(ell) / (2.0 * np.pi) * ARCMIN**2
        self._profile = j0(np.outer(self._radii * ARCMIN, ell)) @ measure
        # the largest value at a radius or beyond, which falls with radius
        self._envelope = np.maximum.accumulate(np.abs(self._profile)[::-1])[::-1]

    def reach_arcmin(self, brightness: np.ndarray) -> np.ndarray:
        """Return how far sources (s,) of some brightness [µK arcmin^2] are painted."""
        faintest = FAINTEST_UK / np.maximum(np.abs(brightness), 1e-12)
        threshold = np.minimum(faintest, FAINT * self._envelope[0])
        falling = self._envelope[::-1]
        return self._radii[np.minimum(N_RADII - np.searchsorted(falling, threshold), N_RADII - 1)]

    def paint(
        self,
        sky: np.ndarray,
        pixels: Pixels,
        centres: tuple[np.ndarray, np.ndarray],
        brightness: np.ndarray,
        progress: Progress,
    ) -> None:
        """Add sources to a map, in place.

        Parameters
        ----------
        sky : numpy.ndarray, shape (pixels.size,)
            Temperatures of the map [µK_CMB], changed in place.
        pixels : Pixels
            Those of `sky`, in the same order.
        centres : (numpy.ndarray, numpy.ndarray), shape (s,)
            Longitudes and latitudes [rad] in the map's frame.
        brightness : numpy.ndarray, shape (s,)
            Temperature times solid angle of each source [µK arcmin^2].
        progress : Progress
            Called with ``sources`` after every 1024 of them, and after the last.
        """
        reach = self.reach_arcmin(brightness) * ARCMIN
        for index, (lon, lat) in enumerate(zip(*centres, strict=True)):
            numbers, distance = pixels.within(float(lon), float(lat), float(reach[index]))
            sky[numbers] += brightness[index] * np.interp(distance / ARCMIN, self._radii, self._profile)
            if index % 1024 == 1023 or index + 1 == len(brightness):
                progress("sources", index + 1, len(brightness))
