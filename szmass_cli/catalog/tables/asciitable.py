"""Text tables that astropy's readers can be trusted with."""

from pathlib import Path

from astropy.io import ascii as astropy_ascii
from astropy.io.ascii import InconsistentTableError
from astropy.table import Table

from szmass_cli.catalog.tables.common import checked_names
from szmass_cli.catalog.tables.headlines import Heading
from szmass_cli.errors import InputError


def read_documented(text: str, kind: str) -> Table:
    """Read a table that describes its own columns: CDS, MRT, IPAC or SExtractor."""
    table = Table.read(text.splitlines(), format=kind)
    table.meta.clear()  # comments, in a form that no other format has
    return table


def read_with_readme(path: Path) -> Table | None:
    """Read a CDS table whose columns are described in a file called ReadMe beside it, None without that."""
    readme = path.parent / "ReadMe"
    if not readme.is_file() or path.name not in readme.read_text(encoding="utf-8", errors="replace"):
        return None
    table = Table.read(str(path), format="ascii.cds", readme=str(readme))
    table.meta.clear()
    return table


def read_whitespace(heading: Heading, path: Path) -> Table:
    """Read a table whose cells are divided by blanks; they are kept as text.

    Raises
    ------
    InputError
        A row has more or fewer cells than there are names.
    """
    names = checked_names(heading.names, path)
    try:
        return astropy_ascii.read(
            heading.body,
            format="no_header",
            delimiter=r"\s",
            names=names,
            converters={"*": [astropy_ascii.convert_numpy(str)]},
            fill_values=[],
            fast_reader=False,
            guess=False,
        )
    except InconsistentTableError as error:
        raise InputError(
            f"{path}: not every row has {len(names)} cells: {' '.join(str(error).split())[:200]}",
            f"The columns are {', '.join(names)}. Put a cell that holds blanks in double quotes.",
        ) from error
