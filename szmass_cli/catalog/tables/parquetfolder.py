"""Folders of Parquet files: parts of one table, Hive partitions, and HATS catalogues."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from szmass_cli.catalog.tables.common import ReadTable, Wanted
from szmass_cli.catalog.tables.parquet import table_from_arrow
from szmass_cli.errors import InputError

_PROPERTIES = ("hats.properties", "properties")
_COLLECTION = "collection.properties"
_PARTITION = re.compile(r"(Norder|Dir|Npix)=", re.IGNORECASE)


def read_parquet_folder(path: Path, wanted: Wanted | None = None) -> ReadTable:
    """Read all Parquet files of a folder as one table, in the order of their names.

    Of a HATS collection the primary catalogue is read; margins and indices, which hold rows twice, are not.

    Raises
    ------
    InputError
        There are no Parquet files in it, or HATS says that it is no catalogue of objects.
    """
    folder = _primary(path)
    stated = _properties(folder)
    kind = stated.get("dataproduct_type", "object")
    if kind not in ("object", "source"):
        raise InputError(f"{path}: is a HATS {kind} table, not a catalogue", "Give the catalogue itself.")
    files = sorted(_files(folder), key=_natural)
    if not files:
        raise InputError(
            f"{path}: a folder without Parquet files", "Give a file, or a folder of Parquet files."
        )
    return ReadTable(
        table_from_arrow(_joined(folder, files)),
        roles={
            role: stated[key]
            for role, key in (("ra", "hats_col_ra"), ("dec", "hats_col_dec"))
            if stated.get(key)
        },
        sha256=_sha256(folder, files),
    )


def _primary(path: Path) -> Path:
    """Return the folder of the objects themselves."""
    name = _read_properties(path / _COLLECTION).get("hats_primary_table_url")
    if name is None:
        return path
    inner = (path / name).resolve()
    if not inner.is_relative_to(path.resolve()):
        raise InputError(f"{path}: its primary table {name!r} lies outside", "Give that table's own folder.")
    return inner


def _properties(folder: Path) -> dict[str, str]:
    """Return what HATS says of a catalogue; an empty dictionary for other folders."""
    return next((found for name in _PROPERTIES if (found := _read_properties(folder / name))), {})


def _read_properties(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def _files(folder: Path) -> list[Path]:
    """Return the Parquet files below a folder, except those that are hidden or hold metadata only."""
    found = []
    for path in [*folder.rglob("*.parquet"), *folder.rglob("*.pq")]:
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(("_", ".")) for part in parts):
            found.append(path)
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a sorting key by which Npix=9 comes before Npix=10."""
    return [
        (int(word), "") if word.isdecimal() else (-1, word) for word in re.split(r"(\d+)", str(path)) if word
    ]


def _joined(folder: Path, files: list[Path]) -> Any:
    """Return all files as one Arrow table, with the columns that stand in the names of Hive folders."""
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    names = [str(file.relative_to(folder)) for file in files]
    if not any("=" in name and not _PARTITION.search(name) for name in names):
        return pa.concat_tables([pq.ParquetFile(file).read() for file in files], promote_options="default")
    hive = ds.HivePartitioning.discover(infer_dictionary=False)
    paths = [str(file) for file in files]
    return ds.dataset(paths, format="parquet", partitioning=hive, partition_base_dir=str(folder)).to_table()


def _sha256(folder: Path, files: list[Path]) -> str:
    digest = sha256()
    for file in files:
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        digest.update(sha256(file.read_bytes()).digest())
    return digest.hexdigest()
