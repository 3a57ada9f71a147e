"""Docstrings: every parameter that one lists is described, and that of a function opens with a verb."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "szmass_cli"
SECTIONS = ("Parameters", "Attributes")

VERBS = frozenset(
    [
        "Add",
        "Apply",
        "Calibrate",
        "Check",
        "Convert",
        "Count",
        "Cut",
        "Decide",
        "Discard",
        "Draw",
        "Estimate",
        "Evaluate",
        "Exchange",
        "Find",
        "Fit",
        "Give",
        "Hide",
        "Hold",
        "Ignore",
        "Interpolate",
        "Iterate",
        "Let",
        "Lift",
        "Load",
        "Make",
        "Mask",
        "Measure",
        "Open",
        "Prepare",
        "Print",
        "Put",
        "Raise",
        "Read",
        "Recalibrate",
        "Refuse",
        "Remove",
        "Replace",
        "Report",
        "Return",
        "Run",
        "Save",
        "Seal",
        "Set",
        "Show",
        "Simulate",
        "Stop",
        "Store",
        "Sum",
        "Suspend",
        "Take",
        "Train",
        "Turn",
        "Validate",
        "Write",
        "Yield",
    ]
)
"""The verbs that docstrings of functions open with, in alphabetical order; a new one is added here."""

# Files with functions that cli/app.py registers as commands: their docstrings are the text of ``--help``.
COMMANDS = frozenset(
    [
        "cli/estimate_commands.py",
        "cli/export.py",
        "cli/info_command.py",
        "cli/inject.py",
        "cli/population.py",
    ]
)


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


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is a command of Typer: its docstring is the text of ``--help``."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    return any(re.search(r"\.(command|callback)\(", decorator) for decorator in decorators)


def without_a_verb(source: str) -> list[str]:
    """Return the functions, methods and properties whose docstring opens with a word not in `VERBS`."""
    return [
        f"{node.name}: {docstring.split()[0]}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_command(node)
        if (docstring := ast.get_docstring(node))
        if docstring.split()[0].rstrip(",.:;") not in VERBS
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


def test_docstrings_of_functions_open_with_a_verb():
    names = {path: path.relative_to(PACKAGE).as_posix() for path in sorted(PACKAGE.rglob("*.py"))}
    wrong = [
        f"{PACKAGE.name}/{name}:{found}"
        for path, name in names.items()
        if name not in COMMANDS
        for found in without_a_verb(path.read_text(encoding="utf-8"))
    ]
    assert not wrong, "Docstrings that do not open with a verb known to `VERBS`:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ('def mass():\n    """Return the mass."""', []),
        ('def mass():\n    """Refuse, by name, a cluster."""', []),
        ('def mass():\n    """Mass of a cluster."""', ["mass: Mass"]),
        ('def is_mass():\n    """Whether it is a mass."""', ["is_mass: Whether"]),
        (
            'class Mass:\n    """Mass."""\n\n    @property\n    def unit(self):\n        """The unit."""',
            ["unit: The"],
        ),
        ('async def mass():\n    """A mass."""', ["mass: A"]),
        ('@app.command("mass")\ndef mass():\n    """A mass."""', []),
        ("def mass(): ...", []),
    ],
)
def test_docstrings_without_a_verb_are_found(function, found):
    assert without_a_verb(function) == found
