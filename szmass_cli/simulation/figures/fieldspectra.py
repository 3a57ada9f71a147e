"""Power spectra of a simulated field, measured on patches of its maps."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.table import Table

from szmass_cli.config import SurveyConfig
from szmass_cli.maps import open_map
from szmass_cli.maps.reader import open_mask
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import BeamedProfile, ClusterScales, cluster_scales
from szmass_cli.simulation.figures.fieldpatches import PatchGrid, lay_patches, positions_deg, sample_patch
from szmass_cli.sky.fieldshapes import PeakImages, bearing, field_peaks
from szmass_cli.sky.mask import shallowness
from szmass_cli.sky.measured import (
    MeasuredSpectra,
    PatchSpectra,
    beamed_dl_uk2,
    hann_window,
    noise_dl_uk2,
    plane_lag_covariance_uk2,
)
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.progress import Progress, silent

_EDGES = np.array(
    [600, 800, 1000, 1250, 1500, 1800, 2100, 2500, 3000, 3500, 4000, 4500, 5000, 6000, 7000, 8500, 10_000]
)
_OF_NYQUIST = 0.55
"""Splines pass all that is below this fraction of the map's own highest multipole, pi over its pixel."""


def field_spectra(
    config: SurveyConfig, maps: Sequence[Path], mask: Path, truth: Table, progress: Progress = silent
) -> MeasuredSpectra | None:
    """Measure the spectra of a field's Gaussian sky and noise, and say what was to be expected.

    The maps are brought to flat patches by quintic splines, and the clusters in the truth catalogue are taken
    out. What taper, mask and depth do to the spectra is in the expectation.

    Parameters
    ----------
    config : SurveyConfig
        Configuration with the bands of the maps.
    maps : sequence of Path, length f
        FITS maps, in the order of the configuration's bands.
    mask : Path
        FITS map of what all of them were multiplied by, from 0 to 1.
    truth : astropy.table.Table
        Clusters of the field, as from `truth_table`.
    progress : Progress
        Called with ``spectra`` and how many patches are measured.

    Returns
    -------
    MeasuredSpectra or None
        None where the field is too small, or its pixels too coarse, for any multipole of interest; or where
        a filter depends on direction, so that clusters cannot be taken out.
    """
    instrument = seen_instrument(config)
    if not instrument.is_isotropic:
        return None
    sky_maps, sky_mask = [open_map(path) for path in maps], open_mask(mask)
    grid = lay_patches(config.field, sky_maps[0].pixel_arcmin)
    edges = _usable_edges(grid, sky_maps[0].pixel_arcmin)
    if len(grid) == 0 or len(edges) < 2:
        return None
    bands = instrument.bands
    power = SkyPower.from_config(config.sky, bands)
    noiseless = Instrument(tuple(replace(band, red_noise=None) for band in bands))
    sky = plane_lag_covariance_uk2(power, noiseless, (grid.size, grid.size), grid.pixel_arcmin)
    clusters = [FieldSignal(config, band, truth) for band in bands]
    taper = hann_window((grid.size, grid.size))
    unmasked = PatchSpectra(taper, grid.pixel_arcmin, edges)
    of_unmasked_sky = unmasked.expect(sky)
    measured, expected, variance = [], [], []
    for number in range(len(grid)):
        directions = grid.directions(number)
        seen = sample_patch(sky_mask, directions)
        signal = np.stack([cluster.on(directions) for cluster in clusters])
        patch = np.stack([sample_patch(sky_map, directions) for sky_map in sky_maps]) - seen * signal
        spectra, of_sky = unmasked, of_unmasked_sky
        if np.abs(seen - 1.0).max() > 1e-6:
            spectra = PatchSpectra(taper * seen, grid.pixel_arcmin, edges)
            of_sky = spectra.expect(sky)
        noise = _noise_dl_uk2(config, instrument, spectra, taper * seen, directions)
        measured.append(spectra.measure_windowed((patch * taper)[None])[0])
        expected.append(of_sky + noise)
        variance.append(spectra.errors(expected[-1], 1) ** 2)
        progress("spectra", number + 1, len(grid))
    side_deg = grid.size * grid.pixel_arcmin / 60.0
    return MeasuredSpectra(
        f"{len(grid)} patches of {side_deg:.2g}°",
        spectra.ell,
        np.mean(measured, axis=0),
        np.mean(expected, axis=0),
        np.sqrt(np.sum(variance, axis=0)) / len(grid),
        spectra.average(lambda ell: beamed_dl_uk2(power, instrument, ell)),
    )


