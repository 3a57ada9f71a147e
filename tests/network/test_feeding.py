"""Worker processes: the same blocks as without them, none drawn past the end, and none left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from szmass_cli.config import SurveyConfig, TrainingConfig
from szmass_cli.errors import SzmassError
from szmass_cli.network.fit.dataset import Teacher
from szmass_cli.network.fit.feeding import fed_by

N_BLOCKS = 4


def as_they_are(block):
    return block.image, block.m200c


@dataclass(frozen=True)
class Sleeping:
    """A lesson that leaves a file when it begins, and does not end."""

    begun: Path

    def __call__(self, block):
        self.begun.touch()
        time.sleep(600.0)


def killing(block):
    """A lesson that ends the process that gives it."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def teacher(simulator):
    return Teacher(SurveyConfig(training=TrainingConfig(cutouts_per_epoch=300)), simulator, as_they_are)


@pytest.mark.parametrize("n_workers", [0, 2])
def test_blocks_are_those_of_the_teacher(teacher, n_workers):
    with fed_by(teacher, n_workers, N_BLOCKS) as draw:
        for number in range(N_BLOCKS):
            for got, wanted in zip(draw(number), teacher(number), strict=True):
                np.testing.assert_array_equal(got, wanted)


def test_a_run_may_begin_anywhere(teacher):
    """As one that is gone on with does."""
    with fed_by(teacher, 1, N_BLOCKS) as draw:
        np.testing.assert_array_equal(draw(2)[1], teacher(2)[1])
        np.testing.assert_array_equal(draw(3)[1], teacher(3)[1])


def test_the_last_block_of_an_epoch_is_shorter(teacher):
    lengths = [len(teacher(number)[1]) for number in range(N_BLOCKS)]
    assert lengths == [256, 44, 256, 44]


def test_nothing_is_left_behind(teacher):
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with fed_by(teacher, 2, N_BLOCKS) as draw:
        draw(0)
    left = {
        child.pid
        for child in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    }
    assert not left - before


def test_a_worker_that_dies_is_told_of(simulator):
    teacher = Teacher(SurveyConfig(), simulator, killing)
    with fed_by(teacher, 1, N_BLOCKS) as draw, pytest.raises(SzmassError, match="process that simulates"):
        draw(0)


def test_a_worker_that_dies_while_nobody_waits_is_told_of(teacher):
    with fed_by(teacher, 1, 100) as draw:
        draw(0)
        (worker,) = (c for c in psutil.Process().children() if "spawn_main" in " ".join(c.cmdline()))
        worker.kill()
        # a wait() would take the exit status from the pool, which would wait for it for ever
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        with pytest.raises(SzmassError, match="process that simulates"):
            for number in range(1, 50):
                draw(number)


def test_it_ends_without_the_blocks_that_nobody_wants(simulator, tmp_path):
    """As after Ctrl-C: a worker in the middle of a block is not waited for."""
    begun = tmp_path / "begun"

    def interrupt():
        while not begun.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    slow = Teacher(SurveyConfig(), simulator, Sleeping(begun))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), fed_by(slow, 1, N_BLOCKS) as draw:
        threading.Thread(target=interrupt, daemon=True).start()
        draw(0)
    assert time.monotonic() - start < 100.0


ORPHANS = """
import os, sys, time
from szmass_cli.config import SurveyConfig
from szmass_cli.network.fit.dataset import Teacher
from szmass_cli.network.fit.feeding import fed_by
from szmass_cli.sky.cutouts import CutoutSimulator


def as_they_are(block):
    return block.image, block.m200c


if __name__ == "__main__":
    with fed_by(Teacher(SurveyConfig(), CutoutSimulator(SurveyConfig()), as_they_are), 2, 100) as draw:
        draw(0)
        print("drawn", flush=True)
        time.sleep(600)
"""


@pytest.mark.slow
def test_workers_end_with_a_run_that_is_killed(tmp_path, environment):
    (tmp_path / "orphans.py").write_text(ORPHANS)
    run = subprocess.Popen(
        [sys.executable, "orphans.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None and run.stdout.readline() == "drawn\n"
    workers = psutil.Process(run.pid).children(recursive=True)
    assert len(workers) >= 2
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while any(w.is_running() and w.status() != psutil.STATUS_ZOMBIE for w in workers):
        assert time.monotonic() < deadline, "workers outlive the run"
        time.sleep(0.1)
