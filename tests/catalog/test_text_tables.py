"""Text tables as people have them: whitespace, VizieR, CDS/MRT, IPAC, European CSV, comments."""

import csv

import numpy as np
import pytest

from szmass_cli.catalog import read_catalog
from szmass_cli.errors import InputError

VIZIER = """#
#   VizieR Astronomical Server vizier.cds.unistra.fr
#Coosys\tJ2000:\teq_FK5 J2000
#Column\tRAJ2000\t(A10)\tRight ascension (J2000)\t[ucd=pos.eq.ra]
_RAJ2000\t_DEJ2000\tMCXC\tRAJ2000\tDEJ2000\tz\tM500
deg\tdeg\t \t"h:m:s"\t"d:m:s"\t \t10+14Msun
---------\t---------\t------------\t----------\t---------\t------\t-------
 30.02917\t+08.27444\tJ0200.1+0816\t02 00 07.0\t+08 16 28\t0.0396\t 0.7373
 30.10292\t-02.62500\tJ0200.4-0237\t02 00 24.7\t-02 37 30\t      \t 0.3297

"""
MRT = """Title: Clusters of a southern field
Authors: Nobody N.
Table: Clusters
================================================================================
Byte-by-byte Description of file: table1.txt
--------------------------------------------------------------------------------
   Bytes Format Units  Label  Explanations
--------------------------------------------------------------------------------
   1-  8 A8     ---    Name   Cluster name
  10- 11 I2     h      RAh    Hour of Right Ascension (J2000)
  13- 14 I2     min    RAm    Minute of Right Ascension (J2000)
  16- 19 F4.1   s      RAs    Second of Right Ascension (J2000)
      21 A1     ---    DE-    Sign of the Declination (J2000)
  22- 23 I2     deg    DEd    Degree of Declination (J2000)
  25- 26 I2     arcmin DEm    Arcminute of Declination (J2000)
  28- 29 I2     arcsec DEs    Arcsecond of Declination (J2000)
  31- 35 F5.3   ---    z      Redshift
  37- 41 F5.3   ---  e_z      ? Error
--------------------------------------------------------------------------------
CLUSTER1 02 00 30.0 -00 10 12 0.213 0.010
CLUSTER2 12 10 00.0 +10 20 24 0.310
"""


