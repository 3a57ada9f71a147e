"""The first Ctrl-C is noted, the second one interrupts, and afterwards all is as it was."""

import os
import signal
import threading

import pytest

from szmass_cli.network.fit.interrupt import EndOfEpoch


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_without_ctrl_c_nothing_is_wanted():
    with EndOfEpoch() as end:
        assert not end.wanted
    assert not end.wanted


def test_the_first_ctrl_c_is_noted_and_the_work_goes_on():
    went_on = False
    with EndOfEpoch() as end:
        press_ctrl_c()
        went_on = True
    assert went_on and end.wanted


def test_the_second_ctrl_c_interrupts_at_once():
    reached = []
    with pytest.raises(KeyboardInterrupt), EndOfEpoch() as end:
        press_ctrl_c()
        reached.append("between")
        press_ctrl_c()
        reached.append("never")
    assert reached == ["between"] and end.wanted


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_the_handler_of_before_comes_back_however_it_ends(error):
    seen = []

    def handler(number, frame):
        seen.append(number)

    before = signal.signal(signal.SIGINT, handler)
    try:
        try:
            with EndOfEpoch():
                assert signal.getsignal(signal.SIGINT) is not handler
                if error:
                    raise error
        except (ValueError, KeyboardInterrupt) as raised:
            assert type(raised) is error
        assert signal.getsignal(signal.SIGINT) is handler
        press_ctrl_c()
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_each_epoch_counts_anew():
    with EndOfEpoch() as first:
        press_ctrl_c()
    with EndOfEpoch() as second:
        pass
    assert first.wanted and not second.wanted


def test_in_another_thread_it_changes_no_handler():
    """Python lets only the main thread set one; training from a notebook's thread must not fail."""
    before, found = signal.getsignal(signal.SIGINT), []

    def work():
        try:
            with EndOfEpoch() as end:
                found.append((signal.getsignal(signal.SIGINT), end.wanted))
        except ValueError as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(before, False)]
