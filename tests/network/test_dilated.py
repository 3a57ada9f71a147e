"""Dilated convolution as a matrix product, against TensorFlow's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.network.backend import dtype_policy, load_keras, load_tensorflow
from szmass_cli.network.dilated import SMALL_MAP, dilated_conv2d

DILATIONS = (1, 2, 3, 4)
CHANNELS = st.integers(1, 5)


def pair(dilation, channels, filters, stride=1):
    """The layer and a Keras Conv2D with the same weights."""
    options = {"strides": stride, "dilation_rate": dilation, "padding": "same"}
    layers = [cls(filters, 3, **options) for cls in (dilated_conv2d(), load_keras().layers.Conv2D)]
    rng = np.random.default_rng(dilation)
    kernel, bias = rng.standard_normal((3, 3, channels, filters)), rng.standard_normal(filters)
    for layer in layers:
        layer.build((None, 40, 40, channels))
        layer.set_weights([kernel, bias])
    return layers


def maps(size, channels, n=3):
    return np.random.default_rng(size).standard_normal((n, size, size, channels)).astype(np.float32)


@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("size", [5, 10, 20, 40])
def test_the_output_is_that_of_tensorflow(size, dilation):
    tf = load_tensorflow()
    ours, plain = pair(dilation, channels=4, filters=6)
    x = maps(size, 4)
    expected = tf.nn.convolution(x, plain.kernel.value, padding="SAME", dilations=dilation) + plain.bias.value
    got = ours(x)
    assert got.shape == (3, size, size, 6)
    np.testing.assert_allclose(got, expected, atol=2e-5)
    np.testing.assert_allclose(got, plain(x), atol=2e-5)


@pytest.mark.parametrize("dilation", DILATIONS)
@pytest.mark.parametrize("size", [5, 10, 20])
def test_the_gradients_are_those_of_keras(size, dilation):
    """Of maps, kernel and bias, for an arbitrary direction in the output."""
    tf = load_tensorflow()
    x = tf.constant(maps(size, 4))
    direction = np.random.default_rng(9).standard_normal((3, size, size, 6)).astype(np.float32)
    found = []
    for layer in pair(dilation, channels=4, filters=6):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(layer(x) * direction)
        found.append(tape.gradient(value, [x, layer.kernel.value, layer.bias.value]))
    for got, expected in zip(*found, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=2e-4)


@given(
    st.sampled_from(DILATIONS), st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)
)
@settings(max_examples=30, deadline=None)
def test_any_small_map_any_number_of_channels_any_batch(dilation, size, channels, filters, n):
    ours, plain = pair(dilation, channels, filters)
    x = maps(size, channels, n)
    np.testing.assert_allclose(ours(x), plain(x), atol=3e-5)


def test_striding_is_left_to_keras():
    ours, plain = pair(1, channels=2, filters=3, stride=2)
    x = maps(10, 2)
    assert ours(x).shape == (3, 5, 5, 3)
    np.testing.assert_allclose(ours(x), plain(x), atol=1e-5)


def test_only_small_maps_go_through_the_matrix_product():
    """What the class is for: without it every test above would pass with a plain Conv2D."""
    tf = load_tensorflow()

    def operations(size, dilation):
        layer = pair(dilation, channels=2, filters=3)[0]
        graph = tf.function(layer).get_concrete_function(tf.TensorSpec((None, size, size, 2))).graph
        return {operation.type for operation in graph.get_operations()}

    for size, dilation in ((5, 2), (SMALL_MAP, 4)):
        assert "MatMul" in operations(size, dilation) and "Conv2D" not in operations(size, dilation)
    for size, dilation in ((SMALL_MAP, 1), (20, 4)):
        assert "Conv2D" in operations(size, dilation) and "MatMul" not in operations(size, dilation)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_in_mixed_precision_it_computes_in_half(policy):
    with dtype_policy(policy):
        ours, plain = pair(2, channels=2, filters=3)
    x = maps(5, 2)
    assert str(ours.kernel.dtype) == "float32"
    assert ours(x).dtype == plain(x).dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(np.asarray(ours(x), float), np.asarray(plain(x), float), atol=0.1)
