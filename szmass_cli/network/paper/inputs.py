"""From µK to what the network sees, and from labels to what it is taught."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import NetworkConfig, SurveyConfig, TrainingConfig
from szmass_cli.geometry import N_PIXELS, pixel_radii_arcmin
from szmass_cli.physics.bands import Band
from szmass_cli.physics.profiles import projected_nfw
from szmass_cli.sky.clusters import ClusterStamps, mass_range, mean_mass, redshift_range
from szmass_cli.sky.cutouts import CutoutBlock
from szmass_cli.sky.cutoutsky import CutoutSky, cutout_smoothing, reference_band
from szmass_cli.sky.mirrors import MirrorMatrix

MASS_PIXEL = (N_PIXELS // 2, N_PIXELS // 2)
"""The pixel of the second output map that holds M / mean(M_train)."""

NFW_SCALE_ARCMIN = 0.6
"""Scale radius of the normalised NFW map: a 4e14 Msun cluster at z = 0.7 with a concentration near 4."""


@dataclass(frozen=True)
class NetworkInput:
    """A fixed linear map from a cutout [µK] in f bands to the network's input channels.

    Parameters
    ----------
    matrix : MirrorMatrix or None
        From f bands to the channels; None divides the cutout by `scale_uk` and changes nothing else, as the
        paper does.
    scale_uk : float
        The constant that brings cutouts to about [-1, 1].
    n_bands : int
        Number of bands, f.
    """

    matrix: MirrorMatrix | None
    scale_uk: float
    n_bands: int = 1

    @classmethod
    def create(
        cls, config: NetworkConfig, sky: CutoutSky, bands: Sequence[Band], scale_uk: float
    ) -> "NetworkInput":
        """Return the input of a configuration: plain, or filtered by the known power of sky and noise.

        Filtered channels are the cutout smoothed by the beam in each band, and B C^-1 d. The inverse pixel
        covariance C^-1 suppresses the CMB gradient and the noise, so that the network need not; the beam B
        removes scales on which there is no cluster and on which maps of other pixels differ.
        """
        if config.input == "plain":
            return cls(None, scale_uk, len(bands))
        filtered = sky.sz_filter
        spread = np.sqrt((filtered @ sky.covariance @ filtered.transposed).diagonal().mean())
        beams = [MirrorMatrix.of(cutout_smoothing(band.beam) / scale_uk) for band in bands]
        smoothed = [beam.of_band(index, len(bands)) for index, beam in enumerate(beams)]
        # unit variance on bare sky, and a third of it, so that massive clusters stay of order one
        matrix = MirrorMatrix.stacked([*smoothed, filtered * (1.0 / (3.0 * spread))])
        return cls(matrix, scale_uk, len(bands))

    @property
    def channels(self) -> int:
        return self.n_bands if self.matrix is None else self.n_bands + 1

    def __call__(self, images_uk: np.ndarray) -> np.ndarray:
        """Return the network input (n, 40, 40, channels) float32 of cutouts [µK].

        Cutouts have the shape (n, 40, 40, f), or (n, 40, 40) for one band.
        """
        shape = (len(images_uk), N_PIXELS, N_PIXELS, self.n_bands)
        if self.matrix is None:
            return np.asarray(images_uk, np.float32).reshape(shape) / np.float32(self.scale_uk)
        # in double precision: a product's order of summation depends on the row's place in the batch
        return self.matrix(np.asarray(images_uk, float).reshape(shape)).astype(np.float32)


@dataclass(frozen=True)
class Labels:
    """The paper's two label maps, and how masses are read back from the second.

    Parameters
    ----------
    scale_uk : float
        Divides the SZ map.
    mean_mass_msun : float
        Mean mass of the training set; times the mass pixel it is M200c.
    band : int
        Which band's SZ map is taught.
    """

    scale_uk: float
    mean_mass_msun: float
    band: int = 0

    @classmethod
    def create(cls, config: SurveyConfig, stamps: ClusterStamps) -> "Labels":
        """Return labels whose scale makes cutouts fall in [-1, 1].

        It is the heaviest cluster's peak plus three sigma of CMB.
        """
        heaviest = stamps.mean_images(mass_range(config.clusters)[1], redshift_range(config.clusters)[0])
        scale_uk = float(np.ceil(np.abs(heaviest).max() / 50.0) * 50.0 + 350.0)
        return cls(
            scale_uk,
            mean_mass(config.clusters),
            reference_band(config.sky.frequencies_ghz),
        )

    def maps(self, block: CutoutBlock) -> np.ndarray:
        """Return the label maps, shape (n, 40, 40, 2) float32."""
        nfw = projected_nfw(np.maximum(pixel_radii_arcmin(), 0.2) / NFW_SCALE_ARCMIN)
        labels = np.empty((len(block), N_PIXELS, N_PIXELS, 2), np.float32)
        labels[..., 0] = block.sz[..., self.band] / self.scale_uk
        labels[..., 1] = nfw / nfw.max()
        labels[:, MASS_PIXEL[0], MASS_PIXEL[1], 1] = block.m200c / self.mean_mass_msun
        return labels

    def weights(self, block: CutoutBlock, training: TrainingConfig) -> np.ndarray:
        """Return the weight of each squared error, (n, 40, 40, 2).

        The first channel is that of the SZ map, the second that of the NFW map and the mass pixel.
        """
        weights = np.ones((len(block), N_PIXELS, N_PIXELS, 2), np.float32)
        weights[..., 0] = training.sz_map_weight
        relative = (block.m200c / self.mean_mass_msun) ** -2.0 if training.mass_error == "relative" else 1.0
        weights[:, MASS_PIXEL[0], MASS_PIXEL[1], 1] = training.mass_pixel_weight * relative
        return weights

    def mass_msun(self, outputs: np.ndarray) -> np.ndarray:
        """Return the raw mass [Msun] in the mass pixel of outputs (n, 40, 40, 2), shape (n,)."""
        return outputs[:, MASS_PIXEL[0], MASS_PIXEL[1], 1].astype(float) * self.mean_mass_msun

    def sz_uk(self, outputs: np.ndarray) -> np.ndarray:
        """Return the SZ maps [µK] of outputs (n, 40, 40, 2), shape (n, 40, 40)."""
        return outputs[..., 0] * self.scale_uk
