"""The terminal: progress bars, error panels and tables. Messages go to stderr, results to stdout."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table
from rich.text import Text

from szmass_cli.system.progress import Progress as ProgressCallback

LOG_FIRST_SECONDS, LOG_EVERY_SECONDS = 2.0, 30.0
"""When a task has its first line in a log, and how long it is to each other one."""

stderr = Console(stderr=True, highlight=False)


def error_panel(message: str, hint: str) -> None:
    """Print one error: what is wrong, and what to do."""
    text = Text(message)
    if hint:
        text.append("\n\n" + hint, style="dim")
    width = min(stderr.width, 100)
    stderr.print(Panel(text, title="error", title_align="left", border_style="red", width=width))


def facts_table(widest: int = 80) -> Table:
    """Return an empty table of names and facts: on a narrow terminal what is too long is folded, not cut."""
    table = Table(box=None, show_header=False, padding=(0, 2), width=min(widest, stderr.width))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def note(text: str) -> None:
    """Print a message to stderr."""
    stderr.print(text, markup=False, soft_wrap=False)


def note_with_time(text: str) -> None:
    """Print a message to stderr, with the time of day where it is no terminal but a log."""
    note(text if stderr.is_terminal else f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")


def _in_words(rate_per_s: float) -> str:
    """Return a rate with as many digits as tell something, a slow one by the minute."""
    if rate_per_s < 1.0:
        return f"{60.0 * rate_per_s:.2g}/min"
    return f"{rate_per_s:,.0f}/s" if rate_per_s >= 9.5 else f"{rate_per_s:.1f}/s"


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_in_words(task.speed) if task.speed else "", style="cyan")


@contextmanager
def progress_display(quiet: bool) -> Iterator[ProgressCallback]:
    """Show progress with rate and time left: a bar on a terminal, a line now and then in a log."""
    if quiet:
        yield lambda task, done, total, detail="": None
    elif stderr.is_terminal:
        with _bars() as bars:
            yield _on_bars(bars)
    else:
        yield _on_lines()


def _bars() -> Progress:
    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(12),
        MofNCompleteColumn(),
        _Rate(),
        Remaining(compact=True),
        TextColumn("{task.fields[detail]}"),
    )
    return Progress(*columns, console=stderr, speed_estimate_period=60.0)


def _on_bars(bars: Progress) -> ProgressCallback:
    tasks: dict[str, int] = {}

    def show(task: str, done: int, total: int, detail: str = "") -> None:
        if task not in tasks or bars.tasks[tasks[task]].completed > done:
            tasks[task] = bars.add_task(task, total=total, detail="")
        bars.update(bars.tasks[tasks[task]].id, completed=done, total=total, detail=detail)

    return show


def _on_lines() -> ProgressCallback:
    started: dict[str, tuple[float, int]] = {}
    last: dict[str, int] = {}
    printed: dict[str, float] = {}
    told: set[str] = set()

    def show(task: str, done: int, total: int, detail: str = "") -> None:
        now = time.monotonic()
        if done < last.get(task, 0):  # the same again, of another file or band
            started[task] = (now, done)
        last[task] = done
        begin, first = started.setdefault(task, (now, done))
        is_end = done >= total and task in told
        since, wait = (printed[task], LOG_EVERY_SECONDS) if task in told else (begin, LOG_FIRST_SECONDS)
        if now - since < wait and not is_end:
            return
        told.add(task)
        printed[task] = now
        rate = (done - first) / max(now - begin, 1e-9)
        speed = f", {_in_words(rate)}, {(total - done) / rate:,.0f} s left" if rate > 0 else ""
        note_with_time(f"{task}: {done:,} of {total:,}{speed}  {detail}".rstrip())

    return show
