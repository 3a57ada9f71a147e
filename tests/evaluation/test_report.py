"""Reports: whole or absent, never in the place of anything else, and not silent about a leak."""

from dataclasses import replace
from pathlib import Path

import pytest
from oracle import Oracle

from szmass_cli.errors import OutputError, SzmassError
from szmass_cli.evaluation.metrics import read_metrics
from szmass_cli.evaluation.paper.metrics import Comparison, MassRow, PaperMetrics, ProfileRow
from szmass_cli.evaluation.paper.run import PaperEvaluation
from szmass_cli.evaluation.paper.tables import summary
from szmass_cli.evaluation.report import METRICS, SUMMARY, check_report_folder, write_report
from szmass_cli.evaluation.statistics import AtOneMass, MassScatter

FIGURES = {"figure3_sz_maps.png", "figure4_masses.png", "figure5_scatter.png", "loss.png"}
NETWORK = MassScatter(0.1801, 0.1602, 0.0103, 0.6804, 0.9505)
FILTERED = MassScatter(0.2106, 0.1807, -0.0208, 0.6709, 0.9411)
BEST = MassScatter(0.1712, 0.1513, 0.0014, 0.6815, 0.9516)


def at(median, sigma):
    return AtOneMass(median * 1e14, sigma * 1e14)


@pytest.fixture
def metrics():
    """A small report's numbers, all different."""
    comparison = Comparison(12_345, 0.2, NETWORK, FILTERED, BEST)
    return PaperMetrics(
        "toy",
        "0" * 64,
        77,
        (comparison, replace(comparison, sz_scatter_ln=0.0)),
        (MassRow(2.5e14, 201, at(2.4, 0.48), at(2.6, 0.65), at(2.5, 0.4)),),
        (ProfileRow(4e14, 202, -92.5, 0.0123, 0.0234),),
        (replace(comparison, n_cutouts=140),),
    )


@pytest.fixture
def plain(monkeypatch):
    """Reports without figures: those have tests of their own."""
    monkeypatch.setattr(PaperEvaluation, "save_figures", lambda *_: None)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_a_report_has_its_numbers_and_its_summary(tmp_path, metrics, plain):
    write_report(PaperEvaluation(metrics, []), [], tmp_path / "deep" / "report")
    assert set(contents(tmp_path)) == {f"deep/report/{METRICS}", f"deep/report/{SUMMARY}"}
    assert read_metrics(tmp_path / "deep" / "report" / METRICS) == metrics
    assert (tmp_path / "deep" / "report" / SUMMARY).read_text() == summary(metrics)


def cells(text, first):
    """The cells of the table row that begins with these words."""
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_the_summary_has_three_columns_of_the_same_cutouts(metrics):
    text = summary(replace(metrics, scatter=metrics.scatter[:1], irregular=()))
    assert cells(text, "12,345 cutouts") == ["network", "matched filter", "best possible"]
    assert cells(text, "standard deviation of x") == ["0.1801", "0.2106", "0.1712"]
    assert cells(text, "Gaussian fit to x") == ["0.1602", "0.1807", "0.1513"]
    assert cells(text, "median of x") == ["+0.0103", "-0.0208", "+0.0014"]
    assert cells(text, "between 16th and 84th percentile") == ["0.680", "0.671", "0.681"]
    assert cells(text, "between 2.5th and 97.5th percentile") == ["0.951", "0.941", "0.952"]
    # 0.1801 / 0.1712 and 0.2106 / 0.1712
    assert cells(text, "standard deviation over best possible") == ["1.052", "1.230", "1.000"]


def test_the_summary_has_a_row_for_each_mass_and_each_mean_map(metrics):
    text = summary(metrics)
    # M_est, dM/M, and (M_est - 2.5) / sigma of each
    network, filtered, best = (
        ["2.40", "0.200", "-0.21"],
        ["2.60", "0.250", "+0.15"],
        ["2.50", "0.160", "+0.00"],
    )
    assert cells(text, "2.5") == ["201", *network, *filtered, *best]
    assert cells(text, "4") == ["202", "-92.5", "1.23%", "2.34%"]
    assert "seed 77" in text and "140 irregular clusters" in text
    assert text.count("standard deviation of x") == 3


