"""Clusters to be painted: which ones there are, and their images on cutouts."""

from collections.abc import Sequence

import numpy as np

from szmass_cli.config import (
    ClusterConfig,
    ListedMasses,
    ListedRedshifts,
    LogUniformMasses,
    LogUniformRedshifts,
    MassFunctionMasses,
    UniformRedshifts,
    VolumeRedshifts,
)
from szmass_cli.geometry import N_PIXELS, pixel_offsets_arcmin, pixel_radii_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.cosmology import PLANCK18, Cosmology
from szmass_cli.physics.profiles import ARNAUD2010, BeamedProfile, ClusterScales, SzModel, cluster_scales
from szmass_cli.sky.abundance import draw_by_volume, halo_abundance
from szmass_cli.sky.planeimages import PlaneImages


def draw_masses(
    config: ClusterConfig,
    rng: np.random.Generator,
    n: int,
    first: int = 0,
    redshift: np.ndarray | None = None,
    cosmology: Cosmology = PLANCK18,
) -> np.ndarray:
    """Draw n values of M200c [Msun] from the configured distribution.

    Parameters
    ----------
    config : ClusterConfig
        Its ``masses``, and its redshifts where a mass function depends on them.
    rng : numpy.random.Generator
        Draws the masses, unless they are a list.
    n : int
        How many masses; a list that is shorter begins again.
    first : int
        Number of the first cluster, which says where in a list of masses it stands.
    redshift : numpy.ndarray, shape (n,), optional
        Redshifts, on which the mass function depends; the configured one otherwise.
    cosmology : Cosmology
        Of the mass function; nothing else depends on it.
    """
    masses = config.masses
    if isinstance(masses, ListedMasses):
        return np.resize(np.roll(masses.m200c_msun, -first), n)
    low, high = masses.min_m200c_msun, masses.max_m200c_msun
    if isinstance(masses, MassFunctionMasses):
        at = np.full(n, config.redshift) if redshift is None else redshift
        span = redshift_range(config)
        # a single redshift is the middle of a thin slice
        span = span if span[1] > span[0] else (span[0] * 0.99, span[1] * 1.01)
        return halo_abundance(cosmology, (low, high), span).draw_masses(at, rng)
    if isinstance(masses, LogUniformMasses):
        return np.exp(rng.uniform(np.log(low), np.log(high), n))
    return rng.uniform(low, high, n)


