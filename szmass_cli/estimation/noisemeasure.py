"""The noise of maps, measured in them: in regions around the rows, without what is known of the sky."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, ndimage

from szmass_cli.estimation.bandmaps import BandMap
from szmass_cli.estimation.noiseregions import LEAST_BLANK, MOST_REGIONS, Region, regions_around
from szmass_cli.estimation.rows import Rows
from szmass_cli.likelihood.skymodel import SkyModel
from szmass_cli.maps.patches import PatchGrid
from szmass_cli.physics.bands import Instrument
from szmass_cli.physics.planenoise import shape_of_filter
from szmass_cli.sky.lags import plane_filters
from szmass_cli.sky.noisefit import BinnedPower, NoiseFit, NoiseShape, fitted_noise, relative_depth
from szmass_cli.sky.patchpower import PlaneModes
from szmass_cli.sky.planeratio import WINDOW_CORRELATION
from szmass_cli.sky.power import SkyPower
from szmass_cli.system.blas import one_blas_thread
from szmass_cli.system.progress import Progress, silent

OF_NYQUIST = 0.6
"""Finer waves than this fraction of what pixels can hold are changed by interpolation."""

HIGHEST_ELL = 15_000.0
PASSED = 0.5
"""Noise is fitted to modes of which filters leave more than this in power."""

FAINTEST = 0.02
"""Of the power at `ELL_OF_CLUSTERS`: where less is left, maps were smoothed, and no noise can be seen."""

ELL_OF_CLUSTERS = 4500.0
N_RINGS = 28
STANDS_OUT_SIGMA = 5.0
SEEN, WELL_SEEN = 0.02, 0.3
"""Of the window: sources are looked for where it is larger than the one, and the brighter of them below the
other."""

HALF_BLANK = 0.5
"""Of the blank sky that regions begin with: sources may take as much of it."""

JUDGED_BY = 4
"""Regions by which it is looked how far power reaches."""

AS_STATED, NEAR_STATED, CONTRADICTED_BY = 0.03, 0.1, 6.6
"""Of ln of the white noise: inverse variances that are right to the first, or to the second where the map
does not contradict them, are taken as they are; -2 ln L grows by the last for each band that they are wrong
in."""

FAR_OFF = 6.0
"""Regions whose noise variance is further than this from the typical one are no part of the map."""

UNEVEN = 0.05
"""Regions whose noise variances differ by more have their own depths where no inverse variances are given."""


@dataclass(frozen=True, eq=False)
class RegionPower:
    """The modes of a region, and the power that the sky has under its window.

    Parameters
    ----------
    region : Region
        What was cut out of the maps.
    modes : numpy.ndarray, shape (m, f)
        Transform of its f maps, whose squares are power [µK^2 sr].
    sky, foregrounds : numpy.ndarray, shape (m, f, f)
        Mean power [µK^2 sr] of the sky, as beams and filters leave it, and of the model's foregrounds.
    """

    region: Region
    modes: np.ndarray
    sky: np.ndarray
    foregrounds: np.ndarray

    @property
    def power(self) -> np.ndarray:
        """Return the power of each mode between bands, (m, f, f) [µK^2 sr]."""
        return (self.modes[:, :, None] * self.modes[:, None, :].conj()).real

    def only(self, chosen: np.ndarray) -> "RegionPower":
        """Return the same with some of its modes."""
        return RegionPower(self.region, self.modes[chosen], self.sky[chosen], self.foregrounds[chosen])

    def brighter(self, factor: float) -> "RegionPower":
        """Return the same with so many times the model's foregrounds in the sky."""
        return replace(self, sky=self.sky + (factor - 1.0) * self.foregrounds)


