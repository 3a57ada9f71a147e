"""Storage of the finished parts of a run until it is complete: in a folder, or in memory."""

import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from szmass_cli.errors import InputError, OutputError, UsageError
from szmass_cli.estimation.measured import Measured, join
from szmass_cli.estimation.recalibrated import as_measured
from szmass_cli.estimation.runplan import Block, RunPlan, Shard, shard_of
from szmass_cli.system.files import atomic_path, lock
from szmass_cli.system.versions import today

PLAN = "plan.json"
FORMAT = 10
NAMES = ("posteriors", "suffix", "flag_names", "check")
"""Settings of what `szmass merge` writes, on which no measured number depends."""

Change = Callable[[np.ndarray, Measured], Measured]

_OWN = re.compile(r"plan\.json|part-\d+-[0-9a-f]+\.npz|shard-\d+-of-\d+\.lock|\..*\.(part|old).*|\.szmass-.*")


def parts_folder(output: Path) -> Path:
    """Return the folder of the parts of a run: ``masses.fits.parts`` for ``masses.fits``."""
    return output.with_name(f"{output.name}.parts")


@dataclass(frozen=True)
class Parts:
    """Finished parts of one run.

    Parameters
    ----------
    folder : Path
        Folder that holds one file for each block.
    plan : RunPlan
        Blocks of the run, and the fingerprint shared by its parts.
    begun : str
        Day on which the run was begun, for its provenance: the same however often it is resumed.
    """

    folder: Path
    plan: RunPlan
    begun: str = field(default_factory=today)

    def path(self, block: Block) -> Path:
        """Return the file of a block; its name contains the fingerprint of the run."""
        return self.folder / f"part-{block.number:05d}-{self.plan.fingerprint[:16]}.npz"

    def write(self, block: Block, measured: Measured) -> None:
        """Write the results of a block, atomically and flushed to disk.

        Raises
        ------
        SzmassError
            The disk is full or no longer available.
        """
        with atomic_path(self.path(block), overwrite=True) as part, open(part, "wb") as stream:
            np.savez(stream, rows=block.rows, fingerprint=self.plan.fingerprint, **_arrays(measured))
            stream.flush()
            os.fsync(stream.fileno())

    def read(self, block: Block) -> Measured | None:
        """Return the results of a block; None if its file is missing or damaged."""
        try:
            with np.load(self.path(block), allow_pickle=False) as part:
                same = str(part["fingerprint"]) == self.plan.fingerprint
                if same and np.array_equal(part["rows"], block.rows):
                    return Measured(*(part[one.name] for one in fields(Measured)))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        return None

    def pending(self, blocks: Sequence[Block]) -> list[Block]:
        """Return the blocks that have no finished part."""
        return [block for block in blocks if self.read(block) is None]

    def collect(self, n_rows: int, shards: int | None = None, changed: Change = as_measured) -> Measured:
        """Return the results of all parts without their curves, in the order of the catalogue.

        Parameters
        ----------
        n_rows : int
            Number of rows of the catalogue.
        shards : int, optional
            Number of shards of the run, to name those that have not finished.
        changed : callable
            What the results of each part become, from row numbers and results.

        Raises
        ------
        InputError
            Parts are missing; the message names them.
        """
        read = ((block, self.read(block)) for block in self.plan.blocks)
        found = [part and changed(block.rows, part).without_curves() for block, part in read]
        missing = [block.number for block, part in zip(self.plan.blocks, found, strict=True) if part is None]
        if missing:
            raise _incomplete(self.folder, missing, len(found), shards)
        rows = np.concatenate([block.rows for block in self.plan.blocks])
        if not np.array_equal(np.sort(rows), np.arange(n_rows)):
            raise ValueError("the plan does not hold every row once")
        joined = join([part for part in found if part is not None])
        place = np.argsort(rows, kind="stable")
        return joined[place]

    def curves(self) -> Iterator[tuple[np.ndarray, Measured]]:
        """Yield the row numbers and results of each part, with one part in memory at a time."""
        for block in self.plan.blocks:
            part = self.read(block)
            if part is None:
                raise _incomplete(self.folder, [block.number], len(self.plan.blocks), None)
            yield block.rows, part

    def remove(self) -> None:
        """Remove the folder with its contents."""
        for path in _own_files(self.folder):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # somebody else put something into it
            self.folder.rmdir()


@dataclass(frozen=True)
class PartsInMemory(Parts):
    """Parts that are kept in memory and discarded with the run; `folder` is not used."""

    kept: dict[int, Measured] = field(default_factory=dict)

    def write(self, block: Block, measured: Measured) -> None:
        """Store the results of a block."""
        self.kept[block.number] = measured

    def read(self, block: Block) -> Measured | None:
        """Return the results of a block; None if it has not been measured."""
        return self.kept.get(block.number)

    def remove(self) -> None:
        """Remove all parts."""
        self.kept.clear()


