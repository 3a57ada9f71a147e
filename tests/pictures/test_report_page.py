"""`--report`: one page of HTML with every flagged row, in which nothing is loaded or run."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from astropy.table import Table

import szmass_cli
from szmass_cli.pictures import report as report_module
from szmass_cli.pictures.measurement import Measurement
from szmass_cli.pictures.report import write_report

HOSTILE = "</td><script>alert('x')</script> $\\alpha$ \x07 & \"quoted\""
VOID = {"meta", "link", "img", "line", "polygon", "polyline"}


class Page(HTMLParser):
    """Reads a page: its text, its tags with attributes, and whether all are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def estimates(field, measure, tmp_path_factory):
    """Six clusters, of which one has a hostile name, one is off the map and one has no redshift."""
    table = Table.read(field.catalog_path)["name", "ra", "dec", "redshift"][:6]
    names = [str(name) for name in table["name"]]
    names[1] = HOSTILE
    table["name"] = names
    table["ra"][1], table["redshift"][2] = 200.0, np.nan
    table["richness"] = np.linspace(20.0, 900.0, 6)
    table["<i>seen</i>"] = np.arange(6)
    folder = tmp_path_factory.mktemp("report")
    table.write(folder / "<b>clusters<_b>.ecsv")
    return measure(field.map_path, folder / "<b>clusters<_b>.ecsv", folder / "masses.ecsv")


@pytest.fixture(scope="module")
def written(estimates, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert write_report(Measurement.of(estimates), path) == ()
    return path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_loads_nothing(written):
    page = Page(written)
    assert not page.open
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "iframe", "object", "embed", "base", "form"})
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            if name in attributes:
                assert attributes[name].startswith("#" if tag == "a" else "data:"), attributes[name][:60]
    assert not re.search(r"url\(|@import|https?://", written)


def test_every_flagged_row_stands_in_the_page_by_name_and_escaped(written, estimates):
    text = "".join(Page(written).text)
    assert HOSTILE.replace("\x07", "\N{REPLACEMENT CHARACTER}") in text
    for name in ("SIM-02", "OFF_MAP", "NO_REDSHIFT"):
        assert name in text
    assert "<script>" not in written and "&lt;script&gt;" in written
    assert text.count("SIM-02") >= 2  # in the table, and with its pictures


def test_the_page_says_what_made_it(written, estimates):
    text = "".join(Page(written).text)
    for key in ("SZM_VER", "SZM_MAPH", "SZM_PRI"):
        assert key in text and str(estimates.meta[key]) in text
    assert "<b>clusters<_b>.ecsv" in text


def test_input_columns_of_numbers_have_charts(written):
    described = [attributes.get("alt", "") for tag, attributes in Page(written).tags if tag == "img"]
    for name in ("redshift", "signal-to-noise", "richness", "<i>seen</i>"):
        assert f"masses against {name}" in described
    assert "clusters on the sky" in described


def test_columns_can_be_named_and_unknown_ones_are_told(estimates, tmp_path):
    notes = write_report(Measurement.of(estimates), tmp_path / "r.html", ["richness", "mass"])
    assert notes == ("'mass' is no input column of numbers.",)
    written = (tmp_path / "r.html").read_text()
    assert "masses against richness" in written and "masses against &lt;i&gt;" not in written


def test_pictures_are_bounded_and_the_table_is_not(estimates, tmp_path, monkeypatch):
    monkeypatch.setattr(report_module, "FLAGGED", 1)
    monkeypatch.setattr(report_module, "MASSIVE", 1)
    write_report(Measurement.of(estimates), tmp_path / "r.html")
    text = "".join(Page((tmp_path / "r.html").read_text()).text)
    n_flagged = int(np.sum(np.asarray(estimates.columns["szmass_flags"]) != 0))
    assert n_flagged >= 2 and f"1 of {n_flagged} flagged rows" in text
    assert "SIM-02" in text and "alert('x')" in text


def test_what_the_check_found_is_in_the_page(estimates, tmp_path):
    measurement = Measurement.of(estimates)
    numbers = {"SZM_CBIA": 0.0123, "SZM_CBIE": 0.004, "SZM_C68": 0.671, "SZM_C68E": 0.02, "SZM_RC68": 0.684}
    measurement.meta.update({"SZM_CHK": "injected <evenly> in ln M", **numbers})
    write_report(measurement, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "injected &lt;evenly&gt; in ln M" in text
    for number in ("+0.012 ± 0.004", "67.1% ± 2.0%", "68.4%"):
        assert f">{number}</td>" in text
    assert "central 95 %" not in text  # it was not stated


def test_estimate_and_its_twin_write_a_report(field, szmass_here, tmp_path):
    Table.read(field.catalog_path)["name", "ra", "dec", "redshift"][:2].write(tmp_path / "two.csv")
    arguments = ("estimate", field.map_path, "two.csv", "--noise", "5", "-o", "m.fits")
    done = szmass_here(*arguments, "--report", "r.html", "--report-columns", "x", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "'x' is no input column" in done.err and "The report is r.html" in done.err
    assert "<h1>szmass: two.csv</h1>" in (tmp_path / "r.html").read_text()
    masses = szmass_cli.estimate(field.map_path, tmp_path / "two.csv", noise=5.0, report=tmp_path / "t.html")
    assert len(masses) == 2 and (tmp_path / "t.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--report", "r.txt"], "the suffix is not .html"),
        (["--report", "r.html", "--shard", "1/2"], "a shard has no report"),
        (["--report", "there.html"], "there.html"),
    ],
)
def test_a_report_that_cannot_be_written_is_told_before_the_work(
    field, szmass_fork, tmp_path, arguments, said
):
    (tmp_path / "there.html").write_text("kept")
    given = ("estimate", field.map_path, field.catalog_path, "--noise", "5", "-o", "m.fits")
    done = szmass_fork(*given, *arguments, cwd=tmp_path)
    assert done.code != 0 and said in " ".join(done.err.split()), done.err
    assert [path.name for path in tmp_path.iterdir()] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "kept"
