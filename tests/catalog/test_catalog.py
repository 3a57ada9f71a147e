"""The column schema: what comes in is found, checked and kept; what goes out is labelled."""

import csv
import gzip
import json
import re
import warnings
from pathlib import Path

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from szmass_cli.catalog import (
    MASS_UNIT,
    Flag,
    check_output,
    check_output_columns,
    flag_table,
    flags_column,
    percentile_column,
    read_catalog,
    write_catalog,
)
from szmass_cli.catalog.tables.csvtable import typed
from szmass_cli.catalog.tables.formats import read_table
from szmass_cli.errors import InputError, OutputError, SzmassError, UsageError

DATA = Path(__file__).parents[3] / "shared" / "data"
META = {"SZM_VER": "1.2.3", "SZM_LONG": "a long value," * 20, "SZM_BEAM": 1.25}
SUFFIXES = [".fits", ".fits.gz", ".csv", ".ecsv", ".xml", ".vot", ".parquet"]
TYPED = [suffix for suffix in SUFFIXES if suffix != ".csv"]


def real(name):
    if not (DATA / name).exists():
        pytest.skip(f"../shared/data/{name} is not here")
    return DATA / name


def csv_file(tmp_path, text, name="in.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def read_text(tmp_path, text, **kwargs):
    return read_catalog(csv_file(tmp_path, text), **kwargs)


def table_file(tmp_path, suffix=".fits", **columns):
    path = tmp_path / f"in{suffix}"
    kwargs = {"format": "votable"} if suffix in (".xml", ".vot") else {}
    Table({"ra": [10.0, 20.0], "dec": [-5.0, 5.0]} | columns).write(path, **kwargs)
    return path


def new_columns(rows):
    mass = np.linspace(1 / 3, 9.0, rows)
    mass[-1] = np.nan
    return Table(
        [
            Column(mass, name="M200c", unit=MASS_UNIT, description="median mass"),
            Column(mass / 3, name="sz_snr"),
            flags_column(np.arange(rows) % 1024),
        ]
    )


def write(cat, path, **kwargs):
    write_catalog(cat, new_columns(len(cat)), path, META, **kwargs)
    return path


def assert_same_column(got, expected):
    """Same kind, same values and same masks."""
    got, expected = (np.ma.asarray(getattr(c, "value", c)) for c in (got, expected))
    assert got.dtype.kind == expected.dtype.kind
    fill = {"U": "", "f": np.nan}.get(got.dtype.kind, 0)
    if got.dtype.kind not in "Uf":  # ECSV cannot tell "" from masked, VOTable cannot tell NaN from masked
        assert np.array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))
    assert np.array_equal(got.filled(fill), expected.filled(fill), equal_nan=got.dtype.kind in "fc")


def cells_of(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


# --- flags and names ----------------------------------------------------------------------------------------


def test_flags_are_distinct_bits_in_order():
    assert [flag.value for flag in Flag] == [2**bit for bit in range(len(Flag))]
    assert Flag.BAD_COORDINATES | Flag.NOISE_MISMATCH == 513


def test_flag_table_and_docstring_say_the_same():
    lines = [re.split(r"\s{2,}", line.strip(), maxsplit=2) for line in Flag.__doc__.splitlines()]
    documented = [line for line in lines if line[0].isdigit()]
    assert documented == [[str(bit), name, meaning] for bit, name, meaning in flag_table()]


def test_flags_column_explains_itself():
    column = flags_column(np.array([0, 513]))
    assert column.name == "szmass_flags"
    assert column.dtype == np.int32
    assert "512 NOISE_MISMATCH" in column.description


@pytest.mark.parametrize(
    ("percentile", "name"),
    [
        (16, "p16"),
        (84.0, "p84"),
        (2.5, "p2p5"),
        (97.5, "p97p5"),
        (0.135, "p0p135"),
        (99.9999999, "p99p9999999"),
    ],
)
def test_percentile_column(percentile, name):
    assert percentile_column("M200c", percentile) == f"M200c_{name}"


# --- finding the columns ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("ra,dec,z", {"ra": "ra", "dec": "dec", "redshift": "z"}),
        ("RADeg,decDeg,z_cl", {"ra": "RADeg", "dec": "decDeg", "redshift": "z_cl"}),
        ("RAJ2000,DEJ2000,REDSHIFT", {"ra": "RAJ2000", "dec": "DEJ2000", "redshift": "REDSHIFT"}),
        ("RA_DEG,DEC,PhotZ", {"ra": "RA_DEG", "dec": "DEC", "redshift": "PhotZ"}),
        (" ra , dec,z ", {"ra": " ra ", "dec": " dec", "redshift": "z "}),
        ("ra,dec,zsource", {"ra": "ra", "dec": "dec"}),
    ],
)
def test_aliases(tmp_path, header, roles):
    assert read_text(tmp_path, f"{header}\n10,-20,0.5\n").roles == roles


