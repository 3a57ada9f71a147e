"""A first look at a map around the clusters, before the run: its unit, its pixels and its noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.bandmaps import BandMap, width_arcmin
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.maps.cutoutpixels import lay_cutouts
from szmass_cli.maps.cutouts import robust_rms
from szmass_cli.maps.sampling import pixels_per_arcmin
from szmass_cli.maps.skymap import SkyMap
from szmass_cli.maps.tangent import unit_vectors
from szmass_cli.physics.bands import Band, Instrument
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.noise import NoiseLevel
from szmass_cli.sky.cutoutsky import cutout_smoothing, pixel_noise_uk
from szmass_cli.sky.lags import sky_lags_uk2
from szmass_cli.sky.symmetry import operator_blocks, symmetry_of
from szmass_cli.system.blas import one_blas_thread

LOOKED_AT = 200
"""Cutouts that a map is judged by: its noise is then known to a few per cent."""

SEED = 0
"""Of the random order in which rows are looked at: a run is repeated with the same ones."""

LOOKED_FOR = 20
"""Times as many rows are tried: of a catalogue far from the map, or a map full of holes, not all."""

PLAUSIBLE_RMS_RATIO = 50.0
"""A map whose fluctuations differ more than this from the sky's is in another unit."""

DEPTH_LN_STEP = 0.2
"""Steps of ln of inverse variances: rows on the same ones are measured together."""

SMOOTH = 0.3
"""Fields of which the beam leaves more than this fraction tell the noise."""

NOISE_RANGE_UK_ARCMIN = (0.3, 1000.0)
N_LEVELS = 400


@dataclass(frozen=True)
class Look:
    """Cutouts of one map around a random subset of the catalogue's rows.

    Parameters
    ----------
    rows : Rows
        The n rows of the subset, all with data around them.
    images_uk : numpy.ndarray, shape (n, 40, 40)
        Cutouts [µK_CMB]; the values of bad pixels are not used.
    bad : numpy.ndarray of bool, shape (n, 40, 40)
        Whether a pixel has no data.
    """

    rows: Rows
    images_uk: np.ndarray
    bad: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def whole(self) -> np.ndarray:
        """Return the cutouts that have no holes."""
        return self.images_uk[~self.bad.any(axis=(1, 2))]

    @property
    def rms_uk(self) -> float:
        """Return the robust rms [µK] of all pixels with data; NaN where there are none."""
        values = self.images_uk[~self.bad]
        return robust_rms(values) if values.size else float("nan")


def look_at(band_map: BandMap, rows: Rows) -> Look:
    """Cut a map around rows in random order, until `LOOKED_AT` of them have data around them."""
    # catalogues are sorted in some way
    order = np.random.default_rng(SEED).permutation(len(rows))
    places: list[np.ndarray] = [np.zeros(0, int)]
    images = [np.zeros((0, 40, 40), np.float32)]
    bad = [np.zeros((0, 40, 40), bool)]
    for start in range(0, min(len(rows), LOOKED_FOR * LOOKED_AT), LOOKED_AT):
        some = order[start : start + LOOKED_AT]
        cutouts = band_map.cutouts(rows[some])
        there = np.flatnonzero(~cutouts.off_map)
        places.append(some[there])
        images.append(cutouts.images[there])
        bad.append(cutouts.bad[there])
        if sum(map(len, places)) >= LOOKED_AT:
            break
    return Look(rows[np.concatenate(places)], np.concatenate(images), np.concatenate(bad))


def depth_numbers(maps: Sequence[BandMap], rows: Rows) -> np.ndarray | None:
    """Return an integer label (n,) of the depths of all bands around rows, equal for similar depths.

    Rows of similar depth are measured together. None for a single band, or without inverse variances, since
    there are few depths then.
    """
    if len(maps) == 1 or all(one.weights.ivar is None for one in maps):
        return None
    there = np.flatnonzero(np.isfinite(rows.ra_deg + rows.dec_deg))
    steps = np.zeros((len(rows), len(maps)), int)
    directions = unit_vectors(rows.ra_deg[there], rows.dec_deg[there])
    for band, one in enumerate(maps):
        if one.weights.ivar is not None:
            ivar = one.weights.ivar.nearest(directions)
            positive = np.where(ivar > 0.0, ivar, np.nan)
            relative = np.log(positive / np.nanmedian(positive)) if np.any(ivar > 0.0) else positive
            steps[there, band] = np.nan_to_num(np.round(relative / DEPTH_LN_STEP), nan=99.0).astype(int)
    return np.unique(steps, axis=0, return_inverse=True)[1].reshape(-1)


