"""Dilated convolution of small maps as one matrix product.

TensorFlow convolves with holes on the CPU by cutting maps into combs. On the smallest maps of the network a
comb is one or two pixels long, and gradients run at a fiftieth of the speed of a matrix product.
"""

from functools import cache
from typing import Any

from szmass_cli.network.backend import load_keras

SMALL_MAP = 10
"""Side, in pixels, of the largest map for which gathering the taps is the faster way."""


@cache
def dilated_conv2d() -> Any:
    """Return the layer class: a Keras Conv2D of the same weights and, but for rounding, the same output."""
    ops, plain = load_keras().ops, load_keras().layers.Conv2D

    class DilatedConv2D(plain):  # type: ignore[misc, valid-type]
        def convolution_op(self, inputs, kernel):
            rows, columns, channels = inputs.shape[1:]
            d = self.dilation_rate[0]
            if d == 1 or max(rows, columns) > SMALL_MAP:
                return super().convolution_op(inputs, kernel)
            padded = ops.pad(inputs, [[0, 0], [d, d], [d, d], [0, 0]])
            offsets = [(d * i, d * j) for i in range(3) for j in range(3)]
            taps = [padded[:, y : y + rows, x : x + columns] for y, x in offsets]
            flat = ops.reshape(ops.concatenate(taps, axis=-1), (-1, 9 * channels))
            product = ops.matmul(flat, ops.reshape(kernel, (9 * channels, self.filters)))
            return ops.reshape(product, (-1, rows, columns, self.filters))

    return DilatedConv2D
