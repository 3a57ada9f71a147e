"""The way of a command from its words to its exit code: every error ends in one panel."""

import errno
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from szmass_cli.cli.terminal import error_panel, stderr
from szmass_cli.errors import SzmassError
from szmass_cli.system.streams import forgive_encodings

INTERRUPTED = 130
NARROW = 60
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

# wrong options; typer has no public name for the class that its BadParameter is one of
_UsageError: Any = typer.BadParameter.__mro__[1]


def run(arguments: Sequence[str]) -> int:
    """Run the commands and return the exit code."""
    verbose = any(a in ("-v", "--verbose") for a in arguments)
    forgive_encodings()
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


def _interrupted() -> int:
    error_panel("Interrupted.", "Nothing half-written was left behind.")
    return INTERRUPTED
