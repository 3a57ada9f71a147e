"""What follows from depths: worked out once, and forgotten with the depth."""

import gc

import numpy as np

from szmass_cli.likelihood.depth import Depth, PerDepth


def test_what_follows_from_a_depth_lives_as_long_as_the_depth():
    """Inverse covariances of three bands take 46 MB each: nothing else may keep them alive."""
    made = []

    def make(depth):
        made.append(float(depth.fisher[0, 0]))
        return made[-1]

    of = PerDepth(make)
    first, second = (Depth(np.eye(2)[None], np.full((1, 3), value)) for value in (1.0, 2.0))
    assert [of(first), of(second), of(first), of(first)] == [1.0, 2.0, 1.0, 1.0]
    assert made == [1.0, 2.0]
    del first
    gc.collect()
    assert len(of) == 1
