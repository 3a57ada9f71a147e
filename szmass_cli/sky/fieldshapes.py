"""Clusters of many profiles and shapes in a survey field: drawn, painted, and written down."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.table import Table

from szmass_cli.config import ClusterConfig
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beamedshapes import BeamedShapes
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.gnfw import PROFILES
from szmass_cli.physics.profiles import ClusterScales, SzModel
from szmass_cli.sky.clustershapes import ClusterShapes, draw_shapes, peaks_of, second_share
from szmass_cli.sky.fieldclusters import FieldClusters, moved
from szmass_cli.sky.miscentring import draw_offsets
from szmass_cli.sky.painting import FAINT, FAINT_FILTERED, MAX_REACH_ARCMIN
from szmass_cli.sky.pixels import Pixels
from szmass_cli.sky.shapedstamps import Peaks
from szmass_cli.system.progress import Progress, silent

TOGETHER = 1024
"""Peaks whose radial tables are made at once; each keeps about 5 kB."""

EXTENT, BEAM_EXTENT = 7.0, 30.0
"""Images are tabulated as far out as this many sizes and widths of the beam: of a sphere that ends at 5 or 6
of them, and of a measured beam with its wings, next to nothing is left there."""


@dataclass(frozen=True)
class FieldPeaks:
    """All peaks of a field, main and second ones.

    Parameters
    ----------
    peaks : Peaks
        Their shapes, and central scales with the scatter of the amplitudes.
    ra_deg, dec_deg : numpy.ndarray, shape (n,)
        Where they are.
    """

    peaks: Peaks
    ra_deg: np.ndarray
    dec_deg: np.ndarray


def draw_field_shapes(
    config: ClusterConfig,
    clusters: FieldClusters,
    ln_amplitude: np.ndarray,
    scales: ClusterScales,
    model: SzModel,
    rng: np.random.Generator,
) -> tuple[ClusterShapes, tuple[np.ndarray, np.ndarray]]:
    """Draw the shapes of a field's clusters, and where they are [deg].

    Parameters
    ----------
    config : ClusterConfig
        What is drawn.
    clusters : FieldClusters
        Masses, redshifts, and the positions of the catalogue.
    ln_amplitude : numpy.ndarray, shape (n,)
        ln of the factors on their signals.
    scales : ClusterScales
        Their mean sizes.
    model : SzModel
        How the signal follows from mass and redshift.
    rng : numpy.random.Generator
        Draws the offsets, then the shapes.
    """
    mass, redshift = clusters.m200c_msun, clusters.redshift
    offset = draw_offsets(config, scales, mass, redshift, model.cosmology, rng)
    shapes = draw_shapes(config, mass, redshift, ln_amplitude, scales, model, rng)
    position = clusters.ra_deg, clusters.dec_deg
    return shapes, position if offset is None else moved(position, offset[:, 0], -offset[:, 1])


def shape_columns(
    shapes: ClusterShapes, painted_deg: tuple[np.ndarray, np.ndarray], slope: float
) -> dict[str, np.ndarray]:
    """Return the columns by which the truth of a field tells shapes.

    Parameters
    ----------
    shapes : ClusterShapes
        Of the clusters.
    painted_deg : (numpy.ndarray, numpy.ndarray)
        Where they are painted [deg].
    slope : float
        Exponent of the signal with mass.
    """
    names = np.array(list(PROFILES))
    offset = shapes.second_offset_arcmin
    ra, dec = moved(painted_deg, offset[:, 0], -offset[:, 1])
    has_one = shapes.second_mass_ratio > 0.0
    return {
        "profile_true": names[shapes.profile],
        "outer_slope_true": shapes.outer_slope,
        "axis_ratio_true": shapes.axis_ratio,
        "position_angle_true": shapes.position_angle_deg,
        "elongation_true": shapes.elongation,
        "second_mass_ratio_true": shapes.second_mass_ratio,
        "second_share_true": second_share(shapes.second_mass_ratio, slope),
        "ra_second": np.where(has_one, ra, np.nan),
        "dec_second": np.where(has_one, dec, np.nan),
    }


def shapes_of(truth: Table) -> ClusterShapes:
    """Return the shapes that a truth table tells, with second peaks at the centre: they have positions."""
    names = list(PROFILES)
    profile = np.array([names.index(name) for name in truth["profile_true"]])

    def of(name: str) -> np.ndarray:
        return np.asarray(truth[name], float)

    return ClusterShapes(
        profile,
        of("stretch_true"),
        of("outer_slope_true"),
        of("axis_ratio_true"),
        of("position_angle_true"),
        of("elongation_true"),
        of("second_mass_ratio_true"),
        np.zeros((len(profile), 2)),
    )


def field_peaks(truth: Table, scales: ClusterScales, model: SzModel) -> FieldPeaks:
    """Return the peaks of the clusters of a truth table that tells shapes; see `shape_columns`.

    Parameters
    ----------
    truth : astropy.table.Table
        Clusters, one a row.
    scales : ClusterScales
        Their mean sizes and Compton scales.
    model : SzModel
        How the signal follows from mass and redshift.
    """
    mass, redshift = np.asarray(truth["M200c_true"]) * 1e14, np.asarray(truth["redshift"])
    main, second, whose = peaks_of(shapes_of(truth), mass, redshift, scales, model)
    both = Peaks.concatenate([main, second])
    amplitude = np.asarray(truth["amplitude_true"])
    both = replace(both, y_scale=both.y_scale * np.concatenate([amplitude, amplitude[whose]]))
    ra = np.concatenate([truth["ra_painted"], np.asarray(truth["ra_second"])[whose]])
    dec = np.concatenate([truth["dec_painted"], np.asarray(truth["dec_second"])[whose]])
    return FieldPeaks(both, ra, dec)


class PeakImages:
    """Images of peaks in one band, at any place around them.

    Parameters
    ----------
    band : Band
        Its optics are applied; a filter that depends on direction is not.
    peaks : Peaks
        Of n peaks.
    """

    def __init__(self, band: Band, peaks: Peaks):
        used = np.unique(peaks.ellipses.profile)
        names = list(PROFILES)
        widest = float(np.max(peaks.ellipses.size_arcmin / np.sqrt(peaks.ellipses.axis_ratio)))
        reach = EXTENT * widest + BEAM_EXTENT * band.beam.fwhm_arcmin
        theta_max = MAX_REACH_ARCMIN if band.transfer is not None else min(reach, MAX_REACH_ARCMIN)
        self._shapes = BeamedShapes([names[index] for index in used], [band.optics], theta_max)
        self._peaks = replace(
            peaks, ellipses=replace(peaks.ellipses, profile=np.searchsorted(used, peaks.ellipses.profile))
        )
        uk_per_y = np.broadcast_to(band.response.tsz_uk_per_y(peaks.kt_kev), len(peaks))
        central_uk = uk_per_y * peaks.y_scale
        faint = FAINT if band.transfer is None else FAINT_FILTERED
        ellipses = self._peaks.ellipses
        lots = range(0, len(ellipses), TOGETHER)
        radial = np.concatenate(
            [self._shapes.radial(ellipses[start : start + TOGETHER])[:, :, 0] for start in lots]
        )
        self._radial_uk = radial * central_uk.astype(np.float32)[:, None, None]
        bright = np.abs(radial).max(axis=1) >= faint * np.abs(radial[:, :1, 0])
        # one step beyond the last radius at which there is something
        last = bright.shape[1] - np.argmax(bright[:, ::-1], axis=1)
        radii = self._shapes.radii_arcmin
        self.reach_arcmin = radii[np.minimum(last, len(radii) - 1)]
        """How far from their centres the images are worth painting, (n,)."""

    def at(self, index: int, distance_arcmin: np.ndarray, bearing_rad: np.ndarray) -> np.ndarray:
        """Return the image [µK] of a peak.

        Parameters
        ----------
        index : int
            Number of the peak.
        distance_arcmin, bearing_rad : numpy.ndarray
            From its centre: how far, and in which direction, from north through east.
        """
        low, upper = self._shapes.place(distance_arcmin**2)
        radial = self._radial_uk[index]
        of_none, of_two, of_four = ((1.0 - upper) * part[low] + upper * part[low + 1] for part in radial)
        if self._peaks.ellipses.axis_ratio[index] == 1.0:
            return of_none
        twice = 2.0 * (bearing_rad - self._peaks.position_angle_rad[index])
        return of_none + np.cos(twice) * of_two + np.cos(2.0 * twice) * of_four


def paint_peaks(
    sky: np.ndarray, pixels: Pixels, field: FieldPeaks, band: Band, progress: Progress = silent
) -> None:
    """Add peaks to the map of a band, in place.

    Parameters
    ----------
    sky : numpy.ndarray, shape (pixels.size,)
        Temperatures of the map [µK_CMB], changed in place.
    pixels : Pixels
        Those of `sky`, in the same order.
    field : FieldPeaks
        What is painted.
    band : Band
        What it is seen through.
    progress : Progress
        Called with ``clusters`` after every 64 peaks, and after the last.
    """
    images = PeakImages(band, field.peaks)
    lon, lat = pixels.to_frame(field.ra_deg, field.dec_deg)
    n = len(field.ra_deg)
    for index in range(n):
        reach = float(images.reach_arcmin[index]) * ARCMIN
        numbers, distance = pixels.within(float(lon[index]), float(lat[index]), reach)
        angle = bearing(*pixels.ra_dec_deg(numbers), field.ra_deg[index], field.dec_deg[index])
        sky[numbers] += images.at(index, distance / ARCMIN, angle)
        if index % 64 == 63 or index + 1 == n:
            progress("clusters", index + 1, n)


def bearing(ra_deg, dec_deg, ra_0_deg: float, dec_0_deg: float) -> np.ndarray:
    """Return the directions [rad] in which positions are seen from another, from north through east."""
    apart = np.radians(np.asarray(ra_deg) - ra_0_deg)
    dec, dec_0 = np.radians(dec_deg), np.radians(dec_0_deg)
    north = np.cos(dec_0) * np.sin(dec) - np.sin(dec_0) * np.cos(dec) * np.cos(apart)
    return np.arctan2(np.cos(dec) * np.sin(apart), north)
