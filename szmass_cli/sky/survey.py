"""A mock survey: maps of a field in all bands, with mask, inverse variance and truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table
from pixell import enmap

from szmass_cli.config import FieldConfig, SurveyConfig, band_label
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import AnyBeam
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
from szmass_cli.sky.fieldshapes import draw_field_shapes, field_peaks, paint_peaks, shape_columns
from szmass_cli.sky.footprint import check_memory
from szmass_cli.sky.harmonics import harmonic_skies
from szmass_cli.sky.healpixpixels import HealpixPixels
from szmass_cli.sky.mapaxes import Margins, margin_pixels, seen_along_axes
from szmass_cli.sky.mask import apodised_mask, depth_factor, noise_uk
from szmass_cli.sky.objects.fieldobjects import FieldObjects, with_contents
from szmass_cli.sky.objects.halos import halo_light
from szmass_cli.sky.objects.remainder import gaussian_power
from szmass_cli.sky.observing import ErrorModel
from szmass_cli.sky.painting import ClusterPainter
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Part, blocks
from szmass_cli.sky.power import SkyPower, tabulated_ell
from szmass_cli.sky.rednoise import red_noise_beams, red_noise_power
from szmass_cli.system.progress import Progress, silent


@dataclass(frozen=True)
class SurveyField:
    """A simulated field, all of it in memory.

    Parameters
    ----------
    maps_uk, ivars : tuple of numpy.ndarray
        One map [µK_CMB] and one inverse variance [µK^-2] for each band; CAR maps are `pixell.enmap.ndmap`.
    mask : numpy.ndarray
        Mask from 0 to 1, of the same shape as each map.
    truth : astropy.table.Table
        The painted clusters with their true masses, see `truth_table`.
    """

    maps_uk: tuple[np.ndarray, ...]
    ivars: tuple[np.ndarray, ...]
    mask: np.ndarray
    truth: Table

    @property
    def map_uk(self) -> np.ndarray:
        """Return the map of the first band."""
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
        Called with each stage, such as ``mask``, ``sky`` and ``noise``, and how much of it is done.

    Raises
    ------
    InputError
        If no cluster lies inside the field, or one of them is larger on the sky than can be simulated.
    ConfigError
        If the pixels are too wide for a beam, or there is not enough memory.
    """

    def __init__(self, config: SurveyConfig, clusters: FieldClusters, seed: int, progress: Progress = silent):
        self._config, self._progress = config, progress
        self.instrument = config.sky.build_instrument()
        self.bands = self.instrument.bands
        check_pixels(config, self.bands)
        check_filters(config, self.bands)
        check_memory(config.field, self.instrument)
        patch = Patch.of(config.field)
        clusters = clusters_inside(clusters, patch)
        self._sky_seed, scatter, noise, offsets, holes, stretches, self._red_seed, *further = (
            np.random.SeedSequence(seed).spawn(10)
        )
        observing, shape_seed, objects = further
        model_of_errors = ErrorModel(config.sky.observing, self.bands, config.sky.build_beam_modes())
        self.errors = replace(model_of_errors.draw(_generator(observing), 1), depth=None)
        self._seen = tuple(as_seen(config.field, band) for band in model_of_errors.bands(self.errors))
        self._noise_seeds = noise.spawn(len(self.bands))
        model = config.clusters.sz_model(config.sky.cosmology.build())
        scales = cluster_scales(clusters.m200c_msun, clusters.redshift, model)
        self._amplitude = draw_amplitudes(config.clusters.sz_scatter_ln, _generator(scatter), len(clusters))
        # clusters of many shapes have their own stretches among them
        stretch_ln = 0.0 if config.clusters.is_shaped else config.clusters.concentration_scatter_ln
        ln_stretch = stretch_ln * _generator(stretches).standard_normal(len(clusters))
        self._scales = scales.stretched(ln_stretch) if stretch_ln > 0.0 else scales
        check_sizes(clusters, self._scales)
        painted_deg = miscentred(clusters, config.clusters.miscentring_arcmin, _generator(offsets))
        stretch, columns = np.exp(ln_stretch), {}
        if config.clusters.is_shaped:
            ln_amplitude, rng = np.log(self._amplitude), _generator(shape_seed)
            shapes, painted_deg = draw_field_shapes(
                config.clusters, clusters, ln_amplitude, scales, model, rng
            )
            stretch, columns = shapes.stretch, shape_columns(shapes, painted_deg, model.slope)
        self.truth = truth_table(clusters, painted_deg, self._amplitude, stretch, self._scales.kt_kev)
        self.truth.update(columns)
        self._peaks = field_peaks(self.truth, scales, model) if columns else None
        self._light = halo_light(config.sky.objects, self.bands, model)
        self._objects = None
        if config.sky.objects.has_any:
            self._objects = FieldObjects(
                config,
                self._seen,
                model,
                clusters,
                painted_deg,
                self._scales,
                self._amplitude,
                _generator(objects),
            )
            self.truth = with_contents(self.truth, self._objects)
        self.pixels = pixels_of(config.field)
        self._margins = margins_of(config.field, self.pixels, self.bands)
        self._centres = self.pixels.to_frame(*painted_deg)
        removed = self._objects.removed_deg if self._objects is not None else None
        self.mask = apodised_mask(config.field, self.pixels, _generator(holes), progress, removed)

    def maps_uk(self) -> Iterator[np.ndarray]:
        """Yield maps (pixels.size,) float32 [µK] of the bands, in their order.

        Sky and clusters behind beam, pixels and filter and with the error of calibration, then the noise,
        white and red, and the mask that multiplies all. Values are those at the pixels' centres unless
        ``pixel_averaging`` or the band's ``pixel_arcmin`` says otherwise.
        """
        skies, reds = self._gaussian_skies(), self._red_noise()
        for index, (band, sky, seed) in enumerate(zip(self.bands, skies, self._noise_seeds, strict=True)):
            sky = self._with_clusters(sky, index)
            if self.errors.calibration is not None:
                sky *= np.float32(1.0 + self.errors.calibration[0, index])
            red = next(reds, None)
            rng = _generator(seed)
            for part in blocks(self.pixels.size):
                sigma = noise_uk(self._config.field, self.pixels, band.noise_uk_arcmin, part)
                sky[part] += sigma * rng.standard_normal(len(sigma), dtype=np.float32)
                if red is not None:
                    sky[part] += depth_factor(self._config.field, self.pixels, part) * red[part]
                sky[part] *= self.mask[part]
                self._progress("noise", part.stop, self.pixels.size)
            yield sky

    def _with_clusters(self, sky: np.ndarray, index: int) -> np.ndarray:
        """Add the clusters to a Gaussian sky, and put both through what acts along the map's axes."""
        pixels = self.pixels if self._margins is None else self._margins.pixels
        if self._objects is not None:
            self._objects.paint(sky, pixels, index, self._progress)
        if self._peaks is not None:
            paint_peaks(sky, pixels, self._peaks, self._seen[index], self._progress)
        else:
            painter = ClusterPainter(self._seen[index])
            painter.paint(sky, pixels, self._centres, self._scales, self._amplitude, self._progress)
        if self._margins is None:
            return sky
        averaging, transfer = self._config.field.pixel_averaging, self.bands[index].plane_transfer
        if averaging or transfer is not None:
            sky = seen_along_axes(sky, self._margins, averaging, transfer)
        return self._margins.inner(sky)

    def _gaussian_skies(self) -> Iterator[np.ndarray]:
        """Yield CMB and foregrounds of one band after the other, with margins where the map has any."""
        self._progress("spectra", 0, 1)
        power = gaussian_power(self._config.sky, self.bands, self._light)
        self._progress("spectra", 1, 1)
        beams = [band.optics for band in self._seen]
        if self._margins is None:
            return self._drawn(self.pixels, Patch.of(self._config.field), power, beams, self._sky_seed)
        return self._drawn(self._margins.pixels, self._margins.patch, power, beams, self._sky_seed)

    def _red_noise(self) -> Iterator[np.ndarray]:
        """Yield the red noise of one band after the other as in the middle of the field, if there is any."""
        power = red_noise_power(self.instrument, tabulated_ell(max(b.beam.ell_max for b in self.bands)))
        if power is None:
            return iter(())
        beams, stripes = red_noise_beams(self.instrument, power), self.instrument.stripes
        if stripes is None or not isinstance(self.pixels, CarPixels):
            return self._drawn(self.pixels, Patch.of(self._config.field), power, beams, self._red_seed)
        around = Margins.around(self.pixels, margin_pixels(self.pixels, [stripes.amplitude]))
        reds = self._drawn(around.pixels, around.patch, power, beams, self._red_seed)
        return (around.inner(seen_along_axes(red, around, False, stripes.amplitude)) for red in reds)

    def _drawn(
        self,
        pixels: CarPixels | HealpixPixels,
        patch: Patch,
        power: SkyPower,
        beams: Sequence[AnyBeam],
        seed: np.random.SeedSequence,
    ) -> Iterator[np.ndarray]:
        """Return Gaussian fields on pixels: from a plane if the patch is flat enough."""
        if patch.bounding_circle_deg()[2] <= PLANE_RADIUS_DEG:
            return plane_skies(pixels, patch, power, beams, seed, self._progress)
        return harmonic_skies(pixels, power, beams, seed, self._progress)

    def ivar(self, band: Band, part: Part) -> np.ndarray:
        """Return the inverse variance of the white noise [µK^-2] in pixels of a part of the map, float32.

        That of the map before its taper, and without the red noise, as surveys state it; zero where the mask
        is zero.
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
    """Return the pixels of a configured field."""
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
        averaging = field.pixel_averaging and field.pixelisation == "car"
        if averaging and 2.0 * pixel_arcmin > band.beam.fwhm_arcmin:
            raise ConfigError(
                f"field.pixel_averaging: means over pixels of {pixel_arcmin:.3g}' need a beam of twice that; "
                f"the beam at {band_label(band.frequency_ghz)} GHz has {band.beam.fwhm_arcmin:.3g}'.",
                "Make field.pixel_arcmin half the beam or less.",
            )


def check_filters(config: SurveyConfig, bands: tuple[Band, ...]) -> None:
    """Refuse filters and stripes, which depend on direction, where the map has no axes along the sky's.

    Raises
    ------
    ConfigError
        With the band.
    """
    if config.field.pixelisation == "car":
        return
    if config.sky.observing.stripes > 0:
        raise ConfigError(
            "sky.observing.stripes: stripes lie along the axes of a map, and HEALPix has none.",
            "Set it to 0, or set field.pixelisation: car.",
        )
    for band in bands:
        if band.plane_transfer is not None:
            raise ConfigError(
                f"transfer_file of {band_label(band.frequency_ghz)} GHz: a filter of ell_x and ell_y acts "
                "along the axes of a map, and HEALPix has none.",
                "Give a table of ell and T(ell), or set field.pixelisation: car.",
            )


def as_seen(field: FieldConfig, band: Band) -> Band:
    """Return a band with the pixel window that applies alike in all directions.

    Parameters
    ----------
    field : FieldConfig
        Where its values are means over its own pixels, those of CAR are dealt with along the map's axes, and
        those of HEALPix are as squares of the same area.
    band : Band
        Everything except `pixel_arcmin` stays as it is.
    """
    if not field.pixel_averaging:
        return band
    return replace(band, pixel_arcmin=field.pixel_side_arcmin if field.pixelisation == "healpix" else 0.0)


def margins_of(
    field: FieldConfig, pixels: CarPixels | HealpixPixels, bands: tuple[Band, ...]
) -> Margins | None:
    """Return the margins that a map is made with; None where nothing acts along its axes."""
    filters = [band.plane_transfer for band in bands]
    if not isinstance(pixels, CarPixels) or not (field.pixel_averaging or any(filters)):
        return None
    return Margins.around(pixels, margin_pixels(pixels, filters))


def _generator(seed: np.random.SeedSequence) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64DXSM(seed))