def read(tmp_path, text, name="in.txt", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_catalog(path, **options)


def has_positions(catalog, ra, dec):
    np.testing.assert_allclose(catalog.ra_deg, ra, atol=1e-9)
    np.testing.assert_allclose(catalog.dec_deg, dec, atol=1e-9)
    return True


@pytest.mark.parametrize("name", ["in.txt", "in.dat", "in.cat", "in.ascii", "table1", "in.csv"])
@pytest.mark.parametrize(
    "text",
    [
        "id ra dec z\n007 30.5 -40 0.5\n8 31 -41.25 0.6\n",
        "# id  ra  dec  z\n007 30.5 -40 0.5\n8 31 -41.25 0.6\n",
        "# made by hand\n#\n#id ra\tdec z\n007\t30.5  -40 0.5\n# a note\n  8 31 -41.25 0.6\n",
        "# degrees\n\nid ra dec z\n007 30.5 -40 0.5\n\n8 31 -41.25 0.6\n",
    ],
    ids=["names", "names in a comment", "notes and names in comments", "comment and names"],
)
def test_tables_divided_by_whitespace(tmp_path, name, text):
    catalog = read(tmp_path, text, name)
    assert has_positions(catalog, [30.5, 31], [-40, -41.25])
    assert catalog.redshift.tolist() == [0.5, 0.6]
    assert list(catalog.names) == ["007", "8"]  # text stays text


def test_a_cell_with_blanks_stands_in_quotes(tmp_path):
    assert list(read(tmp_path, 'ra dec name\n1 2 "A 85"\n3 4 B\n').names) == ["A 85", "B"]
    with pytest.raises(InputError, match="not every row has 3 cells") as caught:
        read(tmp_path, "ra dec name\n1 2 A 85\n3 4 B\n")
    assert "double quotes" in caught.value.hint


def test_a_table_without_names_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no line names the columns; the first is '30 -40 0\.5'"):
        read(tmp_path, "30 -40 0.5\n31 -41 0.6\n")


def test_vizier_tsv(tmp_path):
    catalog = read(tmp_path, VIZIER, "asu.tsv")
    assert catalog.roles == {
        "ra": "RAJ2000",
        "dec": "DEJ2000",
        "redshift": "z",
        "name": "MCXC",
        "m500c": "M500",
    }
    seconds = 24.7 / 240.0
    np.testing.assert_allclose(catalog.ra_deg, [30.0 + 7.0 / 240.0, 30.0 + seconds], atol=1e-9)
    np.testing.assert_allclose(
        catalog.dec_deg, [8 + 16 / 60 + 28 / 3600, -(2 + 37 / 60 + 30 / 3600)], atol=1e-9
    )
    np.testing.assert_allclose(catalog.redshift, [0.0396, np.nan])
    np.testing.assert_allclose(catalog.m500c_msun, [0.7373e14, 0.3297e14])
    # the columns that VizieR computes say the same, to their digits
    computed = read_catalog(tmp_path / "asu.tsv", {"ra": "_RAJ2000", "dec": "_DEJ2000"})
    np.testing.assert_allclose(computed.ra_deg, catalog.ra_deg, atol=1e-5)
    np.testing.assert_allclose(computed.dec_deg, catalog.dec_deg, atol=1e-5)


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_vizier_with_another_delimiter(tmp_path, delimiter):
    catalog = read(tmp_path, VIZIER.replace("\t", delimiter))
    assert catalog.roles["ra"] == "RAJ2000" and len(catalog) == 2


@pytest.mark.parametrize("start", ["Title", "J/A+A/1/1   A catalogue"], ids=["MRT", "CDS"])
def test_tables_with_a_byte_by_byte_description(tmp_path, start):
    catalog = read(tmp_path, start + MRT.removeprefix("Title"), "table1.txt")
    assert has_positions(catalog, [30.125, 182.5], [-0.17, 10.34])
    assert catalog.redshift.tolist() == [0.213, 0.310]
    np.testing.assert_allclose(catalog.redshift_err, [0.01, np.nan])
    assert list(catalog.names) == ["CLUSTER1", "CLUSTER2"]


def test_a_cds_table_whose_description_is_in_a_readme(tmp_path):
    description, rows = MRT.rsplit("-" * 80 + "\n", 1)
    (tmp_path / "ReadMe").write_text(description + "-" * 80 + "\n")
    catalog = read(tmp_path, rows, "table1.txt")
    assert has_positions(catalog, [30.125, 182.5], [-0.17, 10.34])


def test_ipac_and_sextractor_tables(tmp_path):
    ipac = (
        "\\fixlen = T\n|name |ra     |dec    |z    |\n|char |double |double |real |\n"
        "|     |deg    |deg    |     |\n"
        " A     30.5    -40.5   0.5  \n B     31.5    -41.5   0.6  \n"
    )
    assert has_positions(read(tmp_path, ipac, "in.tbl"), [30.5, 31.5], [-40.5, -41.5])
    sextractor = (
        "#   1 NUMBER  Number\n#   2 ALPHA_J2000 RA [deg]\n#   3 DELTA_J2000 Dec [deg]\n 1 30.5 -40.5\n"
    )
    assert has_positions(read(tmp_path, sextractor, "in.cat"), [30.5], [-40.5])


def test_a_table_of_a_data_base(tmp_path):
    text = " name | ra | dec | z\n------+----+-----+----\n A | 10 | -20 | 0.5\n B | 11 | -21 | 0.4\n"
    catalog = read(tmp_path, text)
    assert has_positions(catalog, [10, 11], [-20, -21]) and catalog.roles["redshift"] == "z"


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas(tmp_path, delimiter):
    text = "name;ra;dec;z;n\nA, B;30,5;-40,25;0,5;1\nC;31;-41;;2\n".replace(";", delimiter)
    catalog = read(tmp_path, text, "in.csv")
    assert has_positions(catalog, [30.5, 31], [-40.25, -41])
    np.testing.assert_allclose(catalog.redshift, [0.5, np.nan])
    assert catalog.table["name"][0] == "A, B"
    assert "as points: ra, dec, z." in catalog.notes[0]


def test_semicolons_with_decimal_points_keep_commas(tmp_path):
    catalog = read(tmp_path, "pair;ra;dec\n1,2;30.5;-40\n3,4;31;-41\n", "in.csv")
    assert list(catalog.table["pair"]) == ["1,2", "3,4"] and catalog.notes == ()


def test_decimal_commas_between_commas_get_the_right_advice(tmp_path):
    with pytest.raises(InputError, match="row 1 has 6 cells, the header has 3") as caught:
        read(tmp_path, "ra,dec,z\n30,5,-40,25,0,5\n", "in.csv")
    assert "semicolons" in caught.value.hint


def test_a_spreadsheets_delimiter_line_and_encoding(tmp_path):
    assert has_positions(read(tmp_path, "sep=;\r\nra;dec\r\n30,5;-40\r\n", "in.csv"), [30.5], [-40])
    assert has_positions(read(tmp_path, "ra\tdec\n30.5\t-40\n".encode("utf-16"), "in.csv"), [30.5], [-40])


def test_comments_of_a_csv_are_left_out_and_counted(tmp_path):
    text = '# made by hand\n# J2000, deg\nname,ra,dec\nA,1,2\n#B,3,4\n"#C",5,6\n"D\n# more of it",7,8\n'
    catalog = read(tmp_path, text, "in.csv")
    assert catalog.ra_deg.tolist() == [1, 5, 7]
    assert list(catalog.names) == ["A", "#C", "D\n# more of it"]
    assert catalog.notes == ("Lines among the rows that begin with # were left out as comments: 1.",)


@pytest.mark.parametrize("comment", ["#", "# ", "#  made by hand\n#"])
def test_a_csv_whose_names_stand_in_a_comment(tmp_path, comment):
    catalog = read(tmp_path, f"{comment}ra,dec,z\n1,2,0.5\n3,4,0.6\n", "in.csv")
    assert catalog.roles == {"ra": "ra", "dec": "dec", "redshift": "z"} and len(catalog) == 2


def test_a_comment_about_an_old_equinox_is_noted(tmp_path):
    assert "B1950" in read(tmp_path, "# positions B1950\nra,dec\n1,2\n").notes[0]
    assert read(tmp_path, "# positions J2000\nra,dec\n1,2\n").notes == ()


def test_cells_of_any_length(tmp_path):
    before = csv.field_size_limit()
    catalog = read(tmp_path, f'name,ra,dec\n"{"x" * 200_000}",1,2\n', "in.csv")
    assert len(catalog.names[0]) == 200_000
    assert csv.field_size_limit() == before


def test_names_with_line_breaks(tmp_path):
    assert read(tmp_path, '"a\nb",ra,dec\n1,2,3\n', "in.csv").table.colnames == ["a\nb", "ra", "dec"]
