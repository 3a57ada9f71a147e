"""Files that are either whole or absent: check first, write beside the target, rename when done."""

import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from szmass_cli.errors import OutputError, SzmassError, UsageError


@contextmanager
def atomic_path(target: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary path to write, and rename it to `target` once the block ends well.

    Parameters
    ----------
    target : path
        The file wanted in the end. A symbolic link is followed, not replaced.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    pathlib.Path
        A hidden name in the same folder with the same suffix. After any exception, Ctrl-C included,
        it is removed and `target` is as it was.

    Raises
    ------
    OutputError
        `target` cannot be written; see `check_writable`.
    SzmassError
        Writing failed half-way (disk full, quota, network folder gone).
    """
    with _part_beside(target, overwrite) as part:
        yield part
        _check_still_free(target, overwrite)
        os.replace(part, os.path.realpath(target))


@contextmanager
def atomic_paths(targets: Sequence[str | os.PathLike[str]], overwrite: bool = False) -> Iterator[list[Path]]:
    """Give temporary paths for files that belong together; in the end all of them appear, or none.

    Parameters
    ----------
    targets : sequence of path
        The files wanted in the end.
    overwrite : bool
        Whether existing files may be replaced. They come back if one of the new ones fails.

    Yields
    ------
    list of pathlib.Path
        As those of `atomic_path`; all of them must be written.

    Raises
    ------
    OutputError, SzmassError
        As by `atomic_path`.
    """
    with ExitStack() as stack:
        # the first one last, as it is the one that an error will name
        parts = [stack.enter_context(_part_beside(target, overwrite)) for target in reversed(targets)][::-1]
        yield parts
        for target in targets:
            _check_still_free(target, overwrite)
        swaps = [_Swap(Path(os.path.realpath(target))) for target in targets]
        try:
            for swap, part in zip(swaps, parts, strict=True):
                swap.put(part)
        except BaseException:  # Ctrl-C too
            for swap in swaps:
                swap.undo()
            raise
        for swap in swaps:
            swap.old.unlink(missing_ok=True)


class _Swap:
    """Puts a new file in the place of another, which is kept aside and can come back."""

    def __init__(self, final: Path):
        self.final, self.old = (
            final,
            final.with_name(f".{final.name[:100]}.{_token()}.old"),
        )
        self._was_there, self._begun = final.exists(), False

    def put(self, part: Path) -> None:
        self._begun = True
        if self._was_there:
            os.replace(self.final, self.old)
        os.replace(part, self.final)

    def undo(self) -> None:
        if self.old.exists():
            os.replace(self.old, self.final)
        elif self._begun and not self._was_there:
            self.final.unlink(missing_ok=True)


@contextmanager
def _part_beside(target: str | os.PathLike[str], overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside a target, removed in the end; see `atomic_path`."""
    check_writable(target, overwrite)
    final = Path(os.path.realpath(target))
    # Writers such as astropy choose compression by the suffix, so `.part` must not come last.
    part = final.with_name(f".{final.name[:100]}.{_token()}.part{_suffix(final)}")
    try:
        yield part
    except OSError as error:
        raise SzmassError(
            f"{target}: could not be written: {error.strerror or error}",
            "No half-written file was left behind; check the disk space and the permissions of the folder.",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _check_still_free(target: str | os.PathLike[str], overwrite: bool) -> None:
    """Refuse to replace what another process has put there in the meantime."""
    if not overwrite and os.path.lexists(os.path.realpath(target)):
        raise _taken(target)


def check_writable(path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Make sure that `path` can be written, before the long work that leads to it.

    Parameters
    ----------
    path : path
        The output file to be written.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file is already there, is a folder or a device, or its folder is missing or read-only.
    """
    final = Path(os.path.realpath(path))
    try:
        if final.is_dir():
            raise OutputError(f"{path}: is a folder", "Name a file inside it.")
        if final.exists() and not final.is_file():  # renaming onto /dev/null would replace the device
            raise OutputError(f"{path}: is not a regular file", "Name an ordinary file.")
        if final.exists() and not overwrite:
            raise _taken(path)
        if not final.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {final.parent}", "Make the folder first.")
        # Creating a file is the only honest test: os.access says yes to root on a read-only disk.
        with tempfile.NamedTemporaryFile(dir=final.parent, prefix=".szmass-"):
            pass
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written: {error.strerror or error}", "Choose a folder you may write to."
        ) from error


def move_folder(part: Path, output: Path) -> None:
    """Put a finished folder in its place; an old one is gone only once the new one stands there.

    Parameters
    ----------
    part : Path
        In a temporary folder on the same disk, which the caller removes with all that is in it.
    output : Path
        The place; a folder that is there is replaced.

    Raises
    ------
    OSError
        If it cannot be moved; an old one is then where it was.
    """
    old = part.with_name("replaced")
    if output.exists():
        output.rename(old)
    try:
        part.rename(output)
    except BaseException:  # Ctrl-C too
        if old.exists():
            old.rename(output)
        raise


def check_not_an_input(output: str | os.PathLike[str], *inputs: str | os.PathLike[str]) -> None:
    """Refuse an output that would replace one of the inputs, whatever ``--overwrite`` says.

    Raises
    ------
    UsageError
        Output and input are one file.
    """
    for path in inputs:
        if os.path.exists(path) and os.path.realpath(output) == os.path.realpath(path):
            raise UsageError(f"{output} is an input: it would be lost.", "Give the output another name.")


def check_suffix(output: Path, suffixes: Sequence[str]) -> None:
    """Refuse an output whose name says another format than the one that is written.

    Raises
    ------
    UsageError
        The name ends in none of the suffixes.
    """
    if not output.name.lower().endswith(tuple(suffixes)):
        raise UsageError(
            f"{output}: the suffix is not {' or '.join(suffixes)}.",
            f"For example {output.name.split('.')[0] or 'output'}{suffixes[0]}.",
        )


def sha256_of(
    path: str | os.PathLike[str], chunk_bytes: int = 1 << 24, wanted: Callable[[], bool] = lambda: True
) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in pieces of `chunk_bytes`.

    Before each piece `wanted` is asked whether the hash is still needed; if not, the result is meaningless.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    # pieces are large, as a busy interpreter keeps a thread waiting before each
    digest, piece = hashlib.sha256(), memoryview(bytearray(chunk_bytes))
    with open(path, "rb", buffering=0) as stream:
        while wanted() and (n := stream.readinto(piece)):
            digest.update(piece[:n])
    return digest.hexdigest()


def _taken(path: str | os.PathLike[str]) -> OutputError:
    return OutputError(f"{path}: already there; --overwrite replaces it", "Or choose another name.")


def _token() -> str:
    """Return a token for names that no other process has, on this machine or another that shares the disk."""
    return f"{os.getpid()}-{secrets.token_hex(3)}"


def _suffix(path: Path) -> str:
    """Return the part of the name that writers look at: `.fits`, or `.fits.gz` when compressed."""
    return "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix


@contextmanager
def lock(path: Path, *, shared: bool, busy: SzmassError) -> Iterator[None]:
    """Hold a file or folder so that no other process does; released when the process ends, however.

    Parameters
    ----------
    path : Path
        An existing file or folder.
    shared : bool
        Whether others may hold it too, if they share it as well.
    busy : SzmassError
        Raised if another process holds it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # who held it has finished, and removed it, in this very moment
        raise busy from None
    try:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        except OSError:  # some network file systems lock nothing; two runs then write the same bytes twice
            pass
        yield
    finally:
        os.close(descriptor)
