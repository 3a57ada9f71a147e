"""The mResUNet of Gupta & Reichardt (2020), section 2.1 and Figure 1.

Left open by the paper and chosen here: the input of a sub-stage whose shape changes is brought to the
output's shape by a 1 x 1 convolution before it is added; up-sampling repeats pixels; the skip from the
encoder's d = 2 (d = 4) sub-stage joins the decoder just before its own d = 2 (d = 4) sub-stage, and what is
added to that sub-stage's output is the map without the skip (`residual: identity`) or, through a 1 x 1
convolution, with it (`projected`); dropout comes after the normalisation; the last layer is a 1 x 1
convolution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from szmass_cli.config import NetworkConfig
from szmass_cli.geometry import N_PIXELS
from szmass_cli.network.backend import load_keras
from szmass_cli.network.dilated import dilated_conv2d

if TYPE_CHECKING:
    import keras

DILATIONS = (1, 2, 3, 4)
SKIPPED = (2, 4)
LEVELS = 4
"""Sizes of maps, halved from each to the next; the last one is the bridge."""

OUTPUTS = 2
"""SZ profile, and normalised NFW profile with the mass pixel."""


def build_mresunet(config: NetworkConfig, input_channels: int, synchronised: bool = False) -> "keras.Model":
    """Return the paper's network, (n, 40, 40, input_channels) in and (n, 40, 40, 2) out.

    Parameters
    ----------
    config : NetworkConfig
        ``base_filters`` is 64 in the paper: encoder 64-128-256, bridge 512, decoder 256-128-64.
    input_channels : int
        Maps that it sees: 1 a band for plain input, one more for filtered input.
    synchronised : bool
        Normalise over the batches of all devices that train together.

    Returns
    -------
    keras.Model
    """
    keras = load_keras()
    inputs = keras.Input((N_PIXELS, N_PIXELS, input_channels))

    def normalisation() -> Any:
        return keras.layers.BatchNormalization(momentum=config.batch_norm_momentum, synchronized=synchronised)

    maps = Trunk(config, LEVELS, normalisation)(inputs)
    return keras.Model(inputs, output_maps(maps.decoded, OUTPUTS), name="mresunet")


def output_maps(decoded: Any, n_maps: int) -> Any:
    """Return linear maps of the trunk's last features, in single precision."""
    # starting from zero output spares the first epoch, in which the residual sums are only scaled down
    layer = load_keras().layers.Conv2D(
        n_maps, 1, activation="linear", kernel_initializer="zeros", dtype="float32"
    )
    return layer(decoded)


@dataclass(frozen=True)
class TrunkMaps:
    """Outputs of the trunk for an input of s x s pixels, with l levels.

    Parameters
    ----------
    bridge : keras tensor, (n, s / 2^(l-1), s / 2^(l-1), base_filters 2^(l-1))
        Activations of the smallest maps, at the end of the encoder.
    decoded : keras tensor, (n, s, s, base_filters)
        Activations of the last sub-stage of the decoder, at full size.
    """

    bridge: Any
    decoded: Any


class Trunk:
    """Encoder, bridge and decoder, as layers are put one behind the other.

    Parameters
    ----------
    config : NetworkConfig
        ``base_filters``, ``residual``, and where and how much dropout there is.
    n_levels : int
        Sizes of maps; the side of the input must be a multiple of 2^(n_levels - 1).
    normalisation : callable, optional
        Makes the layer that normalises what a sub-stage adds; without it weights start smaller, so that the
        sum over all sub-stages stays of the order of the input.
    """

    UNNORMALISED_VARIANCE = 0.1

    def __init__(self, config: NetworkConfig, n_levels: int, normalisation: Callable[[], Any] | None = None):
        self._config, self._n_levels, self._normalisation = config, n_levels, normalisation
        rate, place = config.dropout_rate, config.dropout_in
        self._encoder_dropout = rate if place == "encoder" else 0.0
        self._decoder_dropout = rate if place == "decoder" else 0.0

    def __call__(self, x: Any) -> TrunkMaps:
        layers, base = load_keras().layers, self._config.base_filters
        skips: list[dict[int, Any]] = []
        for level in range(self._n_levels):  # the last level is the bridge, whose maps are not skipped
            skips.append({})
            for dilation in DILATIONS:
                stride = 2 if level > 0 and dilation == 1 else 1
                x = self._substage(x, base * 2**level, dilation, stride, self._encoder_dropout)
                skips[level][dilation] = x
        bridge = x
        for level in reversed(range(self._n_levels - 1)):
            x = layers.UpSampling2D(2)(x)
            for dilation in DILATIONS:
                skip = skips[level][dilation] if dilation in SKIPPED else None
                x = self._substage(x, base * 2**level, dilation, 1, self._decoder_dropout, skip)
        return TrunkMaps(bridge, x)

    def _substage(self, x, filters: int, dilation: int, stride: int, dropout: float, skip=None):
        """Return the sum of the input and its convolution, activation and normalisation.

        A skip is joined to the input.
        """
        layers = load_keras().layers
        joined = x if skip is None else layers.Concatenate()([x, skip])
        y = dilated_conv2d()(
            filters,
            3,
            strides=stride,
            dilation_rate=dilation,
            padding="same",
            kernel_initializer=self._initializer(),
        )(joined)
        y = layers.Activation("selu")(y)
        if self._normalisation is not None:
            y = self._normalisation()(y)
        if dropout:
            y = layers.Dropout(dropout)(y)
        if self._config.residual == "projected":
            x = joined
        if stride != 1 or x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, strides=stride)(x)
        return layers.Add()([x, y])

    def _initializer(self) -> Any:
        if self._normalisation is not None:
            return "lecun_normal"
        return load_keras().initializers.VarianceScaling(self.UNNORMALISED_VARIANCE)
