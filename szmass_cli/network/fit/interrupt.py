"""Ctrl-C in training: the first one ends the epoch, the second one ends everything."""

import signal
import threading
from types import FrameType


class EndOfEpoch:
    """While this context lasts, SIGINT is noted; a second SIGINT is an interrupt as usual.

    Attributes
    ----------
    wanted : bool
        Whether SIGINT has come.
    """

    def __init__(self) -> None:
        self.wanted = False
        # only the main thread may set handlers; elsewhere interrupts stay as they are
        self._active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> "EndOfEpoch":
        if self._active:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
