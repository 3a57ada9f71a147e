"""Everything that is painted on a survey field, and what the truth says of its clusters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from szmass_cli.config import MassFunctionMasses, SurveyConfig
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.counts import DEG2_PER_SR
from szmass_cli.physics.profiles import ClusterScales, SzModel
from szmass_cli.sky.abundance import halo_abundance
from szmass_cli.sky.fieldclusters import EDGE_DEG, FieldClusters, expected_number
from szmass_cli.sky.objects.halos import HALO_REDSHIFTS, GasAndDust, Surroundings, halo_light
from szmass_cli.sky.objects.members import MemberSource
from szmass_cli.sky.objects.pointpainter import PointPainter
from szmass_cli.sky.objects.sources import draw_sources, source_kinds
from szmass_cli.sky.painting import ClusterPainter
from szmass_cli.sky.patch import Patch
from szmass_cli.sky.pixels import Pixels
from szmass_cli.system.progress import Progress

MAX_SOURCES = 5_000_000

SURROUNDINGS_ARCMIN = 30.0
"""How far from a cluster its correlated halos are drawn in a field."""


@dataclass(frozen=True)
class PlacedSources:
    """Point sources of a field.

    Parameters
    ----------
    ra_deg, dec_deg : numpy.ndarray, shape (s,)
        Positions.
    brightness : numpy.ndarray, shape (s, f)
        What is left of each in the bands [µK arcmin^2].
    removed : numpy.ndarray of bool, shape (s,)
        Whether the survey removed it, so that only a residual is left.
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    brightness: np.ndarray
    removed: np.ndarray


@dataclass(frozen=True)
class PlacedHalos:
    """Halos of a field besides its clusters.

    Parameters
    ----------
    ra_deg, dec_deg : numpy.ndarray, shape (h,)
        Positions.
    scales : ClusterScales
        Sizes and Compton scales (h,).
    brightness : numpy.ndarray, shape (h, f)
        Gas and dust: what multiplies the projected shape of each in the bands [µK].
    """

    ra_deg: np.ndarray
    dec_deg: np.ndarray
    scales: ClusterScales
    brightness: np.ndarray


