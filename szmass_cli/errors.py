"""The errors a user can meet; each knows its exit code and what to do next."""

from collections.abc import Iterable
from difflib import get_close_matches


class SzmassError(Exception):
    """A failure with one clear message.

    Parameters
    ----------
    message : str
        What is wrong and where: the file, row, column or key.
    hint : str
        What the user can do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self):
        return type(self), (self.message, self.hint)  # on its way back from a worker


class InputError(SzmassError):
    """A map, catalogue or bundle that cannot be used as given."""

    exit_code = 2


class ConfigError(InputError):
    """A YAML file or preset with an unknown key or a value out of range."""


class UsageError(InputError):
    """Options that contradict each other or the files."""


class OutputError(InputError):
    """An output path that is taken or cannot be written."""


class Interrupted(SzmassError):
    """Work that was stopped with Ctrl-C and can be gone on with."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that suggests the nearest known word, or an empty string if none is near.

    It is put behind "... is not known" in error messages.
    """
    cased = {name.lower(): name for name in known}
    nearest = get_close_matches(word.lower(), cased, n=1)
    return f" Did you mean {cased[nearest[0]]}?" if nearest else ""
