"""How stages tell what they are doing, without knowing who listens."""

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
