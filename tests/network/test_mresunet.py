"""The network layer by layer, as section 2.1 and Figure 1 of Gupta & Reichardt (2020) draw it."""

import numpy as np
import pytest

from szmass_cli.config import NetworkConfig, load_config
from szmass_cli.network.backend import load_keras
from szmass_cli.network.mresunet import build_mresunet

FILTERS = (64, 128, 256, 512, 256, 128, 64)  # encoder, bridge, decoder
BLOCKS = range(7)


@pytest.fixture(scope="module")
def paper():
    return build_mresunet(load_config("paper").network, 1)


def small(**changes):
    return build_mresunet(NetworkConfig(**{"base_filters": 2, "dropout_rate": 0.3, **changes}), 1)


def layers_of(network, kind):
    return [layer for layer in network.layers if layer.__class__.__name__ == kind]


def convolutions(network):
    return [layer for layer in network.layers if isinstance(layer, load_keras().layers.Conv2D)]


def dilated(network):
    """The 3 x 3 convolutions, seven blocks of four."""
    return [layer for layer in convolutions(network) if layer.kernel_size == (3, 3)]


def count_by_hand(channels, base, residual):
    """Parameters: 3 x 3 kernels with biases, batch norms of 4, and 1 x 1 projections where shapes change."""
    total, before = 0, channels
    for block in BLOCKS:
        filters = base * FILTERS[block] // 64
        for dilation in (1, 2, 3, 4):
            joined = before
            if block > 3 and dilation in (2, 4):
                joined += filters  # the skip
            total += 9 * joined * filters + filters + 4 * filters
            if residual == "projected":
                before = joined
            if before != filters or (dilation == 1 and 0 < block <= 3):
                total += before * filters + filters
            before = filters
    return total + 2 * before + 2


def test_the_papers_network_has_sixteen_to_seventeen_million_parameters(paper):
    """'Approximately 16 million' (section 3); the projections that the paper leaves open make it 16.74."""
    assert paper.count_params() == 16_742_018
    assert count_by_hand(channels=1, base=64, residual="identity") == 16_742_018


@pytest.mark.parametrize("residual", ["identity", "projected"])
@pytest.mark.parametrize(("channels", "base"), [(1, 2), (2, 3), (2, 16)])
def test_parameters_are_those_counted_by_hand(channels, base, residual):
    network = build_mresunet(NetworkConfig(head="mass", base_filters=base, residual=residual), channels)
    assert network.count_params() == count_by_hand(channels, base, residual)


def test_images_in_two_maps_of_the_same_size_out(paper):
    assert paper.input_shape == (None, 40, 40, 1)
    assert paper.output_shape == (None, 40, 40, 2)
    assert small().predict_on_batch(np.zeros((3, 40, 40, 1), np.float32)).dtype == np.float32


def test_each_of_seven_blocks_has_dilations_one_to_four(paper):
    rates = [layer.dilation_rate for layer in dilated(paper)]
    assert rates == [(n, n) for _ in BLOCKS for n in (1, 2, 3, 4)]


def test_filters_go_up_to_512_and_back(paper):
    assert [layer.filters for layer in dilated(paper)] == [f for f in FILTERS for _ in range(4)]


def test_maps_are_halved_three_times_by_striding_and_restored_by_upsampling(paper):
    strides = [layer.strides[0] for layer in dilated(paper)]
    assert [i for i, stride in enumerate(strides) if stride == 2] == [4, 8, 12]
    sizes = [layer.output.shape[1] for layer in dilated(paper)]
    assert sizes == [s for s in (40, 20, 10, 5, 10, 20, 40) for _ in range(4)]
    assert len(layers_of(paper, "UpSampling2D")) == 3


def test_every_sub_stage_is_convolution_selu_batch_norm_and_residual(paper):
    assert len(layers_of(paper, "BatchNormalization")) == 28
    activations = layers_of(paper, "Activation")
    assert len(activations) == 28
    assert all(layer.activation.__name__ == "selu" for layer in activations)
    assert len(layers_of(paper, "Add")) == 28


def feeding(layer):
    """The layers whose outputs a layer takes."""
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return [tensor._keras_history.operation for tensor in inputs]


def test_skips_join_the_second_and_fourth_sub_stages_of_each_level(paper):
    """Encoder and decoder stages of one size, d = 2 to d = 2 and d = 4 to d = 4."""
    sums = layers_of(paper, "Add")
    joined = layers_of(paper, "Concatenate")
    assert len(joined) == 6
    for layer, (level, dilation) in zip(joined, [(lv, d) for lv in (2, 1, 0) for d in (2, 4)], strict=True):
        decoder, encoder = feeding(layer)
        assert encoder is sums[4 * level + dilation - 1]
        assert decoder is sums[4 * (6 - level) + dilation - 2]
        takes = [conv for conv in dilated(paper) if feeding(conv) == [layer]]
        assert [conv.dilation_rate for conv in takes] == [(dilation, dilation)]


@pytest.mark.parametrize(("where", "blocks"), [("decoder", {4, 5, 6}), ("encoder", {0, 1, 2, 3})])
def test_dropout_is_only_where_it_was_asked_for(where, blocks):
    network = small(dropout_in=where)
    order = network.layers
    convolutions = dilated(network)
    found = []
    for layer in layers_of(network, "Dropout"):
        assert layer.rate == 0.3
        assert feeding(layer)[0].__class__.__name__ == "BatchNormalization"
        before = [c for c in convolutions if order.index(c) < order.index(layer)]
        found.append((len(before) - 1) // 4)
    assert sorted(found) == sorted(4 * list(blocks))


def test_without_dropout_there_is_none():
    assert layers_of(small(dropout_rate=0.0), "Dropout") == []


def test_the_last_layer_is_linear_and_begins_at_zero():
    network = small()
    last = network.layers[-1]
    assert last.kernel_size == (1, 1) and last.filters == 2
    assert last.activation.__name__ == "linear"
    images = np.random.default_rng(1).standard_normal((2, 40, 40, 1)).astype(np.float32)
    np.testing.assert_array_equal(network.predict_on_batch(images), 0.0)


def test_batch_norm_takes_the_configured_momentum():
    network = small(batch_norm_momentum=0.9)
    assert {layer.momentum for layer in layers_of(network, "BatchNormalization")} == {0.9}


def test_every_pixel_of_the_image_reaches_the_mass_pixel():
    """Dilations and striding see the whole cutout: each corner changes the mass."""
    network = small(dropout_rate=0.0)
    rng = np.random.default_rng(2)
    network.layers[-1].set_weights([rng.standard_normal((1, 1, 2, 2)), np.zeros(2)])
    images = np.repeat(rng.standard_normal((1, 40, 40, 1)), 5, axis=0).astype(np.float32)
    for row, place in enumerate([(0, 0), (0, 39), (39, 0), (39, 39)], start=1):
        images[row, *place] += 5.0
    mass = network.predict_on_batch(images)[:, 20, 20, 1]
    assert np.all(np.abs(mass[1:] - mass[0]) > 1e-6)


def test_keras_runs_on_tensorflow():
    assert load_keras().backend.backend() == "tensorflow"
