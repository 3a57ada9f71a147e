"""Command lines as text that a shell reads back, in ASCII and without apostrophes."""

import os
import re
from collections.abc import Sequence

_BARE = re.compile(rb"[\w@%+=:,./-]+", re.ASCII)
_PIECES = re.compile(rb"[ \"-&(-~]+|[^ \"-&(-~]+")
"""Printable ASCII but for ! and ', and all else."""


def shell_line(words: Sequence[str]) -> str:
    r"""Return words as one line that a POSIX shell takes apart into the same words.

    Headers of FITS files hold printable ASCII, and of a long card astropy loses what follows an apostrophe
    and a slash: such characters stand as octal numbers, ``"$(printf "\303\265")"``.

    Raises
    ------
    ValueError
        There is a line break in a word, which cannot be written so.
    """
    return " ".join(_quoted(os.fsencode(word)) for word in words)


def _quoted(word: bytes) -> str:
    if b"\n" in word:
        raise ValueError(f"{word!r} has a line break")
    if _BARE.fullmatch(word):
        return word.decode()
    return '"' + "".join(map(_piece, _PIECES.findall(word))) + '"'


def _piece(piece: bytes) -> str:
    if _PIECES.fullmatch(piece) and 32 <= piece[0] < 127 and piece[:1] not in b"!'":
        return re.sub(r'([$`"\\])', r"\\\1", piece.decode())
    return '$(printf "' + "".join(f"\\{byte:03o}" for byte in piece) + '")'
