"""What injected clusters shine with besides their gas, where the model reckons with it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from szmass_cli.config import ObjectsConfig
from szmass_cli.likelihood.pointimages import PointImage
from szmass_cli.physics.bands import Band
from szmass_cli.physics.beams import Beam
from szmass_cli.physics.clusterlight import ClusterDust
from szmass_cli.physics.profiles import ClusterScales, SzModel, cluster_scales
from szmass_cli.physics.spectra import PIVOT_GHZ, uk_per_mjy
from szmass_cli.sky.objects.halos import GasAndDust
from szmass_cli.sky.objects.members import MemberSource

N_GALAXIES = 4
"""Radio galaxies of each cluster that are painted, the brightest ones."""


@dataclass(frozen=True)
class InjectedLight:
    """Dust, motion and radio galaxies of n clusters.

    Parameters
    ----------
    dust_mjy, velocity_km_s : numpy.ndarray, shape (n,)
        Flux density of the dust at 150 GHz [mJy], and velocity away from the observer.
    galaxy_mjy, galaxy_index : numpy.ndarray, shape (n, 4)
        Flux density at 150 GHz [mJy] and spectral index of the brightest radio galaxies; 0 mJy for none.
    north_r500, west_r500 : numpy.ndarray, shape (n, 4)
        Their offsets from the cluster's centre, in theta500.
    """

    dust_mjy: np.ndarray
    velocity_km_s: np.ndarray
    galaxy_mjy: np.ndarray
    galaxy_index: np.ndarray
    north_r500: np.ndarray
    west_r500: np.ndarray

    def __getitem__(self, rows: np.ndarray | slice) -> "InjectedLight":
        return InjectedLight(*(getattr(self, field.name)[rows] for field in fields(self)))

    @classmethod
    def none(cls, n: int) -> "InjectedLight":
        """Return that of n clusters of nothing but gas."""
        return cls(*np.zeros((2, n)), *np.zeros((4, n, N_GALAXIES)))


def draw_light(
    objects: ObjectsConfig,
    model: SzModel,
    m200c_msun: np.ndarray,
    redshift: np.ndarray,
    rng: np.random.Generator,
) -> InjectedLight:
    """Draw what clusters shine with, as the realistic sky has it.

    Parameters
    ----------
    objects : ObjectsConfig
        How much of it there is; brighter radio galaxies than it says are removed.
    model : SzModel
        Gives the clusters' cosmology.
    m200c_msun, redshift : numpy.ndarray, shape (n,)
        The clusters [Msun].
    rng : numpy.random.Generator
        Draws radio galaxies, dust and velocities.
    """
    members = member_source(objects, (Band(PIVOT_GHZ, Beam(1.0), 1.0),), model).draw(
        m200c_msun, redshift, rng
    )
    light = InjectedLight.none(len(redshift))
    order = np.lexsort((-members.radio_mjy, members.cluster))
    order = order[members.radio_mjy[order] <= objects.removed_above_mjy]
    cluster = members.cluster[order]
    place = np.arange(cluster.size) - np.searchsorted(cluster, cluster)
    kept = place < N_GALAXIES
    at, order = (cluster[kept], place[kept]), order[kept]
    light.dust_mjy[:], light.velocity_km_s[:] = members.dust_mjy, members.velocity_km_s
    light.galaxy_mjy[at], light.galaxy_index[at] = members.radio_mjy[order], members.radio_index[order]
    light.north_r500[at], light.west_r500[at] = members.north_r500[order], members.west_r500[order]
    return light


def member_source(objects: ObjectsConfig, bands: Sequence[Band], model: SzModel) -> MemberSource:
    """Return what draws members of clusters, and says how bright they are in bands."""
    return MemberSource(
        objects, bands, model, GasAndDust(tuple(bands), model, ClusterDust(), objects.cluster_dust)
    )


class LightPainter:
    """Images of what injected clusters shine with, behind the beams of bands.

    Parameters
    ----------
    bands : sequence of Band, length f
        The bands of the cutouts.
    model : SzModel
        How the mean signal follows from mass and redshift.
    """

    def __init__(self, bands: Sequence[Band], model: SzModel):
        self._model, self._members = model, member_source(ObjectsConfig(), bands, model)
        self._points = [PointImage(band) for band in bands]
        self._per_mjy = np.array([uk_per_mjy(band.frequency_ghz) for band in bands])

    def over_gas(
        self, light: InjectedLight, m200c_msun: np.ndarray, redshift: np.ndarray, amplitude: np.ndarray
    ) -> np.ndarray:
        """Return dust and motion over the signal of the gas, (n, f); see `MemberSource.over_gas`."""
        scales = cluster_scales(m200c_msun, redshift, self._model)
        return self._members.over_gas(
            light.dust_mjy, light.velocity_km_s, scales, m200c_msun, redshift, amplitude
        )

    def add_galaxies(
        self, images_uk: np.ndarray, light: InjectedLight, scales: ClusterScales, offset_arcmin: np.ndarray
    ) -> None:
        """Add radio galaxies to cutouts (n, 40, 40, f) [µK], in place.

        Parameters
        ----------
        images_uk : numpy.ndarray, shape (n, 40, 40, f)
            The cutouts.
        light : InjectedLight
            What the n clusters shine with.
        scales : ClusterScales
            Their sizes (n,).
        offset_arcmin : numpy.ndarray, shape (n, 2)
            Of the clusters from the middle, north and west.
        """
        row, which = np.nonzero(light.galaxy_mjy)
        size = scales.theta500_arcmin[row]
        north = offset_arcmin[row, 0] + size * light.north_r500[row, which]
        west = offset_arcmin[row, 1] + size * light.west_r500[row, which]
        uk_arcmin2 = self._members.radio_uk_arcmin2(
            light.galaxy_mjy[row, which], light.galaxy_index[row, which]
        )
        for band, (image, scale) in enumerate(zip(self._points, self._per_mjy, strict=True)):
            for at, y, x, brightness in zip(row, north, west, uk_arcmin2[:, band] / scale, strict=True):
                images_uk[at, ..., band] += brightness * image(y, x)
