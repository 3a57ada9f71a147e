"""Where catalogues lie: packed files, pipes, extensions, folders."""

import bz2
import gzip
import lzma
import os
import threading
from contextlib import suppress

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import read_catalog
from szmass_cli.catalog.tables import bytesof
from szmass_cli.errors import InputError, UsageError
from szmass_cli.system.fileparts import file_of

TEXT = "name,ra,dec,z\nA,30,-40,0.5\nB,31,-41,0.6\n"
TABLE = {"ra": [30.0, 31.0], "dec": [-40.0, -41.0], "z": [0.5, 0.6]}


def holds_the_table(catalog):
    assert catalog.ra_deg.tolist() == TABLE["ra"] and catalog.dec_deg.tolist() == TABLE["dec"]
    assert catalog.redshift.tolist() == TABLE["z"]
    return True


# --- packed files and pipes ---------------------------------------------------------------------------------

PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".fits", ".ecsv", ".vot", ".parquet"])
def test_packed_files_of_every_format(tmp_path, suffix, packed):
    plain = tmp_path / f"in{suffix}"
    if suffix in (".csv", ".txt"):
        plain.write_text(TEXT)
    else:
        Table(TABLE).write(plain, **({"format": "votable"} if suffix == ".vot" else {}))
    path = tmp_path / f"in{suffix}{packed}"
    path.write_bytes(PACKERS[packed](plain.read_bytes()))
    assert holds_the_table(read_catalog(path))


