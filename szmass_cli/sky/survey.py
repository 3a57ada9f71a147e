"""A mock survey map in the CAR projection, with its truth."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.wcs import WCS
from pixell import enmap
from scipy.ndimage import map_coordinates

from szmass_cli.config import FieldConfig, SkyConfig, SurveyConfig
from szmass_cli.errors import InputError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import ARCMIN
from szmass_cli.physics.profiles import CUT_R500, BeamedProfile, cluster_scales
from szmass_cli.physics.spectra import tsz_uk_per_y
from szmass_cli.progress import Progress, silent
from szmass_cli.sky.clusters import draw_amplitudes, draw_masses, draw_redshifts
from szmass_cli.sky.fields import plane_fields
from szmass_cli.sky.power import SkyPower

PLANE_PIXEL_ARCMIN = 0.25
"""Grid of the plane that the Gaussian sky is made on: fine enough for cubic splines behind a 1' beam."""


@dataclass(frozen=True)
class FieldClusters:
    """The clusters to paint, arrays of shape (n,)."""

    name: np.ndarray
    ra_deg: np.ndarray
    dec_deg: np.ndarray
    redshift: np.ndarray
    m200c_msun: np.ndarray

    def __len__(self) -> int:
        return len(self.ra_deg)

    def __getitem__(self, rows) -> "FieldClusters":
        columns = (self.name, self.ra_deg, self.dec_deg, self.redshift, self.m200c_msun)
        return FieldClusters(*(column[rows] for column in columns))


@dataclass(frozen=True)
class SurveyField:
    """A simulated map [µK_CMB] with its WCS, and the truth of each cluster in it."""

    map_uk: enmap.ndmap
    truth: Table


def field_geometry(config: FieldConfig) -> tuple[tuple[int, ...], WCS]:
    """Shape and WCS of the map: CAR with its reference on the equator, RA running to the left."""
    half_width, half_height = config.width_deg / 2.0, config.height_deg / 2.0
    corners = np.radians(
        [
            [config.center_dec_deg - half_height, config.center_ra_deg + half_width],
            [config.center_dec_deg + half_height, config.center_ra_deg - half_width],
        ]
    )
    return enmap.geometry(corners, res=config.pixel_arcmin * ARCMIN, proj="car")


def random_clusters(config: SurveyConfig, rng: np.random.Generator, n: int) -> FieldClusters:
    """n clusters spread evenly over the field's area, half a degree from its edges if it is large enough."""
    field = config.field
    half_width = field.width_deg / 2.0 - min(0.5, field.width_deg / 8.0)
    half_height = field.height_deg / 2.0 - min(0.5, field.height_deg / 8.0)
    south, north = np.radians([field.center_dec_deg - half_height, field.center_dec_deg + half_height])
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(south), np.sin(north), n)))
    ra = (field.center_ra_deg + rng.uniform(-half_width, half_width, n)) % 360.0
    name = np.array([f"SIM-{index:05d}" for index in range(n)])
    cosmology = config.sky.cosmology.build()
    redshift = draw_redshifts(config.clusters, rng, n, cosmology=cosmology)
    mass = draw_masses(config.clusters, rng, n, 0, redshift, cosmology)
    return FieldClusters(name, ra, dec, redshift, mass)


def simulate_field(
    config: SurveyConfig, clusters: FieldClusters, seed: int, progress: Progress = silent
) -> SurveyField:
    """Simulate a map: Gaussian sky and clusters behind the beam, then white noise.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky``, ``clusters`` (for the scatter) and ``field`` sections.
    clusters : FieldClusters
        Clusters to paint; those outside the field are left out of map and truth.
    seed : int
    progress : Progress

    Returns
    -------
    SurveyField
        The map has no pixel window: its values are those at the pixels' centres.

    Raises
    ------
    InputError
        If no cluster lies inside the field, or one of them is larger on the sky than can be simulated.
    """
    shape, wcs = field_geometry(config.field)
    inside = enmap.contains(shape, wcs, np.radians([clusters.dec_deg, clusters.ra_deg]))
    if not inside.any():
        raise InputError(
            "No cluster lies inside the field.", "Compare the catalogue with the field's centre."
        )
    clusters = clusters[inside]
    _check_sizes(clusters)
    sky_rng, scatter_rng, noise_rng = (
        np.random.Generator(np.random.PCG64DXSM(s)) for s in np.random.SeedSequence(seed).spawn(3)
    )
    progress("sky", 0, 3)
    (band,) = config.sky.build_bands()
    sky = gaussian_sky(config.sky, config.field, sky_rng)
    progress("clusters", 1, 3)
    amplitude = draw_amplitudes(config.clusters.sz_scatter_ln, scatter_rng, len(clusters))
    sky += painted_clusters(band, shape, wcs, clusters, amplitude)
    progress("noise", 2, 3)
    pixel_arcmin = np.sqrt(enmap.pixsizemap(shape, wcs, separable=True)) / ARCMIN
    sky += noise_rng.standard_normal(shape, dtype=np.float32) * (band.noise_uk_arcmin / pixel_arcmin)
    progress("noise", 3, 3)
    truth = Table(
        {
            "name": clusters.name,
            "ra": clusters.ra_deg,
            "dec": clusters.dec_deg,
            "redshift": clusters.redshift,
            "M200c_true": clusters.m200c_msun / 1e14,
            "amplitude_true": amplitude,
        }
    )
    return SurveyField(enmap.enmap(sky.astype(np.float32), wcs), truth)


