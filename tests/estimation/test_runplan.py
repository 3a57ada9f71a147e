"""A plan holds every row once, and is the same for everybody who makes it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from szmass_cli.errors import InputError, UsageError
from szmass_cli.estimation.runplan import Shard, check_unchanged, make_plan, quick_identity


@given(
    st.lists(st.one_of(st.floats(-90, 90), st.just(float("nan"))), min_size=1, max_size=700),
    st.integers(1, 300),
    st.integers(1, 900),
    st.integers(1, 9),
)
def test_every_row_is_in_one_shard_once(dec_deg, batch_size, block_rows, count):
    plan = make_plan(np.array(dec_deg), {}, batch_size, block_rows)
    shares = [Shard(number, count).share(plan.blocks) for number in range(1, count + 1)]
    rows = np.concatenate([block.rows for share in shares for block in share])
    assert sorted(rows) == list(range(len(dec_deg)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.lists(st.floats(-90, 90), min_size=1, max_size=700), st.integers(1, 300), st.integers(1, 900))
def test_strips_are_the_same_in_blocks_of_any_size(dec_deg, batch_size, block_rows):
    first, other = (make_plan(np.array(dec_deg), {}, batch_size, rows) for rows in (block_rows, 1))
    strips = [[strip.tolist() for block in plan.blocks for strip in block.strips] for plan in (first, other)]
    assert strips[0] == strips[1]
    assert all(len(strip) % batch_size == 0 for strip in strips[0][:-1])


def test_blocks_are_bands_of_declination():
    dec_deg = np.random.default_rng(1).uniform(-60, 20, 3000)
    dec_deg[7] = np.nan
    plan = make_plan(dec_deg, {}, 32, 500)
    bands = [dec_deg[block.rows] for block in plan.blocks]
    assert all(south.max() <= north.min() for south, north in pairwise(bands[:-1]))
    assert plan.blocks[-1].rows[-1] == 7


def test_the_fingerprint_is_of_all_that_matters():
    dec_deg = np.linspace(-5, 5, 300)
    plans = [
        make_plan(dec_deg, {"map": "a"}, 32),
        make_plan(dec_deg, {"map": "b"}, 32),
        make_plan(dec_deg, {"map": "a"}, 32, 128),
        make_plan(dec_deg[:-1], {"map": "a"}, 32),
    ]
    assert len({plan.fingerprint for plan in plans}) == 4
    assert make_plan(dec_deg, {"map": "a"}, 32).fingerprint == plans[0].fingerprint


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "", "1/4/2", "1.5/4"])
def test_shards_that_are_none(text):
    with pytest.raises(UsageError, match=f"--shard {text}"):
        Shard.parse(text)
    assert str(Shard.parse("3/8")) == "3/8"


def test_a_file_that_changed_is_told(tmp_path):
    path = tmp_path / "map.fits"
    path.write_bytes(np.random.default_rng(1).bytes(3_000_000))
    before = quick_identity(path)
    check_unchanged(path, before)
    with open(path, "r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(InputError, match=r"map\.fits has changed .* 3,000,000 bytes then, 1,000 now"):
        check_unchanged(path, before)
    assert quick_identity(path)["sample"] != before["sample"]
    path.unlink()
    with pytest.raises(InputError, match="can no longer be read: No such file"):
        check_unchanged(path, before)
