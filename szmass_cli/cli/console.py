"""The way of a command from its words to its exit code: every error ends in one panel."""

import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import typer

from szmass_cli import __version__
from szmass_cli.cli.terminal import error_panel, note_with_time, stderr
from szmass_cli.errors import SzmassError
from szmass_cli.system.streams import forgive_encodings

INTERRUPTED = 130
NARROW = 60
LONG = frozenset(["estimate", "merge", "train", "evaluate", "simulate", "inject", "population", "export"])
"""Commands that work for more than a moment."""

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

Tell = Callable[[str, str, int], int]
"""Prints an error, given its message, hint and exit code, and returns the exit code."""

# wrong options; typer has no public name for the class that its BadParameter is one of
_UsageError: Any = typer.BadParameter.__mro__[1]


def run(arguments: Sequence[str]) -> int:
    """Run the commands and return the exit code.

    An error is a panel on stderr; with --json there is an object on stdout, too:
    ``{"error": {"message": ..., "hint": ..., "exit_code": ...}}``.
    """
    forgive_encodings()
    _greet(arguments)
    tell = _tell_as_json if "--json" in arguments else _tell
    verbose = any(a in ("-v", "--verbose") for a in arguments)
    # where no home can be written to, it tells of its temporary folder; healpy loads it with any HEALPix map
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    caught: BaseException
    try:
        # late: Ctrl-C while the commands are loaded is an interruption like any other
        from szmass_cli.cli.app import app

        if stderr.width < NARROW:  # panels would cut the names of options
            app.rich_markup_mode = None
        code = app(args=list(arguments), prog_name="szmass", standalone_mode=False) or 0
        sys.stdout.flush()
        # typer's own word for Ctrl-C is to return 130
        return _interrupted(tell) if code == INTERRUPTED else code
    except SzmassError as error:
        caught, code = error, tell(error.message, error.hint, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(tell)
    except typer.Exit as error:
        return error.exit_code
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), end="", file=sys.stderr)  # empty where it was printed already
            return error.exit_code
        return tell(error.format_message(), "`szmass COMMAND --help` lists the options.", error.exit_code)
    except BrokenPipeError:
        _lose_stdout()
        return 1
    except MemoryError as error:
        caught, code = error, tell("Out of memory.", "Free memory, or give smaller inputs.", 1)
    except OSError as error:
        caught, code = error, _stdout_failed(error) or _unexpected(error, tell)
    except Exception as error:  # the last resort: no traceback unless it was asked for
        caught, code = error, _unexpected(error, tell)
    if verbose:
        stderr.print("".join(traceback.format_exception(caught)), markup=False)
    return code


def _greet(arguments: Sequence[str]) -> None:
    """Print the first line of a command that may take long, before anything is loaded."""
    silencing = {"-q", "--quiet", "-h", "--help"}
    if len(arguments) > 1 and arguments[0] in LONG and not silencing & set(arguments):
        note_with_time(f"szmass {__version__} {arguments[0]}: reads its inputs")


def _tell(message: str, hint: str, exit_code: int) -> int:
    """Print one error to stderr and return the exit code."""
    error_panel(message, hint)
    return exit_code


def _tell_as_json(message: str, hint: str, exit_code: int) -> int:
    """Print one error to stderr and, as JSON, to stdout, and return the exit code."""
    error_panel(message, hint)
    try:
        print(json.dumps({"error": {"message": message, "hint": hint, "exit_code": exit_code}}), flush=True)
    except OSError:  # nobody reads it, or the disk is full: stderr has it
        _lose_stdout()
    return exit_code


def _unexpected(error: Exception, tell: Tell) -> int:
    hint = "This should not happen. Run again with -v and report what it prints."
    return tell(f"{type(error).__name__}: {error}", hint, 1)


def _stdout_failed(error: OSError) -> int:
    """Report a standard output that cannot be written, as on a full disk; return 0 for any other error."""
    if error.filename is not None or error.errno not in _DISK_ERRORS:  # files have names
        return 0
    _lose_stdout()
    error_panel(
        f"Standard output could not be written: {error.strerror}.", "Files that options name are complete."
    )
    return 1


def _lose_stdout() -> None:
    """Discard what is still to be printed, which the interpreter would try to write once more as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted(tell: Tell) -> int:
    return tell("Interrupted.", "Nothing half-written was left behind.", INTERRUPTED)
