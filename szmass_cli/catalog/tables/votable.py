"""VOTable, by astropy, with its notes kept."""

import io
from pathlib import Path
from typing import Any

from astropy import units as u
from astropy.io.votable import from_table, parse
from astropy.io.votable.tree import Info, TableElement, VOTableFile
from astropy.table import Column, Table

from szmass_cli.catalog.tables.common import (
    ReadTable,
    StatedFrame,
    Wanted,
    as_text,
    changed,
    flattened,
    holds_text,
    joined,
    plain_meta,
    widened,
)


def read_votable(data: bytes, path: Path, wanted: Wanted | None = None) -> ReadTable:
    votable = parse(io.BytesIO(data), verify="ignore")
    there = [table for table in votable.iter_tables() if table.fields]
    if not there:
        raise ValueError("there is no table in it")
    filled = [table for table in there if table.array is not None and len(table.array)] or there
    fitting = [table for table in filled if wanted and wanted([_name(field) for field in table.fields])]
    chosen = (fitting or filled)[0]
    table = chosen.to_table(use_names_over_ids=True)
    infos = [*votable.infos, *votable.resources[0].infos, *chosen.infos, *chosen.params]
    table.meta.update({info.name: info.value for info in infos})
    table = changed(table, _text_if_any)
    notes: tuple[str, ...] = ()
    if chosen is not there[0]:
        notes = (f"The catalogue is the {_ordinal(there.index(chosen))} table of {path.name}.",)
    return ReadTable(table, notes=notes, frames=_frames(votable, chosen))


def _name(field: Any) -> str:
    return field.name or field.ID


def _ordinal(index: int) -> str:
    return {1: "second", 2: "third"}.get(index, f"{index + 1}th")


def _frames(votable: VOTableFile, table: TableElement) -> dict[str, StatedFrame]:
    """Return the frame of the COOSYS that each column, or the group it is in, refers to.

    A COOSYS that nothing refers to is that of all columns.
    """
    systems: dict[str, Any] = {}
    for resource in _resources(votable.resources):
        systems |= {system.ID: system for system in resource.coordinate_systems}
    systems |= {system.ID: system for system in votable.coordinate_systems}
    stated = {
        key: StatedFrame(str(system.system or ""), str(system.equinox or ""), f"COOSYS {key}")
        for key, system in systems.items()
    }
    frames = {_name(field): stated[field.ref] for field in table.fields if field.ref in stated}
    by_id = {field.ID: _name(field) for field in table.fields if field.ID}
    for group in table.iter_groups():
        for entry in group.entries if group.ref in stated else ():
            if getattr(entry, "ref", None) in by_id:
                frames.setdefault(by_id[entry.ref], stated[group.ref])
    if not frames and len(stated) == 1:
        frames[""] = next(iter(stated.values()))
    return frames


def _resources(resources: Any) -> list[Any]:
    return [one for resource in resources for one in (resource, *_resources(resource.resources))]


def write_votable(parts: list[Path], table: Table, source: Any, new: Table, meta: dict[str, Any]) -> None:
    out = flattened(joined(table, new, {}))
    notes = plain_meta({**out.meta, **meta})
    wider = {"i1": "i2", "u2": "i4", "u4": "i8", "u8": "i8", "f2": "f4", "f16": "f8"}
    out = changed(out, lambda column: _with_known_unit(widened(_without_objects(column), wider)))
    own = {"ID", "name", "ref", "utype", "description"}  # a VOTable's own attributes; the rest becomes INFO
    out.meta = {key: value for key, value in out.meta.items() if key in own}
    votable = from_table(out)
    infos = votable.get_first_table().infos
    infos.extend(Info(name=str(key), value=str(value)) for key, value in notes.items() if key not in out.meta)
    votable.to_xml(str(parts[0]))


def _text_if_any(column: Column) -> Column:
    return as_text(column) if column.dtype.kind == "O" and holds_text(column) else column


def _without_objects(column: Column) -> Column:
    return as_text(column) if column.dtype.kind == "O" else column


def _with_known_unit(column: Column) -> Column:
    column.unit = _known(column.unit)
    return column


def _known(unit: Any) -> Any:
    """Return a unit that VOTable can express, or else the unit's own name as a mere label."""
    if unit is None:
        return None
    try:
        unit.to_string("vounit")
    except Exception:  # each kind of unit has its own way to fail
        return u.UnrecognizedUnit(str(unit))
    return unit
