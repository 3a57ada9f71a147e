"""Cutouts of test sets: of any instrument, of several depths, and of one sky seen through several filters."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from szmass_cli.config import ClusterConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.sky.clusters import ClusterStamps, draw_masses, draw_redshifts
from szmass_cli.sky.cutouts import BLOCK, Stream, block_generator
from szmass_cli.sky.cutoutsky import CutoutSky, pixel_noise_uk, red_noise_sky
from szmass_cli.sky.signals import signal_source


@dataclass(frozen=True)
class TestBlock:
    """Simulated cutouts, seen with one or several instruments.

    Parameters
    ----------
    images_uk : numpy.ndarray, shape (n, 40, 40, v f), float32
        Of v views of f bands each.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        True M200c [Msun] and redshift of the cluster in the middle.
    variance_ratio : numpy.ndarray, shape (n, f)
        Variance of the noise over the instrument's.
    """

    __test__ = False  # no class of tests, whatever its name says

    images_uk: np.ndarray
    m200c_msun: np.ndarray
    redshift: np.ndarray
    variance_ratio: np.ndarray

    def __len__(self) -> int:
        return len(self.m200c_msun)

    def __getitem__(self, rows: slice | np.ndarray) -> "TestBlock":
        return TestBlock(*(getattr(self, field.name)[rows] for field in fields(self)))

    def view(self, index: int) -> np.ndarray:
        """Return the images (n, 40, 40, f) of one view [µK]."""
        n_bands = self.variance_ratio.shape[1]
        return self.images_uk[..., index * n_bands : (index + 1) * n_bands]


class ViewSimulator:
    """Draws cutouts of one sky, seen with several instruments that have the very same noise.

    Parameters
    ----------
    sky : SkyModel
        Power of the sky and the SZ signal of its clusters.
    views : Instrument
        One or more, of as many bands of the same noise each; as a rule they differ in their filters.
    depth_range : float
        Noise variances are drawn evenly in their ln over such a factor, about the instrument's, alike for
        all bands.
    """

    def __init__(self, sky: SkyModel, *views: Instrument, depth_range: float = 1.0):
        first = views[0]
        self._half_range = 0.5 * np.log(depth_range)
        self._noise_uk = pixel_noise_uk(first.noise_uk_arcmin).astype(np.float32)
        quiet = tuple(_without_red_noise(band) for view in views for band in view.bands)
        power = sky.power(quiet)
        self._sky = CutoutSky(power, Instrument(quiet))
        self._red = red_noise_sky(power, first)
        self._n_views = len(views)
        self._cosmology = sky.config.sky.cosmology.build()
        self._signals = signal_source(
            sky.config.clusters, quiet, ClusterStamps(quiet, sky.sz_model), sky.sz_model
        )

    def blocks(self, clusters: ClusterConfig, n: int, seed: int, salt: int) -> Iterator[TestBlock]:
        """Yield blocks that add up to n cutouts; the last one is cut, not drawn short."""
        for index in range(-(-n // BLOCK)):
            block = self.block(clusters, block_generator(seed, Stream.TEST, index, salt))
            yield block[: n - index * BLOCK]

    def block(self, clusters: ClusterConfig, rng: np.random.Generator) -> TestBlock:
        """Return a whole block; clusters come first, so that other skies may hold the same ones."""
        redshift = draw_redshifts(clusters, rng, BLOCK, cosmology=self._cosmology)
        m200c = draw_masses(clusters, rng, BLOCK, redshift=redshift, cosmology=self._cosmology)
        return self.cutouts(clusters, m200c, redshift, rng)

    def cutouts(
        self, clusters: ClusterConfig, m200c_msun: np.ndarray, redshift: np.ndarray, rng: np.random.Generator
    ) -> TestBlock:
        """Return cutouts of clusters of given masses (n,) [Msun] and redshifts (n,)."""
        n = len(m200c_msun)
        ln_ratio = rng.uniform(-1.0, 1.0, n) * self._half_range
        images = self._signals.draw(clusters, m200c_msun, redshift, rng, n).all
        noise = self._noise(rng, n) * np.exp(0.5 * ln_ratio).astype(np.float32)[:, None, None, None]
        images = images + np.tile(noise, self._n_views) + self._sky.draw_sky(rng, n)
        ratio = np.tile(np.exp(ln_ratio)[:, None], len(self._noise_uk))
        return TestBlock(images, m200c_msun, redshift, ratio)

    def _noise(self, rng: np.random.Generator, n: int) -> np.ndarray:
        shape = (n, N_PIXELS, N_PIXELS, self._noise_uk.size)
        noise = rng.standard_normal(shape, dtype=np.float32) * self._noise_uk
        return noise if self._red is None else noise + self._red.draw_sky(rng, n)


def _without_red_noise(band: Band) -> Band:
    return replace(band, red_noise=None)
