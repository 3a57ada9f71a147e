"""HDF5 files: from strangers, from disks without locks, and on a disk that fills up."""

import errno
import fcntl
import os

import h5py
import numpy as np
import pytest

from szmass_cli.system.hdf5 import Hdf5Sink, own_array, reading

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


# --- reading ------------------------------------------------------------------------------------------------


def test_a_file_is_read_where_locks_are_refused(tmp_path):
    path = tmp_path / "a.h5"
    write_values(path)
    with open(path, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as good as a file system that answers ENOTSUPP
        with pytest.raises(OSError, match="lock"):
            h5py.File(path, "r")
        with reading(path) as file:
            np.testing.assert_array_equal(own_array(file, "values"), VALUES)


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "text", "empty", "cut"])
def test_what_is_no_hdf5_file_is_an_os_error(tmp_path, kind):
    path = tmp_path / "a.h5"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "missing":
        write_values(path)
        content = {"text": b"hello" * 99, "empty": b"", "cut": path.read_bytes()[:3000]}[kind]
        path.write_bytes(content)
    with pytest.raises(OSError), reading(path):
        pass


@pytest.fixture
def secret(tmp_path):
    """A file elsewhere that nobody may be made to read."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file["values"] = VALUES
    return path


def hostile(path, kind, secret):
    """Write an HDF5 file whose `values` are not numbers of its own."""
    with h5py.File(path, "w") as file:
        if kind == "external link":
            file["values"] = h5py.ExternalLink(str(secret), "values")
        elif kind == "soft link":
            file["other"], file["values"] = 1.0, h5py.SoftLink("/other")
        elif kind == "external storage":
            file.create_dataset("values", (300, 40), "f8", external=[(str(secret), 0, 96_000)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((300, 40), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "values", shape=(300, 40))
            file.create_virtual_dataset("values", layout)
        elif kind == "text":
            file["values"] = ["text", "more"]
        elif kind == "references":
            file.create_dataset("values", (3,), h5py.ref_dtype)
        elif kind == "group":
            file.create_group("values")
        elif kind == "bomb":
            file.create_dataset("values", (10**12,), "f8", chunks=(10**6,), compression="gzip")
        elif kind == "nothing":
            file["values"] = h5py.Empty("f8")
        elif kind == "compound":
            file["values"] = np.zeros(3, [("a", "f8"), ("b", "S9")])
    return path


KINDS = ("external link", "soft link", "external storage", "virtual", "text", "references", "group", "bomb")


@pytest.mark.parametrize("kind", [*KINDS, "nothing", "compound"])
def test_only_numbers_that_lie_in_the_file_itself_are_read(tmp_path, kind, secret):
    path = hostile(tmp_path / "a.h5", kind, secret)
    with reading(path) as file, pytest.raises(ValueError, match="values"):
        own_array(file, "values")


def test_what_is_not_there_is_a_key_error(tmp_path):
    write_values(tmp_path / "a.h5")
    with reading(tmp_path / "a.h5") as file, pytest.raises(KeyError):
        own_array(file, "other")


def test_damage_inside_a_dataset_is_an_os_error(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("values", data=VALUES, chunks=(300, 40), compression="gzip")
        place = file["values"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place : place + 500] = bytes(500)
    path.write_bytes(content)
    with reading(path) as file, pytest.raises(OSError):
        own_array(file, "values")
