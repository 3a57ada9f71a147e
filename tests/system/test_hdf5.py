"""An HDF5 file on a disk that fills up."""

import errno

import h5py
import numpy as np
import pytest

from szmass_cli.system.hdf5 import Hdf5Sink

VALUES = np.random.default_rng(1).standard_normal((300, 40))


def write_values(path):
    with Hdf5Sink(path) as sink, h5py.File(sink, "w") as file:
        file["values"] = VALUES
        file.attrs["unit"] = "uK_CMB"


def test_what_is_written_can_be_read(tmp_path):
    write_values(tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        np.testing.assert_array_equal(file["values"], VALUES)
        assert file.attrs["unit"] == "uK_CMB"


@pytest.fixture
def full_device():
    """A device on which every write fails as on a full disk."""
    return "/dev/full"


def test_a_full_disk_is_told_at_the_end(full_device, capfd):
    with pytest.raises(OSError) as caught:
        write_values(full_device)
    assert caught.value.errno == errno.ENOSPC
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_is_told_when_asked(full_device):
    sink = Hdf5Sink(full_device)
    sink.write(b"lost")
    with pytest.raises(OSError, match="space"):
        sink.check()
    sink.close()


def test_another_error_is_not_hidden_by_a_full_disk(full_device):
    with pytest.raises(KeyError), Hdf5Sink(full_device) as sink:
        sink.write(b"lost")
        raise KeyError("worse")
