"""`szmass show`: pages of single clusters."""

import pytest
from astropy.table import Table


@pytest.fixture(scope="module")
def masses(field, measure, tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    table = Table.read(field.catalog_path)["name", "ra", "dec", "redshift"][:4]
    table["ra"][1] = 200.0
    table["redshift"][2] = float("nan")
    table.write(folder / "clusters.ecsv")
    measure(field.map_path, folder / "clusters.ecsv", folder / "masses.csv")
    return folder / "masses.csv"


def test_show_writes_a_page_for_each_row_asked_for(masses, szmass_here, tmp_path):
    done = szmass_here("show", masses, "--row", "SIM-00", "--flagged", "-o", "x.pdf", cwd=tmp_path)
    assert done.code == 0, done.err
    pdf = (tmp_path / "x.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.count(b"/Type /Page ") == 3
    assert "3 clusters are in x.pdf" in done.err


def test_show_writes_a_png_of_one_row(masses, szmass_here, tmp_path):
    assert szmass_here("show", masses, "--row", "row-1", "-o", "x.png", cwd=tmp_path).code == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.pdf"], "No row is asked for"),
        (["--row", "SIM-99", "-o", "x.pdf"], "No row is called"),
        (["--flagged", "-o", "x.png"], "holds one page"),
        (["--flagged", "-o", "x.txt"], "is no .png, .pdf, .svg file"),
        (["--flagged", "--map", "98=a.fits", "-o", "x.pdf"], "not one of the bands"),
        (["--flagged", "--map", "a.fits", "-o", "x.pdf"], "a.fits"),
    ],
)
def test_what_cannot_be_shown_is_told_with_exit_code_2(masses, szmass_here, tmp_path, arguments, said):
    done = szmass_here("show", masses, *arguments, cwd=tmp_path)
    assert done.code == 2 and said in " ".join(done.err.split()), done.err
    assert not list(tmp_path.iterdir())
