"""Loading TensorFlow: late, because it takes seconds, and without its start-up chatter."""

import os
from contextlib import contextmanager
from types import ModuleType


def load_keras() -> ModuleType:
    """The keras module, on TensorFlow."""
    with _native_stderr_silenced():
        import keras
    return keras


def load_tensorflow() -> ModuleType:
    """The tensorflow module."""
    with _native_stderr_silenced():
        import tensorflow
    return tensorflow


@contextmanager
def _native_stderr_silenced():
    """Hide what C++ libraries write to file descriptor 2 before their log levels are set.

    Python errors are exceptions and pass through.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(sink)
