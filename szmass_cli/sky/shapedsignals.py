"""The SZ signal in cutouts of clusters of many profiles and shapes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from szmass_cli.config import ClusterConfig
from szmass_cli.errors import ConfigError
from szmass_cli.physics.bands import Band
from szmass_cli.physics.gnfw import PROFILES
from szmass_cli.physics.profiles import BeamedProfile, SzModel, cluster_scales
from szmass_cli.sky.clusters import draw_amplitudes
from szmass_cli.sky.clustershapes import draw_shapes, peaks_of
from szmass_cli.sky.miscentring import draw_offsets
from szmass_cli.sky.shapedstamps import TOGETHER, Peaks, ShapedStamps
from szmass_cli.sky.signalsource import Signals


class ShapedSignals:
    """Clusters of the configured profiles and shapes, off the middle.

    Parameters
    ----------
    clusters : ClusterConfig
        Says which profiles are there.
    bands : sequence of Band, length f
        What the signals are seen through.
    model : SzModel
        How the signal follows from mass and redshift.

    Raises
    ------
    ConfigError
        If a filter depends on direction.
    """

    block_size = 256

    def __init__(self, clusters: ClusterConfig, bands: Sequence[Band], model: SzModel):
        for band in bands:
            if band.plane_transfer is not None:
                raise ConfigError(
                    f"transfer_file of {band.frequency_ghz:g} GHz: clusters of many profiles and shapes are "
                    "not seen through a filter of ell_x and ell_y.",
                    "Give a table of ell and T(ell), or leave clusters.profiles, outer_slope_scatter, shape, "
                    "second_peak and miscentring out.",
                )
        self._model = model
        self._names = [name for name, weight in clusters.profiles.by_name.items() if weight > 0.0]
        self._stamps = ShapedStamps(bands, self._names)

    @property
    def memory_bytes(self) -> int:
        """Return the size of the tables."""
        return self._stamps.shapes.memory_bytes

    def draw(
        self,
        clusters: ClusterConfig,
        m200c_msun: np.ndarray,
        redshift: np.ndarray,
        rng: np.random.Generator,
        n: int,
    ) -> Signals:
        scales = cluster_scales(m200c_msun, redshift, self._model)
        BeamedProfile.check_size(scales.theta500_arcmin)
        amplitude = draw_amplitudes(clusters.sz_scatter_ln, rng, len(m200c_msun))
        offset = draw_offsets(clusters, scales, m200c_msun, redshift, self._model.cosmology, rng)
        ln_amplitude = np.log(amplitude)
        shapes = draw_shapes(clusters, m200c_msun, redshift, ln_amplitude, scales, self._model, rng)
        main, second, whose = peaks_of(shapes, m200c_msun, redshift, scales, self._model)
        centre = np.zeros((len(amplitude), 2)) if offset is None else offset
        # images are made in groups of a fixed size: their last bits may depend on how many there are
        made = slice(0, min(-(-n // TOGETHER) * TOGETHER, len(amplitude)))
        own = self._images(main[made], centre[made], amplitude[made])
        there = np.flatnonzero(whose < made.stop)
        of = whose[there]
        own[of] += self._images(second[there], centre[of], amplitude[of])
        return Signals(
            own[:n], own[:n], amplitude[:n], None if offset is None else offset[:n], shapes[:n].arrays()
        )

    def _images(self, peaks: Peaks, centre: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """Return images (n, 40, 40, f) of peaks around centres [arcmin], times amplitudes."""
        numbers = np.array([self._names.index(name) if name in self._names else -1 for name in PROFILES])
        moved = replace(
            peaks,
            ellipses=replace(peaks.ellipses, profile=numbers[peaks.ellipses.profile]),
            y_scale=peaks.y_scale * amplitude,
            offset_arcmin=peaks.offset_arcmin + centre,
        )
        return self._stamps.images(moved)