class FieldObjects:
    """Draws what a field holds besides its clusters' gas, and paints it a band at a time.

    Parameters
    ----------
    config : SurveyConfig
        Its ``sky.objects`` say what there is, its ``field`` where.
    bands : sequence of Band, length f
        Bands of the survey, as they are seen in the field's pixels.
    model : SzModel
        How the clusters' signal follows from mass and redshift.
    clusters : FieldClusters
        The clusters of the field.
    painted_deg : (numpy.ndarray, numpy.ndarray), shape (n,)
        Where they are painted.
    scales : ClusterScales
        Their sizes, Compton scales and temperatures.
    amplitude : numpy.ndarray, shape (n,)
        What their thermal effect is multiplied by.
    rng : numpy.random.Generator
        Draws sources, halos and members, in this order.
    """

    def __init__(
        self,
        config: SurveyConfig,
        bands: Sequence[Band],
        model: SzModel,
        clusters: FieldClusters,
        painted_deg: tuple[np.ndarray, np.ndarray],
        scales: ClusterScales,
        amplitude: np.ndarray,
        rng: np.random.Generator,
    ):
        self._config, self._objects = config, config.sky.objects
        self._bands, self._model = tuple(bands), model
        self._light = halo_light(self._objects, self._bands, model)
        self._patch = Patch.of(config.field)
        blank = self._blank_sources(rng)
        self._halos = [
            *([self._unrelated(clusters, rng)] if self._objects.halos else []),
            *([self._around(clusters, painted_deg, rng)] if self._objects.correlated_halos else []),
        ]
        source = MemberSource(self._objects, self._bands, model, self._light)
        members = source.draw(clusters.m200c_msun, clusters.redshift, rng)
        light = members.dust_mjy, members.velocity_km_s
        over_gas = source.over_gas(*light, scales, clusters.m200c_msun, clusters.redshift, amplitude)
        self._scales, self._painted_deg = scales, painted_deg
        self._beside_gas = amplitude[:, None] * over_gas
        size = scales.theta500_arcmin[members.cluster]
        near = _offset(
            painted_deg[0][members.cluster],
            painted_deg[1][members.cluster],
            size * members.north_r500,
            size * members.west_r500,
        )
        removed = members.radio_mjy > self._objects.removed_above_mjy
        self.sources = [blank, PlacedSources(*near, members.radio_uk_arcmin2, removed)]
        self.truth = {
            "radio_mjy_true": np.bincount(members.cluster, members.radio_mjy, len(clusters)),
            "dust_mjy_true": members.dust_mjy,
            "velocity_km_s_true": members.velocity_km_s,
        }

    @property
    def light(self) -> GasAndDust:
        """Return what halos add to the bands."""
        return self._light

    @property
    def removed_deg(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions [deg] of sources that the survey removed."""
        return (
            np.concatenate([sources.ra_deg[sources.removed] for sources in self.sources]),
            np.concatenate([sources.dec_deg[sources.removed] for sources in self.sources]),
        )

    def _blank_sources(self, rng: np.random.Generator) -> PlacedSources:
        kinds = source_kinds(self._config.sky, self._bands)
        area_deg2 = self._patch.area_sr * DEG2_PER_SR
        expected = area_deg2 * sum(kind.counts.per_deg2(self._objects.faintest_mjy, 1e3) for kind in kinds)
        if expected > MAX_SOURCES:
            raise ConfigError(
                f"sky.objects: the field holds {expected:,.0f} sources above "
                f"{self._objects.faintest_mjy:g} mJy, more than {MAX_SOURCES:,}.",
                "Raise sky.objects.faintest_mjy, or make the field smaller.",
            )
        drawn = draw_sources(kinds, self._objects, area_deg2, rng)
        brightness = drawn.brightness.reshape(len(drawn), len(self._bands))
        return PlacedSources(*self._patch.random_positions(rng, len(drawn)), brightness, drawn.removed)

    def _unrelated(self, clusters: FieldClusters, rng: np.random.Generator) -> PlacedHalos:
        """Draw unrelated halos: those below the clusters, where the field has all of these that there are."""
        low, high = self._objects.min_halo_m200c_msun, self._objects.max_halo_m200c_msun
        masses = self._config.field_clusters.masses
        expected = expected_number(self._config, self._patch.inner(EDGE_DEG))
        if isinstance(masses, MassFunctionMasses) and _is_complete(len(clusters), expected):
            high = min(high, max(masses.min_m200c_msun, low * 1.001))
        abundance = halo_abundance(self._model.cosmology, (low, high), HALO_REDSHIFTS)
        n = rng.poisson(abundance.total_per_sr * self._patch.area_sr)
        redshift = abundance.draw_redshifts(rng, n)
        mass = abundance.draw_masses(redshift, rng)
        return self._placed(*self._patch.random_positions(rng, n), mass, redshift, rng)

    def _around(
        self, clusters: FieldClusters, painted_deg: tuple[np.ndarray, np.ndarray], rng: np.random.Generator
    ) -> PlacedHalos:
        """Draw the halos that surround the clusters."""
        surroundings = Surroundings(self._objects, self._model.cosmology, SURROUNDINGS_ARCMIN)
        drawn = surroundings.draw(clusters.m200c_msun, clusters.redshift, rng)
        ra_deg, dec_deg = (position[drawn.cutout] for position in painted_deg)
        near = _offset(ra_deg, dec_deg, drawn.north_arcmin, drawn.west_arcmin)
        return self._placed(*near, drawn.m200c_msun, drawn.redshift, rng)

    def _placed(
        self,
        ra_deg: np.ndarray,
        dec_deg: np.ndarray,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
    ) -> PlacedHalos:
        scatter = self._light.dust.scatter_ln
        drawn = np.exp(scatter * rng.standard_normal(len(redshift)) - 0.5 * scatter**2)
        flux = self._light.dust_mjy(m200c_msun, redshift) * drawn
        scales = self._light.scales(m200c_msun, redshift)
        return PlacedHalos(ra_deg, dec_deg, scales, self._light.brightness(scales, flux, redshift))

    def paint(self, sky: np.ndarray, pixels: Pixels, index: int, progress: Progress) -> None:
        """Add sources, halos, and dust and motion of the clusters to the map of a band, in place.

        Parameters
        ----------
        sky : numpy.ndarray, shape (pixels.size,)
            Temperatures of the map [µK_CMB], changed in place.
        pixels : Pixels
            Those of `sky`.
        index : int
            Which of the bands it is.
        progress : Progress
            Called with ``sources`` and ``halos``, and how many are painted.
        """
        points = PointPainter(self._bands[index].optics)
        for sources in self.sources:
            centres = pixels.to_frame(sources.ra_deg, sources.dec_deg)
            points.paint(sky, pixels, centres, sources.brightness[:, index], progress)
        band = self._bands[index]
        painter = ClusterPainter(band)
        for halos in self._halos:
            centres = pixels.to_frame(halos.ra_deg, halos.dec_deg)
            cold = replace(halos.scales, kt_kev=0.0)
            gas_uk = band.response.tsz_uk_per_y() * halos.scales.y_scale
            painter.paint(sky, pixels, centres, cold, halos.brightness[:, index] / gas_uk, progress)
        centres = pixels.to_frame(*self._painted_deg)
        painter.paint(sky, pixels, centres, self._scales, self._beside_gas[:, index], progress)


def _is_complete(n_clusters: int, expected: float | None) -> bool:
    """Return whether a field has as many clusters as the mass function says, but for chance."""
    return expected is not None and n_clusters > 0.8 * expected - 3.0 * np.sqrt(expected)


def with_contents(truth: Table, objects: FieldObjects) -> Table:
    """Return a truth table with what each cluster shines with besides its gas; see `truth_table`.

    ``radio_mjy_true`` and ``dust_mjy_true`` are flux densities at 150 GHz [mJy], of radio galaxies before any
    removal; ``velocity_km_s_true`` is that away from the observer.
    """
    table = truth.copy()
    for name, values in objects.truth.items():
        table[name] = values
    return table


def _offset(
    ra_deg: np.ndarray, dec_deg: np.ndarray, north_arcmin: np.ndarray, west_arcmin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions [deg] that lie off others by some arcminutes."""
    moved = SkyCoord(ra_deg, dec_deg, unit="deg").directional_offset_by(
        np.arctan2(-west_arcmin, north_arcmin) * u.rad, np.hypot(north_arcmin, west_arcmin) * u.arcmin
    )
    return np.atleast_1d(moved.ra.deg), np.atleast_1d(moved.dec.deg)
