"""How stages tell what they are doing, without knowing who listens."""

import sys
import time
from typing import Protocol


class Progress(Protocol):
    """Called as work gets done.

    Parameters
    ----------
    task : str
        What is being done, in a word or two.
    done, total : int
        Units of it done, and in all.
    detail : str
        Something to show beside it, such as a loss.
    """

    def __call__(self, task: str, done: int, total: int, detail: str = "") -> None: ...


def silent(task: str, done: int, total: int, detail: str = "") -> None:
    """Ignore the progress, for callers that do not show it."""


class Printed:
    """Prints progress to standard error, a line every two seconds and one at the end of a task."""

    EVERY_SECONDS = 2.0

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, task: str, done: int, total: int, detail: str = "") -> None:
        """Print how much of a task is done, unless a line has just been printed."""
        now = time.monotonic()
        if done < total and now - self._last < self.EVERY_SECONDS:
            return
        self._last = now
        print(f"{task}: {done:,} of {total:,} {detail}".rstrip(), file=sys.stderr, flush=True)


def listening(progress: "Progress | bool") -> Progress:
    """Return what to call with progress: True stands for printing, False for nothing."""
    if isinstance(progress, bool):
        return Printed() if progress else silent
    return progress
