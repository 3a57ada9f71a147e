"""What is understood of maps, in tables of 80 columns or as JSON."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from szmass_cli.estimation.understood import Understood

WIDTH = 80


def print_understood(maps: Sequence[Understood], *, as_json: bool) -> None:
    """Print what is understood of maps to stdout."""
    if as_json:
        print(json.dumps({"maps": [one.as_json() for one in maps]}))
        return
    console = Console(highlight=False, width=WIDTH)
    for one in maps:
        console.print(_table(one))
        for note in one.notes:
            console.print(f"note: {note}", markup=False)
        if one.missing:
            needed = f"To measure masses, give {' and '.join(one.missing)}, or --survey."
            console.print(needed, style="yellow", markup=False)


def _table(one: Understood) -> Table:
    table = Table(
        title=Text(str(one.path)), title_justify="left", width=WIDTH, box=None, padding=(0, 1, 0, 0)
    )
    table.add_column("", no_wrap=True)
    table.add_column("understood", overflow="fold", ratio=1)
    table.add_column("from", overflow="fold", ratio=1)
    for line in one.properties:
        table.add_row(line.name, Text(line.value or "-"), Text(line.source))
    return table
