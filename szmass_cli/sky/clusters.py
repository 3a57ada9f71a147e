"""Clusters painted on the sky: universal pressure profile, log-normal scatter of the SZ amplitude."""

import numpy as np

from szmass_cli.config import ClusterConfig, ListedMasses, LogUniformMasses
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, cluster_scales
from szmass_cli.physics.spectra import tsz_uk_per_y
from szmass_cli.stamp import N_PIXELS, pixel_radii_arcmin


def draw_masses(config: ClusterConfig, rng: np.random.Generator, n: int) -> np.ndarray:
    """n values of M200c [Msun] from the configured distribution."""
    masses = config.masses
    if isinstance(masses, ListedMasses):
        # shuffled whole rounds of the list, so that each mass comes equally often
        rounds = -(-n // len(masses.m200c_msun))
        return rng.permuted(np.tile(masses.m200c_msun, (rounds, 1)), axis=1).ravel()[:n]
    if isinstance(masses, LogUniformMasses):
        return np.exp(rng.uniform(np.log(masses.min_m200c_msun), np.log(masses.max_m200c_msun), n))
    return rng.uniform(masses.min_m200c_msun, masses.max_m200c_msun, n)


def mean_mass(config: ClusterConfig) -> float:
    """Mean M200c [Msun] of the configured distribution."""
    masses = config.masses
    if isinstance(masses, ListedMasses):
        return float(np.mean(masses.m200c_msun))
    low, high = masses.min_m200c_msun, masses.max_m200c_msun
    if isinstance(masses, LogUniformMasses):
        return (high - low) / float(np.log(high / low))
    return 0.5 * (low + high)


def mass_range(config: ClusterConfig) -> tuple[float, float]:
    """Smallest and largest M200c [Msun] of the configured distribution."""
    masses = config.masses
    if isinstance(masses, ListedMasses):
        return min(masses.m200c_msun), max(masses.m200c_msun)
    return masses.min_m200c_msun, masses.max_m200c_msun


def draw_amplitudes(sz_scatter_ln: float, rng: np.random.Generator, n: int) -> np.ndarray:
    """n log-normal factors of median 1 that multiply the SZ signal."""
    return np.exp(sz_scatter_ln * rng.standard_normal(n))


class ClusterStamps:
    """Cluster images on cutouts, behind a beam.

    Parameters
    ----------
    beam : Beam
    frequency_ghz : float
    """

    def __init__(self, beam: Beam, frequency_ghz: float):
        radii, self._where = np.unique(pixel_radii_arcmin().round(9), return_inverse=True)
        self._uk_per_y = tsz_uk_per_y(frequency_ghz)
        self._ln_size = np.log(np.geomspace(*BeamedProfile.THETA500_RANGE_ARCMIN, 1200))
        profile = BeamedProfile(beam, theta_max_arcmin=10.0)
        self._library = profile(np.exp(self._ln_size)[:, None], radii[None, :])

    def mean_images(self, m200c_msun, redshift) -> np.ndarray:
        """Images without scatter, shape (n, 40, 40) float32 [µK].

        Parameters
        ----------
        m200c_msun, redshift : array_like, shape (n,) or scalar
        """
        scales = cluster_scales(np.atleast_1d(m200c_msun), redshift)
        return self.images(scales)

    def images(self, scales: ClusterScales) -> np.ndarray:
        """Images of clusters of given size and scale, shape (n, 40, 40) float32 [µK].

        Raises
        ------
        InputError
            If a cluster is larger or smaller than those tabulated.
        """
        BeamedProfile.check_size(scales.theta500_arcmin)
        position = np.interp(np.log(scales.theta500_arcmin), self._ln_size, np.arange(self._ln_size.size))
        low = np.minimum(position.astype(int), self._ln_size.size - 2)
        upper = (position - low)[:, None]
        radial = self._library[low] * (1.0 - upper) + self._library[low + 1] * upper
        radial *= (self._uk_per_y * scales.y_scale)[:, None]
        return radial.astype(np.float32)[:, self._where.ravel()].reshape(-1, N_PIXELS, N_PIXELS)
