"""Text tables of every kind: which one it is, and its cells as they are."""

import re
from pathlib import Path

from szmass_cli.catalog.tables.asciitable import read_documented, read_whitespace, read_with_readme
from szmass_cli.catalog.tables.common import ReadTable, Wanted
from szmass_cli.catalog.tables.csvtable import TEXT, read_delimited
from szmass_cli.catalog.tables.headlines import Heading, find_heading
from szmass_cli.errors import InputError

_MOST_COLUMNS = 10_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_OLD_EQUINOX = re.compile(r"\bB1950(\.0)?\b|\bFK4\b|\bequinox\W{0,3}1950", re.IGNORECASE)


def read_text(data: bytes, path: Path, wanted: Wanted | None = None) -> ReadTable:
    """Read a text table: delimited, by whitespace, of VizieR, CDS/MRT, IPAC or SExtractor.

    Raises
    ------
    InputError, ValueError
        It is no table, or a damaged one.
    """
    if data.startswith(_UTF16):
        text = data.decode("utf-16")
    elif b"\0" in data:
        raise ValueError("it holds binary data")
    else:
        text = data.decode("utf-8-sig")
    documented = _documented(text)
    if documented is not None:
        return ReadTable(read_documented(text, documented))
    try:
        heading = find_heading(text, path)
    except InputError:
        table = read_with_readme(path)
        if table is None:
            raise
        return ReadTable(table, notes=(f"Columns are those that {path.parent / 'ReadMe'} describes.",))
    notes = _notes(heading)
    if heading.delimiter is None:
        return ReadTable(read_whitespace(heading, path), TEXT, notes)
    table, more_notes = read_delimited(heading, path)
    return ReadTable(table, TEXT, (*notes, *more_notes))


def _documented(text: str) -> str | None:
    """Return the astropy format of a table that describes its own columns, None for others."""
    start = text[:100_000]
    if re.search(r"^\s*Byte-by-byte Description of file", start, re.MULTILINE | re.IGNORECASE):
        return "ascii.mrt" if start.lstrip().startswith("Title:") else "ascii.cds"
    lines = [line.rstrip() for line in start.splitlines() if line.strip()]
    if not lines:
        return None
    if re.match(r"#\s*1\s+[A-Za-z]\w*", lines[0]):
        if any(int(number) > _MOST_COLUMNS for number in re.findall(r"^#\s*(\d+)\s", text, re.MULTILINE)):
            raise ValueError(f"its header numbers columns beyond {_MOST_COLUMNS}")  # astropy makes all before
        return "ascii.sextractor"
    has_framed_names = re.fullmatch(r"\|.*\|", lines[0]) is not None
    if lines[0].startswith("\\") or (has_framed_names and "|" not in lines[-1]):
        return "ascii.ipac"
    return None


def _notes(heading: Heading) -> tuple[str, ...]:
    """Return what the user should know of the comments."""
    notes = []
    if heading.n_dropped:
        notes.append(
            f"Lines among the rows that begin with # were left out as comments: {heading.n_dropped}."
        )
    old = next((line for line in heading.comments if _OLD_EQUINOX.search(line)), None)
    if old is not None:
        notes.append(
            f"A comment in the catalogue says {old.strip('# ').strip()[:60]!r}; comments are not obeyed, and "
            "positions were taken for ICRS unless their columns' names say otherwise."
        )
    return tuple(notes)
