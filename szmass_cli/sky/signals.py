"""The SZ signal in cutouts: clusters from tables, irregular ones drawn one by one."""

import threading
from collections.abc import Sequence

import numpy as np

from szmass_cli.config import ClusterConfig, IrregularShape
from szmass_cli.errors import ConfigError
from szmass_cli.geometry import N_PIXELS, PIXEL_ARCMIN
from szmass_cli.physics.bands import Band
from szmass_cli.physics.profiles import SzModel, cluster_scales
from szmass_cli.sky.clusters import ClusterStamps, draw_amplitudes
from szmass_cli.sky.irregular import IrregularClusters, IrregularSettings
from szmass_cli.sky.shapedsignals import ShapedSignals
from szmass_cli.sky.signalsource import Signals, SignalSource
from szmass_cli.sky.ygrid import DEFAULT_GRID
from szmass_cli.sky.ystamps import beam_reach_arcmin, beamed_stamps

IRREGULAR_MARGIN_ARCMIN = DEFAULT_GRID.half_width_arcmin - 0.5 * N_PIXELS * PIXEL_ARCMIN + 1.0
"""Reach of the widest beam: the map goes on for 3' around a cutout, whose edge may lose a little."""


class RoundSignals:
    """Spherical clusters; see `ClusterStamps`."""

    block_size = 256

    def __init__(self, stamps: ClusterStamps, model: SzModel):
        self._stamps, self._model = stamps, model

    def draw(
        self,
        clusters: ClusterConfig,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
        n: int,
    ) -> Signals:
        amplitude = draw_amplitudes(clusters.sz_scatter_ln, rng, len(m200c_msun))[:n]
        scales = cluster_scales(m200c_msun[:n], redshift[:n], self._model)
        offset = None
        if clusters.miscentring_arcmin > 0.0:
            offset = clusters.miscentring_arcmin * rng.standard_normal((len(m200c_msun), 2))[:n]
        if clusters.concentration_scatter_ln > 0.0:
            ln_stretch = clusters.concentration_scatter_ln * rng.standard_normal(len(m200c_msun))[:n]
            scales = scales.stretched(ln_stretch)
        own = self._stamps.images(scales) if offset is None else self._stamps.offset_images(scales, offset)
        own *= amplitude.astype(np.float32)[:, None, None, None]
        return Signals(own, own, amplitude, offset)


class IrregularSignals:
    """Triaxial clusters with fluctuations, and other halos; see `IrregularClusters`."""

    block_size = 16  # a few seconds' work

    def __init__(self, settings: IrregularSettings, bands: Sequence[Band], model: SzModel):
        self._clusters = IrregularClusters(settings, model)
        self._bands = bands
        self._one_at_a_time = threading.Lock()  # pitszi keeps its geometry, and numpy's one global generator

    def draw(
        self,
        clusters: ClusterConfig,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
        n: int,
    ) -> Signals:
        with self._one_at_a_time:
            pairs = zip(m200c_msun[:n], redshift[:n], strict=True)
            drawn = [self._clusters.draw(mass, z, rng) for mass, z in pairs]
        own = self._beamed(np.stack([cluster.own_y for cluster in drawn]))
        whole = self._beamed(np.stack([cluster.y for cluster in drawn]))
        kt_kev = np.array([cluster.kt_kev for cluster in drawn])
        if kt_kev.any():
            # the cluster alone: most of the other halos are groups, too cold for it to matter
            hotter = own * (self._hot_over_cold(kt_kev)[:, None, None, :] - 1.0)
            own, whole = own + hotter, whole + hotter
        amplitude = np.array([cluster.amplitude for cluster in drawn])
        return Signals(own.astype(np.float32), whole.astype(np.float32), amplitude)

    def _beamed(self, y: np.ndarray) -> np.ndarray:
        """Return the signal of cold gas (n, 40, 40, f) [µK], of maps of y."""
        pixel_arcmin = self._clusters.grid.pixel_arcmin
        beamed = [beamed_stamps(y, pixel_arcmin, band.optics) for band in self._bands]
        uk_per_y = [band.response.tsz_uk_per_y() for band in self._bands]
        return np.stack(beamed, axis=-1) * uk_per_y

    def _hot_over_cold(self, kt_kev: np.ndarray) -> np.ndarray:
        """Return the signal of hot gas over that of cold gas (n, f)."""
        responses = [band.response for band in self._bands]
        ratios = [response.tsz_uk_per_y(kt_kev) / response.tsz_uk_per_y() for response in responses]
        return np.stack(ratios, axis=-1)


def signal_source(
    clusters: ClusterConfig, bands: Sequence[Band], stamps: ClusterStamps, model: SzModel
) -> SignalSource:
    """Return the source of clusters of the configured shape.

    Raises
    ------
    ConfigError
        If irregular clusters are asked for behind a filter, or behind a beam too wide for them; or clusters
        of many shapes behind a filter that depends on direction.
    SzmassError
        If irregular clusters are asked for and `pitszi` is not installed.
    """
    shape = clusters.shape
    if clusters.is_shaped:
        return ShapedSignals(clusters, bands, model)
    if not isinstance(shape, IrregularShape):
        return RoundSignals(stamps, model)
    for band in bands:
        if band.transfer is not None:
            raise ConfigError(
                f"transfer_file of {band.frequency_ghz:g} GHz: irregular clusters are drawn with 3' around "
                "the cutout, and a filter reaches over degrees.",
                "Set clusters.shape to {kind: round}, or leave transfer_file out.",
            )
        if beam_reach_arcmin(band.optics) > IRREGULAR_MARGIN_ARCMIN:
            raise ConfigError(
                f"clusters.shape: the surroundings of irregular clusters are too small for the beam of "
                f"{band.beam.fwhm_arcmin:.3g}' at {band.frequency_ghz:g} GHz.",
                "Pick other bands with --freq, or make the beam 2.2' or less.",
            )
    settings = IrregularSettings(
        gas_eccentricity_ratio=shape.gas_eccentricity_ratio,
        fluctuation_rms=shape.fluctuation_rms,
        fluctuation_peak_r500=shape.fluctuation_peak_r500,
        halo_min_m200c_msun=shape.halo_min_m200c_msun if shape.other_halos else np.inf,
        scatter_ln=clusters.sz_scatter_ln,
        concentration_scatter_ln=clusters.concentration_scatter_ln,
    )
    return IrregularSignals(settings, bands, model)