@pytest.fixture
def pipe(tmp_path):
    """A pipe into which something writes the bytes it is given."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writers = []

    def write(data):
        with suppress(BrokenPipeError):  # a reader that has had enough
            path.write_bytes(data)

    def written(data):
        writers.append(threading.Thread(target=write, args=(data,), daemon=True))
        writers[-1].start()
        return path

    yield written
    for writer in writers:
        writer.join(5)


@pytest.mark.parametrize("suffix", [".csv", ".fits"])
def test_a_pipe_is_read_once_and_remembered(tmp_path, pipe, suffix):
    Table(TABLE).write(tmp_path / f"in{suffix}")
    catalog = read_catalog(pipe((tmp_path / f"in{suffix}").read_bytes()))
    assert holds_the_table(catalog)
    assert catalog.sha256() == read_catalog(tmp_path / f"in{suffix}").sha256()


def test_standard_input(tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text(TEXT)
    with open(tmp_path / "in.csv") as stream:
        assert holds_the_table(read_catalog(f"/dev/fd/{stream.fileno()}"))


def test_a_pipe_into_which_nobody_writes_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(bytesof, "_PATIENCE_SECONDS", 0.2)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="empty"):
        read_catalog(tmp_path / "pipe.csv")


def test_an_endless_pipe_is_refused(pipe, monkeypatch):
    monkeypatch.setattr(bytesof, "PIPE_LIMIT_BYTES", 1 << 20)
    with pytest.raises(InputError, match="does not end"):
        read_catalog(pipe(b"1,2\n" * (1 << 19)))


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/urandom"])
def test_devices_are_no_catalogues(device):
    with pytest.raises(InputError, match="neither a file nor a pipe"):
        read_catalog(device)


# --- extensions ---------------------------------------------------------------------------------------------


def several(tmp_path):
    """A FITS file with an image, an empty table, weights, the catalogue and a second catalogue."""
    other = Table(TABLE | {"ra": [50.0, 51.0]})
    weights = fits.BinTableHDU(Table({"weight": [1.0, 2.0]}), name="WEIGHTS")
    tables = [
        fits.ImageHDU(np.zeros((2, 2)), name="IMAGE"),
        fits.BinTableHDU(Table(TABLE)[:0], name="EMPTY"),
        weights,
        fits.BinTableHDU(Table(TABLE), name="CLUSTERS"),
        fits.BinTableHDU(other, name="OTHER"),
    ]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "in.fits")
    return tmp_path / "in.fits"


def test_the_extension_with_rows_and_positions_is_found_and_said(tmp_path):
    catalog = read_catalog(several(tmp_path))
    assert holds_the_table(catalog)
    assert catalog.notes == ("The catalogue is extension 4 (CLUSTERS) of in.fits.",)


def test_columns_that_were_named_tell_the_extension_too(tmp_path):
    tables = [
        fits.BinTableHDU(Table({"weight": [1.0]})),
        fits.BinTableHDU(Table({"X": [30.0], "Y": [-40.0]})),
    ]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "in.fits")
    assert read_catalog(tmp_path / "in.fits", {"ra": "X", "dec": "Y"}).ra_deg[0] == 30


@pytest.mark.parametrize("extension", ["5", "OTHER", "other"])
def test_an_extension_that_was_asked_for(tmp_path, extension):
    path = several(tmp_path)
    catalog = read_catalog(f"{path}[{extension}]")
    assert catalog.ra_deg.tolist() == [50, 51] and catalog.notes == ()
    assert file_of(catalog.path) == path


@pytest.mark.parametrize(
    ("extension", "said"), [("9", "no extension '9'"), ("nowhere", "no extension"), ("1", "is no table")]
)
def test_extensions_that_are_not_there(tmp_path, extension, said):
    with pytest.raises(InputError, match=said) as caught:
        read_catalog(f"{several(tmp_path)}[{extension}]")
    assert "4 CLUSTERS" in caught.value.hint


def test_only_fits_files_have_extensions(tmp_path):
    (tmp_path / "in.csv").write_text(TEXT)
    with pytest.raises(UsageError, match="only FITS files have extensions"):
        read_catalog(tmp_path / "in.csv[1]")


def test_a_file_of_that_very_name_comes_first(tmp_path):
    (tmp_path / "in[1].csv").write_text(TEXT)
    assert holds_the_table(read_catalog(tmp_path / "in[1].csv"))
    (tmp_path / "odd[1]").write_text(TEXT)
    assert holds_the_table(read_catalog(tmp_path / "odd[1]"))


def test_the_table_with_rows_and_positions_of_a_votable(tmp_path):
    def table(names, cells):
        fields = "".join(f'<FIELD name="{name}" datatype="double"/>' for name in names)
        row = "".join(f"<TD>{cell}</TD>" for cell in cells)
        return f"<TABLE>{fields}<DATA><TABLEDATA><TR>{row}</TR></TABLEDATA></DATA></TABLE>"

    tables = table(["weight"], [1]) + table(["ra", "dec"], [30, -40])
    text = f'<?xml version="1.0"?><VOTABLE version="1.3"><RESOURCE>{tables}</RESOURCE></VOTABLE>'
    (tmp_path / "in.vot").write_text(text)
    catalog = read_catalog(tmp_path / "in.vot")
    assert catalog.ra_deg[0] == 30 and "second table" in catalog.notes[0]


# --- folders ------------------------------------------------------------------------------------------------


def parquet(path, rows=slice(None), **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    Table(TABLE | more)[rows].to_pandas().to_parquet(path, index=False)


def test_a_folder_of_parquet_files_is_one_table_in_their_order(tmp_path):
    for number in (10, 9):  # 9 comes first
        parquet(tmp_path / "cat" / f"part.{number}.parquet", rows=slice(10 - number, 11 - number))
    (tmp_path / "cat" / "_SUCCESS").touch()
    parquet(tmp_path / "cat" / "_metadata.parquet")
    catalog = read_catalog(tmp_path / "cat")
    assert catalog.ra_deg.tolist() == [31.0, 30.0]
    before = catalog.sha256()
    parquet(tmp_path / "cat" / "part.11.parquet")
    assert read_catalog(tmp_path / "cat").sha256() != before


def test_hive_partitions_are_columns(tmp_path):
    for row, field in enumerate(("east", "west")):
        parquet(tmp_path / "cat" / f"field={field}" / "part-0.parquet", rows=slice(row, row + 1))
    catalog = read_catalog(tmp_path / "cat")
    assert holds_the_table(catalog) and list(catalog.table["field"]) == ["east", "west"]


def hats(folder, **properties):
    for row, pixel in enumerate((4, 10)):
        path = folder / "dataset" / "Norder=0" / "Dir=0" / f"Npix={pixel}.parquet"
        parquet(path, rows=slice(row, row + 1), coord_a=[1.0, 2.0])
    parquet(folder / "dataset" / "_metadata.parquet")
    (folder / "partition_info.csv").write_text("Norder,Npix\n0,4\n0,10\n")
    stated = {"obs_collection": "clusters", "dataproduct_type": "object"} | properties
    (folder / "hats.properties").write_text(
        "#HATS catalog\n" + "".join(f"{k}={v}\n" for k, v in stated.items())
    )


def test_a_hats_catalogue(tmp_path):
    hats(tmp_path / "cat", hats_col_ra="ra", hats_col_dec="dec")
    assert holds_the_table(read_catalog(tmp_path / "cat"))


def test_hats_says_which_columns_are_positions(tmp_path):
    hats(tmp_path / "cat", hats_col_ra="coord_a", hats_col_dec="dec")
    assert read_catalog(tmp_path / "cat").roles["ra"] == "coord_a"
    assert read_catalog(tmp_path / "cat", {"ra": "ra", "dec": "dec"}).roles["ra"] == "ra"


def test_of_a_hats_collection_only_the_catalogue_is_read(tmp_path):
    hats(tmp_path / "cat" / "clusters", hats_col_ra="ra", hats_col_dec="dec")
    hats(tmp_path / "cat" / "clusters_margin", dataproduct_type="margin")
    collection = tmp_path / "cat" / "collection.properties"
    collection.write_text(
        "obs_collection=clusters\nhats_primary_table_url=clusters\nall_margins=clusters_margin\n"
    )
    assert holds_the_table(read_catalog(tmp_path / "cat"))
    with pytest.raises(InputError, match="margin"):
        read_catalog(tmp_path / "cat" / "clusters_margin")
    collection.write_text("hats_primary_table_url=../../elsewhere\n")
    with pytest.raises(InputError, match="outside"):
        read_catalog(tmp_path / "cat")


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "a.csv").write_text(TEXT)
    with pytest.raises(InputError, match="without Parquet files"):
        read_catalog(tmp_path)