@dataclass(frozen=True, eq=False)
class NoiseMeasurement:
    """Noise as it was measured.

    Parameters
    ----------
    shape : NoiseShape
        White noise, knee, slope and correlation of the bands, at the depth `reference`.
    reference_uk_arcmin : numpy.ndarray, shape (f,)
        What inverse variances say of that depth; NaN without.
    regions : tuple of Region
        Where it was measured.
    depth : numpy.ndarray, shape (p, f)
        Noise variance of each region over that of `shape`.
    modes : PlaneModes
        Multipoles of the regions' modes.
    powers : tuple of RegionPower
        Modes of the regions.
    foregrounds : float
        Power of the sky's foregrounds over the model's.
    """

    shape: NoiseShape
    reference_uk_arcmin: np.ndarray
    regions: tuple[Region, ...]
    depth: np.ndarray
    modes: PlaneModes
    powers: tuple[RegionPower, ...]
    foregrounds: float


class NoiseMeter:
    """Measures the noise of the maps of a run.

    Parameters
    ----------
    maps : sequence of BandMap, length f
        The opened maps.
    instrument : Instrument
        Their bands; the noise of these is not used.
    sky : SkyModel
        The sky that the model takes to be in the maps, none in those of Compton y.
    """

    def __init__(self, maps: Sequence[BandMap], instrument: Instrument, sky: SkyModel):
        self._maps, self._instrument = maps, instrument
        self._sky = sky.power(instrument.bands)
        twice = sky.with_foregrounds(2.0).power(instrument.bands)
        self._foregrounds = SkyPower(twice.ell, twice.cl_uk2_sr - self._sky.cl_uk2_sr)

    def __call__(
        self,
        rows: Rows,
        most: int = MOST_REGIONS,
        known: Rows | None = None,
        progress: Progress = silent,
    ) -> NoiseMeasurement | None:
        """Return the noise around the rows of a catalogue; None where no region has enough blank sky.

        Parameters
        ----------
        rows : Rows
            All rows of the catalogue.
        most : int
            Regions to measure it in at most.
        known : Rows, optional
            Clusters that are masked; the rows themselves by default.
        progress : Progress
            Called with the number of regions that were cut out and looked at so far, and of all.
        """
        with one_blas_thread():
            regions = regions_around(self._maps, rows, most, known, progress)
            return self._measured(regions, progress) if regions else None

    def _measured(self, regions: list[Region], progress: Progress) -> NoiseMeasurement | None:
        modes = self._modes(regions[0].grid)
        box = np.broadcast_arrays(*modes.box())
        lags = [modes.lags(self._in_maps(one, *box)) for one in (self._sky, self._foregrounds)]
        total = 2 * len(regions)
        powers = []
        for number, one in enumerate(regions):
            progress("noise", number, total)
            powers.append(_power(modes, lags, one))
        modes, powers = _where_there_is_power(modes, powers)
        fit = fitted_noise(self._binned(modes, powers, self._depths(regions)[1]))
        # once more without what stands out against this noise
        filters = self._matched(modes, fit)
        cleaned = [_without_sources(one, filters) for one in regions]
        for number, (one, new) in enumerate(zip(regions, cleaned, strict=True)):
            progress("noise", len(regions) + number, total)
            if new is not one:
                powers[number] = _power(modes, lags, new)
        progress("noise", total, total)
        powers = [one for one in powers if one.region.blank > HALF_BLANK * LEAST_BLANK]
        return self._of_powers(modes, powers) if powers else None

    def _of_powers(self, modes: PlaneModes, totals: list[RegionPower]) -> NoiseMeasurement:
        powers = [of_difference(modes, one) for one in totals]
        reference, depth = self._depths([one.region for one in powers])
        unknown = np.isnan(reference)
        binned = self._binned(modes, powers, depth)
        fit = _as_stated(binned, reference)
        found = relative_depth(binned.brighter(fit.foregrounds), fit.shape)
        typical = np.median(found, axis=0)
        ordinary = np.all(np.abs(np.log(found / typical)[:, unknown]) < np.log(FAR_OFF), axis=1)
        if ordinary.any() and not ordinary.all():
            kept = [one for one, usual in zip(totals, ordinary, strict=True) if usual]
            return self._of_powers(modes, kept)
        if np.any(np.std(found[:, unknown], axis=0) > UNEVEN):
            depth = np.where(unknown, found / typical, depth)
            fit = _as_stated(replace(binned, depth=depth), reference)
        regions = tuple(one.region for one in powers)
        seen = tuple(one.brighter(fit.foregrounds) for one in totals)
        return NoiseMeasurement(fit.shape, reference, regions, depth, modes, seen, fit.foregrounds)

    def _modes(self, grid: PatchGrid) -> PlaneModes:
        coarsest = max(one.sky_map.pixel_arcmin for one in self._maps)
        step = 360.0 / grid.side_deg
        highest = min(HIGHEST_ELL, OF_NYQUIST * 180.0 * 60.0 / coarsest)
        return PlaneModes(grid.n_pixels, grid.pixel_arcmin, (1.6 * step, highest))

    def _in_maps(self, power: SkyPower, ell_x: np.ndarray, ell_y: np.ndarray) -> np.ndarray:
        """Return a power of the sky (f, f, ...) [µK^2 sr] in the maps, as beams and filters leave it."""
        ell_x, ell_y = np.broadcast_arrays(ell_x, ell_y)
        ell = np.hypot(ell_x, ell_y)
        between = power.cl(ell.ravel()).reshape(len(self._instrument), len(self._instrument), *ell.shape)
        passed = np.stack([band.optics.b_ell(ell) for band in self._instrument.bands])
        passed = passed * plane_filters(self._instrument, ell_x, ell_y)
        return between * passed[:, None] * passed[None, :]

    def sky_power(self, ell_x: np.ndarray, ell_y: np.ndarray, foregrounds: float = 1.0) -> np.ndarray:
        """Return the power (f, f, ...) [µK^2 sr] of a sky with so many times the model's foregrounds."""
        total = self._in_maps(self._sky, ell_x, ell_y)
        if foregrounds == 1.0:
            return total
        return total + (foregrounds - 1.0) * self._in_maps(self._foregrounds, ell_x, ell_y)

    def _depths(self, regions: list[Region]) -> tuple[np.ndarray, np.ndarray]:
        """Return the typical depth (f,) by inverse variances, and the regions' variances (p, f) over it."""
        stated = np.array([one.depth() for one in regions])
        # NaN where one region has none
        reference = np.median(stated, axis=0)
        return reference, np.where(np.isfinite(reference), (stated / reference) ** 2, 1.0)

    def passes(self, modes: PlaneModes) -> np.ndarray:
        """Return which modes (m,) the filters of all bands leave enough of."""
        passed = [shape_of_filter(band.transfer, modes.ell_x, modes.ell_y) for band in self._instrument.bands]
        return np.all(np.square(passed) > PASSED, axis=0)

    def _binned(self, modes: PlaneModes, powers: list[RegionPower], depth: np.ndarray) -> BinnedPower:
        members = self._rings(modes)
        return BinnedPower(
            np.array([modes.ell[member].mean() for member in members]),
            np.array([member.sum() for member in members]) / WINDOW_CORRELATION,
            _means([one.power for one in powers], members),
            _means([one.sky for one in powers], members),
            _means([one.foregrounds for one in powers], members),
            depth,
        )

    def _rings(self, modes: PlaneModes) -> list[np.ndarray]:
        """Return which modes (m,) lie in each of some rings, of those that filters pass."""
        edges = np.geomspace(*modes.ell_range, N_RINGS + 1)
        ring = np.where(self.passes(modes), np.digitize(modes.ell, edges) - 1, -1)
        return [ring == index for index in range(N_RINGS) if np.count_nonzero(ring == index) >= 4]

    def _matched(self, modes: PlaneModes, fit: NoiseFit) -> np.ndarray:
        """Return matched filters for point sources (f, n, n) in the transform of a region."""
        ell_x, ell_y = (axis[..., ::2] if axis.shape[0] == 1 else axis[::2] for axis in modes.box())
        ell = np.hypot(ell_x, ell_y)
        total = self.sky_power(ell_x, ell_y, fit.foregrounds) + fit.shape.power_uk2_sr(ell)
        beams = [band.optics.b_ell(ell) for band in self._instrument.bands]
        filters = np.array([beam / total[band, band] for band, beam in enumerate(beams)])
        filters[:, 0, 0] = 0.0
        return filters