def test_name_and_redshift_error_take_the_first_alias(tmp_path):
    cat = read_text(tmp_path, "ID,dz,ra,dec,SPT_ID,redshiftErr\n1,2,3,4,5,6\n")
    assert cat.roles["name"] == "SPT_ID"
    assert cat.roles["redshift_err"] == "redshiftErr"


@pytest.mark.parametrize(
    ("header", "role", "both"),
    [
        ("ra,RADeg,dec,z", "ra", ["ra", "RADeg"]),
        ("ra,RA,dec,z", "ra", ["ra", "RA"]),
        ("ra,dec,decDeg,z", "dec", ["dec", "decDeg"]),
        ("ra,dec,z,photz", "redshift", ["z", "photz"]),
        ("glon,GLON,glat,z", "glon", ["glon", "GLON"]),
    ],
)
def test_two_columns_for_one_role(tmp_path, header, role, both):
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, f"{header}\n1,2,3,4\n")
    assert all(repr(name) in caught.value.message for name in both)
    assert f"--column {role}=" in caught.value.hint


def test_picked_columns_settle_it(tmp_path):
    text = "ra,RADeg,dec,my dec,z,zspec\n1,2,3,4,5,6\n"
    cat = read_text(tmp_path, text, columns={"ra": "RADeg", "dec": "MY DEC", "redshift": "zspec"})
    assert (cat.ra_deg[0], cat.dec_deg[0], cat.redshift[0]) == (2, 4, 6)
    assert cat.roles == {"ra": "RADeg", "dec": "my dec", "redshift": "zspec"}


def test_picking_prefers_the_exact_name(tmp_path):
    assert read_text(tmp_path, "X,x,dec\n1,2,3\n", columns={"ra": "x"}).ra_deg[0] == 2
    with pytest.raises(UsageError, match="differ only in case"):
        read_text(tmp_path, "Xy,xY,dec\n1,2,3\n", columns={"ra": "xy"})


@pytest.mark.parametrize("columns", [{"RA": "ra"}, {"mass": "ra"}])
def test_unknown_role(tmp_path, columns):
    with pytest.raises(UsageError, match="no role") as caught:
        read_text(tmp_path, "ra,dec\n1,2\n", columns=columns)
    assert "redshift" in caught.value.hint


def test_absent_column(tmp_path):
    with pytest.raises(UsageError, match="no column 'RADeg'") as caught:
        read_text(tmp_path, "ra,dec\n1,2\n", columns={"ra": "RADeg"})
    assert "ra, dec" in caught.value.hint


def test_one_column_for_both_coordinates(tmp_path):
    with pytest.raises(UsageError, match="both coordinates"):
        read_text(tmp_path, "ra,dec\n1,2\n", columns={"dec": "ra"})


@pytest.mark.parametrize("header", ["ra,b", "a,dec", "a,b", "glon,dec", "ra;dec,x"])
def test_missing_coordinates(tmp_path, header):
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, f"{header}\n1,2\n")
    assert header.replace(",", ", ") in caught.value.message
    assert "RAJ2000" in caught.value.hint


# --- positions and redshifts --------------------------------------------------------------------------------


def test_galactic_positions(tmp_path):
    cat = read_text(tmp_path, "GLON,GLAT\n120.5,-45\n,10\n-10,80\n")
    sky = SkyCoord([120.5, 350], [-45, 80], unit="deg", frame="galactic").icrs
    assert np.allclose(cat.ra_deg[[0, 2]], sky.ra.deg, atol=1e-12)
    assert np.allclose(cat.dec_deg[[0, 2]], sky.dec.deg, atol=1e-12)
    assert np.isnan([cat.ra_deg[1], cat.dec_deg[1]]).all()
    assert set(cat.roles) == {"glon", "glat"}


def test_equatorial_before_galactic_unless_asked(tmp_path):
    text = "ra,dec,glon,glat\n1,2,100,40\n"
    assert read_text(tmp_path, text).dec_deg[0] == 2
    assert read_text(tmp_path, text, columns={"glon": "glon"}).dec_deg[0] != 2


