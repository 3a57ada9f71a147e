"""Execute `tour.py` and write it with what its cells print and draw: `python docs/make_notebook.py`."""

from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 3600


def executed(source: Path) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of its cells, without times and versions that change them."""
    book = jupytext.read(source)
    book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    client = NotebookClient(book, timeout=TIMEOUT_S, startup_timeout=TIMEOUT_S, kernel_name="python3")
    client.execute()
    for number, cell in enumerate(book.cells, start=1):
        cell.id, cell.metadata = f"cell-{number}", {}
    book.metadata.pop("language_info", None)
    return book


def main() -> None:
    nbformat.write(executed(HERE / "tour.py"), HERE / "notebook.ipynb")


if __name__ == "__main__":
    main()