def _as_stated(binned: BinnedPower, reference_uk_arcmin: np.ndarray) -> NoiseFit:
    """Return the noise, with the white noise (f,) of inverse variances where the map allows for it."""
    free = fitted_noise(binned)
    off = np.abs(np.log(free.shape.white_uk_arcmin / reference_uk_arcmin))
    near = off < NEAR_STATED
    if not near.any():
        return free
    fixed = fitted_noise(binned, np.where(near, reference_uk_arcmin, np.nan))
    if np.all(off[near] < AS_STATED) or fixed.misfit - free.misfit < CONTRADICTED_BY * near.sum():
        return fixed
    right = off < AS_STATED
    return fitted_noise(binned, np.where(right, reference_uk_arcmin, np.nan)) if right.any() else free


def _where_there_is_power(
    modes: PlaneModes, powers: list[RegionPower]
) -> tuple[PlaneModes, list[RegionPower]]:
    """Return modes up to where a map was smoothed so much that nothing is left."""
    ell = modes.ell
    near = np.abs(ell / ELL_OF_CLUSTERS - 1.0) < 0.1
    mean = np.mean([np.abs(one.modes) ** 2 for one in powers[:JUDGED_BY]], axis=0)
    for edge in np.arange(5000.0, modes.ell_range[1], 500.0):
        ring = (ell >= edge) & (ell < edge + 500.0)
        if ring.any() and np.any(mean[ring].mean(axis=0) < FAINTEST * mean[near].mean(axis=0)):
            kept = replace(modes, ell_range=(modes.ell_range[0], float(edge)))
            return kept, [one.only(ell <= edge) for one in powers]
    return modes, powers


