"""The mResUNet of Gupta & Reichardt (2020), section 2.1 and Figure 1.

Left open by the paper and chosen here: the input of a sub-stage whose shape changes is brought to the
output's shape by a 1 x 1 convolution before it is added; up-sampling repeats pixels; the skip from the
encoder's d = 2 (d = 4) sub-stage joins the decoder just before its own d = 2 (d = 4) sub-stage, and what is
added to that sub-stage's output is the map without the skip (`residual: identity`) or, through a 1 x 1
convolution, with it (`projected`); dropout comes after the normalisation; the last layer is a 1 x 1
convolution.
"""

from typing import TYPE_CHECKING, Any

from szmass_cli.config import NetworkConfig
from szmass_cli.network.backend import load_keras
from szmass_cli.network.dilated import dilated_conv2d
from szmass_cli.stamp import N_PIXELS

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
    layers = keras.layers

    def substage(x, filters: int, dilation: int, stride: int, dropout: float, skip=None):
        """Convolution, activation, normalisation, and the input added; a skip is joined to the input."""
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
        y = layers.BatchNormalization(momentum=config.batch_norm_momentum, synchronized=synchronised)(y)
        if dropout:
            y = layers.Dropout(dropout)(y)
        if config.residual == "projected":
            x = joined
        if stride != 1 or x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, strides=stride)(x)
        return layers.Add()([x, y])

    encoder_dropout = config.dropout_rate if config.dropout_in == "encoder" else 0.0
    decoder_dropout = config.dropout_rate if config.dropout_in == "decoder" else 0.0
    inputs = keras.Input((N_PIXELS, N_PIXELS, input_channels))

    x = inputs
    skips: list[dict[int, Any]] = []
    for level in range(LEVELS):  # the last level is the bridge, whose maps are not skipped
        skips.append({})
        for dilation in DILATIONS:
            stride = 2 if level > 0 and dilation == 1 else 1
            x = substage(x, config.base_filters * 2**level, dilation, stride, encoder_dropout)
            skips[level][dilation] = x

    for level in reversed(range(LEVELS - 1)):
        x = layers.UpSampling2D(2)(x)
        for dilation in DILATIONS:
            skip = skips[level][dilation] if dilation in SKIPPED else None
            x = substage(x, config.base_filters * 2**level, dilation, 1, decoder_dropout, skip)

    # starting from zero output spares the first epoch, in which the residual sums are only scaled down
    outputs = layers.Conv2D(OUTPUTS, 1, activation="linear", kernel_initializer="zeros", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="mresunet")
