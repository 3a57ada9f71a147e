"""Files are whole or absent."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.system import files
from szmass_cli.system.files import atomic_path, check_writable, move_folder, sha256_of


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "suffix"), [("out.fits", ".fits"), ("a.b.csv", ".csv"), ("x.fits.gz", ".fits.gz"), ("plain", "")]
)
def test_part_is_hidden_beside_the_target_and_keeps_its_suffix(tmp_path, name, suffix):
    with atomic_path(tmp_path / name) as part:
        assert part.parent == tmp_path
        assert part.name.startswith(f".{name}.{os.getpid()}-") and ".part" in part.name
        assert part.name.endswith(suffix)
        part.write_text("whole")
        assert not (tmp_path / name).exists()
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "whole"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, SzmassError])
def test_nothing_is_left_after_an_exception(tmp_path, error):
    with pytest.raises(error), atomic_path(tmp_path / "out.csv") as part:
        part.write_text("half")
        raise error("stop")
    assert names(tmp_path) == []


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target, overwrite=True) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.csv"]


def test_overwrite_replaces(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with atomic_path(target, overwrite=True) as part:
        part.write_text("new")
    assert target.read_text() == "new"


def test_a_file_made_by_somebody_else_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out.csv"
    with pytest.raises(OutputError, match="already there"), atomic_path(target) as part:
        part.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert names(tmp_path) == ["out.csv"]


def test_a_full_disk_is_one_clear_failure(tmp_path):
    target = tmp_path / "out.csv"
    with pytest.raises(SzmassError, match=r"out\.csv.*No space left") as caught, atomic_path(target) as part:
        part.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.exit_code == 1
    assert names(tmp_path) == []


def test_a_block_that_writes_nothing_is_a_failure(tmp_path):
    with pytest.raises(SzmassError, match="could not be written"), atomic_path(tmp_path / "out.csv"):
        pass


def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "real" / "out.csv")
    with atomic_path(link) as part:
        part.write_text("whole")
    assert link.is_symlink()
    assert (tmp_path / "real" / "out.csv").read_text() == "whole"


def test_check_leaves_no_trace(tmp_path):
    check_writable(tmp_path / "out.csv")
    assert names(tmp_path) == []


def test_existing_file_needs_overwrite(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(OutputError, match="already there; --overwrite replaces it") as caught:
        check_writable(target)
    assert caught.value.exit_code == 2
    check_writable(target, overwrite=True)


def test_folder_as_target(tmp_path):
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path, overwrite=True)


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="no devices on this system")
def test_a_device_is_never_replaced():
    with pytest.raises(OutputError, match="not a regular file"):
        check_writable("/dev/null", overwrite=True)


def test_missing_folder(tmp_path):
    with pytest.raises(OutputError, match=r"no folder .*nowhere"):
        check_writable(tmp_path / "nowhere" / "out.csv")


def test_file_in_place_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="no folder"):
        check_writable(tmp_path / "file" / "out.csv")


def test_name_too_long(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / ("x" * 300))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc")
def test_a_folder_that_takes_no_files_even_from_root():
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable("/proc/out.csv")


def test_a_read_only_disk(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(files.tempfile, "NamedTemporaryFile", refuse)
    with pytest.raises(OutputError, match="Read-only"):
        check_writable(tmp_path / "out.csv")


@pytest.mark.parametrize("size", [0, 1, 10, 11])
def test_sha256_reads_in_pieces(tmp_path, size):
    data = bytes(range(size))
    (tmp_path / "f").write_bytes(data)
    assert sha256_of(tmp_path / "f", chunk_bytes=5) == hashlib.sha256(data).hexdigest()


@pytest.fixture
def two_folders(tmp_path):
    """An old folder, and a new one in a temporary folder beside it."""
    old, new = tmp_path / "report", tmp_path / "temporary" / "report"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "which").write_text(folder.parent.name)
    return old, new


def test_a_moved_folder_takes_the_place_of_the_old_one(two_folders, tmp_path):
    old, new = two_folders
    move_folder(new, old)
    assert (old / "which").read_text() == "temporary"
    assert names(tmp_path) == ["report", "temporary"]


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_a_failed_move_puts_the_old_folder_back(two_folders, tmp_path, monkeypatch, error):
    old, new = two_folders
    rename = Path.rename

    def full(self, target):
        if self == new:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(type(error)):
        move_folder(new, old)
    assert (old / "which").read_text() == tmp_path.name
