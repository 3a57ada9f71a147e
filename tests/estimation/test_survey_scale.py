"""Long runs, shared out, interrupted, killed and resumed, give the bytes of a run that was left alone."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

ROWS = 900
BLOCKS = 8
OPTIONS = ("--noise", "5", "--block-rows", 128, "--check", "0", "-q")
PATIENCE_S = 120.0


def words(panel):
    return " ".join(panel.replace("│", " ").split())


def unbroken(panel):
    """Without spaces, which a long path gets where a line ends."""
    return words(panel).replace(" ", "")


@pytest.fixture(scope="module")
def crowd(field, tmp_path_factory):
    """900 rows around the clusters of the simulated field, in no order, some of them off the map."""
    rng = np.random.default_rng(5)
    some = rng.integers(0, len(field.truth), ROWS)
    table = Table(
        {
            "name": [f"row-{i}" for i in range(ROWS)],
            "ra": np.asarray(field.truth["ra"])[some] + rng.normal(0.0, 0.05, ROWS),
            "dec": np.asarray(field.truth["dec"])[some] + rng.normal(0.0, 0.05, ROWS),
            "z": np.full(ROWS, 0.7),
        }
    )
    table["ra"][::50] += 90.0
    path = tmp_path_factory.mktemp("crowd") / "crowd.csv"
    table.write(path)
    return path


@pytest.fixture(scope="module")
def szmass(field, crowd, environment, tmp_path_factory):
    """A function that starts `szmass estimate` on the crowd as a process of its own."""

    def start(output, *options, map_path=field.map_path, command="estimate"):
        inputs = (map_path, crowd, "-o", output, *OPTIONS) if command == "estimate" else (output, "-q")
        return subprocess.Popen(
            [sys.executable, "-m", "szmass_cli", command, *map(str, (*inputs, *options))],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            cwd=tmp_path_factory.getbasetemp(),
        )

    return start


@pytest.fixture(scope="module")
def finished(field, crowd, szmass_fork_with_network, tmp_path_factory):
    """A function that runs the same to its end, sooner: exit code and messages."""

    def run(output, *options, map_path=field.map_path, command="estimate"):
        inputs = (map_path, crowd, "-o", output, *OPTIONS) if command == "estimate" else (output, "-q")
        done = szmass_fork_with_network(command, *inputs, *options, cwd=tmp_path_factory.getbasetemp())
        return done.code, done.err

    return run


def ended(process):
    """Exit code and messages of a process, when it is done."""
    _, messages = process.communicate(timeout=PATIENCE_S)
    return process.returncode, messages


@pytest.fixture(scope="module")
def whole(szmass, tmp_path_factory):
    """The bytes of a run that was left alone."""
    output = tmp_path_factory.mktemp("whole") / "out.fits"
    code, messages = ended(szmass(output))
    assert code == 0, messages
    assert [path.name for path in output.parent.iterdir()] == ["out.fits"]
    table = Table.read(output, mask_invalid=False)
    assert len(table) == ROWS and np.isfinite(table["M200c"]).sum() > 0.9 * ROWS
    assert np.isnan(table["M200c"][::50]).all()
    return output.read_bytes()


def parts_of(output):
    return sorted(Path(f"{output}.parts").glob("part-*.npz"))


def wait_for_parts(process, output, count):
    """Return once so many parts are there, or the process has ended."""
    patience = time.monotonic() + PATIENCE_S
    while len(parts_of(output)) < count and process.poll() is None:
        assert time.monotonic() < patience
        time.sleep(0.01)


# --- killed and resumed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1])
def test_killed_at_three_random_moments_and_resumed(szmass, finished, whole, tmp_path, seed):
    rng = np.random.default_rng(seed)
    output = tmp_path / "out.fits"
    for parts in sorted(rng.choice(np.arange(BLOCKS - 3), 3, replace=False)):
        process = szmass(output)
        wait_for_parts(process, output, parts)
        time.sleep(rng.uniform(0.0, 0.3))
        process.kill()
        process.communicate()
        if not output.exists():
            assert all(np.load(path)["rows"].size for path in parts_of(output))
    kept = {path: path.stat().st_mtime_ns for path in parts_of(output)}
    assert kept
    code, messages = finished(output, "--resume", "--shard", "1/1")  # which leaves all parts to be seen
    assert code == 0, messages
    now = {path: path.stat().st_mtime_ns for path in parts_of(output)}
    assert len(now) == BLOCKS and kept.items() <= now.items()  # none was measured again
    code, messages = finished(output, "--resume")
    assert code == 0, messages
    assert output.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.fits"]


def test_a_damaged_part_is_measured_again(finished, whole, tmp_path):
    """Cut short, of another run under this run's name, or with a flipped bit."""
    output = tmp_path / "out.fits"
    assert finished(output, "--shard", "1/1")[0] == 0
    first, second, third, *_ = parts_of(output)
    first.write_bytes(first.read_bytes()[:-40])
    second.write_bytes(third.read_bytes())
    spoilt = bytearray(third.read_bytes())
    spoilt[spoilt.index(b"snr.npy") + 300] ^= 1
    third.write_bytes(spoilt)
    code, messages = finished(output, command="merge")
    assert code == 2 and "3 of 8 parts are missing (0, 1, 2)" in words(messages)
    assert finished(output)[0] == 0
    assert output.read_bytes() == whole