def _power(modes: PlaneModes, lags: Sequence[np.ndarray], region: Region) -> RegionPower:
    """Return the power of a region, with that of a sky and of its foregrounds, by their lags."""
    window, broad = region.window, region.broad
    sky, foregrounds = (modes.expected(one, window, broad) for one in lags)
    return RegionPower(region, modes.transform(region.images_uk, window, broad), sky, foregrounds)


def _means(values: list[np.ndarray], members: list[np.ndarray]) -> np.ndarray:
    """Return the means (p, b, f, f) over members of rings of values (m, f, f) of p regions."""
    return np.array([[one[member].mean(axis=0) for member in members] for one in values])


def of_difference(modes: PlaneModes, total: RegionPower) -> RegionPower:
    """Return the power of half the difference of splits, without a sky; the map's where there are none."""
    difference = total.region.difference_uk
    if difference is None:
        return total
    region = total.region
    found = modes.transform(difference, region.window, region.broad)
    none = np.zeros_like(total.sky)
    return RegionPower(region, found, none, none)


def _without_sources(region: Region, filters: np.ndarray) -> Region:
    """Return a region without what stands out of any band behind its matched filter (f, n, n)."""
    window = region.window
    seen = window > SEEN
    offsets = region.grid.offsets_arcmin
    for image, matched in zip(region.images_uk, filters, strict=True):
        weighted = (image - np.average(image, weights=window)) * window
        found = np.abs(fft.ifft2(fft.fft2(weighted) * matched).real) / np.maximum(window, WELL_SEEN)
        peaks = seen & (found > STANDS_OUT_SIGMA * 1.4826 * np.median(found[window > WELL_SEEN]))
        labels, count = ndimage.label(peaks)
        if count:
            middle = np.array(ndimage.center_of_mass(peaks, labels, np.arange(1, count + 1)))
            row, column = np.rint(middle).astype(int).T
            region = region.without(offsets[row], offsets[column])
    return region
