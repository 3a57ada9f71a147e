"""A short look at the trials of random inputs; `make fuzz` takes its time over them."""

import fuzz
import pytest

QUICK = [kind for kind in fuzz.KINDS if kind != "command"]


@pytest.mark.parametrize("kind", QUICK)
def test_a_few_inputs_of_each_kind(kind, tmp_path):
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        trial = fuzz.attempt(kind, 1, number, folder)
        assert not trial.is_fault, trial


def test_a_fault_is_found(tmp_path, monkeypatch):
    def wrong(rng, folder):
        def act():
            raise KeyError("nobody catches this")

        return "wrong", act

    monkeypatch.setitem(fuzz.KINDS, "map, same", wrong)
    trial = fuzz.attempt("map, same", 1, 0, tmp_path)
    assert trial.is_fault and trial.result == "traceback" and "KeyError" in trial.detail


def test_a_crash_and_a_hang_are_found(tmp_path, monkeypatch):
    import os
    import signal
    import time

    monkeypatch.setattr(fuzz, "HANG_S", 0.5)
    monkeypatch.setitem(fuzz.KINDS, "beam", lambda rng, folder: os.kill(os.getpid(), signal.SIGKILL))
    assert fuzz.isolated("beam", 1, 0, tmp_path).result == "crash"
    monkeypatch.setitem(fuzz.KINDS, "beam", lambda rng, folder: time.sleep(60))
    assert fuzz.isolated("beam", 1, 0, tmp_path).result == "hang"
