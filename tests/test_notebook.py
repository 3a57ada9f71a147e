"""The notebook of the documentation is what its source is, and was executed."""

import json
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


def cells():
    return json.loads((DOCS / "notebook.ipynb").read_text())["cells"]


def sources():
    """The cells of the source: (kind, text) without the marks of comments."""
    found = []
    for part in re.split(r"^# %%", (DOCS / "tour.py").read_text(), flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        text = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if "[markdown]" in head else body
        found.append(("markdown" if "[markdown]" in head else "code", text.strip()))
    return found


def test_it_is_made_of_its_source():
    made = [(cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells()]
    assert made == sources(), "run `make notebook`"


def test_it_was_executed_whole_and_nothing_failed():
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2
    text = json.dumps(outputs)
    assert "true means of ln M" in text and "/tmp/" not in text and "Warning" not in text


def test_it_is_small():
    assert (DOCS / "notebook.ipynb").stat().st_size < 1_000_000


@pytest.mark.slow
def test_the_notebook_runs_without_jupyter(szmass_python, tmp_path):
    done = szmass_python(DOCS / "tour.py", cwd=tmp_path, MPLBACKEND="Agg")
    assert done.code == 0, done.err
    assert "true means of ln M" in done.out and list(tmp_path.iterdir()) == []
