"""The check of a run: which clusters are injected, and in which blocks they are measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from szmass_cli.errors import InputError
from szmass_cli.estimation.bench import Bench
from szmass_cli.estimation.blanks import APART_ARCMIN, FROM_ROWS_ARCMIN, blank_positions
from szmass_cli.estimation.checkrequest import CheckRequest
from szmass_cli.estimation.injected import Injected, draw_injected
from szmass_cli.estimation.looks import depth_numbers
from szmass_cli.estimation.measured import Measured, join
from szmass_cli.estimation.parts import Parts
from szmass_cli.estimation.rows import Rows
from szmass_cli.estimation.runplan import STRIP_ROWS, Block, RunPlan, make_plan

BLOCK_ROWS = 2 * STRIP_ROWS
"""Injected clusters of one block: few, so that all shards have some."""


@dataclass(frozen=True)
class Check:
    """Injected clusters, and the blocks that they are measured in; all of it follows from the run's inputs.

    Parameters
    ----------
    request : CheckRequest
        What was asked for.
    injected : Injected
        The n clusters.
    plan : RunPlan
        Blocks of the clusters, numbered after those of the catalogue, as its rows are.
    n_rows : int
        Number of rows of the catalogue.
    """

    request: CheckRequest
    injected: Injected
    plan: RunPlan
    n_rows: int

    def __getitem__(self, numbers: np.ndarray) -> Injected:
        return self.injected[numbers - self.n_rows]

    def collect(self, parts: Parts) -> Measured:
        """Return what was measured of all injected clusters, in their order.

        Raises
        ------
        InputError
            Parts are missing.
        """
        found = [parts.read(block) for block in self.plan.blocks]
        missing = sum(one is None for one in found)
        if missing:
            raise InputError(
                f"{parts.folder}: {missing} of {len(found)} parts of the check are missing.",
                "Run every shard once more; what is finished is not measured again.",
            )
        rows = np.concatenate([block.rows for block in self.plan.blocks]) - self.n_rows
        measured = join([one for one in found if one is not None])
        place = np.argsort(rows, kind="stable")
        return measured[place]


@dataclass(frozen=True)
class AllRows:
    """Rows of the catalogue and injected clusters under one numbering, as executors are given them.

    Parameters
    ----------
    rows : Rows
        The rows of the catalogue, which come first.
    check : Check
        The injected clusters.
    """

    rows: Rows
    check: Check

    def __getitem__(self, numbers: np.ndarray) -> Rows:
        """Return rows by number, all of the catalogue or all injected."""
        return self.check[numbers] if numbers.min() >= len(self.rows) else self.rows[numbers]


def planned_check(
    request: CheckRequest, bench: Bench, rows: Rows, plan: RunPlan, catalogue_sha256: str, batch_size: int
) -> tuple[Check | None, tuple[str, ...]]:
    """Return the check of a run, None where there is none, with notes for the user.

    Parameters
    ----------
    request : CheckRequest
        What was asked for.
    bench : Bench
        The opened maps and model.
    rows : Rows
        Rows of the catalogue.
    plan : RunPlan
        Of the rows of the catalogue.
    catalogue_sha256 : str
        Digest of the catalogue, which is part of the seed.
    batch_size : int
        Number of cutouts per batch of the network.

    Raises
    ------
    InputError
        A check was asked for and cannot be made.
    """
    if request.n == 0:
        return None, ()
    population = bench.population
    if population is None:
        return None, _none(request, "the model gives no likelihood", "Use the default model.")
    rng = np.random.default_rng([request.seed, int(catalogue_sha256[:16], 16)])
    blanks = blank_positions(bench.maps, rows, request.n, rng)
    if len(blanks) < min(request.least, request.n):
        why = (
            f"the maps have {len(blanks)} blank positions {FROM_ROWS_ARCMIN:g}' from all rows and "
            f"{APART_ARCMIN:g}' from each other, and it takes {request.least}"
        )
        return None, _none(request, why, "Give a larger part of the map, or --check 0.")
    notes: tuple[str, ...] = ()
    if len(blanks) < request.n:
        notes = (f"The check is made with {len(blanks)} clusters: so many blank positions have the maps.",)
    injected = draw_injected(rows, blanks, population, rng)
    identity = {"run": plan.fingerprint, "n": request.n, "seed": request.seed}
    depth = depth_numbers(bench.maps, injected)
    own = make_plan(injected.dec_deg, identity, batch_size, BLOCK_ROWS, depth)
    blocks = _after(plan.blocks, own.blocks, len(rows))
    return Check(request, injected, replace(own, blocks=blocks), len(rows)), notes


def _after(first: Sequence[Block], own: Sequence[Block], n_rows: int) -> tuple[Block, ...]:
    """Return blocks that are numbered after others, with row numbers after `n_rows`."""
    return tuple(
        Block(len(first) + block.number, tuple(strip + n_rows for strip in block.strips)) for block in own
    )


def _none(request: CheckRequest, why: str, hint: str) -> tuple[str, ...]:
    """Return the note that there is no check; refuse where one was asked for."""
    if request.asked:
        raise InputError(f"--check {request.n}: {why}.", hint)
    return (f"The error bars were not checked by injection: {why}.",)