def test_right_ascension_is_wrapped(tmp_path):
    cat = read_text(tmp_path, "ra,dec\n-10,0\n360,0\n-360,90\n-1e-20,-90\n359.9,0\n")
    assert cat.ra_deg.tolist() == [350, 0, 0, 0, 359.9]
    assert cat.ra_deg.dtype == cat.dec_deg.dtype == cat.redshift.dtype == np.float64


@pytest.mark.parametrize("blank", ["", " ", "nan", "NaN", "NA", "null", "None", "--"])
def test_unknown_cells_are_nan(tmp_path, blank):
    cat = read_text(tmp_path, f"ra,dec,z\n{blank},1,0.5\n2,{blank},0.5\n3,4,{blank}\n5,6,0.5\n")
    assert np.isnan(cat.ra_deg).tolist() == np.isnan(cat.dec_deg).tolist() == [True, True, False, False]
    assert np.isnan(cat.redshift).tolist() == [False, False, True, False]


def test_redshifts_that_are_not_positive_are_missing(tmp_path):
    cat = read_text(tmp_path, "ra,dec,z\n1,2,0\n1,2,-99\n1,2,0.3\n")
    assert np.isnan(cat.redshift).tolist() == [True, True, False]


def test_redshift_column_may_be_absent(tmp_path):
    assert np.isnan(read_text(tmp_path, "ra,dec\n1,2\n").redshift).all()


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        ("abc,2,0.5", "ra", "abc"),
        ("12:30:00,2,0.5", "ra", "12:30:00"),
        ("1_0,2,0.5", "ra", "1_0"),
        ("361,2,0.5", "ra", "361"),
        ("inf,2,0.5", "ra", "inf"),
        ("1,90.01,0.5", "dec", "90.01"),
        ("1,-99,0.5", "dec", "-99"),
        ("1,-inf,0.5", "dec", "-inf"),
        ("1,2,high", "z", "high"),
        ("1,2,inf", "z", "inf"),
    ],
)
def test_wrong_cells_name_file_column_row_and_value(tmp_path, row, column, value):
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, f"ra,dec,z\n1,2,0.5\n\n{row}\n{row}\n")
    message = caught.value.message
    assert "in.csv" in message and f"column {column!r}, row 2: {value!r}" in message
    assert "2 rows are wrong" in message
    assert "count from 1" in caught.value.hint


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".xml"])
@pytest.mark.parametrize(
    ("unit", "factor"), [("deg", 1), ("rad", 180 / np.pi), ("hourangle", 15), ("arcmin", 1 / 60), (None, 1)]
)
def test_units_are_converted_and_the_table_is_not(tmp_path, suffix, unit, factor):
    if unit == "hourangle" and suffix != ".ecsv":
        pytest.skip("not a unit of this format")
    path = table_file(tmp_path, suffix, ra=Column([0.5, 1.5], unit=unit))
    cat = read_catalog(path)
    assert np.allclose(cat.ra_deg, np.array([0.5, 1.5]) * factor, rtol=1e-14)
    assert cat.table["ra"].tolist() == [0.5, 1.5]


def test_odd_units_in_fits(tmp_path):
    path = table_file(tmp_path)
    fits.setval(path, "TUNIT1", value="Degrees", ext=1)
    assert read_catalog(path).ra_deg[0] == 10
    fits.setval(path, "TUNIT1", value="hourangle", ext=1)
    assert read_catalog(path).ra_deg[0] == pytest.approx(150)
    for wrong in ("m", "h", "fortnights"):
        fits.setval(path, "TUNIT1", value=wrong, ext=1)
        with pytest.raises(InputError, match=f"'{wrong}', which is not an angle"):
            read_catalog(path)


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".parquet"])
def test_arrays_are_no_coordinates(tmp_path, suffix):
    with pytest.raises(InputError, match="arrays"):
        read_catalog(table_file(tmp_path, suffix, ra=np.zeros((2, 3))))


def test_masked_and_text_coordinates(tmp_path):
    ra = MaskedColumn([1, 2], mask=[True, False])
    cat = read_catalog(table_file(tmp_path, ".ecsv", ra=ra, redshift=["0.5", ""]))
    assert np.array_equal(cat.ra_deg, [np.nan, 2], equal_nan=True)
    assert np.array_equal(cat.redshift, [0.5, np.nan], equal_nan=True)


