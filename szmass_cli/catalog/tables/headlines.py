"""The top of a text table: comments, the names of its columns, their units, and how cells are divided.

It is found out here, as astropy's guessing tries one format after the other, takes the first comment for the
names, and knows neither VizieR's units and line of dashes nor decimal commas.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from szmass_cli.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eEdD][+-]?[0-9]+)?")
_RULER = re.compile(r"[-|;,\t +]*---[-|;,\t +]*")


@dataclass(frozen=True)
class Heading:
    """A text table taken apart.

    Parameters
    ----------
    names : list of str
        Names of the columns, in order.
    units : list of str
        Units of the columns, as written in the text; empty where none are given.
    delimiter : str or None
        One character; None for whitespace.
    body : str
        The lines of data.
    comments : tuple of str
        Lines before the data that begin with #.
    n_dropped : int
        Lines among the data that begin with #.
    is_ruled : bool
        Whether a line of dashes stands under the names, as VizieR and data bases write it; such tables have
        no quotes.
    """

    names: list[str]
    units: list[str]
    delimiter: str | None
    body: str
    comments: tuple[str, ...]
    n_dropped: int
    is_ruled: bool


def find_heading(text: str, path: Path) -> Heading:
    """Find names, units and delimiter of a text table.

    Names stand in the first line that is no comment, or, where that holds data, in the last comment that has
    as many words.

    Raises
    ------
    InputError
        Nothing names the columns.
    """
    comments, lines, n_dropped = _without_comments(text)
    stated = (
        re.fullmatch(r"sep=(.)\s*", lines[0]) if lines else None
    )  # a spreadsheet's word for its delimiter
    lines = lines[1:] if stated else lines
    if not lines:
        raise InputError(f"{path}: the catalogue has no rows", "Give at least one cluster.")
    n_first = next((n for n in range(1, len(lines)) if "".join(lines[:n]).count('"') % 2 == 0), 1)
    first = "".join(lines[:n_first]).rstrip("\r\n")  # several where a name in quotes has a line break
    delimiter = stated[1] if stated else _delimiter(first)
    if delimiter == "\t" and {line.count("\t") for line in lines[:5] if line.strip()} != {first.count("\t")}:
        delimiter = None  # tabs among blanks
    names, from_comment = _cells(first, delimiter), False
    if _is_data(names):
        in_comment = _names_in_comment(comments, delimiter, len(names))
        if in_comment is not None:
            names, from_comment = in_comment, True
        elif comments or delimiter is None:
            raise InputError(
                f"{path}: no line names the columns; the first is {first[:60]!r}",
                "Put a line such as name,ra,dec,redshift before it.",
            )
    rest = lines if from_comment else lines[n_first:]
    rest, units, is_ruled = _without_ruler(rest, delimiter)
    names = [name.strip() for name in names] if is_ruled else names
    return Heading(names, units, delimiter, "".join(rest), tuple(comments), n_dropped, is_ruled)


def _names_in_comment(comments: list[str], delimiter: str | None, n_columns: int) -> list[str] | None:
    """Return the words of the last comment with one word for each column; None if there is none."""
    for comment in reversed(comments):
        line = comment.lstrip().lstrip("#").strip(" \r\n")
        for divided in dict.fromkeys((delimiter, _delimiter(line))):  # names have commas where data have none
            cells = _cells(line, divided)
            if len(cells) == n_columns and not _is_data(cells):
                return cells
    return None


def _without_comments(text: str) -> tuple[list[str], list[str], int]:
    """Return the comments at the top, all other lines, and how many comments stood between those lines.

    A line inside a quoted cell is no comment, whatever it begins with.
    """
    comments: list[str] = []
    kept: list[str] = []
    n_dropped, is_quoted = 0, False
    for line in re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text):
        if not is_quoted and line.lstrip(" ").startswith("#"):
            if kept:
                n_dropped += 1
            else:
                comments.append(line)
            continue
        if not kept and not line.strip():
            continue
        is_quoted ^= line.count('"') % 2 == 1
        kept.append(line)
    return comments, kept, n_dropped


def _delimiter(line: str) -> str | None:
    """Return the character that divides a line most often; None if whitespace divides it."""
    counts = {delimiter: line.count(delimiter) for delimiter in DELIMITERS}
    best = max(DELIMITERS, key=lambda delimiter: counts[delimiter])  # the first of equals
    if counts[best]:
        return best
    return None if len(line.split()) > 1 else ","


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return next(
            csv.reader([" ".join(line.split("\t")).strip()], delimiter=" ", skipinitialspace=True), []
        )
    return next(csv.reader(line.splitlines(keepends=True), delimiter=delimiter), [])


def _is_data(cells: list[str]) -> bool:
    """Return whether a line can hold no names: two or more cells, and half of those filled, are numbers."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    numbers = sum(_NUMBER.fullmatch(cell) is not None for cell in filled)
    return numbers >= max(2, (len(filled) + 1) // 2)


def _without_ruler(lines: list[str], delimiter: str | None) -> tuple[list[str], list[str], bool]:
    """Return the lines below a line of dashes, the units above it, and whether there is such a line."""
    for place in (0, 1) if delimiter != "," else ():  # of a CSV it is a row with nothing in it
        if len(lines) > place and _RULER.fullmatch(lines[place].strip("\r\n")):
            units = [] if place == 0 else lines[0].rstrip("\r\n").split(delimiter)
            return lines[place + 1 :], [unit.strip() for unit in units], True
    return lines, [], False
