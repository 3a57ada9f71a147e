"""Model bundles on disk, spoilt and refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from szmass_cli.errors import InputError
from szmass_cli.network.bundle.bundle import read_bundle


def refusal(folder: Path) -> str:
    """Return the message with which a bundle is refused, as wrong input and with a hint."""
    with pytest.raises(InputError) as caught:
        read_bundle(folder)
    assert caught.value.exit_code == 2 and caught.value.hint
    return caught.value.message


def edit(folder: Path, **changes) -> None:
    """Change keys of a bundle's metadata, or take away those that are None."""
    path = folder / "metadata.json"
    metadata = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in metadata.items() if v is not None}))


def assert_came_back(got: list[np.ndarray], written: list[np.ndarray]) -> None:
    """Hold weights that were read against those that were written."""
    assert len(got) == len(written)
    for one, other in zip(got, written, strict=True):
        assert one.dtype == np.float32
        if other.ndim > 1:
            # half precision: eleven bits, and steps of 6e-8 below 6e-5
            np.testing.assert_allclose(one, other, rtol=2.0**-11, atol=2.0**-25)
        else:
            np.testing.assert_array_equal(one, other)
