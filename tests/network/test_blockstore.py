"""Stored blocks: drawn once, read back, refused where they are of other simulations or damaged."""

import numpy as np
import pytest

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import InputError
from szmass_cli.network.fit.blockstore import BlockStore
from szmass_cli.network.fit.dataset import StoredCutouts, Teacher, mirrored


def block(seed=1):
    rng = np.random.default_rng(seed)
    inputs = {
        "images": rng.standard_normal((6, 4, 4, 2)).astype(np.float32),
        "curves": rng.standard_normal((6, 3)).astype(np.float32),
    }
    return inputs, {"g": rng.standard_normal((6, 5)).astype(np.float32)}


def never():
    raise AssertionError("drawn again")


def test_a_block_is_drawn_once_and_read_back(tmp_path):
    store, drawn = BlockStore(tmp_path / "sims", "a"), block()
    store.block("00000", lambda: drawn)
    inputs, targets = BlockStore(tmp_path / "sims", "a").block("00000", never)
    np.testing.assert_array_equal(inputs["curves"], drawn[0]["curves"])
    np.testing.assert_array_equal(targets["g"], drawn[1]["g"])
    np.testing.assert_allclose(inputs["images"], drawn[0]["images"], rtol=1e-3, atol=1e-4)
    assert inputs["images"].dtype == np.float32


def test_what_is_read_is_the_same_as_what_was_just_drawn(tmp_path):
    store = BlockStore(tmp_path, "a")
    first, again = (store.block("00000", block) for _ in range(2))
    np.testing.assert_array_equal(first[0]["images"], again[0]["images"])


def test_blocks_of_other_simulations_and_damaged_ones_are_refused(tmp_path):
    BlockStore(tmp_path, "a").block("00000", block)
    with pytest.raises(InputError, match="other simulations"):
        BlockStore(tmp_path, "b").block("00000", never)
    whole = (tmp_path / "00000.h5").read_bytes()
    (tmp_path / "00000.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read") as refused:
        BlockStore(tmp_path, "a").block("00000", never)
    assert "drawn again" in refused.value.hint


def test_a_block_that_fails_while_it_is_drawn_leaves_nothing(tmp_path):
    def fails():
        raise RuntimeError("no cutouts")

    with pytest.raises(RuntimeError):
        BlockStore(tmp_path, "a").block("00000", fails)
    assert not list(tmp_path.iterdir())


def test_mirrors_are_the_eight_of_a_square_and_leave_curves_alone():
    image = np.arange(9.0).reshape(1, 3, 3, 1).repeat(8, axis=0)
    seen = mirrored(image, np.arange(8))
    assert len({one.tobytes() for one in seen}) == 8
    np.testing.assert_array_equal(seen[0], image[0])
    assert all(one[1, 1, 0] == 4.0 and sorted(one.ravel()) == list(range(9)) for one in seen)
    curves = np.arange(8.0)[:, None]
    assert mirrored(curves, np.arange(8)) is curves


class Counted:
    """Stands where a simulator does."""

    block_size = 6


def test_the_first_epochs_are_drawn_and_later_ones_hold_the_same_cutouts_in_another_order(tmp_path):
    training = TrainingConfig(
        cutouts="stored", stored_epochs=2, cutouts_per_epoch=12, batch_size=4, validation_cutouts=2
    )
    config, asked = SurveyConfig(training=training), []

    def draw(number):
        asked.append(number)
        return block(number)

    teacher = Teacher(config, Counted(), lambda drawn: drawn)
    source = StoredCutouts(teacher, draw, BlockStore(tmp_path, "a"))
    epochs = [np.concatenate([x["curves"] for x, _ in source.epoch(index)]) for index in range(4)]
    assert asked == [0, 1, 2, 3]
    np.testing.assert_array_equal(epochs[0][:6], block(0)[0]["curves"])
    first, later = (np.concatenate(pair)[:, 0] for pair in (epochs[:2], epochs[2:]))
    np.testing.assert_array_equal(np.sort(first), np.sort(later))
    assert not np.array_equal(first, later)
    again = np.concatenate([x["curves"] for x, _ in source.epoch(3)])
    np.testing.assert_array_equal(again, epochs[3])