def test_parts_of_another_run_are_refused(finished, whole, tmp_path):
    output = tmp_path / "out.fits"
    assert finished(output, "--shard", "1/3")[0] == 0
    before = [path.read_bytes() for path in parts_of(output)]
    code, messages = finished(output, "--percentiles", "5")
    assert code == 2 and "holds parts of another run: other percentiles" in words(messages)
    assert "--no-resume" in messages
    assert [path.read_bytes() for path in parts_of(output)] == before and not output.exists()
    code, messages = finished(output, "--no-resume")
    assert code == 0, messages
    assert output.read_bytes() == whole


@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interruption_keeps_whole_parts(szmass, finished, whole, tmp_path, sent):
    output = tmp_path / "out.fits"
    process = szmass(output)
    wait_for_parts(process, output, 2)
    process.send_signal(sent)
    code, messages = ended(process)
    assert code == 130 and "Interrupted." in messages and "Traceback" not in messages
    assert not output.exists() and len(parts_of(output)) >= 2
    assert not [path for path in Path(f"{output}.parts").iterdir() if ".part" in path.suffixes[:-1]]
    assert finished(output)[0] == 0
    assert output.read_bytes() == whole


# --- shared out ---------------------------------------------------------------------------------------------


def test_shards_in_any_order_make_the_same_output(szmass, finished, whole, tmp_path):
    output = tmp_path / "out.fits"
    for number in (3, 1):
        code, messages = finished(output, "--shard", f"{number}/4")
        assert code == 0, messages
    code, messages = finished(output, command="merge")
    assert code == 2 and "They belong to shard 2/4, 4/4." in words(messages)
    assert not output.exists()
    together = [szmass(output, "--shard", f"{number}/4") for number in (4, 2)]
    assert [ended(process)[0] for process in together] == [0, 0]
    code, messages = finished(output, command="merge")
    assert code == 0, messages
    assert output.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.fits"]


def test_merging_what_is_no_run(finished, tmp_path):
    code, messages = finished(tmp_path / "out.fits", command="merge")
    assert code == 2 and "out.fits.partsholdsnorun" in unbroken(messages)


# --- two at once --------------------------------------------------------------------------------------------


def test_two_runs_into_one_output(szmass, finished, whole, tmp_path):
    output = tmp_path / "out.fits"
    first = szmass(output)
    wait_for_parts(first, output, 1)
    first.send_signal(signal.SIGSTOP)  # or it would have finished before the second one has begun
    code, messages = finished(output)
    first.send_signal(signal.SIGCONT)
    assert code == 2 and "another szmass estimate is writing there" in words(messages)
    assert ended(first)[0] == 0
    assert output.read_bytes() == whole


