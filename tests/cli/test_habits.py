"""What shells and logs expect: names completed by Tab, a first line at once, and lines with times."""

import re

import pytest

from szmass_cli.cli import terminal

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("szmass train --config act", {"act-dr6"}),
        ("szmass estimate --model p", {"paper"}),
        ("szmass estimate --mass-scale act-", {"act-des", "act-kids"}),
        ("szmass estimate --survey spt", {"spt-3g", "sptpol", "spt-sz"}),
        ("szmass info su", {"survey"}),
        ("szmass eva", {"evaluate"}),
    ],
)
def test_names_are_completed(szmass_python, tmp_path, words, completed):
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_SZMASS_COMPLETE": "complete_bash"}
    outcome = szmass_python("-m", "szmass_cli", cwd=tmp_path, **asked)
    assert completed <= set(outcome.out.split()) and "paper-fresh" not in outcome.out, outcome.err


def test_the_first_line_comes_before_anything_slow_is_loaded(szmass_python, tmp_path):
    outcome = szmass_python(
        "-X", "importtime", "-m", "szmass_cli", "estimate", "a.fits", "--nonsense", cwd=tmp_path
    )
    before, _, after = outcome.err.partition(" estimate: reads its inputs")
    assert re.search(STAMP + r"szmass \d", before) and "numpy" not in before
    assert "typer" in after and outcome.code == 2


def test_quiet_commands_and_help_have_no_first_line(szmass_fork, tmp_path):
    assert "reads its inputs" not in szmass_fork("estimate", "-q", "a.fits", cwd=tmp_path).err
    assert szmass_fork("estimate", "--help", cwd=tmp_path).err == ""


def test_lines_of_a_log_have_times_and_the_last_one_is_there(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "LOG_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(terminal, "LOG_EVERY_SECONDS", 0.0)
    with terminal.progress_display(quiet=False) as progress:
        for done in (0, 500, 1000):
            progress("clusters", done, 1000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(re.match(STAMP + "clusters: ", line) for line in lines)
    assert "500 of 1,000" in lines[1] and "1,000 of 1,000" in lines[2]


def test_what_is_soon_done_needs_no_line(capsys):
    with terminal.progress_display(quiet=False) as progress:
        progress("clusters", 0, 10)
        progress("clusters", 10, 10)
    assert capsys.readouterr().err == ""


def test_a_task_has_its_first_line_sooner_than_the_others(monkeypatch, capsys):
    now = 0.0
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
    with terminal.progress_display(quiet=False) as progress:
        for done in range(41):
            now = float(done)
            progress("noise", done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert [re.search(r"noise: (\d+) of 100", line)[1] for line in lines] == ["2", "32"]


@pytest.mark.parametrize(
    ("rate_per_s", "words"), [(0.02, "1.2/min"), (0.5, "30/min"), (2.24, "2.2/s"), (1234.5, "1,234/s")]
)
def test_slow_rates_are_no_zero(monkeypatch, capsys, rate_per_s, words):
    now = 0.0
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now)
    with terminal.progress_display(quiet=False) as progress:
        progress("trial", 0, 100_000)
        now = 10_000.0 / rate_per_s
        progress("trial", 10_000, 100_000)
    assert f", {words}, " in capsys.readouterr().err
