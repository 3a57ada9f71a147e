"""The log of a run, as spreadsheets and TensorBoard read it."""

import csv
import importlib

import numpy as np
import pytest

from szmass_cli.network.backend import load_tensorflow
from szmass_cli.network.fit import logs
from szmass_cli.network.fit.logs import COLUMNS, write_csv, write_tensorboard

HISTORY = [
    {
        "epoch": epoch,
        "loss": 2.0 / epoch,
        "validation_loss": 2.5 / epoch,
        "learning_rate": 1e-3 / epoch,
        "cutouts_per_second": 20.0 + epoch,
    }
    for epoch in (1, 2, 3)
]


def lines_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_file_is_the_history(tmp_path):
    write_csv(HISTORY, tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    got = [{name: float(value) for name, value in line.items()} for line in lines_of(tmp_path / "log.csv")]
    assert got == HISTORY
    # no other lines, and nothing beside it
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


def test_epochs_of_an_earlier_version_leave_their_cells_empty(tmp_path):
    old = {"epoch": 1, "loss": 2.0, "validation_loss": 2.5, "learning_rate": 1e-3, "something_else": 7.0}
    write_csv([old, HISTORY[1]], tmp_path / "log.csv")
    first, second = lines_of(tmp_path / "log.csv")
    assert first["cutouts_per_second"] == "" and float(first["loss"]) == 2.0
    assert float(second["cutouts_per_second"]) == 22.0
    assert tuple(first) == COLUMNS


def test_a_failure_leaves_the_log_before(tmp_path, monkeypatch):
    write_csv(HISTORY[:2], tmp_path / "log.csv")
    before = (tmp_path / "log.csv").read_bytes()

    class Killed(csv.DictWriter):
        def writerows(self, rows):
            raise KeyboardInterrupt

    monkeypatch.setattr(logs.csv, "DictWriter", Killed)
    with pytest.raises(KeyboardInterrupt):
        write_csv(HISTORY, tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]


def test_tensorboard_shows_every_epoch(tmp_path):
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    make_ndarray = load_tensorflow().make_ndarray
    for row in HISTORY:  # one event file an epoch, as sessions that are killed and gone on with leave them
        write_tensorboard(row, tmp_path / "tensorboard")
    events = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["tensors"]) == set(COLUMNS[1:])
    for name in COLUMNS[1:]:
        points = sorted(
            (event.step, float(make_ndarray(event.tensor_proto))) for event in events.Tensors(name)
        )
        steps, values = zip(*points, strict=True)
        assert steps == (1, 2, 3)
        np.testing.assert_allclose(values, [row[name] for row in HISTORY], rtol=1e-6, err_msg=name)
