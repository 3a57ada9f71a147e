"""YAML text from strangers: read as data, with nothing said twice and nothing that stands for too much."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from szmass_cli.errors import ConfigError
from szmass_cli.system.inputs import read_bytes

MAX_BYTES = 2**22
MAX_NODES = 100_000


def read_text(path: Path) -> str:
    """Return the text of a YAML file.

    Raises
    ------
    FileNotFoundError
        There is none.
    ConfigError
        It cannot be read, or is no text.
    """
    try:
        return read_bytes(path, MAX_BYTES).decode("utf-8")
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.", "Give a YAML text file.") from None


def parse_yaml(text: str, name: str) -> Any:
    """Return the values of YAML text that came from `name`, for errors.

    Raises
    ------
    ConfigError
        It is not YAML, a key is there twice, or its aliases stand for too much.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeys)
    except Exception as error:  # its readers of dates, numbers and tags raise whatever comes
        mark = getattr(error, "problem_mark", None)
        reason = f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else error
        raise ConfigError(
            f"{name} is not valid YAML: {reason}.", "Check its keys, indentation and colons."
        ) from None


class _UniqueKeys(yaml.SafeLoader):
    """YAML's safe loader, but a key given twice is an error: the reader would silently take the last."""

    def construct_mapping(self, node, deep=False):
        keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        keys = [key for key in keys if isinstance(key, yaml.ScalarNode)]
        seen = Counter(key.value for key in keys)
        twice = next((key for key in keys if seen[key.value] > 1), None)
        if twice is not None:
            raise yaml.MarkedYAMLError(
                problem=f"{twice.value!r} is there twice", problem_mark=twice.start_mark
            )
        return super().construct_mapping(node, deep)

    def get_single_node(self):
        """Refuse aliases that stand for themselves, or for more than could be written out."""
        node = super().get_single_node()
        if node is not None and _written_out(node, {}) > MAX_NODES:
            raise yaml.YAMLError("its aliases stand for too much")
        return node


def _written_out(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many values a node stands for, infinitely many if it contains itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1.0
    if id(node) not in known:
        known[id(node)] = math.inf  # until it is known
        inside = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = 1.0 + sum(_written_out(part, known) for part in inside)
    return known[id(node)]