def test_one_shard_twice(szmass, finished, tmp_path):
    output = tmp_path / "out.fits"
    first = szmass(output, "--shard", "1/1")
    wait_for_parts(first, output, 1)
    first.send_signal(signal.SIGSTOP)
    code, messages = finished(output, "--shard", "1/1")
    first.send_signal(signal.SIGCONT)
    assert code == 2 and "another szmass estimate is writing there" in words(messages)
    assert ended(first)[0] == 0


# --- a map that does not stay what it was -------------------------------------------------------------------


@pytest.mark.parametrize("moment", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_map_cut_short_while_it_is_read(szmass, finished, whole, field, tmp_path, moment):
    path, output = tmp_path / "map.fits", tmp_path / "out.fits"
    path.write_bytes(field.map_path.read_bytes())
    process = szmass(output, map_path=path)
    wait_for_parts(process, output, moment)
    kept = [(part, part.read_bytes()) for part in parts_of(output)]
    os.truncate(path, path.stat().st_size // 8)
    code, messages = ended(process)
    assert code in (1, 2) and messages.count("╭─ error") == 1, messages
    assert "map.fits" in unbroken(messages) and "Traceback" not in messages
    assert not output.exists()
    assert all(part.read_bytes() == content for part, content in kept)
    path.write_bytes(field.map_path.read_bytes())
    code, messages = finished(output, "--no-resume", map_path=path)
    assert code == 0, messages
    fresh = Table.read(output, mask_invalid=False)
    (tmp_path / "whole.fits").write_bytes(whole)
    expected = Table.read(tmp_path / "whole.fits", mask_invalid=False)
    for name in expected.colnames:
        np.testing.assert_array_equal(np.asarray(fresh[name]), np.asarray(expected[name]))


# --- Dask ---------------------------------------------------------------------------------------------------


def test_local_workers_make_the_same_output(szmass, whole, tmp_path):
    pytest.importorskip("dask.distributed")
    output = tmp_path / "out.fits"
    code, messages = ended(szmass(output, "--workers", 2))
    assert code == 0, messages
    assert output.read_bytes() == whole


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(szmass, whole, tmp_path):
    pytest.importorskip("dask.distributed")
    output = tmp_path / "out.fits"
    process = szmass(output, "--workers", 2)
    wait_for_parts(process, output, 1)
    workers = [pid for pid in descendants(process.pid) if is_worker(pid)]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    code, messages = ended(process)
    assert code == 0, messages
    assert output.read_bytes() == whole


def descendants(pid):
    """Process ids of all children and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_worker(pid):
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"spawn_main" in command and re.search(rb"tensorflow", Path(f"/proc/{pid}/maps").read_bytes())


@pytest.mark.slow
def test_a_cluster_that_is_there(szmass, whole, tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    output = tmp_path / "out.fits"
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as cluster:
        code, messages = ended(szmass(output, "--scheduler", cluster.scheduler_address))
    assert code == 0, messages
    assert output.read_bytes() == whole


def test_a_cluster_that_is_not_there(finished, tmp_path):
    pytest.importorskip("dask.distributed")
    code, messages = finished(tmp_path / "out.fits", "--scheduler", "nonsense://x")
    assert code == 2 and "--scheduler nonsense://x: there is no Dask scheduler" in words(messages)
    assert not list(tmp_path.iterdir())


def test_without_dask_the_extra_is_named(field, szmass_python, tmp_path):
    code = "import sys; sys.modules['dask'] = None; from szmass_cli.__main__ import main; main()"
    arguments = (
        "estimate",
        field.map_path,
        field.catalog_path,
        "-o",
        "out.fits",
        "--workers",
        "2",
    )
    outcome = szmass_python("-c", code, *arguments, cwd=tmp_path)
    assert outcome.code == 2 and "pip install 'szmass[cluster]'" in words(outcome.err)
    assert not list(tmp_path.iterdir())