def _usable_edges(grid: PatchGrid, pixel_arcmin: float) -> np.ndarray:
    """Return the edges of bins between what a patch is too small for and what the map's pixels blur."""
    lowest = 2.0 * 2.0 * np.pi / (grid.size * grid.pixel_arcmin * ARCMIN)
    highest = _OF_NYQUIST * np.pi / (pixel_arcmin * ARCMIN)
    return _EDGES[(lowest <= _EDGES) & (highest >= _EDGES)]


def seen_instrument(config: SurveyConfig) -> Instrument:
    """Return the instrument of a field's maps, with pixels as squares of the same area where they are means.

    Parameters
    ----------
    config : SurveyConfig
        Configuration with the bands of the maps.
    """
    instrument, field = config.sky.build_instrument(), config.field
    if not field.pixel_averaging:
        return instrument
    side = field.pixel_side_arcmin
    if field.pixelisation == "car":
        side *= np.sqrt(np.cos(np.radians(field.center_dec_deg)))
    return replace(instrument, bands=tuple(replace(band, pixel_arcmin=side) for band in instrument.bands))


def _noise_dl_uk2(
    config: SurveyConfig,
    instrument: Instrument,
    spectra: PatchSpectra,
    window: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """Return D_ell (f, f, bins) of a patch's noise, whose depth counts as the window weights it."""
    excess = shallowness(config.field, *positions_deg(directions)) ** 2
    total = np.sum(window**2 * excess) / np.sum(window**2)
    return total * spectra.average(lambda ell: noise_dl_uk2(instrument, ell))


class FieldSignal:
    """The signal of a field's clusters in one band, on any pixels.

    Parameters
    ----------
    config : SurveyConfig
        Its ``clusters`` section and cosmology say how the signal follows from mass and redshift.
    band : Band
        Whose response, beam and pixels the signal is seen through.
    truth : astropy.table.Table
        Masses, redshifts, amplitudes, stretches, temperatures and painted positions; see `truth_table`. Where
        it tells shapes, these are those of the signal.
    """

    def __init__(self, config: SurveyConfig, band: Band, truth: Table):
        model = config.clusters.sz_model(config.sky.cosmology.build())
        scales = cluster_scales(np.asarray(truth["M200c_true"]) * 1e14, np.asarray(truth["redshift"]), model)
        if "profile_true" in truth.colnames:
            self._images: _RoundImages | PeakImages
            field = field_peaks(truth, scales, model)
            self._images = PeakImages(band, field.peaks)
            self._ra_deg, self._dec_deg = field.ra_deg, field.dec_deg
        else:
            self._images = _RoundImages(band, scales, truth)
            self._ra_deg, self._dec_deg = np.asarray(truth["ra_painted"]), np.asarray(truth["dec_painted"])
        ra, dec = np.radians(self._ra_deg), np.radians(self._dec_deg)
        self._where = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)

    def on(self, directions: np.ndarray) -> np.ndarray:
        """Return the clusters' signal [µK] at unit vectors (ny, nx, 3)."""
        signal = np.zeros(directions.shape[:2])
        middle = directions[directions.shape[0] // 2, directions.shape[1] // 2]
        radius = np.linalg.norm(directions - middle, axis=-1).max()
        apart = np.linalg.norm(self._where - middle, axis=-1)
        for i in np.flatnonzero(apart < radius + self._images.reach_arcmin * ARCMIN):
            chord = np.linalg.norm(directions - self._where[i], axis=-1)
            near = chord < self._images.reach_arcmin[i] * ARCMIN
            theta_arcmin = 2.0 * np.arcsin(chord[near] / 2.0) / ARCMIN
            angle = bearing(*positions_deg(directions[near]), self._ra_deg[i], self._dec_deg[i])
            signal[near] += self._images.at(int(i), theta_arcmin, angle)
        return signal


class _RoundImages:
    """Images of the round clusters of a truth table."""

    def __init__(self, band: Band, scales: ClusterScales, truth: Table):
        scales = scales.stretched(np.log(np.asarray(truth["stretch_true"])))
        self._size_arcmin = scales.theta500_arcmin
        uk_per_y = band.response.tsz_uk_per_y(np.asarray(truth["kT_true"]))
        self._central_uk = uk_per_y * scales.y_scale * truth["amplitude_true"]
        self._profile = BeamedProfile(band.optics)
        self.reach_arcmin = 5.0 * self._size_arcmin + 5.0 * band.beam.fwhm_arcmin

    def at(self, index: int, distance_arcmin: np.ndarray, bearing_rad: np.ndarray) -> np.ndarray:
        """Return the image [µK] of a cluster at distances from its centre, the same in all directions."""
        del bearing_rad
        return self._central_uk[index] * self._profile(self._size_arcmin[index], distance_arcmin)
