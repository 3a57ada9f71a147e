"""A run cut into blocks: which rows belong together, and what makes two runs the same."""

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
    """Rows next to each other in declination, and a part of the run.

    Parameters
    ----------
    number : int
        Counted from 0.
    strips : tuple of numpy.ndarray
        Row numbers in the catalogue, a strip each.
    """

    number: int
    strips: tuple[np.ndarray, ...]

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the whole block."""
        return np.concatenate(self.strips)


@dataclass(frozen=True)
class RunPlan:
    """What a run has to do, the same for whoever makes it from the same inputs.

    Parameters
    ----------
    identity : dict
        All that the answers depend on, in words and numbers that JSON can hold.
    blocks : tuple of Block
        Every row of the catalogue is in exactly one of them.
    """

    identity: dict[str, Any]
    blocks: tuple[Block, ...]

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that differ for runs whose parts must not be mixed."""
        sizes = [len(block.rows) for block in self.blocks]
        text = json.dumps([self.identity, sizes], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of a run.

    Parameters
    ----------
    number, count : int
        1 to count, and count.
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
        """A shard written as ``I/N``."""
        number, separator, count = text.partition("/")
        if not (separator and number.isdecimal() and count.isdecimal()):
            raise UsageError(f"--shard {text}: not I/N.", "For example --shard 3/8.")
        return cls(int(number), int(count))

    def share(self, blocks: Sequence[Block]) -> list[Block]:
        """The blocks of this shard: every `count`-th, so that empty sky is shared out too."""
        return [block for block in blocks if shard_of(block.number, self.count) == self.number]


def shard_of(block_number: int, count: int) -> int:
    """Number of the shard, of `count`, that a block belongs to."""
    return block_number % count + 1


def make_plan(
    dec_deg: np.ndarray,
    identity: Mapping[str, Any],
    batch_size: int,
    block_rows: int = BLOCK_ROWS,
    depth: np.ndarray | None = None,
) -> RunPlan:
    """Cut a catalogue into blocks of declination, of one depth after the other.

    Strips depend on the catalogue and the batch size only; blocks are whole strips, so that masses are the
    same whatever the size of a block.

    Parameters
    ----------
    dec_deg : numpy.ndarray, shape (n,)
        Declinations [deg]; rows without one come last.
    identity : mapping
        See `RunPlan`.
    batch_size : int
        Cutouts that go through the network at once.
    block_rows : int
        Rows in a block, rounded up to whole strips.
    depth : numpy.ndarray of int, shape (n,), optional
        Rows of one number have maps of much the same depth around them, and are best measured together.
    """
    order = np.lexsort((dec_deg, np.zeros(len(dec_deg), int) if depth is None else depth))
    size = -(-STRIP_ROWS // batch_size) * batch_size
    strips = [order[start : start + size] for start in range(0, len(order), size)]
    per_block = -(-block_rows // size)
    blocks = (tuple(strips[start : start + per_block]) for start in range(0, len(strips), per_block))
    return RunPlan(dict(identity), tuple(Block(number, some) for number, some in enumerate(blocks)))


def quick_identity(path: Path) -> dict[str, Any]:
    """Size, time of the last change and a hash of scattered pieces of a file: enough to tell maps apart.

    A whole map would take longer to hash than a thousand clusters to measure.

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
    """The SHA-256 of a file, and what its size [bytes] and last change [ns] were before it was read."""

    sha256: str
    bytes: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path, wanted: Callable[[], bool] = lambda: True) -> "Hashed":
        """Read a file while it is `wanted`, see `sha256_of`."""
        status = path.stat()
        return cls(sha256_of(path, wanted=wanted), status.st_size, status.st_mtime_ns)

    def is_of(self, identity: Mapping[str, Any]) -> bool:
        """Whether it is of the file that had this `quick_identity`."""
        return (self.bytes, self.changed_ns) == (identity["bytes"], identity["changed_ns"])


def check_unchanged(path: Path, identity: Mapping[str, Any]) -> None:
    """Make sure that a map is still the file that it was.

    Parameters
    ----------
    path : Path
        The map's file.
    identity : mapping
        Its `quick_identity` at the beginning.

    Raises
    ------
    InputError
        It was written to, cut short, replaced or removed since.
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