def draw_redshifts(
    config: ClusterConfig, rng: np.random.Generator, n: int, first: int = 0, cosmology: Cosmology = PLANCK18
) -> np.ndarray:
    """Draw n redshifts from the configured distribution; see `draw_masses`."""
    redshifts, masses = config.redshift, config.masses
    if isinstance(redshifts, ListedRedshifts):
        # beside a list of masses each redshift gets all of them in turn
        each = len(masses.m200c_msun) if isinstance(masses, ListedMasses) else 1
        return np.asarray(redshifts.redshifts)[(first + np.arange(n)) // each % len(redshifts.redshifts)]
    if isinstance(redshifts, UniformRedshifts):
        return rng.uniform(redshifts.min, redshifts.max, n)
    if isinstance(redshifts, LogUniformRedshifts):
        return np.exp(rng.uniform(np.log(redshifts.min), np.log(redshifts.max), n))
    if isinstance(redshifts, VolumeRedshifts):
        span = (redshifts.min, redshifts.max)
        if isinstance(masses, MassFunctionMasses):
            limits = (masses.min_m200c_msun, masses.max_m200c_msun)
            return halo_abundance(cosmology, limits, span).draw_redshifts(rng, n)
        return draw_by_volume(span, cosmology, rng, n)
    return np.full(n, float(redshifts))


def mean_mass(config: ClusterConfig) -> float:
    """Return the mean M200c [Msun] of the configured distribution."""
    masses = config.masses
    if isinstance(masses, ListedMasses):
        return float(np.mean(masses.m200c_msun))
    low, high = masses.min_m200c_msun, masses.max_m200c_msun
    if isinstance(masses, LogUniformMasses):
        return (high - low) / float(np.log(high / low))
    if isinstance(masses, MassFunctionMasses):
        rng, n = np.random.Generator(np.random.PCG64DXSM(0)), 20_000
        return float(draw_masses(config, rng, n, redshift=draw_redshifts(config, rng, n)).mean())
    return 0.5 * (low + high)


def mass_range(config: ClusterConfig) -> tuple[float, float]:
    """Return the smallest and largest M200c [Msun] of the configured distribution."""
    masses = config.masses
    if isinstance(masses, ListedMasses):
        return min(masses.m200c_msun), max(masses.m200c_msun)
    return masses.min_m200c_msun, masses.max_m200c_msun


def redshift_range(config: ClusterConfig) -> tuple[float, float]:
    """Return the smallest and largest redshift of the configured distribution."""
    redshifts = config.redshift
    if isinstance(redshifts, ListedRedshifts):
        return min(redshifts.redshifts), max(redshifts.redshifts)
    if isinstance(redshifts, UniformRedshifts | LogUniformRedshifts | VolumeRedshifts):
        return redshifts.min, redshifts.max
    return float(redshifts), float(redshifts)


def draw_amplitudes(sz_scatter_ln: float, rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw n log-normal factors of median 1 that multiply the SZ signal."""
    return np.exp(sz_scatter_ln * rng.standard_normal(n))


class ClusterStamps:
    """Cluster images on cutouts, behind the beams of a survey.

    Parameters
    ----------
    bands : sequence of Band, length f
        Whose responses, beams and filters the images are seen through.
    model : SzModel
        How the signal follows from mass and redshift.
    """

    N_SIZES, N_PLANE_SIZES = 1200, 160
    THETA_MAX_ARCMIN = 10.0 + 3.0 * np.sqrt(2.0) * 3.0
    """From a corner to the opposite one, and three times the largest rms offset."""

    def __init__(self, bands: Sequence[Band], model: SzModel = ARNAUD2010):
        self._model = model
        self._uk_per_y = np.array([band.response.tsz_uk_per_y() for band in bands])
        self._responses = [band.response for band in bands]
        self._profiles = [
            BeamedProfile(band.optics, self.THETA_MAX_ARCMIN)
            if band.plane_transfer is None
            else PlaneImages(band)
            for band in bands
        ]
        self._is_round = all(isinstance(profile, BeamedProfile) for profile in self._profiles)
        n_sizes = self.N_SIZES if self._is_round else self.N_PLANE_SIZES
        self._ln_size = np.log(np.geomspace(*BeamedProfile.THETA500_RANGE_ARCMIN, n_sizes))
        radii = pixel_radii_arcmin().ravel()
        if self._is_round:  # pixels at the same distance share their values
            radii, where = np.unique(radii.round(9), return_inverse=True)
            self._where = where.ravel()
        else:
            self._where = np.arange(radii.size)
        self._centred = self._tabulate(radii)

    def _tabulate(self, radii_arcmin: np.ndarray) -> np.ndarray:
        """Return beamed shapes (sizes, pixels, f) times the temperature of one unit of y."""
        sizes = np.exp(self._ln_size)
        shapes = [
            profile(sizes[:, None], radii_arcmin[None, :])
            if isinstance(profile, BeamedProfile)
            else np.array([profile(size).ravel() for size in sizes])
            for profile in self._profiles
        ]
        return np.stack(shapes, axis=-1) * self._uk_per_y

    def mean_images(self, m200c_msun, redshift) -> np.ndarray:
        """Return images of centred clusters without scatter, shape (n, 40, 40, f) float32 [µK].

        Parameters
        ----------
        m200c_msun, redshift : array_like, shape (n,) or scalar
            M200c [Msun] and redshift; a scalar is that of all clusters.
        """
        return self.images(cluster_scales(np.atleast_1d(m200c_msun), redshift, self._model))

    def images(self, scales: ClusterScales) -> np.ndarray:
        """Return images of centred clusters of given size and scale, shape (n, 40, 40, f) float32 [µK].

        Raises
        ------
        InputError
            If a cluster is larger or smaller than those tabulated.
        """
        BeamedProfile.check_size(scales.theta500_arcmin)
        low, upper = self._place(scales)
        radial = (
            self._centred[low] * (1.0 - upper)[:, None, None] + self._centred[low + 1] * upper[:, None, None]
        )
        radial *= scales.y_scale[:, None, None]
        if np.any(scales.kt_kev):
            radial *= self._relativistic(scales)[:, None, :]
        return radial.astype(np.float32)[:, self._where].reshape(-1, N_PIXELS, N_PIXELS, len(self._uk_per_y))

    def offset_images(self, scales: ClusterScales, offset_arcmin: np.ndarray) -> np.ndarray:
        """Return images of clusters whose centres lie off the middle, (n, 40, 40, f) float32 [µK].

        Parameters
        ----------
        scales : ClusterScales
            Sizes, Compton scales and temperatures of n clusters.
        offset_arcmin : numpy.ndarray, shape (n, 2)
            Of the centre from the middle of the cutout, in rows (northwards) and columns (westwards).
        """
        shapes = [
            self._offset_round(profile, scales, offset_arcmin)
            if isinstance(profile, BeamedProfile)
            else np.array(
                [profile(*one) for one in zip(scales.theta500_arcmin, *offset_arcmin.T, strict=True)]
            )
            for profile in self._profiles
        ]
        images = np.stack(shapes, axis=-1) * self._uk_per_y * scales.y_scale[:, None, None, None]
        if np.any(scales.kt_kev):
            images *= self._relativistic(scales)[:, None, None, :]
        return images.astype(np.float32)

    @staticmethod
    def _offset_round(profile: BeamedProfile, scales: ClusterScales, offset_arcmin: np.ndarray) -> np.ndarray:
        axis = pixel_offsets_arcmin()
        theta = np.hypot(
            axis[None, :, None] - offset_arcmin[:, 0, None, None],
            axis[None, None, :] - offset_arcmin[:, 1, None, None],
        )
        return profile(scales.theta500_arcmin[:, None, None], theta)

    def _relativistic(self, scales: ClusterScales) -> np.ndarray:
        """Return the signal of hot gas over that of cold gas with the same y, (n, f)."""
        hot = [response.tsz_uk_per_y(scales.kt_kev) for response in self._responses]
        return np.stack(hot, axis=-1) / self._uk_per_y

    def _place(self, scales: ClusterScales) -> tuple[np.ndarray, np.ndarray]:
        """Return where sizes fall in the table: the lower neighbour, and the weight of the upper one."""
        position = np.interp(np.log(scales.theta500_arcmin), self._ln_size, np.arange(self._ln_size.size))
        low = np.minimum(position.astype(int), self._ln_size.size - 2)
        return low, position - low