def test_what_was_not_measured_has_no_heading(metrics):
    text = summary(replace(metrics, masses=(), profiles=(), irregular=()))
    for words in ("Figure 4", "Figure 3", "irregular"):
        assert words not in text
    assert text.count("## ") == 2


def test_every_table_is_a_table(metrics):
    """Markdown: all rows of a table have as many cells as its heading."""
    for table in summary(metrics).split("\n\n"):
        rows = [line.count("|") for line in table.splitlines() if line.startswith("|")]
        assert len(set(rows)) <= 1


def test_a_leak_is_the_first_thing_that_the_summary_says(metrics):
    assert "FAILED" not in summary(metrics)
    leaking = replace(metrics.scatter[1], network=replace(NETWORK, std=0.05))
    text = summary(replace(metrics, scatter=(metrics.scatter[0], leaking)))
    heading, first, *_ = text.split("\n\n")
    assert heading.startswith("# ") and first.startswith("**FAILED:") and "better than the best" in first


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("inside", ["thesis.tex", METRICS, SUMMARY])
def test_a_folder_of_something_else_is_never_replaced(tmp_path, metrics, plain, overwrite, inside):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / inside).write_text("precious")
    with pytest.raises(OutputError, match="is not a report"):
        check_report_folder(folder, overwrite)
    with pytest.raises(OutputError):
        write_report(PaperEvaluation(metrics, []), [], folder, overwrite)
    assert contents(tmp_path) == {f"report/{inside}": b"precious"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_never_replaced(tmp_path, overwrite):
    (tmp_path / "report").write_text("precious")
    with pytest.raises(OutputError, match="is a file; a report is a folder"):
        check_report_folder(tmp_path / "report", overwrite)
    assert contents(tmp_path) == {"report": b"precious"}


def test_an_empty_folder_becomes_a_report(tmp_path, metrics, plain):
    (tmp_path / "report").mkdir()
    write_report(PaperEvaluation(metrics, []), [], tmp_path / "report")
    assert (tmp_path / "report" / METRICS).is_file()


def test_an_old_report_is_replaced_only_if_that_is_wanted(tmp_path, metrics, plain):
    folder = tmp_path / "report"
    write_report(PaperEvaluation(metrics, []), [], folder)
    (folder / "old.png").write_text("a figure that is drawn no more")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="already there") as caught:
        write_report(PaperEvaluation(replace(metrics, seed=78), []), [], folder)
    assert "--overwrite" in caught.value.hint
    assert contents(tmp_path) == before
    write_report(PaperEvaluation(replace(metrics, seed=78), []), [], folder, overwrite=True)
    assert read_metrics(folder / METRICS).seed == 78
    assert set(contents(tmp_path)) == {f"report/{METRICS}", f"report/{SUMMARY}"}


