"""Nothing fails after the work: what a format cannot hold is found before, and most of it is held."""

import datetime
import os
import tempfile
import warnings

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, QTable, Table
from astropy.time import Time

from szmass_cli.catalog import check_output_holds, read_catalog, write_catalog
from szmass_cli.catalog.inmemory import table_from_frame
from szmass_cli.catalog.tables import fitstable, formats
from szmass_cli.errors import InputError, OutputError

SUFFIXES = [".fits", ".fits.gz", ".csv", ".ecsv", ".xml", ".vot", ".parquet"]
NEW = ["M200c", "sz_snr", "szmass_flags"]


def clusters(**columns):
    return Table({"ra": [10.0, 20.0], "dec": [-30.0, -40.0], "z": [0.5, 0.6], **columns})


def objects(*cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def votable_with_char_star(tmp_path):
    path = tmp_path / "in.vot"
    path.write_text(
        '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE>'
        '<TABLE><FIELD name="note" datatype="unicodeChar" arraysize="*"/>'
        '<FIELD name="id" datatype="char" arraysize="*"/>'
        '<FIELD name="ra" datatype="double"/><FIELD name="dec" datatype="double"/><DATA><TABLEDATA>'
        "<TR><TD>\u03bb</TD><TD>A</TD><TD>1</TD><TD>2</TD></TR><TR><TD/><TD>BCD</TD><TD>3</TD><TD>4</TD></TR>"
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
    )
    return path


def written(catalog, path):
    """What comes back of an output that was tried first."""
    check_output_holds(catalog, NEW, path)
    new = Table({name: np.ones(len(catalog)) for name in NEW})
    write_catalog(catalog, new, path, {"SZM_VER": "1"})
    return read_catalog(path).table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_text_of_any_length_from_a_votable(tmp_path, suffix):
    table = written(read_catalog(votable_with_char_star(tmp_path)), tmp_path / f"out{suffix}")
    assert list(table["id"]) == ["A", "BCD"]
    assert [str(cell or "") for cell in table["note"].tolist()] == ["\u03bb", ""]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("unit", ["hourangle", "1e14 solMass", "uK arcmin", "mag", "dex(solMass)", "Msun/h"])
def test_units_that_a_format_has_no_word_for(tmp_path, suffix, unit):
    table = clusters(x=[1.5, 2.5])
    table["x"].unit = u.Unit(unit)
    if unit == "hourangle":
        table["ra"].unit = unit
    catalog = read_catalog(table)
    back = written(catalog, tmp_path / f"out{suffix}")
    np.testing.assert_array_equal(np.asarray(back["x"], float), [1.5, 2.5])
    if suffix != ".csv":
        assert u.Unit(str(back["x"].unit), parse_strict="silent") == u.Unit(unit)
        if unit == "hourangle":
            np.testing.assert_allclose(read_catalog(tmp_path / f"out{suffix}").ra_deg, catalog.ra_deg)


NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
ODD = {
    "objects": (objects({"a": 1}, [1, 2]), ['{"a": 1}', "[1, 2]"]),
    "text and bytes": (objects(b"ab", "c\u03bb"), ["ab", "c\u03bb"]),
    "bytes of Latin-1": (objects(b"A", b"\xe9"), ["A", "\u00e9"]),
    "time zones": (objects(NOW, NOW), [str(NOW)] * 2),
    "nothing": (objects(None, "x"), ["", "x"]),
    "several kinds": (objects("x", 1.5), ["x", "1.5"]),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ODD)
def test_columns_of_objects_come_out_as_text(tmp_path, suffix, kind):
    cells, texts = ODD[kind]
    back = written(read_catalog(clusters(odd=Column(cells))), tmp_path / f"out{suffix}")
    if suffix != ".ecsv" or kind not in ("objects", "several kinds"):  # ECSV has words for these
        assert ["" if cell is None else str(cell) for cell in back["odd"].tolist()] == texts


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_times_positions_and_odd_numbers(tmp_path, suffix):
    table = QTable(clusters())
    table["when"] = Time(["2020-01-01", "2021-01-01"])
    table["where"] = SkyCoord([1, 2], [3, 4], unit="deg")
    table["mag"] = [1.0, 2.0] * u.mag
    table["day"] = np.array(["2020-01-01", "NaT"], "M8[us]")
    table["took"] = np.array([1, 2], "m8[s]")
    table["long"] = np.array([1.5, 2.5], np.longdouble)
    table["half"] = np.array([1.5, 2.5], np.float16)
    table.meta = {"nested": {"when": Time("2020-01-01")}, "list": np.arange(3), "bytes": b"x", 5: "a number"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = written(read_catalog(table), tmp_path / f"out{suffix}")
    assert [float(cell) for cell in back["long"]] == [1.5, 2.5]
    assert str(back["day"][0]).startswith("2020-01-01")


def test_a_fits_table_has_at_most_999_columns(tmp_path):
    catalog = read_catalog(clusters(**{f"c{i}": [1.0, 2.0] for i in range(994)}))
    with pytest.raises(OutputError, match="999 columns, and these are 1000") as caught:
        check_output_holds(catalog, NEW, tmp_path / "out.fits")
    assert "out.fits" in caught.value.message and ".ecsv" in caught.value.hint
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("source", [".fits", ".csv"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_last_column_that_fits(tmp_path, monkeypatch, source, suffix):
    monkeypatch.setattr(fitstable, "_MOST_COLUMNS", 8)
    for n, fit in ((5, True), (6, False)):
        path = tmp_path / f"in{n}{source}"
        clusters(**{f"c{i}": [1.0, 2.0] for i in range(n - 3)}).write(path)
        catalog = read_catalog(path)
        if fit or not suffix.startswith(".fits"):
            check_output_holds(catalog, NEW, tmp_path / f"out{suffix}")
        else:
            with pytest.raises(OutputError, match="at most 8 columns, and these are 9"):
                check_output_holds(catalog, NEW, tmp_path / f"out{suffix}")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_trial_leaves_nothing_and_needs_no_room(tmp_path, temporary, monkeypatch):
    catalog = read_catalog(clusters())
    check_output_holds(catalog, NEW, tmp_path / "out.csv")
    assert list(temporary.iterdir()) == [] and not (tmp_path / "out.csv").exists()

    def full(*what):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats._WRITERS, "csv", full)
    check_output_holds(catalog, NEW, tmp_path / "out.csv")  # whatever the disk of temporary files says
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    check_output_holds(catalog, NEW, tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("suffix", "cells"), [(".xml", np.array([2**64 - 1, 1], np.uint64)), (".parquet", np.array([1 + 2j, 1]))]
)
def test_what_a_format_cannot_hold_is_an_error_of_the_output_before_the_work(tmp_path, suffix, cells):
    with pytest.raises(OutputError, match="do not fit into"):
        check_output_holds(read_catalog(clusters(odd=cells)), NEW, tmp_path / f"out{suffix}")
    assert os.listdir(tmp_path) == []


# --- data frames and tables of scripts ----------------------------------------------------------------------


def frame(**more):
    return pd.DataFrame({"ra": [10.0, 20.0], "dec": [-30.0, -40.0], "z": [0.5, None]} | more)


def test_a_frame_becomes_a_table():
    table = table_from_frame(frame())
    assert table.colnames == ["ra", "dec", "z"]
    np.testing.assert_array_equal(read_catalog(table).redshift, [0.5, np.nan])


@pytest.mark.parametrize(
    ("index", "name", "cells"),
    [
        (pd.Index(["A", "B"], name="cluster"), "cluster", ["A", "B"]),
        (pd.Index([7, 9]), "index", [7, 9]),
        (pd.RangeIndex(1, 3), "index", [1, 2]),
    ],
    ids=["named", "rows of another frame", "not from 0"],
)
def test_an_index_is_kept(index, name, cells):
    table = table_from_frame(frame().set_index(index))
    assert table.colnames == [name, "ra", "dec", "z"] and table[name].tolist() == cells


def test_positions_may_be_the_index_and_indices_have_levels():
    assert read_catalog(table_from_frame(frame().set_index("ra"))).ra_deg.tolist() == [10, 20]
    levels = pd.MultiIndex.from_tuples([("A", 1), ("B", 2)], names=["name", None])
    table = table_from_frame(frame().set_index(levels))
    assert table.colnames[:2] == ["name", "index_1"] and table["index_1"].tolist() == [1, 2]


def test_columns_of_several_levels_and_numbers_for_names():
    several = frame()
    several.columns = pd.MultiIndex.from_tuples([("ra", ""), ("dec", ""), ("z", "best")])
    assert table_from_frame(several).colnames == ["ra", "dec", "z_best"]
    assert table_from_frame(frame().rename(columns={"z": 5})).colnames == ["ra", "dec", "5"]


def test_doubled_names_are_an_error_that_names_them():
    with pytest.raises(InputError, match="more than one column is called 'ra'"):
        table_from_frame(pd.concat([frame(), frame()[["ra"]]], axis=1))
    with pytest.raises(InputError, match="'z'"):
        table_from_frame(frame().set_index(pd.Index([1, 2], name="z")))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_of_column_of_a_frame_comes_out(tmp_path, suffix):
    odd = frame(
        zone=pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Paris"),
        day=pd.to_datetime(["2020-01-01", None]),
        kind=pd.Categorical(["a", None]),
        count=pd.array([1, None], dtype="Int64"),
        seen=pd.array([True, None], dtype="boolean"),
        text=pd.array(["x", None], dtype="string"),
        code=[b"x", None],
        thing=[{"a": 1}, None],
        took=pd.to_timedelta([1, 2], unit="s"),
        month=pd.period_range("2020-01", periods=2, freq="M"),
        arrow=pd.array([1, None], dtype="int64[pyarrow]"),
    )
    catalog = read_catalog(table_from_frame(odd))
    assert catalog.table["count"].tolist() == [1, None] and catalog.table["code"].tolist() == ["x", None]
    back = written(catalog, tmp_path / f"out{suffix}")
    assert back.colnames == [*odd.columns, *NEW] and len(back) == 2


def test_an_indexed_table_is_left_as_it_is():
    table = clusters(name=np.array([b"A", b"B"]))
    table.add_index("ra")
    table.add_index(["z", "dec"], unique=True)
    catalog = read_catalog(table)
    assert catalog.ra_deg.tolist() == [10, 20] and list(catalog.names) == ["A", "B"]
    assert len(table.indices) == 2 and table["name"].dtype.kind == "S"


def test_bytes_of_any_format_are_text(tmp_path):
    table = pd.DataFrame({"ra": [1.0], "dec": [2.0], "name": [b"A 85"], "z": [b"0.5"]})
    table.to_parquet(tmp_path / "in.parquet")
    for source in (tmp_path / "in.parquet", table_from_frame(table)):
        catalog = read_catalog(source)
        assert list(catalog.names) == ["A 85"] and catalog.redshift.tolist() == [0.5]


def test_letters_beyond_ascii_in_a_header_come_back_and_nothing_else_changes(tmp_path):
    said = {
        "SZM_NOTE": "noise of 5 \u00b5K-arcmin, \u03bb, 1\u2019 \\ 2",
        "SZM_PATH": "C:\\xmas\\new",
        "SZM_JSON": '{"name": "\\u00b5 \\"x\\""}',
    }
    catalog = read_catalog(clusters())
    write_catalog(catalog, Table({name: np.ones(2) for name in NEW}), tmp_path / "out.fits", said)
    meta = Table.read(tmp_path / "out.fits").meta
    assert all(meta[key].isascii() for key in said)
    assert {key: fitstable.header_text(meta[key]) for key in said} == said
    assert fitstable.header_text(5.0) == 5.0
