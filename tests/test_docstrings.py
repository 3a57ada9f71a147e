"""Every parameter that a docstring lists is described: units, shape, or what it means."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "szmass_cli"
SECTIONS = ("Parameters", "Attributes")


def documented(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and docstring of each function and class of a file that has one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.name, docstring


def lines_of_parameters(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield each line of a section of parameters that is not indented, with the line below it."""
    lines = [*docstring.split("\n"), ""]
    section = ""
    for line, below in pairwise(lines):
        if re.fullmatch(r"-{3,}", below.strip()):
            section = line.strip()
        elif section in SECTIONS and line and not line.startswith((" ", "---")):
            yield line, below


def undescribed(docstring: str) -> list[str]:
    """Return the parameters that have no indented line below them with something said in it."""
    return [
        line.split(" : ")[0]
        for line, below in lines_of_parameters(docstring)
        if not (below.startswith("    ") and re.search(r"\w", below))
    ]


def test_every_listed_parameter_has_a_description():
    files = sorted(PACKAGE.rglob("*.py"))
    assert len(files) > 100
    missing = [
        f"{path.relative_to(PACKAGE.parent)}:{name}:{parameter}"
        for path in files
        for name, docstring in documented(path)
        for parameter in undescribed(docstring)
    ]
    assert not missing, "Parameters without a description:\n" + "\n".join(missing)


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        ("beam : Beam\n    What the sky is seen through.", []),
        ("beam : Beam", ["beam"]),
        ("beam : Beam\nmask, truth : Path\n    Where they are.", ["beam"]),
        ("mask, truth : Path\n\nReturns\n-------\nfloat", ["mask, truth"]),
        ("north_arcmin\n    Offset from the cluster.\nwest_arcmin", ["west_arcmin"]),
    ],
)
def test_parameters_without_a_description_are_found(listed, found):
    assert undescribed(f"Return it.\n\nParameters\n----------\n{listed}") == found
