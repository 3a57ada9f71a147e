"""Entry point of the ``szmass`` command."""

import gc
import os
import signal
import sys


def main() -> None:
    """Run the command line; every error a user can meet ends in one panel and its exit code."""
    # TensorFlow's C++ side logs before Python can stop it
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # a job scheduler's polite kill is an interruption like Ctrl-C: temporary files are removed
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from szmass_cli.cli.console import run

        status = run(sys.argv[1:])
        gc.freeze()  # a last look through all of TensorFlow for garbage would take a second
        sys.exit(status)
    except KeyboardInterrupt:  # while the modules that could say so more nicely are loaded
        sys.exit(130)


if __name__ == "__main__":
    main()
