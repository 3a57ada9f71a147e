"""VOTable, by astropy, with its notes kept."""

from pathlib import Path
from typing import Any

from astropy.io.votable import from_table, parse
from astropy.io.votable.tree import Info
from astropy.table import Table

from szmass_cli.catalog.tables.common import flattened, joined, plain_meta, widened


def read_votable(path: Path) -> tuple[Table, None]:
    votable = parse(path, verify="ignore")
    first = next(iter(votable.iter_tables()), None)
    if first is None:
        raise ValueError("there is no table in it")
    table = first.to_table(use_names_over_ids=True)
    notes = [*votable.infos, *votable.resources[0].infos, *first.infos, *first.params]
    table.meta.update({note.name: note.value for note in notes})
    return table, None


def write_votable(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = flattened(joined(table, new, {}))
    notes = plain_meta({**out.meta, **meta})
    wider = {"i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4"}
    for name in out.colnames:
        out.replace_column(name, widened(out[name], wider))
    own = {"ID", "name", "ref", "utype", "description"}  # a VOTable's own attributes; the rest becomes INFO
    out.meta = {key: value for key, value in out.meta.items() if key in own}
    votable = from_table(out)
    infos = votable.get_first_table().infos
    infos.extend(Info(name=key, value=str(value)) for key, value in notes.items() if key not in out.meta)
    votable.to_xml(str(parts[0]))
