"""Where a run keeps what it measures: the parts of the catalogue's rows, and those of its check."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from szmass_cli.errors import InputError
from szmass_cli.estimation.checkplan import AllRows
from szmass_cli.estimation.checkresult import (
    LEAST_FOUND,
    CheckResult,
    Judged,
    check_result,
    cross_fitted,
)
from szmass_cli.estimation.measured import Measured
from szmass_cli.estimation.parts import Change, Parts, PartsInMemory
from szmass_cli.estimation.preparation import Run
from szmass_cli.estimation.recalibrated import RowRecalibration, as_measured
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import Block
from szmass_cli.posterior.coverage import LEAST_SNR
from szmass_cli.posterior.grid import mass_grid


@dataclass(frozen=True)
class Stores:
    """Finished parts of a run.

    Parameters
    ----------
    run : Run
        The prepared run.
    parts : Parts
        Parts of the rows of the catalogue.
    check_parts : Parts, optional
        Parts of the injected clusters; None without a check.
    """

    run: Run
    parts: Parts
    check_parts: Parts | None

    @classmethod
    def of(cls, run: Run, parts: Parts) -> "Stores":
        """Return the stores of a run; parts of the check are kept where those of the rows are."""
        if run.check is None:
            return cls(run, parts, None)
        plan = run.check.plan
        is_in_memory = isinstance(parts, PartsInMemory)
        return cls(
            run, parts, PartsInMemory(parts.folder, plan) if is_in_memory else Parts(parts.folder, plan)
        )

    @property
    def blocks(self) -> list[Block]:
        """Return all blocks: those of the catalogue, then those of the check."""
        check = self.run.check
        return [*self.run.plan.blocks, *(() if check is None else check.plan.blocks)]

    @property
    def rows(self) -> Rows | AllRows:
        """Return the rows that the blocks number."""
        return self.run.rows if self.run.check is None else AllRows(self.run.rows, self.run.check)

    def pending(self, blocks: Sequence[Block]) -> list[Block]:
        """Return the blocks that have no finished part."""
        return [block for block in blocks if self._of(block).read(block) is None]

    def write(self, block: Block, measured: Measured) -> None:
        """Write the results of a block.

        Raises
        ------
        SzmassError
            The disk is full or no longer available.
        """
        self._of(block).write(block, measured)

    def _of(self, block: Block) -> Parts:
        if block.number < len(self.run.plan.blocks):
            return self.parts
        assert self.check_parts is not None  # it numbers its blocks after those of the rows
        return self.check_parts

    def check_result(self) -> tuple[CheckResult | None, tuple[str, ...]]:
        """Return what the check found, None where it says nothing, with notes for the user.

        Raises
        ------
        InputError
            Parts of the check are missing, or masses are to be corrected for a check that says nothing.
        """
        check = self.run.check
        if check is None or self.check_parts is None:
            return None, ()
        masses = self.run.bench.mass_range_msun
        judged = Judged.of(check.collect(self.check_parts), check.injected, mass_grid(masses))
        result = check_result(judged, check.request.seed, masses)
        if result is None:
            few = f"fewer than {LEAST_FOUND} of {len(judged)} injected clusters have S/N above {LEAST_SNR:g}"
            if check.request.recalibrate:
                raise InputError(f"--recalibrate: {few}.", "Raise --check, or leave --recalibrate out.")
            return None, (f"The check by injection says nothing: {few}.",)
        if check.request.recalibrate:
            after = cross_fitted(judged, masses)
            result = replace(result, recalibration=judged.fitted(masses), after=after)
        return result, result.warnings

    def change(self, result: CheckResult | None) -> Change:
        """Return what turns measured rows into those that are written."""
        if result is None or result.recalibration is None:
            return as_measured
        run = self.run
        return RowRecalibration(result.recalibration, run.change, run.bench.job.wanted.percentiles, run.rows)
