"""Epochs: fresh skies or one set reshuffled, in batches of one size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.network.fit.dataset import FixedCutouts, FreshCutouts, Teacher, rebatch
from szmass_cli.network.paper.inputs import Labels, NetworkInput
from szmass_cli.network.paper.lesson import Encoder
from szmass_cli.sky.cutouts import Stream


def config(n=300, size=32, **more):
    return SurveyConfig(training=TrainingConfig(cutouts_per_epoch=n, batch_size=size, **more))


def as_they_are(block):
    """A lesson that teaches images and masses."""
    return block.image, block.m200c


def source_of(kind, survey, simulator):
    teacher = Teacher(survey, simulator, as_they_are)
    return kind(teacher, teacher)


def fresh(survey, simulator):
    return source_of(FreshCutouts, survey, simulator)


def fixed(survey, simulator):
    return source_of(FixedCutouts, survey, simulator)


def masses(source, epoch):
    return np.concatenate([m200c for _, m200c in source.epoch(epoch)])


def numbered(first, n):
    """A batch whose masses are serial numbers."""
    return {"image": np.zeros((n, 1)), "more": np.ones(n)}, np.arange(first, first + n, dtype=float)


KINDS = {"fresh": FreshCutouts, "fixed": FixedCutouts}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "size"), [(300, 32), (300, 300), (256, 64), (513, 200)])
def test_batches_have_one_size_and_a_rest_is_dropped(simulator, kind, n, size):
    batches = list(source_of(KINDS[kind], config(n, size), simulator).epoch(0))
    assert [len(m200c) for _, m200c in batches] == [size] * (n // size)
    assert all(image.shape == (size, 40, 40, 1) for image, _ in batches)


def test_fresh_epochs_share_no_cutout(simulator):
    source = fresh(config(), simulator)
    epochs = [masses(source, index) for index in range(3)]
    assert np.unique(np.concatenate(epochs)).size == sum(map(len, epochs))


def test_a_fresh_epoch_can_be_drawn_again(simulator):
    """What a resumed run needs: epoch 2 does not depend on epochs 0 and 1 having been drawn."""
    source, other = fresh(config(), simulator), fresh(config(), simulator)
    list(source.epoch(0))
    for one, two in zip(source.epoch(2), other.epoch(2), strict=True):
        assert one[0].tobytes() == two[0].tobytes()


def test_fixed_epochs_are_one_set_in_other_orders(simulator):
    source = fixed(config(320, 32), simulator)
    first, second = masses(source, 0), masses(source, 1)
    assert sorted(first) == sorted(second)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, masses(fixed(config(320, 32), simulator), 0))


def test_images_stay_with_their_labels_when_shuffled(simulator):
    source = fixed(config(320, 32), simulator)
    by_mass = [
        {
            m: image.tobytes()
            for images, m200c in source.epoch(e)
            for m, image in zip(m200c, images, strict=True)
        }
        for e in (0, 1)
    ]
    assert by_mass[0] == by_mass[1] and len(by_mass[0]) == 320


def test_another_seed_trains_on_other_cutouts(simulator):
    one, other = (masses(fresh(config(seed=seed), simulator), 0) for seed in (1, 2))
    assert not set(one) & set(other)


def test_training_shares_nothing_with_validation_calibration_and_test(simulator):
    trained = {m for epoch in range(2) for m in masses(fresh(config(), simulator), epoch)}
    trained |= set(masses(fixed(config(), simulator), 0))
    for stream in (Stream.VALIDATION, Stream.CALIBRATION, Stream.TEST):
        for block in simulator.blocks(config().clusters, 600, 1, stream):
            assert not trained & set(block.m200c)


@given(lengths=st.lists(st.integers(1, 40), max_size=8), size=st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_rebatching_keeps_the_order_and_loses_only_the_rest(lengths, size):
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(int)
    blocks = (numbered(first, n) for first, n in zip(starts, lengths, strict=False))
    batches = list(rebatch(blocks, size))
    total = int(starts[-1])
    assert [len(numbers) for _, numbers in batches] == [size] * (total // size)
    assert all(inputs["image"].shape == (size, 1) and len(inputs["more"]) == size for inputs, _ in batches)
    if batches:
        got = np.concatenate([numbers for _, numbers in batches])
        np.testing.assert_array_equal(got, np.arange(total - total % size))


def test_targets_carry_labels_then_weights(simulator, cutouts):
    survey = config(mass_pixel_weight=70.0)
    labels = Labels.create(survey, simulator.stamps)
    encoder = Encoder(survey, NetworkInput(None, labels.scale_uk), labels)
    images, targets = encoder(cutouts[:7])
    np.testing.assert_array_equal(images, cutouts.image[:7] / np.float32(labels.scale_uk))
    assert targets.shape == (7, 40, 40, 4) and targets.dtype == np.float32
    np.testing.assert_array_equal(targets[..., :2], labels.maps(cutouts[:7]))
    np.testing.assert_array_equal(targets[:, 20, 20, 3], 70.0)
    assert targets[..., 2:].sum() == 7 * (2 * 1600 + 69)
