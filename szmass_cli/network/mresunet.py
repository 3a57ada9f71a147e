"""The mResUNet of Gupta & Reichardt (2020), section 2.1 and Figure 1.

Left open by the paper and chosen here: the input of a sub-stage whose shape changes is brought to the
output's shape by a 1 x 1 convolution before it is added; up-sampling repeats pixels; the skip from the
encoder's d = 2 (d = 4) sub-stage joins the decoder just before its own d = 2 (d = 4) sub-stage, and what is
added to that sub-stage's output is the map without the skip (`residual: identity`) or, through a 1 x 1
convolution, with it (`projected`); dropout comes after the normalisation; the last layer is a 1 x 1
convolution.
"""

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
OUTPUTS = 2
"""SZ profile, and normalised NFW profile with the mass pixel."""


def build_mresunet(config: NetworkConfig, input_channels: int, synchronised: bool = False) -> "keras.Model":
    """The network, (n, 40, 40, input_channels) in and (n, 40, 40, 2) out.

    Parameters
    ----------
    config : NetworkConfig
        ``base_filters`` is 64 in the paper: encoder 64-128-256, bridge 512, decoder 256-128-64.
    input_channels : int
    synchronised : bool
        Normalise over the batches of all devices that train together.

    Returns
    -------
    keras.Model
    """
    keras = load_keras()
    inputs = keras.Input((N_PIXELS, N_PIXELS, input_channels))
    features = Trunk(config, synchronised)(inputs)
    return keras.Model(inputs, output_maps(features.decoded, OUTPUTS), name="mresunet")


def output_maps(decoded: Any, n_maps: int) -> Any:
    """Linear maps of the trunk's last features, in single precision."""
    # starting from zero output spares the first epoch, in which the residual sums are only scaled down
    layer = load_keras().layers.Conv2D(
        n_maps, 1, activation="linear", kernel_initializer="zeros", dtype="float32"
    )
    return layer(decoded)


@dataclass(frozen=True)
class Features:
    """What the trunk makes of an input.

    Parameters
    ----------
    bridge : keras tensor, (n, 5, 5, 8 base_filters)
    decoded : keras tensor, (n, 40, 40, base_filters)
    """

    bridge: Any
    decoded: Any


class Trunk:
    """Encoder, bridge and decoder, as layers are put one behind the other.

    Parameters
    ----------
    config : NetworkConfig
    synchronised : bool
        See `build_mresunet`.
    conditions : keras tensor, (n, c), optional
        What every sub-stage's maps are scaled and shifted by, channel by channel (FiLM: Perez et al. 2018,
        eq. 2), after their normalisation.
    """

    def __init__(self, config: NetworkConfig, synchronised: bool = False, conditions: Any = None):
        self._config, self._synchronised, self._conditions = config, synchronised, conditions
        rate, place = config.dropout_rate, config.dropout_in
        self._encoder_dropout = rate if place == "encoder" else 0.0
        self._decoder_dropout = rate if place == "decoder" else 0.0

    def __call__(self, x: Any) -> Features:
        layers, base = load_keras().layers, self._config.base_filters
        skips: list[dict[int, Any]] = []
        for level in range(LEVELS):  # the last level is the bridge, whose maps are not skipped
            skips.append({})
            for dilation in DILATIONS:
                stride = 2 if level > 0 and dilation == 1 else 1
                x = self._substage(x, base * 2**level, dilation, stride, self._encoder_dropout)
                skips[level][dilation] = x
        bridge = x
        for level in reversed(range(LEVELS - 1)):
            x = layers.UpSampling2D(2)(x)
            for dilation in DILATIONS:
                skip = skips[level][dilation] if dilation in SKIPPED else None
                x = self._substage(x, base * 2**level, dilation, 1, self._decoder_dropout, skip)
        return Features(bridge, x)

    def _substage(self, x, filters: int, dilation: int, stride: int, dropout: float, skip=None):
        """Convolution, activation, normalisation, and the input added; a skip is joined to the input."""
        layers, momentum = load_keras().layers, self._config.batch_norm_momentum
        joined = x if skip is None else layers.Concatenate()([x, skip])
        y = dilated_conv2d()(
            filters,
            3,
            strides=stride,
            dilation_rate=dilation,
            padding="same",
            kernel_initializer="lecun_normal",
        )(joined)
        y = layers.Activation("selu")(y)
        y = layers.BatchNormalization(momentum=momentum, synchronized=self._synchronised)(y)
        if self._conditions is not None:
            y = self._modulated(y, filters)
        if dropout:
            y = layers.Dropout(dropout)(y)
        if self._config.residual == "projected":
            x = joined
        if stride != 1 or x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, strides=stride)(x)
        return layers.Add()([x, y])

    def _modulated(self, y, filters: int):
        """y (1 + gamma) + beta, both linear in the conditions and zero at first."""
        layers = load_keras().layers
        linear = [layers.Dense(filters, kernel_initializer="zeros")(self._conditions) for _ in range(2)]
        gamma, beta = (layers.Reshape((1, 1, filters))(values) for values in linear)
        return layers.Add()([y, layers.Multiply()([y, gamma]), beta])
