"""Which instrument is drawn when, how deep and from which random stream, in the blocks of a training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from szmass_cli.config import SurveyConfig
from szmass_cli.likelihood.depth import LN_STEP
from szmass_cli.physics.bands import Instrument
from szmass_cli.sky.cutouts import Stream, block_generator
from szmass_cli.training.instruments import draw_instruments

TOGETHER = 64
"""Cutouts of one instrument and depth in a block of training."""


@dataclass(frozen=True)
class Turn:
    """Cutouts that are drawn together.

    Parameters
    ----------
    instrument : int
        Number of their instrument in its stream.
    level : int
        ln of the variance of the noise over the instrument's, in the steps of the likelihood.
    n : int
        Number of cutouts.
    rng : numpy.random.Generator
        What they are drawn from; that of the next turn may be the same, further on.
    """

    instrument: int
    level: int
    n: int
    rng: np.random.Generator


class Turns:
    """Random instruments, and their turns.

    Parameters
    ----------
    config : SurveyConfig
        Its sections ``instruments`` and ``training``.
    """

    def __init__(self, config: SurveyConfig):
        drawn, training = config.instruments, config.training
        counts = {
            Stream.TRAINING: drawn.training,
            Stream.VALIDATION: drawn.validation,
            Stream.CALIBRATION: drawn.calibration,
        }
        self.instruments: dict[Stream, list[Instrument]] = {
            stream: draw_instruments(drawn, n, block_generator(drawn.seed, stream, 0))
            for stream, n in counts.items()
        }
        lowest, highest = np.log([drawn.min_removed_above_mjy, drawn.max_removed_above_mjy])
        self._removed_above_mjy = {
            stream: np.exp(block_generator(drawn.seed, stream, 1).uniform(lowest, highest, n))
            for stream, n in counts.items()
        }
        half = 0.5 * np.log(drawn.depth_ratio) / LN_STEP
        self._levels = np.unique(np.round(np.linspace(-half, half, drawn.depths)).astype(int))
        self._has_sources = config.drawn.sky.objects.has_sources
        self.in_epoch = min(drawn.in_each_epoch, drawn.training)
        self.blocks_per_epoch = -(-training.cutouts_per_epoch // self.block_size)

    @property
    def block_size(self) -> int:
        """Return the number of cutouts of a block of training."""
        return self.in_epoch * TOGETHER

    def removed_above_mjy(self, stream: Stream, index: int) -> float | None:
        """Return the flux at 150 GHz above which a survey removes sources [mJy], None without sources."""
        return float(self._removed_above_mjy[stream][index]) if self._has_sources else None

    def mixed(self, seed: int, number: int) -> Iterator[Turn]:
        """Yield the turns of a block of training, from one random stream: draw each before the next.

        Parameters
        ----------
        seed : int
            Seed of the random streams.
        number : int
            Number of the block, counted through all epochs.
        """
        rng = block_generator(seed, Stream.TRAINING, number)
        first = number // self.blocks_per_epoch * self.in_epoch
        for index in range(first, first + self.in_epoch):
            level = int(rng.choice(self._levels))
            yield Turn(index % len(self.instruments[Stream.TRAINING]), level, TOGETHER, rng)

    def one_by_one(self, n: int, seed: int, stream: Stream, first: int = 0) -> Iterator[Turn]:
        """Yield turns of equally many cutouts of each instrument, in parts that memory has room for.

        Parameters
        ----------
        n : int
            Number of cutouts in all parts together.
        seed : int
            Seed of the random streams, one for each part.
        stream : Stream
            Whose instruments.
        first : int
            Number of the first part: those before it are left out of the n cutouts.
        """
        shares = np.array_split(np.arange(n), len(self.instruments[stream]))
        number = 0
        for index, share in enumerate(shares):
            for start in range(0, share.size, 4 * TOGETHER):
                rng = block_generator(seed, stream, number, salt=1)
                number += 1
                if number <= first:
                    continue
                yield Turn(index, int(rng.choice(self._levels)), min(4 * TOGETHER, share.size - start), rng)
