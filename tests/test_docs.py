"""The documentation says what the program does: generated pages are up to date, links lead somewhere."""

import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from astropy.table import Column, Table
from typer.main import get_command

from szmass_cli.catalog import ALIASES, MASS_UNIT, Flag, read_catalog, write_catalog
from szmass_cli.cli.app import app
from szmass_cli.config import load_config, preset_names

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_generated_pages_are_up_to_date():
    check = subprocess.run([sys.executable, REPOSITORY / "docs" / "generate.py", "--check"])
    assert check.returncode == 0, "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def anchors_of(page):
    """The anchors of a page's headings, as the site and GitHub make them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = (re.sub(r"[`*]|\]\(.*?\)", "", heading).strip().lower() for heading in headings)
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading)) for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_headings_lead_to_one(page):
    for file, anchor in re.findall(r"\]\(([\w./-]*\.md)?#([^)]+)\)", page.read_text()):
        target = page.parent / file if file else page
        assert anchor in anchors_of(target), f"{page.name} links to {file}#{anchor}"


def blocks_of(page, *languages):
    """The code blocks of a page in some languages, the empty text for none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_that_is_shown_is_python(page):
    for text in blocks_of(page, "python"):
        compile(text.replace("...", "None"), page.name, "exec")


def commands_of(page):
    """The szmass commands that a page shows, each as its words."""
    for text in blocks_of(page, "", "sh", "bash", "console", "shell"):
        for line in text.replace("\\\n", " ").splitlines():
            for command in re.findall(r"(?:^|&& |srun |\$ )(szmass (?!\[)[^|;>&#]*)", line):
                yield shlex.split(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_have_the_options_they_use(page):
    for words in commands_of(page):
        command, rest = get_command(app), words[1:]
        while rest and rest[0] in getattr(command, "commands", {}):
            command, rest = command.commands[rest[0]], rest[1:]
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        known |= {"--help", "-h", "--install-completion", "--show-completion"}
        assert words[1:2] == ["--version"] or len(rest) < len(words) - 1 or rest[0] in known, words
        used = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert used <= known, f"{page.name}: {' '.join(words)}"


def test_commands_are_found_in_the_pages():
    assert sum(len(list(commands_of(page))) for page in PAGES) > 40


def test_the_site_has_a_home_page_and_every_page():
    nav = (REPOSITORY / "mkdocs.yml").read_text().partition("nav:")[2]
    listed = re.findall(r": ([\w-]+\.md)", nav)
    assert listed[0] == "index.md"
    assert sorted(listed) == sorted(page.name for page in (REPOSITORY / "docs").glob("*.md"))


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    """With every link and heading that is linked to, and the functions for scripts."""
    for plugin in ("mkdocstrings", "mkdocs_jupyter"):
        pytest.importorskip(plugin)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    assert "szmass" in (tmp_path / "index.html").read_text()
    assert "read_posteriors" in (tmp_path / "api" / "index.html").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_named_in_the_text_exist(page):
    words = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", page.read_text()))
    columns = {alias for aliases in ALIASES.values() for alias in aliases}
    named = {word for word in words if not word.startswith("SZM_")}
    assert named <= {flag.name for flag in Flag} | columns


def test_the_reading_of_fits_that_is_shown_is_silent_and_gives_the_unit(tmp_path, monkeypatch):
    masses = Table({"ra": [10.0], "dec": [-30.0]})
    catalog = read_catalog(masses)
    write_catalog(catalog, Table([Column([3.0], name="M200c", unit=MASS_UNIT)]), tmp_path / "masses.fits", {})
    shown = (REPOSITORY / "docs" / "columns.md").read_text().partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = {"Table": Table}
        exec(shown, names)
    assert names["masses"]["M200c"].to("solMass").value == pytest.approx([3e14])


def test_flag_docstring_table_states_each_bit_and_meaning():
    from szmass_cli.catalog import flag_table

    for bit, name, meaning in flag_table():
        assert re.search(rf"{bit}\s+{name}\s+{re.escape(meaning)}", Flag.__doc__)


def test_presets_and_example_configurations_are_valid():
    assert {"survey", "paper"} <= set(preset_names())
    for preset in preset_names():
        load_config(preset)
    for path in (REPOSITORY / "examples").glob("*.yaml"):
        load_config(path)


def test_citation_file_cites_the_paper():
    text = (REPOSITORY / "CITATION.cff").read_text()
    assert "Gupta" in text and "Reichardt" in text and "10.3847/1538-4357/aba694" in text
