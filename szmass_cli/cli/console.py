"""The terminal: progress bars, error panels and tables. Messages go to stderr, results to stdout."""

import errno
import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as Remaining
from rich.table import Table
from rich.text import Text

from szmass_cli.errors import SzmassError
from szmass_cli.system.progress import Progress as ProgressCallback
from szmass_cli.system.streams import forgive_encodings

INTERRUPTED = 130
LOG_EVERY_SECONDS = 30.0
NARROW = 60
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

# wrong options; typer has no public name for the class that its BadParameter is one of
_UsageError: Any = typer.BadParameter.__mro__[1]

stderr = Console(stderr=True, highlight=False)


def run(arguments: Sequence[str]) -> int:
    """Run the commands and return the exit code."""
    verbose = any(a in ("-v", "--verbose") for a in arguments)
    forgive_encodings()
    # where no home can be written to, it tells of its temporary folder; healpy loads it with any HEALPix map
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    caught: BaseException
    try:
        from szmass_cli.cli.app import app

        if stderr.width < NARROW:  # panels would cut the names of options
            app.rich_markup_mode = None
        code = app(args=list(arguments), prog_name="szmass", standalone_mode=False) or 0
        sys.stdout.flush()
        # typer's own word for Ctrl-C is to return 130
        return _interrupted() if code == INTERRUPTED else code
    except SzmassError as error:
        error_panel(error.message, error.hint)
        caught, code = error, error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except typer.Exit as error:
        return error.exit_code
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), end="", file=sys.stderr)  # empty where it was printed already
        else:
            error_panel(error.format_message(), "`szmass COMMAND --help` lists the options.")
        return error.exit_code
    except BrokenPipeError:
        _lose_stdout()
        return 1
    except MemoryError as error:
        error_panel("Out of memory.", "Free memory, or give smaller inputs.")
        caught, code = error, 1
    except OSError as error:
        code = _stdout_failed(error) or _unexpected(error)
        caught = error
    except Exception as error:  # the last resort: no traceback unless it was asked for
        caught, code = error, _unexpected(error)
    if verbose:
        stderr.print("".join(traceback.format_exception(caught)), markup=False)
    return code


def _unexpected(error: Exception) -> int:
    error_panel(
        f"{type(error).__name__}: {error}",
        "This should not happen. Run again with -v and report what it prints.",
    )
    return 1


def _stdout_failed(error: OSError) -> int:
    """Tell of a standard output that cannot be written, as a file on a full disk; 0 if it is not that."""
    if error.filename is not None or error.errno not in _DISK_ERRORS:  # files have names
        return 0
    _lose_stdout()
    error_panel(
        f"Standard output could not be written: {error.strerror}.", "Files that options name are complete."
    )
    return 1


def _lose_stdout() -> None:
    """Let what is still to be printed go nowhere, or the interpreter would try once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    error_panel("Interrupted.", "Nothing half-written was left behind.")
    return INTERRUPTED


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


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if not task.speed else f"{task.speed:,.0f}/s", style="cyan")


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

    def show(task: str, done: int, total: int, detail: str = "") -> None:
        now = time.monotonic()
        if done < last.get(task, 0):  # the same again, of another file or band
            started[task] = (now, done)
        last[task] = done
        begin, first = started.setdefault(task, (now, done))
        if now - printed.setdefault(task, now) < LOG_EVERY_SECONDS:
            return
        printed[task] = now
        rate = (done - first) / max(now - begin, 1e-9)
        speed = f", {rate:,.0f}/s, {(total - done) / rate:,.0f} s left" if rate > 0 else ""
        note(f"{task}: {done:,} of {total:,}{speed}  {detail}".rstrip())

    return show
