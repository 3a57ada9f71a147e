"""Text on its way to streams that cannot hold all of it."""

import codecs
import os
import sys
import unicodedata

_HANDLER = "szmass.nearest"
_NEAREST = {
    "µ": "u",
    "μ": "u",
    "×": "x",
    "·": ".",
    "…": "~",
    "≥": ">",
    "≤": "<",
    "±": "+",
    "−": "-",
    "‐": "-",
}
_NEAREST |= {
    "–": "-",
    "—": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "°": "d",
    "→": ">",
    "•": "*",
    "′": "'",
}
_NEAREST |= dict.fromkeys("─━═╌┄", "-") | dict.fromkeys("│┃║", "|") | dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╞╡╪", "+")


def forgive_encodings() -> None:
    """Let standard output and error write the nearest character of their encoding, in place of failing.

    A terminal or job log in ASCII or Latin-1 gets ``u`` for µ, and a file's name that is no text gets ``?``.
    Streams that were closed before the process began take text and lose it.
    """
    codecs.register_error(_HANDLER, _nearest)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        elif hasattr(stream, "reconfigure") and stream.errors in (
            "strict",
            "surrogateescape",
            "backslashreplace",
        ):
            stream.reconfigure(errors=_HANDLER)


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """Return what to write in place of characters that an encoding lacks: one for each, to keep columns."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_nearest_to(character) for character in lacking), error.end


def _nearest_to(character: str) -> str:
    if character in _NEAREST:
        return _NEAREST[character]
    bare = unicodedata.normalize("NFKD", character)[:1]
    return bare if bare.isascii() and bare.isprintable() and bare else _NEAREST.get(bare, "?")
