"""The blocks of a run: which rows are measured together, and what identifies a run."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.errors import InputError, UsageError
from szmass_cli.system.files import sha256_of

STRIP_ROWS = 128
"""Rows that are measured together; what else is measured, and where, changes none of their bits."""

BLOCK_ROWS = 1024
"""Rows of one block, if nothing else is asked for: some seconds of work, and a part of some 60 kB."""

_SAMPLE_BYTES = 1 << 16
_SAMPLES = 64


@dataclass(frozen=True)
class Block:
    """Rows adjacent in declination, stored as one part of the run.

    Parameters
    ----------
    number : int
        Number of the block, counted from 0.
    strips : tuple of numpy.ndarray
        Row numbers in the catalogue, one array for each strip.
    """

    number: int
    strips: tuple[np.ndarray, ...]

    @property
    def rows(self) -> np.ndarray:
        """Return the row numbers of the whole block."""
        return np.concatenate(self.strips)


@dataclass(frozen=True)
class RunPlan:
    """The work of a run, determined by its inputs alone.

    Parameters
    ----------
    identity : dict
        All that the results depend on, in JSON-compatible form.
    blocks : tuple of Block
        The blocks; every row of the catalogue is in exactly one of them.
    """

    identity: dict[str, Any]
    blocks: tuple[Block, ...]

    @cached_property
    def fingerprint(self) -> str:
        """Return 64 hexadecimal digits that differ between runs whose parts must not be mixed."""
        sizes = [len(block.rows) for block in self.blocks]
        text = json.dumps([self.identity, sizes], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Shard:
    """One of several equal shards of a run.

    Parameters
    ----------
    number, count : int
        Number of the shard, from 1 to `count`, and total number of shards.
    """

    number: int
    count: int

    def __post_init__(self):
        if not 1 <= self.number <= self.count:
            raise UsageError(
                f"--shard {self}: there is no such shard.", "Shards count from 1: --shard 1/8 to --shard 8/8."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard given as text ``I/N``."""
        number, separator, count = text.partition("/")
        if not (separator and number.isdecimal() and count.isdecimal()):
            raise UsageError(f"--shard {text}: not I/N.", "For example --shard 3/8.")
        return cls(int(number), int(count))

    def share(self, blocks: Sequence[Block]) -> list[Block]:
        """Return the blocks of this shard: every `count`-th, so that empty sky is distributed evenly."""
        return [block for block in blocks if shard_of(block.number, self.count) == self.number]


def shard_of(block_number: int, count: int) -> int:
    """Return the number of the shard, out of `count`, that a block belongs to."""
    return block_number % count + 1


def make_plan(
    dec_deg: np.ndarray,
    identity: Mapping[str, Any],
    batch_size: int,
    block_rows: int = BLOCK_ROWS,
    depth: np.ndarray | None = None,
) -> RunPlan:
    """Return the plan of a run: rows sorted by depth and declination, cut into strips and blocks.

    Strips depend only on the catalogue and the batch size; blocks consist of complete strips, so that masses
    do not depend on the size of a block.

    Parameters
    ----------
    dec_deg : numpy.ndarray, shape (n,)
        Declinations [deg]; rows without one come last.
    identity : mapping
        All that the results depend on, see `RunPlan`.
    batch_size : int
        Number of cutouts per batch of the network.
    block_rows : int
        Number of rows in a block, rounded up to complete strips.
    depth : numpy.ndarray of int, shape (n,), optional
        Integer label of the map depth around each row; rows of equal label are measured together.
    """
    order = np.lexsort((dec_deg, np.zeros(len(dec_deg), int) if depth is None else depth))
    size = -(-STRIP_ROWS // batch_size) * batch_size
    strips = [order[start : start + size] for start in range(0, len(order), size)]
    per_block = -(-block_rows // size)
    blocks = (tuple(strips[start : start + per_block]) for start in range(0, len(strips), per_block))
    return RunPlan(dict(identity), tuple(Block(number, some) for number, some in enumerate(blocks)))


def quick_identity(path: Path) -> dict[str, Any]:
    """Return size, modification time and a hash of sampled pieces of a file: enough to tell maps apart.

    Hashing a complete map would take longer than measuring a thousand clusters.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    status, digest = path.stat(), hashlib.sha256()
    with open(path, "rb") as stream:
        for start in np.linspace(0, max(status.st_size - _SAMPLE_BYTES, 0), _SAMPLES).astype(int):
            stream.seek(int(start))
            digest.update(stream.read(_SAMPLE_BYTES))
    return {"bytes": status.st_size, "changed_ns": status.st_mtime_ns, "sample": digest.hexdigest()}


@dataclass(frozen=True)
class Hashed:
    """The SHA-256 digest of a file, with its size [bytes] and modification time [ns] before reading."""

    sha256: str
    bytes: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path, wanted: Callable[[], bool] = lambda: True) -> "Hashed":
        """Read and hash a file for as long as `wanted` returns true, see `sha256_of`."""
        status = path.stat()
        return cls(sha256_of(path, wanted=wanted), status.st_size, status.st_mtime_ns)

    def is_of(self, identity: Mapping[str, Any]) -> bool:
        """Return whether the digest belongs to the file that had this `quick_identity`."""
        return (self.bytes, self.changed_ns) == (identity["bytes"], identity["changed_ns"])


def check_unchanged(path: Path, identity: Mapping[str, Any]) -> None:
    """Check that a map's file has not changed during the run.

    Parameters
    ----------
    path : Path
        File of the map.
    identity : mapping
        `quick_identity` of the file at the start of the run.

    Raises
    ------
    InputError
        The file has been modified, truncated, replaced or removed.
    """
    try:
        status = path.stat()
        if (status.st_size, status.st_mtime_ns) == (identity["bytes"], identity["changed_ns"]):
            return
        what = (
            f"has changed while it was being read: {identity['bytes']:,} bytes then, {status.st_size:,} now"
        )
    except OSError as error:
        what = f"can no longer be read: {error.strerror}"
    raise InputError(f"{path} {what}.", "What was read of it since is not used. Run again when it is whole.")
