"""Entry point of the ``szmass`` command."""

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

        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:  # while the modules that could say so more nicely are loaded
        sys.exit(130)


if __name__ == "__main__":
    main()