@contextmanager
def opened_parts(
    output: Path, plan: RunPlan, request: dict[str, Any], *, resume: bool, shard: Shard | None = None
) -> Iterator[Parts]:
    """Open the parts folder of a run, locked for this process.

    Parameters
    ----------
    output : Path
        The catalogue that the parts will be written to.
    plan : RunPlan
        Blocks and fingerprint of the run.
    request : dict
        The request in JSON form, stored with the parts for `szmass merge`.
    resume : bool
        Whether to use finished parts of the same run; they are removed otherwise.
    shard : Shard, optional
        The shard of this process; other shards may write to the folder at the same time.

    Raises
    ------
    OutputError
        Another process is writing this output, or the folder cannot be made.
    UsageError
        The folder holds parts of another run.
    """
    folder = parts_folder(output)
    parts = Parts(folder, plan)
    with _claimed(folder, shard):
        try:
            stated = read_plan(folder) if (folder / PLAN).exists() else None
            if stated and stated["fingerprint"] != plan.fingerprint and (resume or shard):
                raise _another_run(folder, stated["identity"], plan.identity)
            if stated and shard and stated["shards"] not in (None, shard.count):
                raise UsageError(
                    f"--shard {shard}: {folder} is shared out between {stated['shards']}.",
                    "Give all shards of a run the same number of them, or remove the folder.",
                )
            if stated and shard:
                _check_same_names(folder, stated["request"], request)
            if not resume:
                for path in (
                    [parts.path(b) for b in shard.share(plan.blocks)] if shard else _own_files(folder)
                ):
                    path.unlink(missing_ok=True)
            if stated and (resume or shard):
                parts = replace(parts, begun=stated.get("begun", parts.begun))
            content = {
                "format": FORMAT,
                "begun": parts.begun,
                "fingerprint": plan.fingerprint,
                "identity": plan.identity,
                "request": request,
                "blocks": len(plan.blocks),
                "shards": shard.count if shard else (stated or {}).get("shards"),
            }
            with atomic_path(folder / PLAN, overwrite=True) as part:
                part.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
            yield parts
        finally:
            if shard is None and not any(folder.glob("part-*.npz")):
                parts.remove()


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the description of a run from its parts folder.

    Raises
    ------
    InputError
        The folder is not a parts folder, or was written by another version.
    """
    try:
        stated = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        if stated["format"] == FORMAT and isinstance(stated["fingerprint"], str):
            return stated
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputError(
        f"{folder} holds no run of this szmass.",
        "Name the output that the shards were given, or remove the folder and run them again.",
    )


def _own_files(folder: Path) -> list[Path]:
    """Return the files in a parts folder that szmass made."""
    there = folder.iterdir() if folder.is_dir() else ()
    return [path for path in there if path.is_file() and _OWN.fullmatch(path.name)]


def _check_own(folder: Path) -> None:
    """Refuse a folder that has the name of a parts folder but was not made by szmass."""
    foreign = [path.name for path in folder.iterdir() if not (path.is_file() and _OWN.fullmatch(path.name))]
    if foreign:
        raise OutputError(
            f"{folder}: holds {foreign[0]!r}, which is no part of a run.",
            "Move it, or choose another output.",
        )


@contextmanager
def _claimed(folder: Path, shard: Shard | None) -> Iterator[None]:
    """Make and lock the folder: exclusively for a single run, shared between shards."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be made: {error.strerror or error}",
            "Finished parts are kept there; choose a folder you may write to.",
        ) from error
    _check_own(folder)
    busy = OutputError(
        f"{folder}: another szmass estimate is writing there.", "Wait for it, or choose another output."
    )
    with lock(folder, shared=shard is not None, busy=busy):
        if shard is None:
            yield
            return
        own = folder / f"shard-{shard.number}-of-{shard.count}.lock"
        with suppress(FileExistsError):
            own.touch(exist_ok=False)
        with lock(own, shared=False, busy=busy):
            yield


def _check_same_names(folder: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Refuse a shard whose output would have other names than that of the shards before it."""
    for name in NAMES:
        if theirs.get(name) != ours.get(name):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} is {ours.get(name) or 'not given'}, and {theirs.get(name) or 'not given'} by the "
                f"shards in {folder}: they make one output.",
                f"Give all shards of a run the same {option}, or remove the folder.",
            )


def _arrays(measured: Measured) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in asdict(measured).items()}


def _another_run(folder: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> UsageError:
    ours = json.loads(json.dumps(ours, default=str))
    names = sorted(key for key in {*theirs, *ours} if theirs.get(key) != ours.get(key))
    what = f": other {', '.join(names)}" if names else ""
    return UsageError(
        f"{folder} holds parts of another run{what}.",
        "Remove the folder, or choose another output. Without shards, --no-resume drops them.",
    )


def _incomplete(folder: Path, missing: list[int], total: int, shards: int | None) -> InputError:
    listed = ", ".join(map(str, missing[:10])) + (", ..." if len(missing) > 10 else "")
    message = f"{folder}: {len(missing)} of {total} parts are missing ({listed})."
    if shards is None:
        return InputError(message, "Run szmass estimate again: it goes on from the parts that are there.")
    late = sorted({shard_of(number, shards) for number in missing})
    names = ", ".join(f"{number}/{shards}" for number in late[:20]) + (", ..." if len(late) > 20 else "")
    return InputError(
        f"{message} They belong to shard {names}.",
        "Run these shards again; they go on from the parts that are there.",
    )