def _check_sizes(clusters: FieldClusters) -> None:
    """Refuse, by name, a cluster too large or too small on the sky to be simulated."""
    size = cluster_scales(clusters.m200c_msun, clusters.redshift).theta500_arcmin
    for index in np.flatnonzero(~BeamedProfile.is_tabulated(size))[:1]:
        raise InputError(
            f"Cluster {clusters.name[index]}: {clusters.m200c_msun[index]:.3g} Msun at redshift "
            f"{clusters.redshift[index]:g} has theta500 = {size[index]:.3g}', which cannot be simulated.",
            "Check its mass and redshift, or take it out.",
        )


def gaussian_sky(sky: SkyConfig, field: FieldConfig, rng: np.random.Generator) -> np.ndarray:
    """CMB and foregrounds behind the beam on the field's pixels [µK].

    Made on a plane in Lambert's equal-area projection about the field's centre, whose scale is right to
    1 per cent within 16 degrees, and brought to the pixels by cubic splines.
    """
    shape, wcs = field_geometry(field)
    dec, ra = enmap.posaxes(shape, wcs)
    dec_deg, ra_deg = np.broadcast_arrays(np.degrees(dec)[:, None], np.degrees(ra)[None, :])
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---ZEA", "DEC--ZEA"]
    plane.wcs.crval = [field.center_ra_deg, field.center_dec_deg]
    plane.wcs.cdelt = [-PLANE_PIXEL_ARCMIN / 60.0, PLANE_PIXEL_ARCMIN / 60.0]
    x, y = plane.wcs_world2pix(ra_deg.ravel(), dec_deg.ravel(), 0)
    margin = 8.0
    x += margin - x.min()
    y += margin - y.min()
    size = (int(np.ceil(y.max() + margin)), int(np.ceil(x.max() + margin)))
    bands = sky.build_bands()
    (grid,) = plane_fields(rng, size, PLANE_PIXEL_ARCMIN, SkyPower.from_config(sky, bands), bands)
    return map_coordinates(grid, [y, x], order=3, mode="nearest").reshape(shape).astype(np.float32)


def painted_clusters(band: Band, shape, wcs, clusters: FieldClusters, amplitude: np.ndarray) -> np.ndarray:
    """The clusters' own signal behind the beam on the map's pixels [µK]."""
    profile = BeamedProfile(band.beam)
    scales = cluster_scales(clusters.m200c_msun, clusters.redshift)
    central = tsz_uk_per_y(band.frequency_ghz) * scales.y_scale * amplitude
    # beyond the sphere's edge only the beam's wing is left
    reach_arcmin = CUT_R500 * scales.theta500_arcmin + 3.0 * band.beam.fwhm_arcmin
    centres = SkyCoord(clusters.ra_deg, clusters.dec_deg, unit="deg")
    signal = enmap.zeros(shape, wcs, np.float32)
    for index in range(len(clusters)):
        patch = _patch(signal, clusters.ra_deg[index], clusters.dec_deg[index], reach_arcmin[index])
        dec, ra = patch.posmap()
        pixels = SkyCoord(np.asarray(ra), np.asarray(dec), unit="rad")
        theta = pixels.separation(centres[index]).arcmin
        patch += central[index] * profile(scales.theta500_arcmin[index], theta)
    return np.asarray(signal)


def _patch(signal: enmap.ndmap, ra_deg: float, dec_deg: float, reach_arcmin: float) -> enmap.ndmap:
    """View of the pixels within reach of a position, cut at the map's edges."""
    row, column = signal.sky2pix(np.radians([dec_deg, ra_deg]))
    step = np.degrees(np.abs(enmap.pixshape(signal.shape, signal.wcs)[0]))
    half_rows = reach_arcmin / 60.0 / step + 1.0
    nearest_pole = min(abs(dec_deg) + reach_arcmin / 60.0, 89.5)
    half_columns = half_rows / np.cos(np.radians(nearest_pole))
    rows = slice(max(int(row - half_rows), 0), max(int(row + half_rows) + 2, 0))
    columns = slice(max(int(column - half_columns), 0), max(int(column + half_columns) + 2, 0))
    return signal[rows, columns]
