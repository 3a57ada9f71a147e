"""Batches for training, simulated on the fly or drawn once and shuffled."""

from collections.abc import Iterator

from szmass_cli.config import SurveyConfig
from szmass_cli.sky.cutouts import CutoutBlock, CutoutSimulator, Stream, block_generator
from szmass_cli.sky.instruments import InstrumentSimulator

Simulator = CutoutSimulator | InstrumentSimulator


class FreshCutouts:
    """New cutouts in every epoch: nothing is ever seen twice, so nothing can be learnt by heart."""

    def __init__(self, config: SurveyConfig, simulator: Simulator):
        self._config, self._simulator = config, simulator

    def epoch(self, index: int) -> Iterator[CutoutBlock]:
        n, size = self._config.training.cutouts_per_epoch, self._config.training.batch_size
        first = index * -(-n // self._simulator.block_size)
        blocks = self._simulator.blocks(
            self._config.clusters, n, self._config.training.seed, Stream.TRAINING, first_block=first
        )
        return _rebatch(blocks, size)


class FixedCutouts:
    """One set of cutouts for all epochs, in a new order in each, as the paper trains."""

    def __init__(self, config: SurveyConfig, simulator: Simulator):
        training = config.training
        self._seed, self._size = training.seed, training.batch_size
        blocks = simulator.blocks(config.clusters, training.cutouts_per_epoch, training.seed, Stream.TRAINING)
        self._all = CutoutBlock.concatenate(list(blocks))

    def epoch(self, index: int) -> Iterator[CutoutBlock]:
        # the salt keeps the order's stream apart from those of the cutouts
        order = block_generator(self._seed, Stream.TRAINING, index, salt=1).permutation(len(self._all))
        for start in range(0, len(order) - self._size + 1, self._size):
            yield self._all[order[start : start + self._size]]


Source = FreshCutouts | FixedCutouts
SOURCES: dict[str, type[Source]] = {"fresh": FreshCutouts, "fixed": FixedCutouts}


def _rebatch(blocks: Iterator[CutoutBlock], size: int) -> Iterator[CutoutBlock]:
    """Batches of exactly `size` from blocks of another length; a short rest at the end is dropped."""
    waiting: list[CutoutBlock] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) < size:
            continue
        joined = CutoutBlock.concatenate(waiting)
        whole = len(joined) - len(joined) % size
        for start in range(0, whole, size):
            yield joined[start : start + size]
        waiting = [joined[whole:]]
