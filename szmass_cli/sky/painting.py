"""Clusters painted on the pixels of a map."""

import numpy as np

from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import CUT_R500, BeamedProfile, ClusterScales
from szmass_cli.sky.pixels import Pixels
from szmass_cli.system.progress import Progress, silent

FAINT = 1e-5
"""A cluster is painted as far out as its image behind the beam is brighter than this fraction of its centre.

Of a Gaussian beam nothing is left three widths beyond the sphere's edge; a measured one has wider wings.
"""

FAINT_FILTERED = 1e-4
"""The same behind a filter, which spreads a cluster over degrees."""

MAX_REACH_ARCMIN = 216.0
N_SIZES, N_RADII = 60, 400


class ClusterPainter:
    """Adds clusters to maps of one band.

    Parameters
    ----------
    band : Band
        Its optics are applied; a filter that depends on direction is not.
    """

    def __init__(self, band: Band):
        self._profile = BeamedProfile(band.optics, MAX_REACH_ARCMIN)
        self._response = band.response
        self._faint = FAINT if band.transfer is None else FAINT_FILTERED
        self._sizes = np.geomspace(*BeamedProfile.THETA500_RANGE_ARCMIN, N_SIZES)
        self._reaches = np.array([self._bright_radius_arcmin(size) for size in self._sizes])

    def _bright_radius_arcmin(self, theta500_arcmin: float) -> float:
        radii = np.append(0.0, np.geomspace(CUT_R500 * theta500_arcmin, MAX_REACH_ARCMIN, N_RADII))
        shape = np.abs(self._profile(theta500_arcmin, radii))
        last_bright = np.flatnonzero(shape >= self._faint * shape[0])[-1]
        return float(radii[min(last_bright + 1, N_RADII)])

    def reach_arcmin(self, theta500_arcmin) -> np.ndarray:
        """Return how far from their centres clusters of given sizes are painted."""
        return np.interp(np.log(theta500_arcmin), np.log(self._sizes), self._reaches)

    def paint(
        self,
        sky: np.ndarray,
        pixels: Pixels,
        centres: tuple[np.ndarray, np.ndarray],
        scales: ClusterScales,
        amplitude: np.ndarray,
        progress: Progress = silent,
    ) -> None:
        """Add clusters to a map, in place.

        Parameters
        ----------
        sky : numpy.ndarray, shape (pixels.size,)
            Temperatures of the map [µK_CMB], changed in place.
        pixels : Pixels
            Those of `sky`, in the same order.
        centres : (numpy.ndarray, numpy.ndarray), shape (n,)
            Longitudes and latitudes [rad] in the map's frame.
        scales : ClusterScales
            Sizes and Compton scales (n,), and temperatures of the gas.
        amplitude : numpy.ndarray, shape (n,)
            What multiplies the mean signal.
        progress : Progress
            Called with ``clusters`` after every 64 of them, and after the last.
        """
        size = scales.theta500_arcmin
        central = self._response.tsz_uk_per_y(scales.kt_kev) * scales.y_scale * amplitude
        reach = self.reach_arcmin(size) * ARCMIN
        for index, (lon, lat) in enumerate(zip(*centres, strict=True)):
            numbers, distance = pixels.within(float(lon), float(lat), float(reach[index]))
            sky[numbers] += central[index] * self._profile(size[index], distance / ARCMIN)
            if index % 64 == 63 or index + 1 == len(size):
                progress("clusters", index + 1, len(size))