@pytest.mark.parametrize("place", ["a_file/x/report", "/proc/nowhere/report"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, place):
    (tmp_path / "a_file").write_text("precious")
    with pytest.raises(OutputError, match="folder cannot be made"):
        check_report_folder(tmp_path / place, overwrite=False)


@pytest.mark.parametrize("failure", ["figures", "move"])
def test_a_full_disk_leaves_the_old_report(tmp_path, metrics, plain, monkeypatch, failure):
    folder = tmp_path / "report"
    write_report(PaperEvaluation(metrics, []), [], folder)
    before = contents(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    rename = Path.rename
    if failure == "figures":
        monkeypatch.setattr(PaperEvaluation, "save_figures", full)
    else:  # the old one has been put aside by then
        monkeypatch.setattr(
            Path,
            "rename",
            lambda self, to: full() if to == folder and self.name == "report" else rename(self, to),
        )
    with pytest.raises(SzmassError, match="could not be written: No space left") as caught:
        write_report(PaperEvaluation(replace(metrics, seed=78), []), [], folder, overwrite=True)
    assert caught.value.exit_code == 1
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.fixture
def oracle(monkeypatch):
    """Knows every simulated cutout; irregular clusters, which take long, are left out."""
    oracle = Oracle()
    oracle.watch(monkeypatch)

    monkeypatch.setattr("szmass_cli.evaluation.paper.run.PaperBench.irregular", lambda *_: None)
    return oracle


def plant(monkeypatch, oracle, **scatters):
    monkeypatch.setattr("szmass_cli.evaluation.paper.run.NetworkEstimator", lambda bundle: None)
    monkeypatch.setattr(
        "szmass_cli.evaluation.paper.run.build_estimators", lambda *_: oracle.estimators(**scatters)
    )


def test_evaluate_writes_the_whole_report(tmp_path, monkeypatch, oracle, szmass_here):
    plant(monkeypatch, oracle)
    outcome = szmass_here(
        "evaluate", "--model", "paper", "--n", "200", "-o", "report", "--seed", "5", cwd=tmp_path
    )
    assert outcome.code == 0, outcome.err
    found = contents(tmp_path)
    figures = (
        FIGURES if "report/loss.png" in found else FIGURES - {"loss.png"}
    )  # of older models no history is kept
    assert set(found) == {f"report/{name}" for name in {METRICS, SUMMARY, *figures}}
    for name in figures:
        assert found[f"report/{name}"].startswith(b"\x89PNG")
    metrics = read_metrics(tmp_path / "report" / METRICS)
    assert metrics.model == "paper" and metrics.seed == 5 and not metrics.leaks
    for comparison, scatter in zip(metrics.scatter, (0.2, 0.0), strict=True):
        assert comparison.n_cutouts == 200 and comparison.sz_scatter_ln == scatter
        for got, planted in ((comparison.network, 0.18), (comparison.matched_filter, 0.2)):
            assert got.std == pytest.approx(planted, rel=4 / 20)
    assert len(metrics.masses) == 19 and {row.n_cutouts for row in metrics.masses} == {10}
    assert [row.network_residual for row in metrics.profiles] == pytest.approx([0.02] * 3, rel=0.02)
    # the table on stdout is the one of the report; the note is about what could not be measured
    for comparison in metrics.scatter:
        assert f"{comparison.matched_filter.std:.3f}" in outcome.out
    assert "no irregular clusters" in outcome.err and "pitszi" not in outcome.err.lower()


def test_a_planted_leak_fails_the_report_and_the_command(tmp_path, monkeypatch, oracle, szmass_here):
    """A network that gives the truth with 5 per cent scatter, where 17 is the best that is possible."""
    plant(monkeypatch, oracle, network=0.05)
    outcome = szmass_here("evaluate", "--model", "paper", "--n", "200", "-o", "report", cwd=tmp_path)
    assert outcome.code == 1
    assert "better than the best possible" in " ".join(outcome.err.replace("│", " ").split())
    # the numbers are there all the same, and say so
    assert read_metrics(tmp_path / "report" / METRICS).leaks
    assert "FAILED" in (tmp_path / "report" / SUMMARY).read_text()
    assert "network" in outcome.out
    short = szmass_here("evaluate", "--model", "paper", "--n", "200", "-q", "--json", cwd=tmp_path)
    assert short.code == 1 and '"scatter"' in short.out


def test_the_short_evaluation_writes_nothing(tmp_path, monkeypatch, oracle, szmass_here):
    plant(monkeypatch, oracle)
    outcome = szmass_here("evaluate", "--model", "paper", "--n", "200", "-q", "--json", cwd=tmp_path)
    assert outcome.code == 0 and outcome.err == ""
    path = tmp_path / METRICS
    assert not path.exists()
    path.write_text(outcome.out)
    metrics = read_metrics(path)
    assert metrics.masses == metrics.irregular == () and len(metrics.scatter) == 2


def test_evaluate_replaces_its_own_report_and_nothing_else(tmp_path, monkeypatch, oracle, szmass_here):
    plant(monkeypatch, oracle)
    command = ("evaluate", "--model", "paper", "--n", "100", "-q", "-o", "report")
    assert szmass_here(*command, cwd=tmp_path).code == 0
    before = contents(tmp_path)
    again = szmass_here(*command, cwd=tmp_path)
    assert again.code == 2 and "--overwrite" in again.err
    assert contents(tmp_path) == before
    assert szmass_here(*command, "--seed", "2", "--overwrite", cwd=tmp_path).code == 0
    assert read_metrics(tmp_path / "report" / METRICS).seed == 2
