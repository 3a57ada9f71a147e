"""Catalogues that mean harm: nothing is executed, nothing outside is read, and the refusal is clear."""

import bz2
import gzip
import os
import pickle

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from szmass_cli.catalog import read_catalog
from szmass_cli.catalog.tables import formats
from szmass_cli.errors import InputError

TABLE = {"ra": [30.0, 31.0], "dec": [-40.0, -41.0], "z": [0.5, 0.6]}


class Bomb:
    def __reduce__(self):
        return os.mkdir, (os.environ["SZMASS_BOMB"],)


@pytest.fixture
def bomb(tmp_path, monkeypatch):
    """A folder that exists once somebody has loaded the pickle."""
    monkeypatch.setenv("SZMASS_BOMB", str(tmp_path / "went off"))
    yield Bomb()
    assert not (tmp_path / "went off").exists()


@pytest.mark.parametrize("name", ["in.npy", "in.csv", "in.fits", "in.parquet", "in"])
def test_pickles_are_not_loaded(tmp_path, bomb, name):
    np.save(tmp_path / "a.npy", np.array([bomb], dtype=object), allow_pickle=True)
    for content in (pickle.dumps(bomb), (tmp_path / "a.npy").read_bytes()):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_catalog(tmp_path / name)


def test_yaml_of_an_ecsv_header_is_not_run(tmp_path, bomb):
    columns = "".join(f"# - {{name: {name}, datatype: float64}}\n" for name in ("ra", "dec"))
    header = f"# %ECSV 1.0\n# ---\n# datatype:\n{columns}"
    text = header + f"# meta: !!python/object/apply:os.mkdir ['{os.environ['SZMASS_BOMB']}']\nra dec\n1 2\n"
    (tmp_path / "in.ecsv").write_text(text)
    with pytest.raises(InputError, match="yaml"):
        read_catalog(tmp_path / "in.ecsv")
    laughs = "".join(
        f"#   {chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
    )
    (tmp_path / "in.ecsv").write_text(f"{header}# meta:\n#   a: &a [x, x]\n{laughs}ra dec\n1 2\n")
    with pytest.raises(InputError, match="refers to itself"):
        read_catalog(tmp_path / "in.ecsv")


def test_entities_of_a_votable_neither_grow_nor_reach_out(tmp_path):
    (tmp_path / "secret").write_text("secret")
    table = (
        '<TABLE name="{}"><DESCRIPTION>{}</DESCRIPTION><FIELD name="ra" datatype="double"/>'
        '<FIELD name="dec" datatype="double"/><DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA>'
        "</DATA></TABLE>"
    )
    start = '<?xml version="1.0"?><!DOCTYPE r [{}]><VOTABLE version="1.3"><RESOURCE>{}</RESOURCE></VOTABLE>'
    outside = f'<!ENTITY x SYSTEM "file://{tmp_path}/secret">'
    (tmp_path / "in.xml").write_text(start.format(outside, table.format("t", "&x;")))
    assert "secret" not in repr(read_catalog(tmp_path / "in.xml").table.meta)
    growing = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
    (tmp_path / "in.xml").write_text(start.format(growing, table.format("t", "&l9;")))
    with pytest.raises(InputError, match="not a readable votable"):
        read_catalog(tmp_path / "in.xml")


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".csv.gz", gzip.compress(b"ra,dec\n" + b"\n" * 90_000_000)),
        (".csv.bz2", bz2.compress(bytes(90_000_000))),
    ],
    ids=["gzip", "bzip2"],
)
def test_files_that_unpack_without_end_are_refused(tmp_path, suffix, content):
    path = tmp_path / f"in{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="unpacks to more than"):
        read_catalog(path)


def altered(tmp_path, key, value):
    """The table as FITS with one card of its header changed."""
    Table(TABLE).write(tmp_path / "in.fits", overwrite=True)
    raw = (tmp_path / "in.fits").read_bytes()
    place = raw.index(f"{key:8s}=".encode(), raw.index(b"XTENSION"))
    card = f"{key:8s}= {value!s:>20s}".ljust(80).encode()
    (tmp_path / "in.fits").write_bytes(raw[:place] + card + raw[place + 80 :])
    return tmp_path / "in.fits"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NAXIS2", 10**12),
        ("NAXIS2", -5),
        ("NAXIS1", 10**9),
        ("PCOUNT", 10**12),
        ("TFIELDS", 10**6),
        ("TFIELDS", 900),
        ("TFORM1", "'999999999D'"),
        ("TFORM1", "'PD(9)'"),
        ("TFORM1", "'XYZ'"),
        ("NAXIS1", "'a'"),
        ("NAXIS", 99),
    ],
)
def test_absurd_fits_headers_are_refused(tmp_path, key, value):
    with pytest.raises(InputError, match=r"in\.fits"):
        read_catalog(altered(tmp_path, key, value))


def test_an_absurd_number_of_a_sextractor_column_is_refused(tmp_path):
    (tmp_path / "in.cat").write_text(
        "# 1 ALPHA_J2000 RA [deg]\n# 99999999999999 DELTA_J2000 Dec [deg]\n 1 2\n"
    )
    with pytest.raises(InputError, match="columns beyond"):
        read_catalog(tmp_path / "in.cat")


def test_two_columns_of_one_name_are_named(tmp_path):
    with pytest.raises(InputError, match="more than one column is called 'dec'"):
        read_catalog(altered(tmp_path, "TTYPE1", "'dec     '"))


def test_a_map_is_not_read_to_see_that_it_is_no_catalogue(tmp_path, monkeypatch):
    def read_it_all(path):
        raise AssertionError("all of the map was read")

    monkeypatch.setattr(formats, "bytes_of", read_it_all)
    fits.PrimaryHDU(np.zeros((10, 10))).writeto(tmp_path / "in.fits")
    with pytest.raises(InputError, match="no table in it"):
        read_catalog(tmp_path / "in.fits")