def check_plausible(sky_map: SkyMap, found_uk: float, expected_uk: float) -> None:
    """Refuse a map whose unit, unless stated by the user, makes its sky implausibly faint or bright.

    Parameters
    ----------
    sky_map : SkyMap
        The map; its unit, and where that was stated, are used.
    found_uk : float
        Robust rms of its pixels [µK_CMB]; NaN where no pixel has data.
    expected_uk : float
        Expected rms of a pixel of the model's sky [µK_CMB].

    Raises
    ------
    InputError
        The map's values cannot be in the assumed unit.
    """
    if sky_map.units.source == "option" or not np.isfinite(found_uk):
        return
    if not 1.0 / PLAUSIBLE_RMS_RATIO < found_uk / expected_uk < PLAUSIBLE_RMS_RATIO:
        raise InputError(
            f"{sky_map.path}: read as {sky_map.units.label} ({sky_map.units.source}), its fluctuations are "
            f"{found_uk:.3g} µK; the model's sky has {expected_uk:.3g} µK.",
            "The unit is hardly right: give --units K, mK, uK or y.",
        )


def sky_rms_uk(sky: SkyModel, band: Band) -> float:
    """Return the rms of a pixel [µK_CMB] in one band, from sky and stated noise."""
    lags = sky_lags_uk2(sky.power((band,)), Instrument((band,)))[0, 0]
    middle = len(lags) // 2
    return float(np.sqrt(lags[middle, middle] + pixel_noise_uk(band.noise_uk_arcmin) ** 2))


def pixel_side_arcmin(sky_map: SkyMap, rows: Rows) -> float:
    """Return the side [arcmin] of the square pixel whose window best matches that of the map's pixels.

    Pixels vary across a map: those of CAR become narrower in right ascension away from its equator. To
    second order the window depends only on the mean square of the two sides of a pixel.

    Parameters
    ----------
    sky_map : SkyMap
        A map whose pixels are means over their area.
    rows : Rows
        Positions at which the pixels are evaluated.
    """
    if not len(rows):
        return sky_map.pixel_arcmin
    laid = lay_cutouts(sky_map, rows.ra_deg, rows.dec_deg)
    known = [pixels for pixels in laid.pixels if np.isfinite(pixels).all()]
    # columns of the inverse are the two sides of a pixel on the sky
    squares = [np.sum(np.linalg.inv(pixels_per_arcmin(pixels)) ** 2) / 2.0 for pixels in known]
    return round(float(np.sqrt(np.mean(squares))), 5) if squares else sky_map.pixel_arcmin


def measured_noise(look: Look, band: Band, sky: SkyModel, pixel_arcmin: float) -> NoiseLevel | None:
    """Return the white noise of a map as measured from its cutouts; None without a complete cutout.

    The median over the cutouts of the maximum-likelihood level, given the power of the model's sky convolved
    with the band's beam, from modes that are odd in at least one direction: a centred cluster does not
    contribute to them. Only smooth modes are used; interpolation suppresses the noise of finer ones.

    Parameters
    ----------
    look : Look
        Cutouts of the map; only those without holes count.
    band : Band
        The band of the map; its own noise is not used.
    sky : SkyModel
        The model's sky, whose power convolved with the beam is present besides the noise.
    pixel_arcmin : float
        Side of the map's own pixels [arcmin], which the cutouts are interpolated from.
    """
    images = look.whole
    if not len(images):
        return None
    instrument = Instrument((band,))
    symmetry = symmetry_of(instrument)
    covariance = symmetry.blocks(sky_lags_uk2(sky.power((band,)), instrument))[1:]
    smoothing = cutout_smoothing(Beam(max(width_arcmin(band.beam), 2.0 * pixel_arcmin)))
    fields = symmetry.fold(np.asarray(images, float)[..., None])[1:]
    levels = np.geomspace(*NOISE_RANGE_UK_ARCMIN, N_LEVELS)
    variances = pixel_noise_uk(levels) ** 2
    ln_likelihood = np.zeros((len(images), N_LEVELS))
    with one_blas_thread():
        smooth = operator_blocks(smoothing, symmetry)[1:]
        for block, operator, data in zip(covariance, smooth, fields, strict=True):
            passed, waves = np.linalg.eigh(0.5 * (operator + operator.T))
            waves = waves[:, passed > SMOOTH]
            power, vectors = np.linalg.eigh(waves.T @ block @ waves)
            squared = (data @ (waves @ vectors)) ** 2
            total = np.maximum(power, 0.0)[:, None] + variances
            ln_likelihood -= 0.5 * (squared @ (1.0 / total) + np.log(total).sum(axis=0))
    likeliest = levels[ln_likelihood.argmax(axis=1)]
    return NoiseLevel(float(f"{np.median(likeliest):.3g}"))
