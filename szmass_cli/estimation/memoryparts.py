"""Finished parts of a run that is to leave nothing on the disk."""

from dataclasses import dataclass, field

from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.parts import Parts
from szmass_cli.estimation.runplan import Block


@dataclass(frozen=True)
class PartsInMemory(Parts):
    """Parts that are kept in memory and end with the run; its folder stands for nothing."""

    kept: dict[int, Measured] = field(default_factory=dict)

    def write(self, block: Block, measured: Measured) -> None:
        """Keep what was measured of a block."""
        self.kept[block.number] = measured

    def read(self, block: Block) -> Measured | None:
        """Return what was measured of a block, None if nothing was."""
        return self.kept.get(block.number)

    def remove(self) -> None:
        """Drop all parts."""
        self.kept.clear()
