"""Help answers at once: complete, at most 80 columns wide, and without loading what computes."""

from pathlib import Path

import pytest

import szmass_cli

OPTIONS = {
    (): ("--version", "--help"),
    ("simulate",): ("cutouts", "field"),
    ("simulate", "cutouts"): ("--output", "-o", "--n", "--config", "-c", "--seed", "--overwrite", "-q", "-v"),
    ("simulate", "field"): (
        *(
            "--output",
            "-o",
            "--config",
            "-c",
            "--catalog",
            "--n-clusters",
            "--column",
            "--seed",
            "--overwrite",
        ),
        *("--quiet", "-q", "--verbose", "-v"),
    ),
    ("train",): (
        *("--config", "-c", "--output", "-o", "--resume", "--no-resume", "--finish", "--overwrite", "--json"),
        *("--quiet", "-q", "--verbose", "-v"),
    ),
    ("estimate",): (
        *(
            "MAP",
            "CATALOG",
            "--output",
            "-o",
            "--model",
            "--map",
            "--freq",
            "--passband",
            "--units",
            "--beam",
        ),
        *("--percentiles", "--mass-def", "--transfer", "--noise-correlation", "--position-error"),
        *("--relativistic", "--no-relativistic", "--sz-scatter", "--concentration-scatter", "--prior"),
        *("--column", "--overwrite", "--json", "--quiet", "-q", "--verbose", "-v", "survey", "K|mK|uK|y"),
        *(
            "--pixel-window",
            "--noise",
            "--ivar",
            "--mask",
            "--survey",
            "--sources",
            "--find-sources",
            "--block-rows",
            "--workers",
            "--scheduler",
        ),
        *("--shard", "I/N", "--resume", "--no-resume"),
    ),
    ("merge",): ("OUTPUT", "--overwrite", "--json", "-q", "-v"),
    ("evaluate",): ("--model", "--n", "--output", "-o", "--seed", "--overwrite", "--json", "-q", "-v"),
    ("info",): ("--json", "--survey", "MAP"),
    ("config",): ("survey", "paper"),
}
SLOW = {"numpy", "scipy", "astropy", "pandas", "tensorflow", "keras", "healpy", "pixell", "camb", "colossus"}
SLOW |= {"matplotlib", "h5py", "pyarrow"}


@pytest.mark.parametrize("command", OPTIONS, ids=" ".join)
def test_help_is_complete_narrow_and_light(szmass_python, tmp_path, command):
    outcome = szmass_python("-X", "importtime", "-m", "szmass_cli", *command, "--help", cwd=tmp_path)
    assert outcome.code == 0
    words = outcome.out.replace("│", " ").split()
    for option in OPTIONS[command]:
        assert any(option in word for word in words), option
    assert max(map(len, outcome.out.splitlines())) <= 80
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in outcome.err.splitlines()}
    assert "szmass_cli" in imported
    assert not imported & SLOW


@pytest.mark.parametrize(
    "command", [("simulate", "cutouts"), ("simulate", "field"), ("config",)], ids=" ".join
)
def test_every_preset_is_listed(szmass_fork, tmp_path, command):
    """Those that lie in the folder, whatever their number."""
    said = szmass_fork(*command, "--help", cwd=tmp_path).out.replace("│", " ")
    there = Path(szmass_cli.__file__).parent.glob("presets/*.yaml")
    names = [path.stem for path in there]
    assert len(names) >= 9
    for name in names:
        assert name in "".join(said.split()), name


def test_every_command_is_listed(szmass_process, tmp_path):
    outcome = szmass_process("--help", cwd=tmp_path)
    for command in ("simulate", "train", "estimate", "merge", "evaluate", "info", "config"):
        assert f"│ {command} " in outcome.out
    assert outcome.err == ""


@pytest.mark.parametrize("command", [(), ("simulate",)], ids=["szmass", "szmass simulate"])
def test_no_arguments_is_help_and_wrong_usage(szmass_process, tmp_path, command):
    outcome = szmass_process(*command, cwd=tmp_path)
    assert outcome.code == 2
    assert "Usage: szmass" in outcome.out + outcome.err
    assert "error" not in outcome.err and "Traceback" not in outcome.err


def test_short_help_and_version(szmass_fork, tmp_path):
    short = szmass_fork("estimate", "-h", cwd=tmp_path)
    assert short == szmass_fork("estimate", "--help", cwd=tmp_path)
    version = szmass_fork("--version", cwd=tmp_path)
    assert version.code == 0 and version.err == ""
    assert version.out.startswith("szmass ") and version.out.count("\n") == 1
