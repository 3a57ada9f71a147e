"""The documentation says what the program does: generated pages are up to date, links lead somewhere."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from astropy.table import Column, Table

from szmass_cli.catalog import ALIASES, MASS_UNIT, Flag, read_catalog, write_catalog
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
