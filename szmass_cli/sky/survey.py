"""A mock survey: maps of a field in all bands, with mask, inverse variance and truth."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.table import Table
from pixell import enmap

from szmass_cli.config import FieldConfig, SurveyConfig, band_label
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.profiles import cluster_scales
from szmass_cli.sky.carpixels import CarPixels
from szmass_cli.sky.clusters import draw_amplitudes
from szmass_cli.sky.fieldclusters import (
    FieldClusters,
    check_sizes,
    clusters_inside,
    miscentred,
    truth_table,
)
from szmass_cli.sky.fields import PLANE_RADIUS_DEG, plane_skies
from szmass_cli.sky.footprint import check_memory
from szmass_cli.sky.harmonics import harmonic_skies
from szmass_cli.sky.healpixpixels import HealpixPixels
from szmass_cli.sky.mask import apodised_mask, noise_uk
from szmass_cli.sky.painting import ClusterPainter
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Part, blocks
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.progress import Progress, silent


@dataclass(frozen=True)
class SurveyField:
    """A simulated field, all of it in memory.

    Parameters
    ----------
    maps_uk, ivars : tuple of numpy.ndarray
        One map [µK_CMB] and one inverse variance [µK^-2] for each band; CAR maps are `pixell.enmap.ndmap`.
    mask : numpy.ndarray
        Of the same shape.
    truth : astropy.table.Table
        See `truth_table`.
    """

    maps_uk: tuple[np.ndarray, ...]
    ivars: tuple[np.ndarray, ...]
    mask: np.ndarray
    truth: Table

    @property
    def map_uk(self) -> np.ndarray:
        """The map of the first band."""
        return self.maps_uk[0]


class FieldSimulation:
    """Makes the maps of a field one after the other.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky``, ``clusters`` (for signal, scatter and miscentring) and ``field`` sections.
    clusters : FieldClusters
        Clusters to paint; those outside the field are left out of map and truth.
    seed : int
        Every random number follows from it, and from nothing else.
    progress : Progress

    Raises
    ------
    InputError
        If no cluster lies inside the field, or one of them is larger on the sky than can be simulated.
    ConfigError
        If the pixels are too wide for a beam, or there is not enough memory.
    """

    def __init__(self, config: SurveyConfig, clusters: FieldClusters, seed: int, progress: Progress = silent):
        self._config, self._progress = config, progress
        self.bands = config.sky.build_bands()
        check_pixels(config, self.bands)
        check_memory(config.field, self.bands)
        patch = Patch.of(config.field)
        clusters = clusters_inside(clusters, patch)
        model = config.clusters.sz_model(config.sky.cosmology.build())
        self._scales = cluster_scales(clusters.m200c_msun, clusters.redshift, model)
        check_sizes(clusters, self._scales)
        self._sky_seed, scatter, noise, offsets, holes = np.random.SeedSequence(seed).spawn(5)
        self._noise_seeds = noise.spawn(len(self.bands))
        self._amplitude = draw_amplitudes(config.clusters.sz_scatter_ln, _generator(scatter), len(clusters))
        painted_deg = miscentred(clusters, config.clusters.miscentring_arcmin, _generator(offsets))
        self.truth = truth_table(clusters, painted_deg, self._amplitude)
        self.pixels = pixels_of(config.field)
        self._centres = self.pixels.to_frame(*painted_deg)
        self.mask = apodised_mask(config.field, self.pixels, _generator(holes), progress)

    def maps_uk(self) -> Iterator[np.ndarray]:
        """Maps (pixels.size,) float32 [µK] of the bands, in their order.

        Sky and clusters behind the beam, white noise, and the mask that multiplies both. There is no pixel
        window: values are those at the pixels' centres.
        """
        for band, sky, seed in zip(self.bands, self._gaussian_skies(), self._noise_seeds, strict=True):
            painter = ClusterPainter(band)
            painter.paint(sky, self.pixels, self._centres, self._scales, self._amplitude, self._progress)
            rng = _generator(seed)
            for part in blocks(self.pixels.size):
                sigma = noise_uk(self._config.field, self.pixels, band.noise_uk_arcmin, part)
                sky[part] += sigma * rng.standard_normal(len(sigma), dtype=np.float32)
                sky[part] *= self.mask[part]
                self._progress("noise", part.stop, self.pixels.size)
            yield sky

    def _gaussian_skies(self) -> Iterator[np.ndarray]:
        """CMB and foregrounds of one band after the other: on a plane if the field is flat enough."""
        self._progress("spectra", 0, 1)
        power = SkyPower.from_config(self._config.sky, self.bands)
        self._progress("spectra", 1, 1)
        patch = Patch.of(self._config.field)
        common = (power, self.bands, self._sky_seed, self._progress)
        if patch.bounding_circle_deg()[2] <= PLANE_RADIUS_DEG:
            return plane_skies(self.pixels, patch, *common)
        return harmonic_skies(self.pixels, *common)

    def ivar(self, band: Band, part: Part) -> np.ndarray:
        """Inverse variance of the noise [µK^-2] in pixels of a part of the map, float32.

        That of the map before its taper; zero where the mask is zero.
        """
        sigma = noise_uk(self._config.field, self.pixels, band.noise_uk_arcmin, part)
        return np.where(self.mask[part] > 0, sigma**-2.0, 0.0).astype(np.float32)


def simulate_field(
    config: SurveyConfig, clusters: FieldClusters, seed: int, progress: Progress = silent
) -> SurveyField:
    """Simulate a field into memory; see `FieldSimulation`, whose arguments these are."""
    simulation = FieldSimulation(config, clusters, seed, progress)
    pixels = simulation.pixels

    def shaped(values: np.ndarray) -> np.ndarray:
        if isinstance(pixels, CarPixels):
            return enmap.enmap(values.reshape(pixels.shape), pixels.wcs)
        return values

    everything = slice(0, pixels.size)
    return SurveyField(
        tuple(shaped(values) for values in simulation.maps_uk()),
        tuple(shaped(simulation.ivar(band, everything)) for band in simulation.bands),
        shaped(simulation.mask),
        simulation.truth,
    )


def pixels_of(field: FieldConfig) -> CarPixels | HealpixPixels:
    """The pixels of a configured field."""
    patch = Patch.of(field)
    if field.pixelisation == "car":
        return CarPixels.covering(patch, field.pixel_arcmin)
    return HealpixPixels.covering(patch, field.nside, field.order == "nested", field.frame == "galactic")


def check_pixels(config: SurveyConfig, bands: tuple[Band, ...]) -> None:
    """Refuse pixels that are wider than a beam.

    Raises
    ------
    ConfigError
        With the keys' names.
    """
    field = config.field
    pixel_arcmin = field.pixel_side_arcmin
    for band in bands:
        if pixel_arcmin > band.beam.fwhm_arcmin:
            key = "nside" if field.pixelisation == "healpix" else "pixel_arcmin"
            raise ConfigError(
                f"field.{key} = {getattr(field, key):g}: pixels of {pixel_arcmin:.3g}' are wider than the "
                f"beam of {band.beam.fwhm_arcmin:.3g}' at {band_label(band.frequency_ghz)} GHz "
                "(sky.beam_fwhm_arcmin or sky.beam_file), which they cannot hold.",
                "Use smaller pixels, half the beam or less, or a wider beam.",
            )


def _generator(seed: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64DXSM(seed))