# --- files that are no catalogues ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02garbage\xff" * 20, b"hello", b"\x1f\x8b\x08\0junk", b"\x1f\x8b"]
)
def test_garbage_is_an_input_error(tmp_path, suffix, content):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(path.name)):
        read_catalog(path)


@pytest.mark.parametrize("suffix", [s for s in SUFFIXES if s not in (".csv", ".ecsv")])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_files(tmp_path, suffix, keep):
    path = table_file(tmp_path, suffix, x=np.arange(2000.0).reshape(2, 1000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(InputError, match=re.escape(path.name)):
        read_catalog(path)


@pytest.mark.parametrize("suffix", [".fits", ".csv", ".ecsv", ".xml", ".parquet"])
def test_no_rows(tmp_path, suffix):
    path = tmp_path / f"in{suffix}"
    table = Table({"ra": np.zeros(0), "dec": np.zeros(0)})
    table.write(path, **({"format": "votable"} if suffix == ".xml" else {}))
    with pytest.raises(InputError, match="no rows"):
        read_catalog(path)


def test_a_compressed_image_is_no_catalogue():
    with pytest.raises(InputError, match="no table"):
        read_catalog(real("spt_compton_y.fits"))


def test_missing_file_folder_and_unknown_format(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_catalog(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match=tmp_path.name):
        read_catalog(tmp_path)
    with pytest.raises(InputError, match="not a catalogue format") as caught:
        read_catalog(csv_file(tmp_path, "ra dec\n1 2\x01\n", "in.dat"))
    assert ".parquet" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("ra,dec,ra\n1,2,3\n", "'ra'"),
        ("ra,dec\n1,2\n1,2,3\n", "row 2 has 3 cells"),
        ("ra,dec\n1\n", "row 1 has 1 cells"),
        ('ra,dec\n1,"2\n', "readable csv"),
        ("\n\n", "no rows"),
    ],
)
def test_damaged_csv(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        read_text(tmp_path, text)


def test_csv_in_another_encoding(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes("ra,dec,name\n1,2,é\n".encode("latin-1"))
    with pytest.raises(InputError) as caught:
        read_catalog(path)
    assert "UTF-8" in caught.value.hint
    path.write_bytes("ra,dec,name\n1,2,é\n".encode("utf-8-sig"))
    assert read_catalog(path).table["name"][0] == "é"


def test_an_image_is_no_catalogue(tmp_path):
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(tmp_path / "map.fits")
    with pytest.raises(InputError, match="no table"):
        read_catalog(tmp_path / "map.fits")


def test_content_counts_more_than_the_suffix(tmp_path):
    path = table_file(tmp_path)
    (tmp_path / "a.cat").write_bytes(path.read_bytes())
    (tmp_path / "b.csv").write_bytes(gzip.compress(path.read_bytes()))
    assert len(read_catalog(tmp_path / "a.cat")) == len(read_catalog(tmp_path / "b.csv")) == 2


# --- CSV keeps its text -------------------------------------------------------------------------------------

CELL = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_csv_cells_survive_exactly(tmp_path, rows):
    source = tmp_path / "in.csv"
    with open(source, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows([("ra", "a", "dec", "b"), *(("1.50", a, "-0", b) for a, b in rows)])
    out = write(read_catalog(source), tmp_path / "out.csv", overwrite=True)
    assert [row[:4] for row in cells_of(out)] == cells_of(source)


def test_csv_to_csv_text(tmp_path):
    text = 'id,ra,dec,z,note\n007,1e1,-5.50,0.30,"a, ""b"""\n012,020,5,,\u03bb\n'
    out = write(read_text(tmp_path, text), tmp_path / "out.csv")
    lines = out.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,ra,dec,z,note,M200c,sz_snr,szmass_flags"
    assert lines[1] == f'007,1e1,-5.50,0.30,"a, ""b""",{1 / 3!r},{1 / 9!r},0'
    assert lines[2] == "012,020,5,,\u03bb,nan,nan,1"


def test_csv_sidecar(tmp_path):
    out = write(read_text(tmp_path, "ra,dec\n1,2\n"), tmp_path / "out.csv")
    sidecar = json.loads((tmp_path / "out.csv.meta.json").read_text())
    assert sidecar["meta"] == META
    assert u.Unit(sidecar["units"]["M200c"]) == MASS_UNIT
    with pytest.raises(OutputError, match="already there"):
        check_output(out)
    out.unlink()
    with pytest.raises(OutputError, match=r"meta\.json"):
        check_output(out)


def test_csv_windows_lines_and_nameless_index(tmp_path):
    cat = read_text(tmp_path, ",ra,dec\r\n0,1,2\r\n")
    assert cat.table.colnames == ["col1", "ra", "dec"]
    assert cat.dec_deg[0] == 2


@pytest.mark.parametrize("suffix", TYPED)
def test_csv_text_becomes_numbers_where_it_can(tmp_path, suffix):
    columns = {
        "ra": ["1", "2.5", "3"],
        "dec": ["-1", "0", "1e1"],
        "id": ["007", "012", "100"],
        "count": ["1", "", "-3"],
        "gaia": ["4611686018427387904", "9223372036854775807", "1"],
        "long": ["18446744073709551616", "1", "2"],
        "mixed": ["12345678901234567", "0.5", "1"],
        "padded": ["01.5", "+2", "nan"],
        "float": ["1e3", "", "inf"],
        "word": ["a", "", "\u03bb"],
        "blank": ["", "", ""],
    }
    text = "\n".join(
        ",".join(row) for row in zip(*([name, *cells] for name, cells in columns.items()), strict=True)
    )
    out = read_catalog(write(read_text(tmp_path, text), tmp_path / f"out{suffix}")).table
    assert {name: out[name].dtype.kind for name in columns} == {
        "ra": "f", "dec": "f", "id": "U", "count": "i", "gaia": "i", "long": "U", "mixed": "U",
        "padded": "f", "float": "f", "word": "U", "blank": "U",
    }  # fmt: skip
    assert out["count"].tolist() == [1, None, -3]
    assert out["gaia"].tolist() == [2**62, 2**63 - 1, 1]
    assert np.array_equal(np.ma.filled(out["float"], np.nan), [1e3, np.nan, np.inf], equal_nan=True)
    assert out["id"].tolist() == columns["id"]
    assert out["word"].tolist()[2] == "\u03bb"


# --- every input column comes out ---------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["spt_sz_2500d.fits", "actpol_ed56.fits"])
def test_real_catalogues_come_out_whole(tmp_path, name, suffix):
    cat = read_catalog(real(name))
    out = read_catalog(write(cat, tmp_path / f"out{suffix}"))
    table = typed(out.table) if suffix == ".csv" else out.table
    new = new_columns(len(cat))
    assert table.colnames == cat.table.colnames + new.colnames
    for column in [*cat.table.columns.values(), *new.columns.values()]:
        got = table[column.name]
        if suffix == ".csv" and column.dtype == np.float32:
            got = got.astype(np.float32)
        if suffix != ".csv" and not (suffix in (".xml", ".vot", ".parquet") and column.dtype.kind == "U"):
            assert got.dtype == column.dtype
        assert_same_column(got, column)
    assert np.array_equal(out.ra_deg, cat.ra_deg)
    # the new mass is a mass that clusters could be painted with
    assert out.roles | {"m200c": None} == cat.roles | {"m200c": None}


def test_real_redshifts():
    cat = read_catalog(real("spt_sz_2500d.fits"))
    assert len(cat) == 677
    assert np.isnan(cat.redshift).sum() == np.sum(cat.table["REDSHIFT"] == 0)


def rich_fits(path):
    """A FITS table with all that FITS can say about a column."""
    columns = [
        fits.Column("RA", "D", array=[1.0, 2.0], unit="deg", disp="F10.4"),
        fits.Column("DEC", "E", array=[-1.0, np.nan]),
        fits.Column("count", "J", array=[5, -1], null=-1),
        fits.Column("scaled", "I", array=[1, -3]),
        fits.Column("unsigned", "I", array=np.array([1, 65535], dtype=np.uint16), bzero=32768),
        fits.Column("flag", "L", array=[True, False]),
        fits.Column("name", "12A", array=["a", ""]),
        fits.Column("grid", "6D", array=np.arange(12.0).reshape(2, 3, 2), dim="(2,3)"),
        fits.Column("ragged", "PD()", array=np.array([np.arange(2.0), np.arange(3.0)], dtype=object)),
        fits.Column("mass", "D", array=[1.0, 2.0], unit="1e14 solMass"),
        fits.Column("complex", "M", array=[1 + 2j, 3]),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header["TCOMM1"], hdu.header["TUCD1"] = "right ascension", "pos.eq.ra"
    hdu.header["ORIGIN"] = ("somewhere", "who made it")
    hdu.header.add_history("made for a test")
    hdu.header["CHECKSUM"] = "stale"
    hdu.writeto(path)
    fits.setval(path, "TSCAL4", value=0.5, ext=1)
    fits.setval(path, "TZERO4", value=1.0, ext=1)
    return path


def test_fits_to_fits_loses_nothing(tmp_path):
    path = rich_fits(tmp_path / "in.fits")
    out = write(read_catalog(path), tmp_path / "out.fits")
    with fits.open(path) as before, fits.open(out, checksum=True) as after:
        old, new = before[1], after[1]
        assert new.columns.names == [*old.columns.names, "M200c", "sz_snr", "szmass_flags"]
        for a, b in zip(old.columns, new.columns, strict=False):
            for attribute in ("format", "unit", "null", "bscale", "bzero", "disp", "dim"):
                assert getattr(a, attribute) == getattr(b, attribute), (a.name, attribute)
            if a.name != "ragged":
                assert np.array_equal(old.data[a.name], new.data[a.name], equal_nan=a.name == "DEC")
        assert [list(cell) for cell in new.data["ragged"]] == [[0, 1], [0, 1, 2]]
        header = new.header
        assert header["TUCD1"] == "pos.eq.ra" and header["TCOMM1"] == "right ascension"
        assert header.comments["ORIGIN"] == "who made it"
        assert list(header["HISTORY"]) == ["made for a test"]
        assert "CHECKSUM" not in header
        assert header["TUNIT12"] == "10**14 solMass" and header["TCOMM12"] == "median mass"
        assert {key: header[key] for key in META} == META


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".xml", ".parquet"])
def test_rich_fits_to_other_formats(tmp_path, suffix):
    path = rich_fits(tmp_path / "in.fits")
    with fits.open(path) as hdus:
        columns = [c for c in hdus[1].columns if c.name not in ("ragged", "complex")]
        fits.BinTableHDU.from_columns(columns, header=hdus[1].header).writeto(tmp_path / "plain.fits")
    cat = read_catalog(tmp_path / "plain.fits")
    table = read_catalog(write(cat, tmp_path / f"out{suffix}")).table
    assert table.colnames[: len(columns)] == [column.name for column in columns]
    if suffix == ".csv":
        assert table["grid"][0] == "[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]"
        assert table["count"].tolist() == ["5", ""]
        assert table["flag"].tolist() == ["True", "False"]
    else:
        assert table["count"].tolist() == [5, None]
        assert table["flag"].tolist() == [True, False]
        assert np.ravel(table["grid"]).tolist() == list(range(12))
        assert str(table["RA"].unit) == "deg"
        assert table["RA"].description == "right ascension"


def masked_table():
    table = Table({"ra": [10.0, 20.0, 30.0], "dec": [-5.0, 5.0, 0.0]})
    mask = [False, True, False]
    for dtype in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8", "?"):
        table[dtype] = MaskedColumn(np.array([0, 0, 1]), mask=mask, dtype=dtype)
    table["lowest"] = MaskedColumn([-(2**63), 0, 2**63 - 1], mask=mask)
    table["text"] = MaskedColumn(["\u03bb", "x", "y"], mask=mask)
    table["empty"] = ["a", "", "b"]
    table["\u03bb"] = [1, 2, 3]
    table["ra"].unit, table["f4"].unit = "deg", "uK arcmin"
    table.meta = {
        "title": "test",
        "nested": {"a": [1, 2]},
        "a_long_keyword": "\u03bb" * 80,
        "bad": float("nan"),
    }
    return table


@pytest.mark.parametrize("suffix", TYPED)
def test_nulls_survive(tmp_path, suffix):
    table = masked_table()
    path = tmp_path / "in.ecsv"
    table.write(path)
    out = read_catalog(write(read_catalog(path), tmp_path / f"out{suffix}")).table
    for name in table.colnames:
        if name in ("text", "empty", "\u03bb"):
            continue
        got = np.ma.filled(out[name].astype(float), np.nan)
        assert np.array_equal(got, np.ma.filled(table[name].astype(float), np.nan), equal_nan=True), name
    assert out["lowest"].tolist()[::2] == [-(2**63), 2**63 - 1]
    assert [cell or "" for cell in out["text"].tolist()] == ["\u03bb", "", "y"]
    assert [cell or "" for cell in out["empty"].tolist()] == ["a", "", "b"]
    assert out["f4"].unit == u.Unit("uK arcmin")
    meta = {key.lower(): value for key, value in out.meta.items()}
    assert meta["title"] == "test"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_times_and_positions_do_not_stop_the_writing(tmp_path, suffix):
    table = Table({"ra": [1.0, 2.0], "dec": [3.0, 4.0]})
    table["when"] = Time(["2020-01-01", "2021-01-01"])
    table["where"] = SkyCoord([1, 2], [3, 4], unit="deg")
    table["flux"] = [1.0, 2.0] * u.mJy
    table.write(tmp_path / "in.ecsv")
    out = read_catalog(write(read_catalog(tmp_path / "in.ecsv"), tmp_path / f"out{suffix}"))
    assert len(out) == 2
    assert any(name.startswith("where") for name in out.table.colnames)


def test_parquet_to_parquet_loses_nothing(tmp_path):
    frame = pd.DataFrame(
        {
            "ra": pd.array([1.0, None], dtype="Float64"),
            "dec": [2.0, np.nan],
            "count": pd.array([1, None], dtype="Int64"),
            "name": ["a", None],
            "when": pd.to_datetime(["2020-01-01", None]),
            "kind": pd.Categorical(["x", "y"]),
            "lists": [[1.0], [2.0, 3.0]],
            "seen": pd.array([True, None], dtype="boolean"),
        },
        index=pd.Index([7, 9], name="row"),
    )
    frame.to_parquet(tmp_path / "in.parquet")
    cat = read_catalog(tmp_path / "in.parquet")
    assert np.isnan(cat.ra_deg).tolist() == [False, True]
    out = pd.read_parquet(write(cat, tmp_path / "out.parquet"))
    pd.testing.assert_frame_equal(out[frame.columns], pd.read_parquet(tmp_path / "in.parquet"))
    for suffix in (".csv", ".fits", ".ecsv", ".xml"):
        kept = frame.drop(columns="lists")
        kept.to_parquet(tmp_path / "kept.parquet")
        assert (
            len(read_catalog(write(read_catalog(tmp_path / "kept.parquet"), tmp_path / f"out{suffix}"))) == 2
        )


def test_a_sliced_catalogue_writes_its_own_rows(tmp_path):
    for suffix in (".fits", ".parquet"):
        cat = read_catalog(table_file(tmp_path, suffix))
        cat.table = cat.table[1:]
        out = read_catalog(write(cat, tmp_path / f"out{suffix}"))
        assert out.ra_deg.tolist() == [20.0]


# --- what is written ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", TYPED)
@pytest.mark.parametrize("source", [".fits", ".ecsv", ".csv", ".parquet", ".xml"])
def test_units_descriptions_and_meta_from_any_format_to_any(tmp_path, source, suffix):
    cat = read_catalog(table_file(tmp_path, source))
    out = write(cat, tmp_path / f"out{suffix}")
    table, _ = read_table(out)
    assert u.Unit(str(table["M200c"].unit)) == MASS_UNIT
    assert table["M200c"].description == "median mass"
    assert "512 NOISE_MISMATCH" in table["szmass_flags"].description
    assert {key: str(table.meta[key]) for key in META} == {key: str(value) for key, value in META.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error", u.UnitsWarning)
        again = Table.read(out, **({"format": "votable"} if suffix in (".xml", ".vot") else {}))
    assert u.Unit(str(again["M200c"].unit)) == MASS_UNIT
    if suffix.startswith(".fits"):
        assert fits.getheader(out, 1)["TUNIT3"] == "10**14 solMass"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([f"in{source}", out.name])


def test_input_meta_are_kept(tmp_path):
    table = Table({"ra": [1.0], "dec": [2.0]}, meta={"SURVEY": "SPT", "SZM_VER": "old"})
    for source in (".fits", ".ecsv", ".parquet"):
        table.write(tmp_path / f"in{source}")
        for suffix in TYPED:
            out = write(read_catalog(tmp_path / f"in{source}"), tmp_path / f"out{suffix}", overwrite=True)
            meta = read_table(out)[0].meta
            assert (meta["SURVEY"], meta["SZM_VER"]) == ("SPT", "1.2.3"), (source, suffix)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_running_on_its_own_output(tmp_path, suffix):
    out = read_catalog(write(read_text(tmp_path, "ra,dec\n1,2\n"), tmp_path / f"out{suffix}"))
    with pytest.raises(InputError, match="'M200c' and 'sz_snr' and 'szmass_flags'") as caught:
        write(out, tmp_path / "again.csv")
    assert "rename" in caught.value.hint.lower()
    assert not (tmp_path / "again.csv").exists()


def test_two_masses_are_an_error_only_for_those_who_need_one(tmp_path):
    cat = read_text(tmp_path, "ra,dec,M200,M200c\n1,2,3,4\n")
    with pytest.raises(InputError, match="'M200c' and 'M200' could each be the m200c") as caught:
        _ = cat.m200c_msun
    assert "--column m200c=" in caught.value.hint
    assert read_catalog(cat.path, {"m200c": "M200"}).m200c_msun == pytest.approx([3e14])


@pytest.mark.parametrize(("unit", "msun"), [("1e14 solMass", 3e14), ("1e13 solMass", 3e13), ("solMass", 3.0)])
def test_the_unit_of_masses_in_fits_is_understood(tmp_path, unit, msun):
    columns = [fits.Column(name, "D", array=[1.0]) for name in ("ra", "dec")]
    columns.append(fits.Column("M200c", "D", array=[3.0], unit=unit))
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "in.fits")
    assert read_catalog(tmp_path / "in.fits").m200c_msun == pytest.approx([msun])


def test_masses_within_500_times_the_critical_density_are_a_role_of_their_own(tmp_path):
    cat = read_text(tmp_path, "ra,dec,m500c,M200\n1,2,3,4\n1,2,-1,\n")
    np.testing.assert_allclose(cat.m500c_msun, [3e14, np.nan])
    np.testing.assert_allclose(cat.m200c_msun, [4e14, np.nan])
    neither = read_text(tmp_path, "ra,dec\n1,2\n")
    with pytest.raises(InputError, match="no mass column") as caught:
        _ = neither.m500c_msun
    assert "--column m500c=NAME" in caught.value.hint


def test_a_sky_position_that_astropy_wrote_to_fits(tmp_path):
    ra, dec = [10.0, 20.0], [-30.0, -40.0]
    where = SkyCoord(ra, dec, unit="deg")
    QTable({"ra": ra, "dec": dec, "where": where}).write(tmp_path / "in.fits")
    cat = read_catalog(tmp_path / "in.fits")
    assert cat.ra_deg.tolist() == ra and cat.dec_deg.tolist() == dec
    out = Table.read(write(cat, tmp_path / "out.fits"), unit_parse_strict="silent")
    assert len(out) == 2 and np.asarray(out["where.ra"]).tolist() == ra


def test_clashes_ignore_case(tmp_path):
    cat = read_text(tmp_path, "ra,dec,m200C\n1,2,3\n")
    with pytest.raises(InputError, match="'m200C'") as caught:
        check_output_columns(cat, ["M200c"])
    assert "--suffix" in caught.value.hint
    check_output_columns(cat, ["M500c"])


@pytest.mark.parametrize("name", ["out.txt", "out", "out.h5", "out.csv.gz", "out.fits.bz2"])
def test_unknown_output_formats(tmp_path, name):
    with pytest.raises(UsageError, match="no catalogue format") as caught:
        check_output(tmp_path / name)
    assert ".fits" in caught.value.hint
    with pytest.raises(UsageError):
        write(read_text(tmp_path, "ra,dec\n1,2\n"), tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_overwrite(tmp_path, suffix):
    cat = read_text(tmp_path, "ra,dec\n1,2\n")
    out = write(cat, tmp_path / f"out{suffix}")
    before = out.read_bytes()
    with pytest.raises(OutputError, match="already there"):
        write(cat, out)
    assert out.read_bytes() == before
    write(cat, out, overwrite=True)


@pytest.mark.parametrize("suffix", [".xml", ".parquet"])
def test_a_format_that_cannot_hold_a_column_says_so_and_leaves_nothing(tmp_path, suffix):
    table = Table({"ra": [1.0], "dec": [2.0]})
    table["odd"] = np.array([2**64 - 1], dtype=np.uint64) if suffix == ".xml" else np.array([1 + 2j])
    table.write(tmp_path / "in.fits")
    with pytest.raises(SzmassError, match="do not fit into") as caught:
        write(read_catalog(tmp_path / "in.fits"), tmp_path / f"out{suffix}")
    assert ".ecsv" in caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["in.fits"]


def test_row_counts_must_agree(tmp_path):
    cat = read_text(tmp_path, "ra,dec\n1,2\n")
    with pytest.raises(ValueError, match="2 new rows for 1"):
        write_catalog(cat, new_columns(2), tmp_path / "out.csv", META)
