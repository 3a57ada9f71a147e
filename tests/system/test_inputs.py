"""Small input files: of any size, kind and intention."""

import gzip
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from szmass_cli.system.inputs import read_arrays, read_bytes, read_table


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_a_table_is_read_packed_or_not(tmp_path, suffix):
    path = tmp_path / f"t.txt{suffix}"
    np.savetxt(path, [[1, 2, 9], [3, 4, 9]], header="ell T note")
    assert read_table(path, (0, 1)).tolist() == [[1, 2], [3, 4]]


def test_a_byte_order_mark_is_no_number(tmp_path):
    (tmp_path / "t.txt").write_bytes("\ufeff1 2\n3 4\n".encode())
    assert read_table(tmp_path / "t.txt", (1,)).tolist() == [[2], [4]]


def test_what_unpacks_to_more_than_the_limit_is_refused(tmp_path):
    (tmp_path / "t.gz").write_bytes(gzip.compress(bytes(100_000)))
    with pytest.raises(ValueError, match="larger"):
        read_bytes(tmp_path / "t.gz", max_bytes=99_999)
    assert len(read_bytes(tmp_path / "t.gz", max_bytes=100_000)) == 100_000


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "missing", "cut gzip", "no gzip"])
def test_what_is_no_ordinary_file_is_an_os_error(tmp_path, kind):
    path = tmp_path / "t.gz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "cut gzip":
        path.write_bytes(gzip.compress(os.urandom(5000))[:3000])
    elif kind == "no gzip":
        path.write_bytes(b"1 2\n")
    with pytest.raises(OSError):
        read_bytes(path)


def test_arrays_of_an_archive(tmp_path):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(4, dtype=">i2")
    np.savez(tmp_path / "a.npz", a=a, b=b, other=["text"])
    got = read_arrays(tmp_path / "a.npz", ("b", "a"))
    np.testing.assert_array_equal(got[1], a)
    np.testing.assert_array_equal(got[0], b)
    with pytest.raises(KeyError):
        read_arrays(tmp_path / "a.npz", ("c",))


class Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize(
    "kind", ["object array", "bare pickle", "pickle as a member", "pickle behind a header"]
)
def test_nothing_is_unpickled(tmp_path, kind):
    path, trace = tmp_path / "a.npz", tmp_path / "executed"
    bomb = pickle.dumps(Bomb(trace))
    if kind == "object array":
        np.savez(path, a=np.array([Bomb(trace)], object))
    elif kind == "bare pickle":
        path.write_bytes(bomb)
    elif kind == "pickle as a member":
        archive(path, a=bomb)
    else:
        archive(path, a=npy(np.zeros(len(bomb) // 8))[:128] + bomb)
    with pytest.raises(ValueError):
        read_arrays(path, ("a",))
    assert not trace.exists()


def test_arrays_larger_than_the_limit_or_than_their_file_are_refused(tmp_path):
    path = archive(tmp_path / "a.npz", a=npy(np.zeros(20_000)))
    assert path.stat().st_size < 1000
    with pytest.raises(ValueError, match="GB"):
        read_arrays(path, ("a",), max_bytes=100_000)
    huge = npy(np.zeros(3)).replace(b"'shape': (3,), }" + b" " * 12, b"'shape': (9000000000000,), }")
    for content in (huge, npy(np.zeros(3))[:-1], npy(np.zeros(3)) + b"more"):
        with pytest.raises(ValueError, match="not as long"):
            read_arrays(archive(path, a=content), ("a",))


@pytest.mark.parametrize("dtype", ["U5", "S5", "c8", "M8[s]", "f4,f4"])
def test_only_real_numbers_are_read(tmp_path, dtype):
    np.savez(tmp_path / "a.npz", a=np.zeros(3, dtype))
    with pytest.raises(ValueError, match="no numbers"):
        read_arrays(tmp_path / "a.npz", ("a",))


def test_damage_of_any_byte_is_a_value_error_or_another_number(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.arange(9.0))
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            (got,) = read_arrays(path, ("a",))
        except (ValueError, KeyError):
            continue
        np.testing.assert_array_equal(got, np.arange(9.0))  # a byte that says nothing, as a date
