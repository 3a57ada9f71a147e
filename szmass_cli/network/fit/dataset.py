"""Batches for training, simulated on the fly or drawn once and shuffled, as the arrays of a lesson."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from szmass_cli.config import ClusterConfig, SurveyConfig
from szmass_cli.network.backend import load_keras
from szmass_cli.network.fit.blockstore import BlockStore
from szmass_cli.network.fit.lessons import Lesson
from szmass_cli.sky.cutouts import Stream, block_generator


class Block(Protocol):
    """Labelled simulations of n clusters."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any) -> Self: ...

    @classmethod
    def concatenate(cls, blocks: list[Any]) -> Self:
        """Return all clusters of several blocks."""
        ...


class Simulator(Protocol):
    """Draws blocks of labelled simulations; the same arguments, the same blocks."""

    @property
    def block_size(self) -> int:
        """Return the number of cutouts of one random stream."""
        ...

    def blocks(
        self, clusters: ClusterConfig, n: int, seed: int, stream: Stream, first_block: int = 0
    ) -> Iterator[Any]:
        """Draw blocks that add up to n cutouts."""
        ...


Batch = tuple[Any, Any]
"""Inputs and targets: arrays, or dictionaries of arrays, of n cutouts."""


@dataclass(frozen=True)
class Teacher:
    """Draws the blocks that epochs of training cutouts are made of, and makes a lesson of each.

    Parameters
    ----------
    config : SurveyConfig
        Clusters, seed, and number of cutouts of an epoch.
    simulator : Simulator
        Draws the labelled simulations.
    lesson : Lesson
        Makes inputs and targets of them.
    """

    config: SurveyConfig
    simulator: Simulator
    lesson: Lesson

    @property
    def blocks_per_epoch(self) -> int:
        return -(-self.config.training.cutouts_per_epoch // self.simulator.block_size)

    def __call__(self, number: int) -> Batch:
        """Return a block by its number, counted through all epochs; the last of an epoch is shorter."""
        training, size = self.config.training, self.simulator.block_size
        n = min(size, training.cutouts_per_epoch - number % self.blocks_per_epoch * size)
        drawn = self.simulator.blocks(
            self.config.clusters, n, training.seed, Stream.TRAINING, first_block=number
        )
        return self.lesson(joined(drawn))


def joined(blocks: Iterator[Any]) -> Any:
    """Return all clusters of blocks of one kind."""
    drawn = list(blocks)
    return type(drawn[0]).concatenate(drawn)


Draw = Callable[[int], Batch]
"""What a `Teacher` does, here or elsewhere."""


class FreshCutouts:
    """New cutouts in every epoch: nothing is ever seen twice, so nothing can be learnt by heart."""

    def __init__(self, teacher: Teacher, draw: Draw):
        self._n_blocks, self._size = teacher.blocks_per_epoch, teacher.config.training.batch_size
        self._draw = draw

    def epoch(self, index: int) -> Iterator[Batch]:
        numbers = range(index * self._n_blocks, (index + 1) * self._n_blocks)
        return rebatch(map(self._draw, numbers), self._size)


class FixedCutouts:
    """One set of cutouts for all epochs, in a new order in each, as the paper trains."""

    def __init__(self, teacher: Teacher, draw: Draw):
        training = teacher.config.training
        self._seed, self._size, self._lesson = training.seed, training.batch_size, teacher.lesson
        blocks = teacher.simulator.blocks(
            teacher.config.clusters, training.cutouts_per_epoch, training.seed, Stream.TRAINING
        )
        self._all = joined(blocks)

    def epoch(self, index: int) -> Iterator[Batch]:
        # the salt keeps the order's stream apart from those of the cutouts
        order = block_generator(self._seed, Stream.TRAINING, index, salt=1).permutation(len(self._all))
        for start in range(0, len(order) - self._size + 1, self._size):
            yield self._lesson(self._all[order[start : start + self._size]])


class StoredCutouts:
    """New cutouts for some epochs, each block kept in a file; then all of them again, seen in mirrors.

    Parameters
    ----------
    teacher : Teacher
        Says how many blocks an epoch has, and how many epochs are drawn.
    draw : callable
        Draws blocks by their numbers.
    store : BlockStore
        Holds the blocks that are there, of this run or of another of the same simulations.
    """

    TOGETHER = 8
    """Blocks among which cutouts are mixed where they are seen again."""

    def __init__(self, teacher: Teacher, draw: Draw, store: BlockStore):
        training = teacher.config.training
        self._n_blocks, self._n_epochs = teacher.blocks_per_epoch, training.stored_epochs
        self._seed, self._size = training.seed, training.batch_size
        self._draw, self._store = draw, store

    def epoch(self, index: int) -> Iterator[Batch]:
        again, place = divmod(index, self._n_epochs)
        numbers = np.arange(place * self._n_blocks, (place + 1) * self._n_blocks)
        if again == 0:
            return rebatch(map(self._block, map(int, numbers)), self._size)
        # the salt keeps orders and mirrors apart from the cutouts' streams
        order = block_generator(self._seed, Stream.TRAINING, again, salt=2).permutation(
            self._n_epochs * self._n_blocks
        )
        rng = block_generator(self._seed, Stream.TRAINING, index, salt=3)
        return rebatch(self._mixed(order[numbers], rng), self._size)

    def _mixed(self, numbers: np.ndarray, rng: np.random.Generator) -> Iterator[Batch]:
        mapped = load_keras().tree.map_structure
        for start in range(0, len(numbers), self.TOGETHER):
            blocks = [self._block(int(number)) for number in numbers[start : start + self.TOGETHER]]
            together = mapped(lambda *parts: np.concatenate(parts), *blocks)
            order = rng.permutation(_length(together))
            mirror = rng.integers(0, 8, len(order))
            yield mapped(lambda array, order=order, mirror=mirror: mirrored(array[order], mirror), together)

    def _block(self, number: int) -> Batch:
        return self._store.block(f"{number:05d}", lambda: self._draw(number))


def mirrored(array: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return images (n, s, s, c) turned and seen in mirrors, each by its number (n,) from 0 to 7.

    Arrays of other dimensions are returned as they are.
    """
    if array.ndim != 4:
        return array
    found = np.empty_like(array)
    for number in range(8):
        rows = mirror == number
        images = np.rot90(array[rows], number % 4, axes=(1, 2))
        found[rows] = images[:, ::-1] if number > 3 else images
    return found


Source = FreshCutouts | FixedCutouts | StoredCutouts


def source_of(teacher: Teacher, draw: Draw, folder: Path) -> Source:
    """Return where a run's cutouts come from.

    Parameters
    ----------
    teacher : Teacher
        Its configuration says which kind it is.
    draw : callable
        Draws blocks by their numbers, here or elsewhere.
    folder : Path
        Where blocks that are kept lie.
    """
    kind = teacher.config.training.cutouts
    if kind == "stored":
        return StoredCutouts(teacher, draw, BlockStore(folder, teacher.config.simulations))
    return FixedCutouts(teacher, draw) if kind == "fixed" else FreshCutouts(teacher, draw)


def rebatch(blocks: Iterator[Batch], size: int) -> Iterator[Batch]:
    """Yield batches of exactly `size` from blocks of another length; a short rest at the end is dropped."""
    mapped = load_keras().tree.map_structure
    rest: Batch | None = None
    for block in blocks:
        joined = block if rest is None else mapped(lambda *parts: np.concatenate(parts), rest, block)
        whole = _length(joined) - _length(joined) % size
        for start in range(0, whole, size):
            # bound now: the batch is taken before the loop goes on
            yield mapped(lambda array, start=start: array[start : start + size], joined)
        left = _length(joined) > whole
        rest = mapped(lambda array, whole=whole: array[whole:], joined) if left else None


def _length(batch: Batch) -> int:
    return len(load_keras().tree.flatten(batch)[0])
